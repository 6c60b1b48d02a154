package rank

// Tau says which Kendall coefficient a cell gets.
type Tau int

// The coefficients.
const (
	B Tau = iota // τ-b: a cell where either side is constant is undefined
	A            // τ-a: ties count 0, as in Jiang et al. 2019
)

// Granulated is the granulated Kendall coefficient of Jiang et al. 2019
// (arXiv:1912.02178, section 3): Ψ = (1/A) Σ_i ψ_i, where ψ_i is the mean, over
// the cells of axis i, of τ over the networks that differ in axis i alone.
//
// Cells with fewer than two networks, and under τ-b cells where either side is
// constant, have no τ; they are left out of ψ_i and counted. An axis without
// any cell left is undefined, and Ψ is the mean of the other axes.
type Granulated struct {
	Psi  float64
	Err  error  // an [ErrUndefined] when no axis is defined
	Axes []Axis // [A], in the grid's order
}

// Axis is the part of one axis.
type Axis struct {
	Psi   float64
	Err   error // an [ErrUndefined] when no cell is defined
	Cells int   // all cells
	Small int   // cells with fewer than two networks
	Tied  int   // cells where the measure or the gap is constant
}

// Defined is the number of cells that entered ψ.
func (a Axis) Defined() int { return a.Cells - a.Small - a.Tied }

// Granulated computes ψ for every axis and Ψ.
func (s *Sample) Granulated(kind Tau) Granulated {
	g := Granulated{Axes: make([]Axis, len(s.cells))}
	var k knight
	defined := 0
	for i := range s.cells {
		a := s.axis(i, kind, s.points, &k)
		g.Axes[i] = a
		if a.Err == nil {
			g.Psi += a.Psi
			defined++
		}
	}
	switch {
	case len(s.cells) == 0:
		g.Err = undefined(Other, "the grid has no axes")
	case defined == 0:
		g.Err = undefined(Other, "no axis is defined")
		if len(g.Axes) > 0 {
			g.Err = g.Axes[0].Err
		}
	default:
		g.Psi /= float64(defined)
	}
	return g
}

func (s *Sample) axis(i int, kind Tau, points []point, k *knight) Axis {
	a := Axis{Cells: len(s.cells[i])}
	var sum float64
	constantX, constantY := 0, 0
	for _, c := range s.cells[i] {
		if len(c) < 2 {
			a.Small++
			continue
		}
		t := tieCount(points, c, k)
		if t.pairs == 0 {
			a.Small++
			continue
		}
		tau, ok := t.tau(kind)
		if !ok {
			a.Tied++
			if t.x == 0 {
				constantX++
			}
			if t.y == 0 {
				constantY++
			}
			continue
		}
		sum += tau
	}
	switch {
	case a.Defined() > 0:
		a.Psi = sum / float64(a.Defined())
	case a.Tied == 0:
		a.Err = undefined(TooFew, "none of %d cells holds two networks", a.Cells)
	case constantY == a.Tied:
		a.Err = undefined(ConstantY, "y is constant in each of the %d cells of two or more networks", a.Tied)
	case constantX == a.Tied:
		a.Err = undefined(ConstantX, "x is constant in each of the %d cells of two or more networks", a.Tied)
	default:
		a.Err = undefined(Other, "x or y is constant in each of the %d cells of two or more networks", a.Tied)
	}
	return a
}

// ties are the ingredients of τ over some pairs: s is concordant minus
// discordant, x and y count the pairs not tied in x and in y.
type ties struct{ s, x, y, pairs int64 }

func (t ties) tau(kind Tau) (float64, bool) {
	if kind == A {
		if t.pairs == 0 {
			return 0, false
		}
		return float64(t.s) / float64(t.pairs), true
	}
	if t.x == 0 || t.y == 0 {
		return 0, false
	}
	return ratio(float64(t.s), float64(t.x), float64(t.y)), true
}

// largeCell is the size from which the merge count beats comparing all pairs.
const largeCell = 64

// tieCount compares the points of a cell. Copies of one network, which only
// resampling makes, are not pairs; they are equal in x and in y.
func tieCount(points []point, c cell, k *knight) ties {
	if len(c) > largeCell && k != nil {
		k.x, k.y = resized(k.x, len(c)), resized(k.y, len(c))
		for i, p := range c {
			k.x[i], k.y[i] = points[p].x, points[p].y
		}
		n := k.count(k.x, k.y)
		differ := n.Concordant + n.Discordant
		x, y := differ+n.TiedY, differ+n.TiedX
		return ties{s: n.Concordant - n.Discordant, x: x, y: y, pairs: x + n.TiedX + n.TiedBoth - k.copied(points, c)}
	}
	var t ties
	for i, p := range c {
		a := &points[p]
		for _, q := range c[:i] {
			b := &points[q]
			if a.network == b.network {
				continue
			}
			sx, sy := int64(sign(a.x, b.x)), int64(sign(a.y, b.y))
			t.s += sx * sy
			t.x += sx * sx
			t.y += sy * sy
			t.pairs++
		}
	}
	return t
}

// copied counts the pairs of copies of one network.
func (k *knight) copied(points []point, c cell) int64 {
	var pairs int64
	for _, p := range c {
		for points[p].network >= len(k.copies) {
			k.copies = append(k.copies, 0)
		}
		n := &k.copies[points[p].network]
		pairs += int64(*n)
		*n++
	}
	for _, p := range c {
		k.copies[points[p].network] = 0
	}
	return pairs
}
