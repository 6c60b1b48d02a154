package measures_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/measures"
	"github.com/genbench/genbench/measures/norms"
	"github.com/genbench/genbench/measures/optimization"
	"github.com/genbench/genbench/measures/outputs"
	"github.com/genbench/genbench/measures/spectra"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

// deterministic are the families of weights, margins, outputs and history.
func deterministic() map[string][]measure.Measure {
	var l2norm []measure.Measure
	for _, m := range measures.All() {
		if strings.HasPrefix(m.Info().Name, "l2norm") {
			l2norm = append(l2norm, m)
		}
	}
	return map[string][]measure.Measure{"l2norm": l2norm, "norms": norms.All(), "outputs": outputs.All(), "optimization": optimization.All(), "spectra": spectra.All()}
}

func score(t testing.TB, p *quantity.Provider, s *quantity.Subject, m measure.Measure) (float64, error) {
	t.Helper()
	info := m.Info()
	options, err := info.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	net := measure.NewNetwork(measure.Meta{Classes: s.Arch.Classes, TrainSize: s.Data.Train.Len(), Options: options}, provided{p, info.Needs})
	defer net.Release()
	return m.Compute(context.Background(), net)
}

// scores computes the families on a host of their own.
func scores(t *testing.T, e models.Engine, s *quantity.Subject) map[string]float64 {
	t.Helper()
	h := quantity.NewHost(e, t.TempDir())
	defer h.Close()
	p, err := h.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	out := map[string]float64{}
	for _, ms := range deterministic() {
		for _, m := range ms {
			name := m.Info().Name
			if out[name], err = score(t, p, s, m); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	return out
}

// TestReparametrized: other weights of the same function. Hidden units in another order move nothing but rounding. The first
// layer times 4 and the next by 4 less (exact: ReLU is homogeneous) leaves products of norms, the path norm and what looks at outputs where
// they are; sums of norms move.
func TestReparametrized(t *testing.T) {
	e := engine(t)
	s := trained(t, e)
	before := scores(t, e, s)
	permuted := *s
	permuted.Final, permuted.Init = reversed(s.Final), reversed(s.Init)
	permuted.Key = permuted.Final.Hash()
	for name, v := range scores(t, e, &permuted) {
		if math.Abs(v-before[name]) > 1e-4*math.Abs(before[name]) {
			t.Errorf("%s = %v, with units permuted %v", name, before[name], v)
		}
	}
	// Batch norm takes the factor up: its own gain and shift times 4.
	scaled := *s
	scaled.Final = s.Final.Clone()
	for name, factor := range map[string]float32{"bn1.weight": 4, "bn1.bias": 4, "fc2.weight": .25} {
		for i := range scaled.Final.Find(name).Data {
			scaled.Final.Find(name).Data[i] *= factor
		}
	}
	scaled.Key = scaled.Final.Hash()
	after := scores(t, e, &scaled)
	same := []string{"prod-of-fro", "prod-of-fro-over-margin", "sum-of-fro", "sum-of-fro-over-margin", "prod-of-spec", "prod-of-spec-over-margin", "sum-of-spec",
		"sum-of-spec-over-margin", "fro-over-spec", "spec-orig-main", "l2norm-product", "cross-entropy", "neg-entropy", "inverse-margin", "stable-rank"}
	for _, name := range same {
		if math.Abs(after[name]-before[name]) > 1e-5*math.Abs(before[name]) {
			t.Errorf("%s = %v, with layers rescaled %v", name, before[name], after[name])
		}
	}
	for _, name := range []string{"l2", "param-norm", "l2norm", "l2norm-fro", "frob-distance", "dist-spec-init", "log-norm", "log-spectral-norm"} {
		if slices.Contains(same, name) || math.Abs(after[name]-before[name]) < 1e-2*math.Abs(before[name]) {
			t.Errorf("%s = %v, with layers rescaled %v: it should move", name, before[name], after[name])
		}
	}
}

// BenchmarkDeterministic is the cost of the families of weights, margins, outputs and history on the largest network of the corpus
// quick, the host's quantities from nothing included. The milliseconds of each family are reported apart, each with what no
// family before it had asked for.
func BenchmarkDeterministic(b *testing.B) {
	for name, batchNorm := range map[string]bool{"plain": false, "batchnorm": true} {
		b.Run(name, func(b *testing.B) {
			e, s := large(b, batchNorm)
			h := quantity.NewHost(e, b.TempDir())
			defer h.Close()
			spent := map[string]time.Duration{}
			key := s.Key
			for i := 0; b.Loop(); i++ {
				s.Key = key + strings.Repeat("x", i+1) // another network to the cache
				p, err := h.Open(s)
				if err != nil {
					b.Fatal(err)
				}
				for _, family := range []string{"outputs", "l2norm", "norms", "optimization", "spectra"} {
					start := time.Now()
					for _, m := range deterministic()[family] {
						if _, err := score(b, p, s, m); err != nil {
							if _, ok := measure.IsUndefined(err); !ok {
								b.Fatalf("%s: %v", m.Info().Name, err)
							}
						}
					}
					spent[family] += time.Since(start)
				}
				p.Close()
			}
			for family, d := range spent {
				b.ReportMetric(float64(d.Microseconds())/1000/float64(b.N), family+"-ms")
			}
		})
	}
}

// large is a network 196-256-256-256-256-10 after 40 epochs on 1,000 images.
func large(b *testing.B, batchNorm bool) (models.Engine, *quantity.Subject) {
	b.Helper()
	e, err := cpu.New("")
	if err != nil {
		b.Fatal(err)
	}
	set, err := dataset.Open("fmnist-mini", "")
	if err != nil {
		b.Fatal(err)
	}
	data, err := dataset.Build(set, dataset.Transform{Pool: 2, Train: 1000, Test: 200})
	if err != nil {
		b.Fatal(err)
	}
	a, err := models.MLP(models.Shape{C: data.Shape.C, H: data.Shape.H, W: data.Shape.W}, data.Classes, models.MLPOptions{Width: 256, Depth: 4, BatchNorm: batchNorm})
	if err != nil {
		b.Fatal(err)
	}
	tr, err := models.Train(context.Background(), e, a, models.Training{
		Optimizer: models.Optimizer{Name: "sgd", LearningRate: 0.02, Momentum: 0.9}, BatchSize: 32, TargetLoss: 0.01, MaxEpochs: 60, Init: "pytorch",
	}, models.Seeds{Init: 1, Order: 2, Dropout: 3}, models.Examples{X: data.Train.X, Y: data.Train.Y}, nil)
	if err != nil {
		b.Fatal(err)
	}
	return e, &quantity.Subject{Key: tr.Final.Hash(), Arch: a, Final: tr.Final, Init: tr.Init, Data: data, Facts: facts(tr), Seed: 1}
}
