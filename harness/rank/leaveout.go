package rank

import "slices"

// leaveOneOut is K of the points without each configuration, [C]. ok is false
// where no set is left that carries information, and for configurations without
// points. The values are those of [informer.without], which would count all
// pairs again for each configuration; here its own pairs are taken away.
func (f *informer) leaveOneOut(points []point) (k []float64, ok []bool) {
	configs := len(f.sets[0].group)
	k, ok = make([]float64, configs), make([]bool, configs)
	many := slices.ContainsFunc(f.sets, func(c conditioning) bool { return len(c.levels) > manyGroups })
	if !many {
		f.order(points, -1)
	}
	var wholes []*whole
	for set := range f.sets {
		if !many {
			wholes = append(wholes, f.whole(set))
		}
	}
	codes := make([]code, len(points))
	for i := 0; i < len(points); {
		j := i + 1
		for j < len(points) && f.config[j] == f.config[i] {
			j++
		}
		config := f.config[i]
		if many {
			k[config], ok[config] = f.without(points, config)
		}
		for p := i; p < j; p++ {
			if !many {
				f.compare(codes, p, i, j)
			}
			for _, w := range wholes {
				w.add(codes)
			}
		}
		for _, w := range wholes {
			if v, err := w.less(int(w.group[i])); err == nil && (!ok[config] || v < k[config]) {
				k[config], ok[config] = v, true
			}
		}
		i = j
	}
	return k, ok
}

// code says how a point compares with another: from it to the other, and back,
// by [y_a > y_b]·2 + [x_a > x_b], or notAPair.
type code struct{ from, to uint8 }

const notAPair = 4

// compare fills the codes of point p, of configuration points i to j. Pairs
// inside the configuration are seen from both ends, so they have no way back.
func (f *informer) compare(codes []code, p, i, j int) {
	x, y := f.ofX.rank[p], f.ofY.rank[p]
	for b := range codes {
		if f.network[b] == f.network[p] || f.stratum[b] != f.stratum[p] {
			codes[b] = code{notAPair, notAPair}
			continue
		}
		bx, by := f.ofX.rank[b], f.ofY.rank[b]
		codes[b] = code{uint8(above(x, bx) | above(y, by)<<1), uint8(above(bx, x) | above(by, y)<<1)}
		if b >= i && b < j {
			codes[b].to = notAPair
		}
	}
}

// whole is what one set says of all points.
type whole struct {
	groups   int
	group    []int32             // [n]
	tallies  []tally             // [G·G]
	terms    [][2]float64        // [G·G] of each
	from, to [][notAPair + 1]int // [G] pairs to be taken away, by code
}

func (f *informer) whole(set int) *whole {
	groups := len(f.sets[set].levels)
	w := &whole{groups: groups, from: make([][notAPair + 1]int, groups), to: make([][notAPair + 1]int, groups)}
	for _, config := range f.config {
		w.group = append(w.group, f.sets[set].group[config])
	}
	f.tally(set, func(_ int, row []tally) {
		for _, t := range row {
			h, rest := t.terms()
			w.tallies, w.terms = append(w.tallies, t), append(w.terms, [2]float64{h, rest})
		}
	})
	return w
}

func (w *whole) add(codes []code) {
	for b, c := range codes {
		g := w.group[b]
		w.from[g][c.from]++
		w.to[g][c.to]++
	}
}

// less is I/H without the pairs added, which are those of points of group g, and
// forgets them.
func (w *whole) less(g int) (float64, error) {
	var h, rest float64
	for a := range w.groups {
		for b := range w.groups {
			at := a*w.groups + b
			terms := w.terms[at]
			if a == g || b == g {
				t := w.tallies[at]
				if a == g {
					t.subtract(&w.from[b])
				}
				if b == g {
					t.subtract(&w.to[a])
				}
				terms[0], terms[1] = t.terms()
			}
			h += terms[0]
			rest += terms[1]
		}
	}
	clear(w.from)
	clear(w.to)
	return normalised(h, rest)
}

func (t *tally) subtract(n *[notAPair + 1]int) {
	t.n -= n[0] + n[1] + n[2] + n[3]
	t.x -= n[1] + n[3]
	t.y -= n[2] + n[3]
	t.both -= n[3]
}
