package rank

import (
	"cmp"
	"math"
	"slices"
)

// Pairs counts the n(n-1)/2 pairs of a sample by what x and y say of them.
type Pairs struct {
	Concordant int64 // x and y order the pair alike
	Discordant int64 // x and y order it oppositely
	TiedX      int64 // tied in x only
	TiedY      int64 // tied in y only
	TiedBoth   int64
}

// CountPairs counts in O(n log n) by merge sort (Knight 1966, JASA 61(314),
// doi:10.1080/01621459.1966.10480879).
func CountPairs(x, y []float64) (Pairs, error) {
	if err := check(x, y); err != nil {
		return Pairs{}, err
	}
	var k knight
	return k.count(x, y), nil
}

// TauA is Kendall's τ-a, (C − D) / (n(n−1)/2), in [-1, 1]: the definition of
// Jiang et al. 2019 (arXiv:1912.02178), where a tied pair counts 0. A constant
// sample gives 0.
func TauA(x, y []float64) (float64, error) {
	p, err := CountPairs(x, y)
	if err != nil {
		return 0, err
	}
	return p.tauA()
}

// TauB is Kendall's τ-b, in [-1, 1]:
//
//	τ_b = (C − D) / √((C + D + T_x)(C + D + T_y))
//
// C and D count concordant and discordant pairs, T_x pairs tied only in x and
// T_y pairs tied only in y; pairs tied in both count nowhere (Kendall 1945,
// Biometrika 33(3)). It is undefined when either side is constant. Without ties
// it is τ-a.
func TauB(x, y []float64) (float64, error) {
	p, err := CountPairs(x, y)
	if err != nil {
		return 0, err
	}
	return p.tauB()
}

func (p Pairs) tauA() (float64, error) {
	n := p.Concordant + p.Discordant + p.TiedX + p.TiedY + p.TiedBoth
	if n == 0 {
		return 0, undefined(TooFew, "no pairs")
	}
	return float64(p.Concordant-p.Discordant) / float64(n), nil
}

func (p Pairs) tauB() (float64, error) {
	differ := p.Concordant + p.Discordant
	if err := constant(differ+p.TiedY > 0, differ+p.TiedX > 0); err != nil {
		return 0, err
	}
	return ratio(float64(p.Concordant-p.Discordant), float64(differ+p.TiedY), float64(differ+p.TiedX)), nil
}

// ratio is s/√(a·b), kept inside [-1, 1] and exact where a = b.
func ratio(s, a, b float64) float64 {
	d := a
	if a != b {
		d = math.Sqrt(a) * math.Sqrt(b)
	}
	return max(-1, min(1, s/d))
}

// knight holds the buffers of one merge count, so that resampling loops do not
// allocate.
type knight struct {
	order  []int
	y, tmp []float64
}

func (k *knight) count(x, y []float64) Pairs {
	n := len(x)
	k.order = slices.Grow(k.order[:0], n)[:n]
	k.y = slices.Grow(k.y[:0], n)[:n]
	k.tmp = slices.Grow(k.tmp[:0], n)[:n]
	for i := range k.order {
		k.order[i] = i
	}
	slices.SortFunc(k.order, func(a, b int) int {
		if c := cmp.Compare(x[a], x[b]); c != 0 {
			return c
		}
		return cmp.Compare(y[a], y[b])
	})
	// Runs of equal x, and inside them runs of equal y, are the ties in x and
	// in both; what the merge sort of y then has to swap is discordant.
	var tiesX, tiesXY, runX, runXY int64
	for r, i := range k.order {
		k.y[r] = y[i]
		if r == 0 {
			continue
		}
		p := k.order[r-1]
		if x[p] != x[i] {
			runX, runXY = 0, 0
			continue
		}
		runX++
		tiesX += runX
		if y[p] != y[i] {
			runXY = 0
			continue
		}
		runXY++
		tiesXY += runXY
	}
	swaps := mergeCount(k.y, k.tmp)
	var tiesY, runY int64
	for r := 1; r < n; r++ {
		if k.y[r] != k.y[r-1] {
			runY = 0
			continue
		}
		runY++
		tiesY += runY
	}
	total := int64(n) * int64(n-1) / 2
	return Pairs{
		Concordant: total - tiesX - tiesY + tiesXY - swaps,
		Discordant: swaps,
		TiedX:      tiesX - tiesXY,
		TiedY:      tiesY - tiesXY,
		TiedBoth:   tiesXY,
	}
}

// mergeCount sorts v and returns the number of inversions; tmp is of v's length.
func mergeCount(v, tmp []float64) int64 {
	n := len(v)
	if n < 2 {
		return 0
	}
	h := n / 2
	inversions := mergeCount(v[:h], tmp[:h]) + mergeCount(v[h:], tmp[h:])
	copy(tmp, v)
	a, b := tmp[:h], tmp[h:]
	for k := range v {
		if len(b) == 0 || len(a) > 0 && a[0] <= b[0] {
			v[k], a = a[0], a[1:]
			continue
		}
		v[k], b = b[0], b[1:]
		inversions += int64(len(a))
	}
	return inversions
}

// sign compares without subtracting, which could overflow.
func sign(a, b float64) int {
	switch {
	case a > b:
		return 1
	case a < b:
		return -1
	}
	return 0
}
