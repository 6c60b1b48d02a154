package reference

import (
	"strings"
	"testing"

	"github.com/genbench/genbench/models"
)

// TestPanicIsError breaks graphs so that gorgonia panics on them, and checks
// that the call answers an error and that the next one works.
func TestPanicIsError(t *testing.T) {
	mlp, err := models.MLP(models.Shape{C: 1, H: 1, W: 16}, 2, models.MLPOptions{Width: 4, Depth: 1})
	if err != nil {
		t.Fatal(err)
	}
	image := models.Architecture{Family: "free", Input: models.Shape{C: 1, H: 4, W: 4}, Classes: 2, Layers: []models.Layer{
		{Name: "c", Kind: models.Conv2D, In: 16, Out: 48, Channels: 3, Kernel: 3, Stride: 1, Padding: 1},
		{Name: "p", Kind: models.MaxPool, In: 48, Out: 12, Kernel: 2, Stride: 2},
		{Name: "fc", Kind: models.Dense, In: 12, Out: 2},
	}}
	for name, a := range map[string]models.Architecture{"mlp": mlp, "image": image} {
		t.Run(name, func(t *testing.T) { testPanicIsError(t, a) })
	}
}

func testPanicIsError(t *testing.T, a models.Architecture) {
	opened, err := New().NewSession(a, 4)
	if err != nil {
		t.Fatal(err)
	}
	s := opened.(*session)
	x, y := make([]float32, 32), []int32{0, 1}
	var sums [][]float64
	for _, t := range a.Tensors() {
		sums = append(sums, make([]float64, t.Size()))
	}
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
