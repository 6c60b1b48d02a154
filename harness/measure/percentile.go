package measure

import (
	"math"
	"slices"
)

// Percentile is numpy.percentile(v, q) with its default linear interpolation, bit for bit; q is in [0, 100].
// It is undefined for no values and where one is NaN. v is left as it is.
func Percentile(v []float64, q float64) (float64, error) {
	if len(v) == 0 {
		return 0, Undefined("there are no values to take the %g-th percentile of", q)
	}
	s := slices.Sorted(slices.Values(v))
	if math.IsNaN(s[0]) { // NaN sorts first
		return 0, Undefined("a value to take the %g-th percentile of is not a number", q)
	}
	at := float64(len(s)-1) * (q / 100)
	i := min(int(at), len(s)-1)
	a, b, t := s[i], s[min(i+1, len(s)-1)], at-float64(i)
	// NumPy steps from the nearer end.
	if t >= 0.5 {
		return b - float64((b-a)*(1-t)), nil
	}
	return a + float64((b-a)*t), nil
}
