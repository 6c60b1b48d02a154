package rank

import (
	"math"
	"math/bits"
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
	K       float64
	Err     error // an [ErrUndefined] when no set carries information
	Set     []int // the axes of the minimising S, ascending
	MinCell int   // ordered pairs in the smallest non-empty cell u of that S
	Sets    []Conditional
}

// Conditional is I/H given one set of axes.
type Conditional struct {
	Axes    []int
	Value   float64
	Err     error // an [ErrUndefined] when H = 0
	MinCell int
}

// Information computes K. It compares all pairs of points, 64 at a time.
func (s *Sample) Information() Information {
	t := s.newTables()
	out := Information{Err: undefined(TooFew, "no pairs")}
	if len(s.points) > 1 {
		out.Err = undefined(ConstantY, "the order of y is fixed by the axes of every set, or y is constant")
	}
	t.compare(s.points, -1)
	for k, set := range t.sets {
		c := t.conditional(k)
		c.Axes = set
		out.Sets = append(out.Sets, c)
		// Sets whose values differ by rounding alone must not trade places.
		if c.Err == nil && (out.Err != nil || c.Value < out.K-1e-12) {
			out.K, out.Set, out.MinCell, out.Err = c.Value, set, c.MinCell, nil
		}
	}
	return out
}

// tables holds what does not change when x and y are resampled (the sets, and
// which points share a place u on their axes), and buffers.
type tables struct {
	n, words int
	stratum  []int
	sets     [][]int
	groups   [][]group
	// Row a of these bit matrices marks the points b that may be compared with
	// a, that a exceeds in x, and that it exceeds in y.
	valid, overX, overY []uint64
	counts              [][4]int // [groups] pairs by (V_x, V_y)
}

// group is the set of points at one place on the axes of S.
type group struct {
	points []int
	mask   []uint64
}

func (s *Sample) newTables() *tables {
	n := len(s.points)
	t := &tables{n: n, words: (n + 63) / 64, sets: [][]int{{}}}
	for p := range s.points {
		t.stratum = append(t.stratum, s.stratum(p))
	}
	for a := range s.grid.levels {
		t.sets = append(t.sets, []int{a})
	}
	for a := range s.grid.levels {
		for b := a + 1; b < len(s.grid.levels); b++ {
			t.sets = append(t.sets, []int{a, b})
		}
	}
	most := 0
	for _, set := range t.sets {
		g := s.groupsOf(set, t.words)
		t.groups = append(t.groups, g)
		most = max(most, len(g))
	}
	t.valid = make([]uint64, n*t.words)
	t.overX = make([]uint64, n*t.words)
	t.overY = make([]uint64, n*t.words)
	t.counts = make([][4]int, most)
	return t
}

func (s *Sample) groupsOf(set []int, words int) []group {
	var groups []group
	ids := map[[2]int]int{}
	for p, pt := range s.points {
		var u [2]int
		for k, a := range set {
			u[k] = s.grid.levels[a][pt.network]
		}
		id, ok := ids[u]
		if !ok {
			id = len(groups)
			ids[u] = id
			groups = append(groups, group{mask: make([]uint64, words)})
		}
		groups[id].points = append(groups[id].points, p)
		groups[id].mask[p/64] |= 1 << (p % 64)
	}
	return groups
}

// compare fills the bit matrices. Pairs with a point of configuration leftOut,
// of two seeds in per-seed mode, and of copies of one network are not valid.
func (t *tables) compare(points []point, leftOut int) {
	clear(t.valid)
	clear(t.overX)
	clear(t.overY)
	for a := range points {
		pa := &points[a]
		if pa.config == leftOut {
			continue
		}
		row := a * t.words
		for b := range points {
			pb := &points[b]
			if pa.network == pb.network || pb.config == leftOut || t.stratum[a] != t.stratum[b] {
				continue
			}
			w, bit := row+b/64, uint64(1)<<(b%64)
			t.valid[w] |= bit
			if pa.x > pb.x {
				t.overX[w] |= bit
			}
			if pa.y > pb.y {
				t.overY[w] |= bit
			}
		}
	}
}

// minimum is K over all sets of the comparison at hand.
func (t *tables) minimum() (k float64, ok bool) {
	for i := range t.sets {
		c := t.conditional(i)
		if c.Err == nil && (!ok || c.Value < k) {
			k, ok = c.Value, true
		}
	}
	return k, ok
}

var errFixed = undefined(Other, "the axes fix the order of y")

// conditional computes I/H for one set. With f(n) = n ln n and N pairs,
//
//	N·H(V_y|U) = Σ_u [f(n_u) − Σ_w f(n_uw)]
//	N·I        = N·H(V_y|U) − Σ_u Σ_v [f(n_uv) − Σ_w f(n_uvw)]
//
// and every bracket is exactly 0 where the distribution is a single point.
func (t *tables) conditional(k int) Conditional {
	var h, rest float64
	smallest := 0
	groups := t.groups[k]
	for i := range groups {
		t.countFrom(&groups[i], groups)
		for j := range groups {
			c := &t.counts[j]
			n := c[0] + c[1] + c[2] + c[3]
			if n == 0 {
				continue
			}
			if smallest == 0 || n < smallest {
				smallest = n
			}
			h += nlogn(n) - nlogn(c[0]+c[1]) - nlogn(c[2]+c[3])
			rest += nlogn(c[0]+c[2]) - nlogn(c[0]) - nlogn(c[2])
			rest += nlogn(c[1]+c[3]) - nlogn(c[1]) - nlogn(c[3])
		}
	}
	if h <= 0 {
		return Conditional{Err: errFixed, MinCell: smallest}
	}
	return Conditional{Value: max(0, min(1, (h-rest)/h)), MinCell: smallest}
}

// countFrom counts the pairs (a, b) with a in from, by the group of b and by
// [y_a > y_b]·2 + [x_a > x_b].
func (t *tables) countFrom(from *group, groups []group) {
	counts := t.counts[:len(groups)]
	clear(counts)
	for _, a := range from.points {
		row := a * t.words
		for j := range groups {
			var n, x, y, xy int
			for w, mask := range groups[j].mask {
				v := t.valid[row+w] & mask
				vx, vy := t.overX[row+w]&mask, t.overY[row+w]&mask
				n += bits.OnesCount64(v)
				x += bits.OnesCount64(vx)
				y += bits.OnesCount64(vy)
				xy += bits.OnesCount64(vx & vy)
			}
			c := &counts[j]
			c[0] += n - x - y + xy
			c[1] += x - xy
			c[2] += y - xy
			c[3] += xy
		}
	}
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
