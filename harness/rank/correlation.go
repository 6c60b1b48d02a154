package rank

import (
	"cmp"
	"math"
	"slices"
)

// Ranks returns the 1-based ranks of v, ties sharing the mean of their places.
func Ranks(v []float64) []float64 {
	order := ascending(v)
	ranks := make([]float64, len(v))
	for i := 0; i < len(order); {
		j := i + 1
		for j < len(order) && v[order[j]] == v[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			ranks[k] = float64(i+j+1) / 2
		}
		i = j
	}
	return ranks
}

// ascending returns the positions of v by value, equal values by position.
func ascending(v []float64) []int {
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(v[a], v[b]) })
	return order
}

// Spearman is the Pearson correlation of average ranks, in [-1, 1].
func Spearman(x, y []float64) (float64, error) {
	if err := check(x, y); err != nil {
		return 0, err
	}
	return Pearson(Ranks(x), Ranks(y))
}

// Pearson is the product-moment correlation, in [-1, 1], in two passes over
// centred values scaled by their largest magnitude, so that neither a large
// offset nor a large range spoils it.
func Pearson(x, y []float64) (float64, error) {
	if err := check(x, y); err != nil {
		return 0, err
	}
	if err := constant(varies(x), varies(y)); err != nil {
		return 0, err
	}
	cx, cy := centred(x), centred(y)
	var sxx, syy, sxy float64
	for i := range cx {
		sxx += cx[i] * cx[i]
		syy += cy[i] * cy[i]
		sxy += cx[i] * cy[i]
	}
	if !(sxx > 0 && syy > 0) {
		return 0, undefined(Other, "the values differ by less than their own rounding")
	}
	return ratio(sxy, sxx, syy), nil
}

func varies(v []float64) bool {
	for _, f := range v {
		if f != v[0] {
			return true
		}
	}
	return false
}

// centred returns v minus its mean, divided by a power of two near the largest
// magnitude so that squares neither overflow nor vanish.
func centred(v []float64) []float64 {
	scaled := scale(v)
	var mean float64
	for _, f := range scaled {
		mean += f / float64(len(v))
	}
	var rest float64 // the mean's own rounding error: the correction of the two-pass algorithm
	for _, f := range scaled {
		rest += (f - mean) / float64(len(v))
	}
	for i := range scaled {
		scaled[i] = scaled[i] - mean - rest
	}
	return scale(scaled)
}

func scale(v []float64) []float64 {
	largest := 0.0
	for _, f := range v {
		largest = max(largest, math.Abs(f))
	}
	out := make([]float64, len(v))
	if largest == 0 {
		return out
	}
	_, exp := math.Frexp(largest)
	for i, f := range v {
		out[i] = math.Ldexp(f, -exp)
	}
	return out
}
