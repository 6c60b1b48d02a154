package rank

import (
	"math"
	"slices"
)

// Information is the normalised conditional mutual information of Jiang et al.
// 2019 (arXiv:1912.02178, section 3):
//
//	K = min over |S| <= 2 of I(V_x; V_y | U_S) / H(V_y | U_S)
//
// over ordered pairs (a, b) of different points, with V_x = [x_a > x_b],
// V_y = [y_a > y_b] and U_S the levels of a and of b on the axes of S. It is in
// [0, 1] and blind to the sign. Ties count as "not greater", as in the PGDL
// scoring program; pairs of a point with itself are left out, unlike there.
// Sets with H(V_y | U_S) = 0 carry no information (0/0) and are skipped.
type Information struct {
	K         float64
	Err       error    // an [ErrUndefined] when no set carries information
	Set       []int    // the axes of the minimising S, ascending
	MinCell   int      // ordered pairs in the smallest non-empty cell u of that S
	MinCellAt [2][]int // its levels of a and of b, on the axes of Set, as NewGrid was given them; the first such cell
	Sets      []Conditional
}

// Conditional is I/H given one set of axes.
type Conditional struct {
	Axes    []int
	Value   float64
	Err     error // an [ErrUndefined] when H = 0
	MinCell int

	at [2]int // the groups of that cell
}

// Information computes K.
func (s *Sample) Information() Information {
	f := s.newInformer()
	out := Information{Err: undefined(TooFew, "no pairs")}
	if len(s.points) > 1 {
		out.Err = undefined(ConstantY, "the order of y is fixed by the axes of every set, or y is constant")
	}
	f.order(s.points, -1)
	for k := range f.sets {
		c := f.conditional(k)
		c.Axes = f.sets[k].axes
		out.Sets = append(out.Sets, c)
		// Sets whose values differ by rounding alone must not trade places.
		if c.Err == nil && (out.Err != nil || c.Value < out.K-1e-12) {
			levels := f.sets[k].levels
			out.K, out.Set, out.MinCell, out.Err = c.Value, c.Axes, c.MinCell, nil
			out.MinCellAt = [2][]int{slices.Clone(levels[c.at[0]]), slices.Clone(levels[c.at[1]])}
		}
	}
	return out
}

var errFixed = undefined(Other, "the axes fix the order of y")

// conditional computes I/H for one set. With f(n) = n ln n and N pairs,
//
//	N·H(V_y|U) = Σ_u [f(n_u) − Σ_w f(n_uw)]
//	N·I        = N·H(V_y|U) − Σ_u Σ_v [f(n_uv) − Σ_w f(n_uvw)]
//
// and every bracket is exactly 0 where the distribution is a single point.
func (f *informer) conditional(k int) Conditional {
	var out Conditional
	var h, rest float64
	f.tally(k, func(g int, row []tally) {
		for j := range row {
			t := &row[j]
			if t.n == 0 {
				continue
			}
			if out.MinCell == 0 || t.n < out.MinCell {
				out.MinCell, out.at = t.n, [2]int{g, j}
			}
			a, b := t.terms()
			h += a
			rest += b
		}
	})
	out.Value, out.Err = normalised(h, rest)
	return out
}

func normalised(h, rest float64) (float64, error) {
	if h <= 0 {
		return 0, errFixed
	}
	return max(0, min(1, (h-rest)/h)), nil
}

// tally counts ordered pairs (a, b) in one cell u.
type tally struct {
	n    int // all
	x, y int // a exceeds b in x, in y
	both int
}

// table is the counts by [y_a > y_b]·2 + [x_a > x_b].
func (t *tally) table() [4]int {
	return [4]int{t.n - t.x - t.y + t.both, t.x - t.both, t.y - t.both, t.both}
}

// terms are the brackets of a cell.
func (t *tally) terms() (h, rest float64) {
	c := t.table()
	h = nlogn(t.n) - nlogn(t.n-t.y) - nlogn(t.y)
	rest = nlogn(t.n-t.x) - nlogn(c[0]) - nlogn(c[2])
	rest += nlogn(t.x) - nlogn(c[1]) - nlogn(c[3])
	return h, rest
}

// smallNLogN holds n ln n for the counts that resampling meets most.
var smallNLogN = func() (f [4096]float64) {
	for n := 2; n < len(f); n++ {
		f[n] = float64(n) * math.Log(float64(n))
	}
	return f
}()

func nlogn(n int) float64 {
	if n < len(smallNLogN) {
		return smallNLogN[n]
	}
	return float64(n) * math.Log(float64(n))
}
