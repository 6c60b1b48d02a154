package rank

import (
	"math"
	"math/bits"
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

// CountPairs counts in O(n log n). The counts are those of Knight 1966 (JASA
// 61(314), doi:10.1080/01621459.1966.10480879); the swaps of his merge sort are
// counted with a bit set and a Fenwick tree instead.
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

// knight counts pairs and holds the buffers for it, so that resampling loops do
// not allocate.
type knight struct {
	ofX, ofY sorter
	place    []int32  // [n] place of a point in the order of y
	end      []int32  // [ranks of y] places taken by this and smaller ranks
	next     []int32  // [ranks of x] where the next point of that rank goes
	byX      []int32  // [n] points by x, equal x by y
	seen     []uint64 // bit set of places
	tree     []int32  // Fenwick tree over the words of seen: points in them
	x, y     []float64
	copies   []int32 // [networks] points of each in a cell
}

// count compares x and y by rank, which are whole numbers: points go by in the
// order of x, and those passed that lie above in y are discordant.
func (k *knight) count(x, y []float64) Pairs {
	n := len(x)
	ranksX, ranksY := k.ofX.sort(x), k.ofY.sort(y)
	var p Pairs
	tiesX, tiesY := k.merge(n, ranksX, ranksY)
	words := (n + 63) / 64
	k.seen = resized(k.seen, words)
	k.tree = resized(k.tree, words+1)
	clear(k.seen)
	clear(k.tree)
	var runXY int64
	last := int32(-1)
	for passed, i := range k.byX {
		// Runs of equal x, and in them runs of equal y, are the ties in both.
		if last >= 0 && k.ofX.rank[i] == k.ofX.rank[last] && k.ofY.rank[i] == k.ofY.rank[last] {
			runXY++
			p.TiedBoth += runXY
		} else {
			runXY = 0
		}
		last = i
		upTo := k.end[k.ofY.rank[i]]
		below := 0
		if w := upTo / 64; int(w) < words {
			below = bits.OnesCount64(k.seen[w] & (1<<(upTo%64) - 1))
		}
		for w := upTo / 64; w > 0; w &= w - 1 {
			below += int(k.tree[w])
		}
		p.Discordant += int64(passed - below)
		at := k.place[i]
		k.seen[at/64] |= 1 << (at % 64)
		for w := at/64 + 1; int(w) < len(k.tree); w += w & -w {
			k.tree[w]++
		}
	}
	p.TiedX, p.TiedY = tiesX-p.TiedBoth, tiesY-p.TiedBoth
	p.Concordant = int64(n)*int64(n-1)/2 - p.Discordant - p.TiedX - p.TiedY - p.TiedBoth
	return p
}

// merge fills place, end and byX from the two orders, and counts the ties.
func (k *knight) merge(n, ranksX, ranksY int) (tiesX, tiesY int64) {
	k.place, k.byX = resized(k.place, n), resized(k.byX, n)
	k.end, k.next = resized(k.end, ranksY), resized(k.next, ranksX)
	for at, i := range k.ofY.order {
		k.place[i] = int32(at)
		k.end[k.ofY.rank[i]] = int32(at + 1)
	}
	for at := n - 1; at >= 0; at-- {
		k.next[k.ofX.rank[k.ofX.order[at]]] = int32(at)
	}
	for r, start := range k.next {
		end := n
		if r+1 < ranksX {
			end = int(k.next[r+1])
		}
		tiesX += pairsAmong(int64(end) - int64(start))
	}
	start := int32(0)
	for _, end := range k.end {
		tiesY += pairsAmong(int64(end - start))
		start = end
	}
	for _, i := range k.ofY.order {
		r := k.ofX.rank[i]
		k.byX[k.next[r]] = i
		k.next[r]++
	}
	return tiesX, tiesY
}

func pairsAmong(n int64) int64 { return n * (n - 1) / 2 }

// resized returns v with n elements of any content.
func resized[T any](v []T, n int) []T { return slices.Grow(v[:0], n)[:n] }

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
