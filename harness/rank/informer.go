package rank

import "math/bits"

// informer counts, for every set S of axes, the pairs of points by cell. It
// holds what stays when x and y are resampled (the sets, and which points share
// a place on their axes), and buffers; it is not safe for concurrent use.
type informer struct {
	sets    []conditioning
	config  []int
	stratum []int
	strata  int

	ofX, ofY sorter
	x, y     []float64
	network  []int
	byX, byY [][]int32 // [strata][] points in the order of x and of y, less what is left out
	same     []int     // [n] ordered pairs of a point with itself and with copies of its network

	// Of few points: a bit matrix, and what belongs to each group of each set.
	words   int         // of a row; 0 of many points
	rows    []marks     // [n·words]
	masks   [][]uint64  // [sets][G·words] the points of a group, as marks
	members [][][]int32 // [sets][G] the points of a group

	tallies []tally  // [G·G], or one row of them
	below   []int    // [G] points of a group passed
	start   []int    // [G] first word of a group in passed
	upTo    []int32  // [n·G] points of a group below a point in x
	place   []int32  // [n] place of a point in its group's order of x
	passed  []uint64 // bit sets of places, one a group
}

// marks are 64 columns of a row: the points that may be compared with the row's
// own, that it exceeds in x, and that it exceeds in y.
type marks struct{ valid, x, y uint64 }

// conditioning is one set S and the places u on its axes that occur. The points
// of one place are a group.
type conditioning struct {
	axes   []int
	levels [][]int // [G] as NewGrid was given them
	group  []int32 // [C] of each configuration
}

// conditionings are the sets of at most two axes: none, each, each two.
func (g *Grid) conditionings() []conditioning {
	g.once.Do(func() {
		g.sets = append(g.sets, g.conditioning())
		for a := range g.levels {
			g.sets = append(g.sets, g.conditioning(a))
		}
		for a := range g.levels {
			for b := a + 1; b < len(g.levels); b++ {
				g.sets = append(g.sets, g.conditioning(a, b))
			}
		}
	})
	return g.sets
}

// conditioning numbers the groups in the order of their levels, so that sums
// over them do not depend on the order of the networks.
func (g *Grid) conditioning(axes ...int) conditioning {
	c := conditioning{axes: axes, group: make([]int32, g.configs)}
	place := make([]int, g.configs)
	for i, config := range g.config {
		u := 0
		for _, a := range axes {
			u = u*len(g.given[a]) + g.levels[a][i]
		}
		place[config] = u
	}
	group, places := densely(place)
	for config, id := range group {
		c.group[config] = int32(id)
	}
	for _, u := range places {
		levels := make([]int, len(axes))
		for k := len(axes) - 1; k >= 0; k-- {
			given := g.given[axes[k]]
			levels[k], u = given[u%len(given)], u/len(given)
		}
		c.levels = append(c.levels, levels)
	}
	return c
}

// fewPoints is the number up to which a row of a bit matrix over the points is
// counted faster than the points are walked.
const fewPoints = 256

// manyGroups is the number of groups above which pairs are counted group by
// group: the tallies of all pairs of groups would take more than 2 MB.
const manyGroups = 256

func (s *Sample) newInformer() *informer {
	n := len(s.points)
	f := &informer{sets: s.grid.conditionings(), strata: len(s.strata), config: make([]int, n), stratum: make([]int, n)}
	for k, points := range s.strata {
		for _, p := range points {
			f.stratum[p] = k
		}
	}
	for p, pt := range s.points {
		f.config[p] = pt.config
	}
	f.byX, f.byY = make([][]int32, f.strata), make([][]int32, f.strata)
	f.x, f.y = make([]float64, n), make([]float64, n)
	f.network, f.same, f.place = make([]int, n), make([]int, n), make([]int32, n)
	if n <= fewPoints {
		f.words = (n + 63) / 64
		f.rows = make([]marks, n*f.words)
		for _, c := range f.sets {
			mask, members := make([]uint64, len(c.levels)*f.words), make([][]int32, len(c.levels))
			for p, config := range f.config {
				g := c.group[config]
				mask[int(g)*f.words+p/64] |= 1 << (p % 64)
				members[g] = append(members[g], int32(p))
			}
			f.masks, f.members = append(f.masks, mask), append(f.members, members)
		}
	}
	return f
}

// minimum is K of points that lie where the sample's do, by place in the slice;
// ok is false where no set carries information. Copies of one network are not
// pairs.
func (f *informer) minimum(points []point) (k float64, ok bool) { return f.without(points, -1) }

// without is the minimum with a configuration left out.
func (f *informer) without(points []point, config int) (k float64, ok bool) {
	f.order(points, config)
	for i := range f.sets {
		c := f.conditional(i)
		if c.Err == nil && (!ok || c.Value < k) {
			k, ok = c.Value, true
		}
	}
	return k, ok
}

// order takes the points in.
func (f *informer) order(points []point, leftOut int) {
	for i := range points {
		f.x[i], f.y[i], f.network[i] = points[i].x, points[i].y, points[i].network
	}
	f.ofX.sort(f.x)
	f.ofY.sort(f.y)
	for k := range f.strata {
		f.byX[k], f.byY[k] = f.byX[k][:0], f.byY[k][:0]
	}
	for at := range points {
		if i := f.ofX.order[at]; f.config[i] != leftOut {
			f.byX[f.stratum[i]] = append(f.byX[f.stratum[i]], i)
		}
		if i := f.ofY.order[at]; f.config[i] != leftOut {
			f.byY[f.stratum[i]] = append(f.byY[f.stratum[i]], i)
		}
	}
	// The networks of a configuration are neighbours, and so are copies.
	for i := 0; i < len(points); {
		j := i + 1
		for j < len(points) && f.config[j] == f.config[i] {
			j++
		}
		for a := i; a < j; a++ {
			f.same[a] = 1
			for b := i; b < j; b++ {
				if a != b && f.network[a] == f.network[b] && f.stratum[a] == f.stratum[b] {
					f.same[a]++
				}
			}
		}
		i = j
	}
	if f.words > 0 {
		f.fillRows()
	}
}

// fillRows fills the bit matrix: a row's marks are the points passed before it.
func (f *informer) fillRows() {
	clear(f.rows)
	for s := range f.strata {
		passed := f.pass(f.byX[s], f.ofX.rank, func(m *marks, w uint64) { m.x = w })
		for _, p := range f.byX[s] {
			row := f.rows[int(p)*f.words:][:f.words]
			for w, all := range passed {
				row[w].valid = all
			}
			row[p/64].valid &^= 1 << (p % 64)
			if f.same[p] > 1 {
				f.forbidCopies(row, int(p))
			}
		}
		f.pass(f.byY[s], f.ofY.rank, func(m *marks, w uint64) { m.y = w })
	}
}

// pass goes through the points and hands each row the points before its own
// rank; it returns all of them.
func (f *informer) pass(order, rank []int32, set func(*marks, uint64)) []uint64 {
	f.passed = resized(f.passed, f.words)
	clear(f.passed)
	for i := 0; i < len(order); {
		j := i
		for ; j < len(order) && rank[order[j]] == rank[order[i]]; j++ {
			row := f.rows[int(order[j])*f.words:][:f.words]
			for w := range row {
				set(&row[w], f.passed[w])
			}
		}
		for ; i < j; i++ {
			f.passed[order[i]/64] |= 1 << (order[i] % 64)
		}
	}
	return f.passed
}

func (f *informer) forbidCopies(row []marks, a int) {
	for b := range f.network {
		if f.network[a] == f.network[b] {
			row[b/64].valid &^= 1 << (b % 64)
		}
	}
}

// tallyRows counts the marks of each row in each group.
func (f *informer) tallyRows(k int) {
	masks, groups := f.masks[k], len(f.sets[k].levels)
	for g, members := range f.members[k] {
		for h := range groups {
			var t tally
			for w, mask := range masks[h*f.words:][:f.words] {
				for _, p := range members {
					m := &f.rows[int(p)*f.words+w]
					x, y := m.x&mask, m.y&mask
					t.n += bits.OnesCount64(m.valid & mask)
					t.x += bits.OnesCount64(x)
					t.y += bits.OnesCount64(y)
					t.both += bits.OnesCount64(x & y)
				}
			}
			f.tallies[g*groups+h] = t
		}
	}
}

// tally visits, for each group g, the counts of the pairs from g to every group.
func (f *informer) tally(k int, visit func(g int, row []tally)) {
	c := &f.sets[k]
	groups := len(c.levels)
	if groups > manyGroups {
		f.tallyPairs(c, visit)
		return
	}
	f.tallies = resized(f.tallies, groups*groups)
	clear(f.tallies)
	if f.words > 0 {
		f.tallyRows(k)
	} else {
		f.tallyOrders(c)
	}
	for g := range groups {
		visit(g, f.tallies[g*groups:][:groups])
	}
}

// tallyOrders counts by walking the points in both orders.
func (f *informer) tallyOrders(c *conditioning) {
	f.below = resized(f.below, len(c.levels))
	f.upTo = resized(f.upTo, len(c.levels)*len(f.x))
	for s := range f.strata {
		if len(f.byX[s]) > 1 {
			f.passX(c, s)
			f.passY(c, s)
		}
	}
}

// passX goes through the points by ascending x and counts, for each point and
// group, the group's points below.
func (f *informer) passX(c *conditioning, s int) {
	groups := len(c.levels)
	clear(f.below)
	order, rank := f.byX[s], f.ofX.rank
	for i := 0; i < len(order); {
		j := i
		for ; j < len(order) && rank[order[j]] == rank[order[i]]; j++ {
			p := order[j]
			row := f.tallies[int(c.group[f.config[p]])*groups:][:groups]
			upTo := f.upTo[int(p)*groups:][:groups]
			for h, n := range f.below {
				row[h].x += n
				upTo[h] = int32(n)
			}
		}
		for ; i < j; i++ {
			n := &f.below[c.group[f.config[order[i]]]]
			f.place[order[i]] = int32(*n)
			*n++
		}
	}
	f.start = resized(f.start, groups)
	words := 0
	for g, n := range f.below {
		f.start[g] = words
		words += n/64 + 1
		row := f.tallies[g*groups:][:groups]
		for h, m := range f.below {
			row[h].n += n * m
		}
	}
	for _, p := range order {
		g := int(c.group[f.config[p]])
		f.tallies[g*groups+g].n -= f.same[p]
	}
	f.passed = resized(f.passed, words)
}

// passY goes through the points by ascending y, marking their places in x, so
// that the marks before a place are the pairs exceeded in both.
func (f *informer) passY(c *conditioning, s int) {
	groups := len(c.levels)
	clear(f.below)
	clear(f.passed)
	order, rank := f.byY[s], f.ofY.rank
	for i := 0; i < len(order); {
		j := i
		for ; j < len(order) && rank[order[j]] == rank[order[i]]; j++ {
			p := order[j]
			row := f.tallies[int(c.group[f.config[p]])*groups:][:groups]
			upTo := f.upTo[int(p)*groups:][:groups]
			for h, n := range f.below {
				marks := f.passed[f.start[h]:]
				full := int(upTo[h] / 64)
				both := bits.OnesCount64(marks[full] & (1<<(upTo[h]%64) - 1))
				for _, w := range marks[:full] {
					both += bits.OnesCount64(w)
				}
				row[h].y += n
				row[h].both += both
			}
		}
		for ; i < j; i++ {
			g := c.group[f.config[order[i]]]
			at := f.place[order[i]]
			f.passed[f.start[g]+int(at/64)] |= 1 << (at % 64)
			f.below[g]++
		}
	}
}

// tallyPairs compares all pairs, for sets of many groups.
func (f *informer) tallyPairs(c *conditioning, visit func(g int, row []tally)) {
	members := make([][]int32, len(c.levels))
	for _, order := range f.byX {
		for _, p := range order {
			g := c.group[f.config[p]]
			members[g] = append(members[g], p)
		}
	}
	f.tallies = resized(f.tallies, len(c.levels))
	rankX, rankY := f.ofX.rank, f.ofY.rank
	for g, points := range members {
		clear(f.tallies)
		for _, a := range points {
			for _, b := range f.byX[f.stratum[a]] {
				if f.network[a] == f.network[b] {
					continue
				}
				t := &f.tallies[c.group[f.config[b]]]
				x, y := above(rankX[a], rankX[b]), above(rankY[a], rankY[b])
				t.n++
				t.x += x
				t.y += y
				t.both += x & y
			}
		}
		visit(g, f.tallies)
	}
}

// above is 1 where a > b and 0 elsewhere, without a branch.
func above(a, b int32) int { return int(uint32(b-a) >> 31) }
