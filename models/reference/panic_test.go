package reference

import (
	"strings"
	"testing"

	"github.com/genbench/genbench/models"
)

// TestPanicIsError breaks a graph so that gorgonia panics on it, and checks
// that the call answers an error and that the next one works.
func TestPanicIsError(t *testing.T) {
	a, err := models.MLP(models.Shape{C: 1, H: 1, W: 3}, 2, models.MLPOptions{Width: 4, Depth: 1})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := New().NewSession(a, 4)
	if err != nil {
		t.Fatal(err)
	}
	s := opened.(*session)
	x, y := make([]float32, 6), []int32{0, 1}
	sums := [][]float64{make([]float64, 12), make([]float64, 4), make([]float64, 8), make([]float64, 2)}
	logits, norms, grad := make([]float32, 4), make([]float64, 2), models.NewState(a)
	if err := s.Begin(models.Optimizer{Name: "sgd", LearningRate: 1}); err != nil {
		t.Fatal(err)
	}
	calls := map[string]func() error{
		"Logits":          func() error { return s.Logits(logits, x) },
		"Outputs":         func() error { return s.Outputs(x, func(int, []float32) {}) },
		"Gradient":        func() error { _, err := s.Gradient(grad, x, y, models.Eval, models.Draw{}); return err },
		"GradientNorms":   func() error { return s.GradientNorms(norms, x, y) },
		"Backward":        func() error { return s.Backward(x, logits, func(int, []float32) {}) },
		"GradientDots":    func() error { return s.GradientDots(norms, x, y) },
		"GradientMoments": func() error { return s.GradientMoments(sums, sums, x, y) },
		"Step":            func() error { _, err := s.Step(x, y, models.Draw{}); return err },
	}
	for name, call := range calls {
		if err := call(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, p := range s.programs {
			for i := range p.nodes {
				p.nodes[i].leaf = nil // gorgonia's operators do not expect nil
			}
		}
		if err := call(); err == nil || !strings.Contains(err.Error(), "gorgonia") {
			t.Errorf("%s on a broken graph: %v; want an error that names gorgonia", name, err)
		}
		clear(s.programs)
		if err := call(); err != nil {
			t.Errorf("%s after a panic: %v", name, err)
		}
	}
}
