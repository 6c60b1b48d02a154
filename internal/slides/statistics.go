package slides

import (
	"math"
	"slices"
)

// pearson is the product-moment correlation, NaN where one of the two is constant or they are fewer than 3.
func pearson(x, y []float64) float64 {
	if len(x) < 3 {
		return math.NaN()
	}
	mx, my := mean(x), mean(y)
	var sxy, sxx, syy float64
	for i := range x {
		a, b := x[i]-mx, y[i]-my
		sxy, sxx, syy = sxy+a*b, sxx+a*a, syy+b*b
	}
	if sxx == 0 || syy == 0 {
		return math.NaN()
	}
	return sxy / math.Sqrt(sxx) / math.Sqrt(syy)
}

func mean(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// average is the moving average of y over windows of k neighbours in x, with x averaged alike, and the standard deviation of
// y in each (division by k).
func average(x, y []float64, k int) (mx, my, sd []float64) {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case x[a] < x[b]:
			return -1
		case x[a] > x[b]:
			return 1
		}
		return 0
	})
	for lo := 0; lo+k <= len(order); lo++ {
		var wx, wy []float64
		for _, i := range order[lo : lo+k] {
			wx, wy = append(wx, x[i]), append(wy, y[i])
		}
		m := mean(wy)
		var ss float64
		for _, v := range wy {
			ss += (v - m) * (v - m)
		}
		mx, my, sd = append(mx, mean(wx)), append(my, m), append(sd, math.Sqrt(ss/float64(k)))
	}
	return mx, my, sd
}
