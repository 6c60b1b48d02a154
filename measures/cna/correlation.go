package cna

import (
	"fmt"
	"math"
	"slices"

	"github.com/genbench/genbench/harness/measure"
)

// correlate answers the correlation of that name between x and y, [N] each.
func correlate(name string, x, y []float64) (float64, error) {
	if len(x) < 3 {
		return 0, measure.Undefined("a correlation needs at least 3 examples, there are %d", len(x))
	}
	for i := range x {
		if bad := x[i] + y[i]; math.IsNaN(bad) || math.IsInf(bad, 0) {
			return 0, measure.Undefined("example %d has complexity %v and slope %v", i, x[i], y[i])
		}
	}
	if constant(x) {
		return 0, measure.Undefined("all %d inputs have the same complexity", len(x))
	}
	if constant(y) {
		return 0, measure.Undefined("all %d slopes are equal", len(y))
	}
	switch name {
	case "pearson":
		return pearson(x, y), nil
	case "spearman":
		return pearson(ranks(x), ranks(y)), nil
	case "kendall":
		return tauB(x, y), nil
	}
	return 0, fmt.Errorf("option corr has no value %q", name)
}

func constant(v []float64) bool { return slices.Min(v) == slices.Max(v) }

// pearson is the product-moment correlation, from centred sums so that large
// means do no harm.
func pearson(x, y []float64) float64 {
	mx, my := mean(x), mean(y)
	var sx, sy, sxy float64
	for i := range x {
		a, b := x[i]-mx, y[i]-my
		sx += a * a
		sy += b * b
		sxy += a * b
	}
	return min(max(sxy/math.Sqrt(sx)/math.Sqrt(sy), -1), 1)
}

func mean(v []float64) float64 {
	var s float64
	for _, x := range v {
		s += x
	}
	return s / float64(len(v))
}

// ranks are 1-based, equal values sharing the mean of theirs.
func ranks(v []float64) []float64 {
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case v[a] < v[b]:
			return -1
		case v[a] > v[b]:
			return 1
		}
		return 0
	})
	r := make([]float64, len(v))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && v[order[j]] == v[order[i]] {
			j++
		}
		for _, at := range order[i:j] {
			r[at] = float64(i+j+1) / 2
		}
		i = j
	}
	return r
}

// tauB is Kendall's τ-b (Kendall 1945, Biometrika 33(3)), all pairs counted:
// (P - Q) / √((P+Q+T_x)(P+Q+T_y)). 10,000 examples are 50 million pairs, some tenths of a second.
func tauB(x, y []float64) float64 {
	var balance, inX, inY int64 // P - Q, pairs not tied in x, in y
	for i := range x {
		for j := range i {
			a, b := sign(x[i]-x[j]), sign(y[i]-y[j])
			balance += a * b
			inX += a * a
			inY += b * b
		}
	}
	return float64(balance) / math.Sqrt(float64(inX)) / math.Sqrt(float64(inY))
}

func sign(v float64) int64 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}
