package cnam

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/genbench/genbench/harness/measure"
)

// sample is the complexity α and the slope β of each example of a split, [N].
type sample struct{ alpha, beta []float64 }

// newSample joins complexities and layer sums, [N, L], of the same examples.
func newSample(alpha []float64, index []int32, sums measure.Matrix, rows []int32) (sample, error) {
	if !slices.Equal(index, rows) {
		return sample{}, errors.New("layer sums and complexities are of different examples")
	}
	if sums.Cols < 2 {
		return sample{}, measure.Undefined("a slope over depth needs at least 2 layers, this network has %d", sums.Cols)
	}
	s := sample{alpha: alpha, beta: make([]float64, sums.Rows)}
	for n := range s.beta {
		s.beta[n] = slope(sums.Row(n))
	}
	return s, nil
}

// slope of the least-squares line through (1, z_1) ... (L, z_L).
func slope(z []float64) float64 {
	layers := float64(len(z))
	var s float64
	for l, v := range z {
		s += (float64(l+1) - (layers+1)/2) * v
	}
	return s / (layers * (layers*layers - 1) / 12)
}

// halves splits a sample in two at random.
func (s sample) halves(seed uint64) (one, other sample) {
	const stream = 0x636e61 // of the measure's seed
	order := rand.New(rand.NewPCG(seed, stream)).Perm(len(s.alpha))
	for i, n := range order {
		to := &one
		if i >= len(order)/2 {
			to = &other
		}
		to.alpha = append(to.alpha, s.alpha[n])
		to.beta = append(to.beta, s.beta[n])
	}
	return one, other
}

// curve is a line through (x_i, y_i): α and β, smoothed, α ascending.
type curve struct{ x, y []float64 }

// curve orders the examples by α, equal ones as they come, and averages over the window.
func (s sample) curve() curve {
	order := make([]int, len(s.alpha))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case s.alpha[a] < s.alpha[b]:
			return -1
		case s.alpha[a] > s.alpha[b]:
			return 1
		}
		return 0
	})
	sorted := curve{x: make([]float64, len(order)), y: make([]float64, len(order))}
	for i, n := range order {
		sorted.x[i], sorted.y[i] = s.alpha[n], s.beta[n]
	}
	return curve{x: movingAverage(sorted.x, window), y: movingAverage(sorted.y, window)}
}

// movingAverage answers the len(v)-k+1 means of k neighbours, each summed anew:
// a running sum would carry the rounding of large values along.
func movingAverage(v []float64, k int) []float64 {
	out := make([]float64, len(v)-k+1)
	for i := range out {
		var s float64
		for _, x := range v[i : i+k] {
			s += x
		}
		out[i] = s / float64(k)
	}
	return out
}

// scaling maps [low, low+range] to [0, 1] on both axes.
type scaling struct{ lowX, rangeX, lowY, rangeY float64 }

// jointly is the scaling by the minimum and maximum of both curves together.
func jointly(a, b curve) (scaling, error) {
	lowX, highX := min(slices.Min(a.x), slices.Min(b.x)), max(slices.Max(a.x), slices.Max(b.x))
	lowY, highY := min(slices.Min(a.y), slices.Min(b.y)), max(slices.Max(a.y), slices.Max(b.y))
	if !(highX > lowX) {
		return scaling{}, measure.Undefined("all inputs have the same complexity")
	}
	if !(highY > lowY) {
		return scaling{}, measure.Undefined("all slopes are equal")
	}
	return scaling{lowX, highX - lowX, lowY, highY - lowY}, nil
}

func (s scaling) apply(c curve) curve {
	out := curve{x: make([]float64, len(c.x)), y: make([]float64, len(c.y))}
	for i := range c.x {
		out.x[i] = (c.x[i] - s.lowX) / s.rangeX
		out.y[i] = (c.y[i] - s.lowY) / s.rangeY
	}
	return out
}

// overlapArea is ∫|y_a - y_b| dx over the x that both curves have, by the
// trapezoid rule on equally spaced points. Points of one curve with equal x count as
// one, at the mean of their y.
func overlapArea(a, b curve) (float64, error) {
	a, b = a.merged(), b.merged()
	low, high := max(a.x[0], b.x[0]), min(a.x[len(a.x)-1], b.x[len(b.x)-1])
	if !(high > low) {
		return 0, measure.Undefined("training and test inputs have no range of complexity in common")
	}
	var area, before float64
	for i := range grid {
		x := along(low, high, i)
		d := math.Abs(a.at(x) - b.at(x))
		if i > 0 {
			area += (d + before) / 2 * (high - low) / (grid - 1)
		}
		before = d
	}
	return area, nil
}

// polygonArea is the authors' area: complexity as a function of slope (the axes
// swapped) at equally spaced slopes of each curve's own range; the points of a
// forward, those of b backward; the absolute signed area of that ring.
func polygonArea(a, b curve) (float64, error) {
	ring := append(a.swapped().resampled(), reversed(b.swapped().resampled())...)
	var area float64
	for i, p := range ring {
		q := ring[(i+1)%len(ring)]
		area += p[0]*q[1] - q[0]*p[1]
	}
	return math.Abs(area) / 2, nil
}

// swapped is the curve with x and y exchanged, sorted stably by its new x.
func (c curve) swapped() curve {
	order := make([]int, len(c.x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case c.y[a] < c.y[b]:
			return -1
		case c.y[a] > c.y[b]:
			return 1
		}
		return 0
	})
	out := curve{x: make([]float64, len(order)), y: make([]float64, len(order))}
	for i, n := range order {
		out.x[i], out.y[i] = c.y[n], c.x[n]
	}
	return out
}

func (c curve) resampled() [][2]float64 {
	points := make([][2]float64, grid)
	for i := range points {
		x := along(c.x[0], c.x[len(c.x)-1], i)
		points[i] = [2]float64{x, c.at(x)}
	}
	return points
}

func reversed(p [][2]float64) [][2]float64 {
	slices.Reverse(p)
	return p
}

// along is point i of numpy.linspace(low, high, grid).
func along(low, high float64, i int) float64 {
	if i == grid-1 {
		return high
	}
	return low + float64(i)*((high-low)/(grid-1))
}

// merged joins points with equal x; x is ascending.
func (c curve) merged() curve {
	var out curve
	for i := 0; i < len(c.x); {
		j := i
		var s float64
		for j < len(c.x) && c.x[j] == c.x[i] {
			s += c.y[j]
			j++
		}
		out.x = append(out.x, c.x[i])
		out.y = append(out.y, s/float64(j-i))
		i = j
	}
	return out
}

// at is numpy.interp(x, c.x, c.y), c.x ascending: linear between points, of
// points with equal x the last, and constant beyond the ends.
func (c curve) at(x float64) float64 {
	last := len(c.x) - 1
	// the first point beyond x
	j, _ := slices.BinarySearchFunc(c.x, x, func(v, x float64) int {
		if v <= x {
			return -1
		}
		return 1
	})
	switch {
	case j == 0:
		return c.y[0]
	case j > last:
		return c.y[last]
	}
	return c.y[j-1] + (c.y[j]-c.y[j-1])*(x-c.x[j-1])/(c.x[j]-c.x[j-1])
}
