package reference

import (
	"testing"

	"github.com/genbench/genbench/models"
)

// BenchmarkStep is a training step of 196-128-128-10 on 32 examples, the size
// of the built-in corpora.
func BenchmarkStep(b *testing.B) {
	a, err := models.MLP(models.Shape{C: 1, H: 14, W: 14}, 10, models.MLPOptions{Width: 128, Depth: 2})
	if err != nil {
		b.Fatal(err)
	}
	s, err := New().NewSession(a, 32)
	if err != nil {
		b.Fatal(err)
	}
	state, err := models.InitialState(a, "pytorch", 1)
	if err != nil {
		b.Fatal(err)
	}
	if err := s.SetState(state); err != nil {
		b.Fatal(err)
	}
	if err := s.Begin(models.Optimizer{Name: "sgd", LearningRate: 0.01, Momentum: 0.9}); err != nil {
		b.Fatal(err)
	}
	x, y := make([]float32, 32*196), make([]int32, 32)
	for i := range x {
		x[i] = float32(i%17) / 17
	}
	for b.Loop() {
		if _, err := s.Step(x, y, models.Draw{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(32*float64(b.N)/b.Elapsed().Seconds(), "examples/s")
}
