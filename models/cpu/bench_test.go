package cpu

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/genbench/genbench/models"
)

// chain is dense layers with ReLUs between them (and batch norm, if told).
func chain(norm bool, widths ...int) models.Architecture {
	a := models.Architecture{Family: "mlp", Input: models.Shape{C: 1, H: 1, W: widths[0]}, Classes: widths[len(widths)-1]}
	add := func(name string, k models.Kind, in, out int) {
		l := models.Layer{Name: fmt.Sprint(name, len(a.Layers)), Kind: k, In: in, Out: out}
		if k == models.BatchNorm {
			l.Epsilon, l.Momentum = 1e-5, 0.1
		}
		a.Layers = append(a.Layers, l)
	}
	for i := 1; i < len(widths); i++ {
		add("fc", models.Dense, widths[i-1], widths[i])
		if i == len(widths)-1 {
			break
		}
		if norm {
			add("bn", models.BatchNorm, widths[i], widths[i])
		}
		add("relu", models.ReLU, widths[i], widths[i])
	}
	return a
}

// drawn is a network's tensors, PyTorch's default initial ones, and n examples for it.
func drawn(t testing.TB, a models.Architecture, n int) (models.State, []float32, []int32) {
	t.Helper()
	s, err := models.InitialState(a, "pytorch", 1)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	x, y := make([]float32, n*a.Input.Size()), make([]int32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	for i := range y {
		y[i] = int32(rng.IntN(a.Classes))
	}
	return s, x, y
}

var momentum = models.Optimizer{Name: "sgd", LearningRate: 0.01, Momentum: 0.9}
var adam = models.Optimizer{Name: "adam", LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}

var shapes = []struct {
	widths []int
	batch  int
}{
	{[]int{64, 128, 128, 10}, 32},
	{[]int{784, 256, 256, 10}, 128},
	{[]int{196, 128, 128, 10}, 32},
	{[]int{196, 256, 256, 10}, 32},
	{[]int{196, 128, 128, 128, 128, 10}, 32},
	{[]int{196, 256, 256, 256, 256, 10}, 32},
	{[]int{196, 128, 128, 10}, 8},
	{[]int{196, 256, 256, 256, 256, 10}, 8},
}

func open(t testing.TB, e models.Engine, a models.Architecture, state models.State, maxBatch int) models.Session {
	t.Helper()
	s, err := e.NewSession(a, maxBatch)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetState(state); err != nil {
		t.Fatal(err)
	}
	return s
}

// BenchmarkStep is one training step.
func BenchmarkStep(b *testing.B) {
	for _, e := range engines(b) {
		for _, c := range shapes {
			b.Run(fmt.Sprint(e.Name(), "/", c.widths, "/batch", c.batch), func(b *testing.B) {
				benchmarkStep(b, e, chain(false, c.widths...), c.batch, momentum)
			})
		}
		b.Run(e.Name()+"/adam", func(b *testing.B) { benchmarkStep(b, e, chain(false, 196, 128, 128, 10), 32, adam) })
		b.Run(e.Name()+"/batchnorm", func(b *testing.B) { benchmarkStep(b, e, chain(true, 196, 128, 128, 10), 32, momentum) })
	}
}

func benchmarkStep(b *testing.B, e models.Engine, a models.Architecture, batch int, o models.Optimizer) {
	state, x, y := drawn(b, a, batch)
	s := open(b, e, a, state, batch)
	if err := s.Begin(o); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := s.Step(x, y, models.Draw{Step: uint64(i)}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(batch)*float64(b.N)/b.Elapsed().Seconds(), "examples/s")
}

// BenchmarkPerturbed is one candidate of a perturbation search: other tensors, 1,000 examples.
func BenchmarkPerturbed(b *testing.B) {
	const n = 1000
	for _, e := range engines(b) {
		for _, widths := range [][]int{{196, 128, 128, 10}, {196, 256, 256, 256, 256, 10}} {
			b.Run(fmt.Sprint(e.Name(), "/", widths), func(b *testing.B) {
				a := chain(false, widths...)
				state, x, _ := drawn(b, a, n)
				s := open(b, e, a, state, n)
				logits := make([]float32, n*a.Classes)
				b.ReportAllocs()
				for b.Loop() {
					if err := s.SetState(state); err != nil {
						b.Fatal(err)
					}
					if err := s.Logits(logits, x); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "examples/s")
			})
		}
	}
}

// convolutional are the networks of BenchmarkConvolutional.
func convolutional(b *testing.B) map[string]models.Architecture {
	resnet, err := models.ResNet(models.Shape{C: 3, H: 32, W: 32}, 10, models.ResNetOptions{Layers: 18, Width: 64})
	if err != nil {
		b.Fatal(err)
	}
	vgg, err := models.VGG(models.Shape{C: 1, H: 14, W: 14}, 10, models.VGGOptions{Width: 16, Depth: 3, BatchNorm: true})
	if err != nil {
		b.Fatal(err)
	}
	return map[string]models.Architecture{"resnet18": resnet, "thin-vgg": vgg}
}

// BenchmarkConvolutional is one training step of a batch of 64.
func BenchmarkConvolutional(b *testing.B) {
	for _, e := range engines(b) {
		for name, a := range convolutional(b) {
			b.Run(e.Name()+"/"+name, func(b *testing.B) { benchmarkStep(b, e, a, 64, momentum) })
		}
	}
}
