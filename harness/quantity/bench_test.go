package quantity_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

// trained is a network of the quick corpus: 1,000 images of 14 x 14, trained as the corpus does.
func trained(t testing.TB, width, depth int, shuffle float64, batchNorm bool) (*quantity.Subject, models.Engine) {
	t.Helper()
	e, err := cpu.New("")
	if err != nil {
		t.Fatal(err)
	}
	set, err := dataset.Open("fmnist-mini", "")
	if err != nil {
		t.Fatal(err)
	}
	data, err := dataset.Build(set, dataset.Transform{Pool: 2, Train: 1000, Test: 2000, LabelShuffle: shuffle, ShuffleMode: "permute"})
	if err != nil {
		t.Fatal(err)
	}
	a, err := models.MLP(models.Shape{C: data.Shape.C, H: data.Shape.H, W: data.Shape.W}, data.Classes, models.MLPOptions{Width: width, Depth: depth, BatchNorm: batchNorm})
	if err != nil {
		t.Fatal(err)
	}
	tr, err := models.Train(context.Background(), e, a, models.Training{
		Optimizer: models.Optimizer{Name: "sgd", LearningRate: 0.02, Momentum: 0.9}, BatchSize: 32, TargetLoss: 0.01, MaxEpochs: 400, Init: "pytorch",
	}, models.Seeds{Init: 1, Order: 2, Dropout: 3}, models.Examples{X: data.Train.X, Y: data.Train.Y}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &quantity.Subject{
		Key: tr.Final.Hash() + "|" + data.Hash, Arch: a, Final: tr.Final, Init: tr.Init, Data: data, Seed: 1,
	}, e
}

// shapes of the quick corpus: width and depth.
var shapes = [][2]int{{128, 2}, {128, 4}, {256, 2}, {256, 4}}

func BenchmarkSearches(b *testing.B) {
	for _, s := range shapes {
		subject, e := trained(b, s[0], s[1], 0.25, false)
		for _, name := range []string{"pac-bayes", "sharpness"} {
			for _, kind := range []string{"plain", "magnitude"} {
				b.Run(fmt.Sprintf("%s/%s/%dx%d", name, kind, s[0], s[1]), func(b *testing.B) {
					for b.Loop() {
						h := quantity.NewHost(e, b.TempDir())
						get(b, open(b, h, subject), name, map[string]string{"kind": kind})
						h.Close()
					}
				})
			}
		}
	}
}

// BenchmarkAll is a network's whole cost: every quantity with its defaults, the
// sums and complexities of both splits, and the four searches, on the host of a
// worker that has met the architecture before.
func BenchmarkAll(b *testing.B) {
	for _, s := range shapes {
		subject, e := trained(b, s[0], s[1], 0.25, false)
		b.Run(fmt.Sprintf("%dx%d", s[0], s[1]), func(b *testing.B) {
			h := quantity.NewHost(e, b.TempDir())
			defer h.Close()
			key := subject.Key
			for i := 0; b.Loop(); i++ {
				subject.Key = fmt.Sprint(key, i) // another network to the cache
				p := open(b, h, subject)
				for _, name := range quantity.Names() {
					if name != "sibling" { // there is none
						get(b, p, name, nil)
					}
				}
				get(b, p, "layer-sums", map[string]string{"split": "test"})
				get(b, p, "complexity", map[string]string{"split": "test"})
				get(b, p, "pac-bayes", map[string]string{"kind": "magnitude"})
				get(b, p, "sharpness", map[string]string{"kind": "magnitude"})
				p.Close()
			}
		})
	}
}

func open(t testing.TB, h *quantity.Host, s *quantity.Subject) *quantity.Provider {
	t.Helper()
	p, err := h.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func get(t testing.TB, p *quantity.Provider, name string, args map[string]string) *quantity.Bundle {
	t.Helper()
	b, err := p.Get(context.Background(), name, args)
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return b
}
