package rank

import (
	"cmp"
	"math"
	"slices"
)

// weightedTies are the ingredients of τ over weighted pairs.
type weightedTies struct{ s, x, y, pairs float64 }

// weighted computes τ of points with multiplicities. A pair of points counts
// the product of their weights; copies of one configuration are no pairs, so
// two networks of one configuration count once for each time it was drawn.
type weighted struct {
	order []int // dense rank of y, by point
	tree  []float64
	byY   []int
}

// smallSample is the size up to which comparing all pairs is faster than sorting.
const smallSample = 96

func (w *weighted) ties(points []point) weightedTies {
	if len(points) <= smallSample {
		return allPairs(points)
	}
	t := w.sorted(points)
	// The sort counted pairs inside a configuration with weight w²; they have w.
	slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.config, b.config) })
	for i := 0; i < len(points); {
		j := i + 1
		for j < len(points) && points[j].config == points[i].config {
			j++
		}
		if c := float64(points[i].weight); c > 1 && j > i+1 {
			same := unitPairs(points[i:j])
			f := c - c*c
			t.s += f * same.s
			t.x += f * same.x
			t.y += f * same.y
			t.pairs += f * same.pairs
		}
		i = j
	}
	return t
}

func allPairs(points []point) weightedTies {
	var s, x, y, pairs int64
	for i := range points {
		a := &points[i]
		for j := range i {
			b := &points[j]
			weight := int64(a.weight * b.weight)
			if a.config == b.config {
				weight = int64(a.weight)
			}
			sx, sy := int64(sign(a.x, b.x)), int64(sign(a.y, b.y))
			s += sx * sy * weight
			x += sx * sx * weight
			y += sy * sy * weight
			pairs += weight
		}
	}
	return weightedTies{float64(s), float64(x), float64(y), float64(pairs)}
}

func unitPairs(points []point) weightedTies {
	ones := slices.Clone(points)
	for i := range ones {
		ones[i].weight = 1
	}
	return allPairs(ones)
}

// sorted counts in O(n log n): points in order of x, a Fenwick tree over the
// ranks of y holding the weight already passed.
func (w *weighted) sorted(points []point) weightedTies {
	slices.SortFunc(points, byX)
	n := len(points)
	w.byY = slices.Grow(w.byY[:0], n)[:n]
	w.order = slices.Grow(w.order[:0], n)[:n]
	w.tree = slices.Grow(w.tree[:0], n+1)[:n+1]
	clear(w.tree)
	for i := range w.byY {
		w.byY[i] = i
	}
	slices.SortFunc(w.byY, func(a, b int) int { return cmp.Compare(points[a].y, points[b].y) })
	var t weightedTies
	var total, squares, tiedY float64
	rank := 0
	for i := 0; i < n; rank++ {
		var sum, sq float64
		j := i
		for ; j < n && points[w.byY[j]].y == points[w.byY[i]].y; j++ {
			v := float64(points[w.byY[j]].weight)
			sum, sq = sum+v, sq+v*v
			w.order[w.byY[j]] = rank
		}
		total, squares, tiedY = total+sum, squares+sq, tiedY+(sum*sum-sq)/2
		i = j
	}
	t.pairs = (total*total - squares) / 2
	t.y = t.pairs - tiedY
	t.x = t.pairs
	passed := 0.0
	for i := 0; i < n; {
		var sum, sq float64
		j := i
		for ; j < n && points[j].x == points[i].x; j++ {
			v := float64(points[j].weight)
			smaller, upTo := w.prefix(w.order[j]), w.prefix(w.order[j]+1)
			t.s += v * (smaller - (passed - upTo))
			sum, sq = sum+v, sq+v*v
		}
		for k := i; k < j; k++ {
			w.add(w.order[k], float64(points[k].weight))
		}
		t.x -= (sum*sum - sq) / 2
		passed += sum
		i = j
	}
	return t
}

func (w *weighted) add(rank int, v float64) {
	for i := rank + 1; i < len(w.tree); i += i & -i {
		w.tree[i] += v
	}
}

// prefix is the weight passed with a rank below end.
func (w *weighted) prefix(end int) float64 {
	var sum float64
	for i := end; i > 0; i &= i - 1 {
		sum += w.tree[i]
	}
	return sum
}

// weightedSpearman is the Spearman correlation of points repeated by weight.
func weightedSpearman(points []point) (float64, bool) {
	n := len(points)
	rx, ry := make([]float64, n), make([]float64, n)
	weightedRanks(rx, points, func(p *point) float64 { return p.x })
	weightedRanks(ry, points, func(p *point) float64 { return p.y })
	var total, mx, my float64
	for i := range points {
		w := float64(points[i].weight)
		total += w
		mx += w * rx[i]
		my += w * ry[i]
	}
	mx, my = mx/total, my/total
	var sxx, syy, sxy float64
	for i := range points {
		w := float64(points[i].weight)
		sxx += w * (rx[i] - mx) * (rx[i] - mx)
		syy += w * (ry[i] - my) * (ry[i] - my)
		sxy += w * (rx[i] - mx) * (ry[i] - my)
	}
	if !(sxx > 0 && syy > 0) {
		return math.NaN(), false
	}
	return ratio(sxy, sxx, syy), true
}

func weightedRanks(dst []float64, points []point, of func(*point) float64) {
	order := make([]int, len(points))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(of(&points[a]), of(&points[b])) })
	before := 0.0
	for i := 0; i < len(order); {
		var sum float64
		j := i
		for ; j < len(order) && of(&points[order[j]]) == of(&points[order[i]]); j++ {
			sum += float64(points[order[j]].weight)
		}
		for _, k := range order[i:j] {
			dst[k] = before + (sum+1)/2
		}
		before += sum
		i = j
	}
}
