package models_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

// BenchmarkTrain is ten epochs of 196-128-128-10 on 1,000 examples in batches
// of 32, with all that Train records; steps/s says what the loop leaves of the
// engine's own speed (BenchmarkSteps).
func BenchmarkTrain(b *testing.B) {
	a, ex := benchmarkProblem(b)
	e, err := cpu.New("")
	if err != nil {
		b.Fatal(err)
	}
	t := models.Training{Optimizer: models.Optimizer{Name: "sgd", LearningRate: 0.02, Momentum: 0.9}, BatchSize: 32, MaxEpochs: 10, Init: "pytorch"}
	steps := 0
	for b.Loop() {
		got, err := models.Train(context.Background(), e, a, t, models.Seeds{}, ex, nil)
		if err != nil {
			b.Fatal(err)
		}
		steps += got.Steps
	}
	b.ReportMetric(float64(steps)/b.Elapsed().Seconds(), "steps/s")
}

// BenchmarkSteps is the same number of steps without the loop.
func BenchmarkSteps(b *testing.B) {
	a, ex := benchmarkProblem(b)
	e, err := cpu.New("")
	if err != nil {
		b.Fatal(err)
	}
	s, err := e.NewSession(a, 32)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	initial, err := models.InitialState(a, "pytorch", 0)
	if err != nil {
		b.Fatal(err)
	}
	if err := s.SetState(initial); err != nil {
		b.Fatal(err)
	}
	if err := s.Begin(models.Optimizer{Name: "sgd", LearningRate: 0.02, Momentum: 0.9}); err != nil {
		b.Fatal(err)
	}
	steps := 0
	for b.Loop() {
		for range 320 {
			if _, err := s.Step(ex.X[:32*196], ex.Y[:32], models.Draw{}); err != nil {
				b.Fatal(err)
			}
			steps++
		}
	}
	b.ReportMetric(float64(steps)/b.Elapsed().Seconds(), "steps/s")
}

func benchmarkProblem(b *testing.B) (models.Architecture, models.Examples) {
	b.Helper()
	a, err := models.MLP(models.Shape{C: 1, H: 14, W: 14}, 10, models.MLPOptions{Width: 128, Depth: 2})
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	ex := models.Examples{X: make([]float32, 1000*196), Y: make([]int32, 1000)}
	for i := range ex.X {
		ex.X[i] = rng.Float32()
	}
	for i := range ex.Y {
		ex.Y[i] = int32(rng.IntN(10))
	}
	return a, ex
}
