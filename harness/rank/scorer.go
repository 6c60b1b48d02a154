package rank

import "math"

// scorer computes the statistics of a sample with other values at its points.
// Once warm it does not allocate; it is not safe for concurrent use.
type scorer struct {
	s     *Sample
	kind  Tau
	axes  []int     // those on which ψ is defined for the sample itself
	cells [][]int32 // [axes] the points of all cells of two or more, one cell after another
	ends  [][]int32 // [axes] where each cell ends

	x, y   []float64 // [P] in
	ofX    []int32   // [P] ranks within the stratum
	ofY    []int32
	sx, sy []float64 // a stratum's values
	rx, ry []float64 // a stratum's mean ranks, centred
	count  knight
	inform *informer

	shuffled []int32
	points   []point
}

// scores are the statistics of one replicate; ok tells which exist.
type scores struct {
	psi, tau, spearman, pearson optional
	axes                        []optional // [A]
}

type optional struct {
	v  float64
	ok bool
}

func (s *Sample) newScorer(kind Tau, g Granulated) *scorer {
	n := len(s.points)
	f := &scorer{s: s, kind: kind}
	f.x, f.y = make([]float64, n), make([]float64, n)
	f.ofX, f.ofY = make([]int32, n), make([]int32, n)
	for a, axis := range g.Axes {
		if axis.Err != nil {
			continue
		}
		var cells, ends []int32
		for _, c := range s.cells[a] {
			if len(c) < 2 {
				continue
			}
			for _, p := range c {
				cells = append(cells, int32(p))
			}
			ends = append(ends, int32(len(cells)))
		}
		f.axes, f.cells, f.ends = append(f.axes, a), append(f.cells, cells), append(f.ends, ends)
	}
	return f
}

// score computes all but K of the values in x and y into out.
func (f *scorer) score(out *scores) {
	f.correlate(out)
	f.granulate(out)
}

// correlate computes the overall statistics and leaves the ranks.
func (f *scorer) correlate(out *scores) {
	var tau, spearman, pearson mean
	for _, stratum := range f.s.strata {
		tau.add(optionally(f.concordOf(stratum).tau(f.kind)))
		f.rx, f.ry = centredRanks(f.rx, &f.count.ofX), centredRanks(f.ry, &f.count.ofY)
		spearman.add(product(f.rx, f.ry))
		centre(f.sx)
		centre(f.sy)
		pearson.add(product(f.sx, f.sy))
	}
	out.tau, out.spearman, out.pearson = tau.value(), spearman.value(), pearson.value()
}

// concord computes the overall τ alone and leaves the ranks.
func (f *scorer) concord(out *scores) {
	var tau mean
	for _, stratum := range f.s.strata {
		tau.add(optionally(f.concordOf(stratum).tau(f.kind)))
	}
	out.tau = tau.value()
}

func (f *scorer) concordOf(stratum []int) ties {
	f.sx, f.sy = resized(f.sx, len(stratum)), resized(f.sy, len(stratum))
	for i, p := range stratum {
		f.sx[i], f.sy[i] = f.x[p], f.y[p]
	}
	t := f.tiesOf()
	for i, p := range stratum {
		f.ofX[p], f.ofY[p] = f.count.ofX.rank[i], f.count.ofY.rank[i]
	}
	return t
}

// tiesOf compares all pairs of sx and sy.
func (f *scorer) tiesOf() ties {
	n := f.count.count(f.sx, f.sy)
	differ := n.Concordant + n.Discordant
	return ties{s: n.Concordant - n.Discordant, x: differ + n.TiedY, y: differ + n.TiedX, pairs: pairsAmong(int64(len(f.sx)))}
}

// granulate computes Ψ from the ranks, over the axes on which it is defined for
// the sample itself: else a replicate would be another statistic.
func (f *scorer) granulate(out *scores) {
	var psi mean
	out.axes = resized(out.axes, len(f.s.cells))
	clear(out.axes)
	for k, a := range f.axes {
		var axis mean
		start := int32(0)
		for _, end := range f.ends[k] {
			axis.add(optionally(f.ties(f.cells[k][start:end]).tau(f.kind)))
			start = end
		}
		out.axes[a] = axis.value()
		psi.add(out.axes[a])
	}
	out.psi = psi.value()
}

func (f *scorer) ties(cell []int32) ties {
	if len(cell) > largeCell {
		return f.tiesSorted(cell)
	}
	var s, x, y int32
	for i, p := range cell {
		px, py := f.ofX[p], f.ofY[p]
		for _, q := range cell[:i] {
			sx, sy := order(px, f.ofX[q]), order(py, f.ofY[q])
			s += sx * sy
			x += sx * sx
			y += sy * sy
		}
	}
	return ties{s: int64(s), x: int64(x), y: int64(y), pairs: pairsAmong(int64(len(cell)))}
}

func (f *scorer) tiesSorted(cell []int32) ties {
	f.sx, f.sy = resized(f.sx, len(cell)), resized(f.sy, len(cell))
	for i, p := range cell {
		f.sx[i], f.sy[i] = float64(f.ofX[p]), float64(f.ofY[p])
	}
	return f.tiesOf()
}

// order is the sign of a − b, for ranks, without a branch.
func order(a, b int32) int32 { return (a-b)>>31 | int32(uint32(b-a)>>31) }

// information computes K of the values in x and y.
func (f *scorer) information() optional {
	if f.inform == nil {
		f.inform = f.s.newInformer()
		f.points = append(f.points, f.s.points...)
	}
	for p := range f.points {
		f.points[p].x, f.points[p].y = f.x[p], f.y[p]
	}
	return optionally(f.inform.minimum(f.points))
}

func optionally(v float64, ok bool) optional { return optional{v: v, ok: ok} }

// mean is a mean of what is defined.
type mean struct {
	sum float64
	n   int
}

func (m *mean) add(o optional) {
	if o.ok {
		m.sum += o.v
		m.n++
	}
}

func (m *mean) value() optional {
	if m.n == 0 {
		return optional{}
	}
	return optional{v: m.sum / float64(m.n), ok: true}
}

// centredRanks are mean ranks less their mean, exact in float64.
func centredRanks(dst []float64, s *sorter) []float64 {
	n := len(s.order)
	dst = resized(dst, n)
	for i := 0; i < n; {
		j := i + 1
		for j < n && s.rank[s.order[j]] == s.rank[s.order[i]] {
			j++
		}
		for _, k := range s.order[i:j] {
			dst[k] = float64(i+j-n) / 2
		}
		i = j
	}
	return dst
}

// centre takes the mean from v and scales it to at most 1, so that squares do
// not overflow.
func centre(v []float64) {
	if len(v) == 0 {
		return
	}
	first, largest := v[0], 0.0
	for _, f := range v {
		largest = max(largest, math.Abs(f-first))
	}
	if largest == 0 || math.IsInf(largest, 0) {
		clear(v)
		return
	}
	var sum float64
	for i, f := range v {
		v[i] = (f - first) / largest
		sum += v[i]
	}
	sum /= float64(len(v))
	for i := range v {
		v[i] -= sum
	}
}

// product is the correlation of centred values.
func product(x, y []float64) optional {
	var sxx, syy, sxy float64
	for i := range x {
		sxx += x[i] * x[i]
		syy += y[i] * y[i]
		sxy += x[i] * y[i]
	}
	if !(sxx > 0 && syy > 0) {
		return optional{}
	}
	return optional{v: ratio(sxy, sxx, syy), ok: true}
}
