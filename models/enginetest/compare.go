package enginetest

import (
	"math"
	"testing"

	"github.com/genbench/genbench/models"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func abs(v float64) float64 { return math.Abs(v) }

// largest is the largest magnitude.
func largest(v []float64) float64 {
	var top float64
	for _, x := range v {
		top = math.Max(top, abs(x))
	}
	return top
}

// closeTo compares an array with its true values: every error at most tolerance
// times the array's largest magnitude, or extra.
func closeTo(t *testing.T, what string, got []float32, want []float64, extra float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	bound := tolerance*largest(want) + extra
	for i, v := range got {
		if d := abs(float64(v) - want[i]); !(d <= bound) {
			t.Errorf("%s[%d] = %v, want %v: off by %.2g, allowed %.2g", what, i, v, want[i], d, bound)
			return // one a tensor tells enough
		}
	}
}

// closeScalar compares one value by its relative error, with an absolute allowance.
func closeScalar(t *testing.T, what string, got, want, extra float64) {
	t.Helper()
	if d := abs(got - want); !(d <= tolerance*abs(want)+extra) {
		t.Errorf("%s = %v, want %v: off by %.2g", what, got, want, d)
	}
}

// closeStates compares gradients tensor by tensor.
func closeStates(t *testing.T, what string, got models.State, want [][]float64) {
	t.Helper()
	var top float64
	for _, w := range want {
		top = math.Max(top, largest(w))
	}
	for i, g := range got {
		closeTo(t, what+" "+g.Name, g.Data, want[i], floor*top)
	}
}

func wide(s models.State) [][]float64 {
	w := make([][]float64, len(s))
	for i, t := range s {
		w[i] = widen(t.Data)
	}
	return w
}

// sameBits compares two states bit for bit.
func sameBits(t *testing.T, what string, a, b models.State) {
	t.Helper()
	for i := range a {
		sameFloats(t, what+" "+a[i].Name, a[i].Data, b[i].Data)
	}
}

func sameFloats(t *testing.T, what string, a, b []float32) {
	t.Helper()
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			t.Errorf("%s[%d]: %v and %v, want equal bits", what, i, a[i], b[i])
			return
		}
	}
}

// nan fills a slice so that a value nobody wrote cannot pass.
func nan(x []float32) []float32 {
	for i := range x {
		x[i] = float32(math.NaN())
	}
	return x
}

func nanState(a models.Architecture) models.State {
	s := models.NewState(a)
	for i := range s {
		nan(s[i].Data)
	}
	return s
}
