package cpu

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/genbench/genbench/models"
)

// BenchmarkGradients is what one batch of 256 costs each method on gradients, in multiples of one
// forward pass (F): the median of runs that take turns with Logits on the same batch.
func BenchmarkGradients(b *testing.B) {
	const n = 256
	for _, e := range engines(b) {
		for _, norm := range []bool{false, true} {
			for _, widths := range [][]int{{196, 256, 256, 10}, {784, 256, 256, 10}} {
				a := chain(norm, widths...)
				state, x, y := drawn(b, a, n)
				s := open(b, e, a, state, n)
				logits, values, product := make([]float32, n*a.Classes), make([]float64, n), models.NewState(a)
				var sum, squares [][]float64
				for _, spec := range a.Tensors() {
					sum, squares = append(sum, make([]float64, spec.Size())), append(squares, make([]float64, spec.Size()))
				}
				for _, m := range []struct {
					name string
					call func() error
				}{
					{"Backward", func() error { return s.Backward(x, logits, func(int, []float32) {}) }},
					{"GradientNorms", func() error { return s.GradientNorms(values, x, y) }},
					{"GradientDots", func() error { return s.GradientDots(values, x, y) }},
					{"GradientMoments", func() error { return s.GradientMoments(sum, squares, x, y) }},
					{"HessianVector", func() error { return s.(models.SecondOrder).HessianVector(product, state, x, y) }},
				} {
					b.Run(fmt.Sprint(e.Name(), "/", widths, "/batchnorm=", norm, "/", m.name), func(b *testing.B) {
						inForwards(b, m.call, func() error { return s.Logits(logits, x) })
					})
				}
			}
		}
	}
}

// inForwards reports the median time of call and its ratio to that of forward.
func inForwards(b *testing.B, call, forward func() error) {
	var times [2][]time.Duration
	if err := call(); err != nil { // makes the buffers
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		for i, f := range []func() error{call, forward} {
			start := time.Now()
			if err := f(); err != nil {
				b.Fatal(err)
			}
			times[i] = append(times[i], time.Since(start))
		}
	}
	var medians [2]float64
	for i, ts := range times {
		slices.Sort(ts)
		medians[i] = float64(ts[len(ts)/2].Microseconds())
	}
	b.ReportMetric(medians[0]/medians[1], "F")
	b.ReportMetric(medians[0], "µs")
	b.ReportMetric(0, "ns/op") // of both together: not shown
}
