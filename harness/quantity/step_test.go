package quantity

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestStepUp: a step of rate·radius along the gradient's sign, cut at the box; none without a gradient.
func TestStepUp(t *testing.T) {
	nan := float32(math.NaN())
	w := []float32{0, 0, 0.9, -0.9, 0, 0, 0}
	grad := []float32{2, -3, 1, -1, 0, float32(math.Copysign(0, -1)), nan}
	one := []float32{1, 1, 1, 1, 1, 1, 1}
	low := []float32{-1, -1, -1, -1, -1, -1, -1}
	stepUp(w, grad, one, low, one, 0.25)
	for i, want := range []float32{0.25, -0.25, 1, -1, 0, 0, 0} {
		if w[i] != want {
			t.Errorf("value %d with gradient %v: %v, want %v", i, grad[i], w[i], want)
		}
	}
}

func BenchmarkStepUp(b *testing.B) {
	const n = 1 << 18
	w, grad, radius, low, high := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range w {
		radius[i], low[i], high[i] = 1, -1, 1
		if i/64%3 > 0 { // dead units come in runs
			grad[i] = float32(r.NormFloat64())
		}
	}
	b.SetBytes(4 * n)
	for b.Loop() {
		stepUp(w, grad, radius, low, high, 0.1)
	}
}
