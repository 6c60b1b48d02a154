package norms_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/measure/measuretest"
	"github.com/genbench/genbench/internal/evidence"
	"github.com/genbench/genbench/measures/norms"
)

func weight(name string, v ...float32) measure.Tensor {
	n := int(math.Sqrt(float64(len(v))))
	return measure.Tensor{Name: name, Shape: []int{n, n}, Data: v}
}

func bias(name string, v ...float32) measure.Tensor {
	return measure.Tensor{Name: name, Shape: []int{len(v)}, Data: v}
}

// v6 is the network of the specification's vector V6: diag(1, 2), diag(3, 1) from diag(.5, 1), I, with γ = .5. Its biases are
// not 0, which no norm looks at.
func v6() measuretest.Net {
	paths := math.Log(13)
	return measuretest.Net{
		Weights:     []measure.Tensor{weight("fc1.weight", 1, 0, 0, 2), bias("fc1.bias", 7, 7), weight("fc2.weight", 3, 0, 0, 1), bias("fc2.bias", 7, 7)},
		Init:        []measure.Tensor{weight("fc1.weight", .5, 0, 0, 1), bias("fc1.bias", 1, 1), weight("fc2.weight", 1, 0, 0, 1), bias("fc2.bias", 1, 1)},
		Margins:     slices.Repeat([]float64{.5}, 20),
		Classes:     2,
		LogPathNorm: &paths, // the host's: harness/quantity
	}
}

func find(t *testing.T, name string) measure.Measure {
	t.Helper()
	for _, m := range norms.All() {
		if m.Info().Name == name {
			return m
		}
	}
	t.Fatalf("no measure %s", name)
	return nil
}

// TestV6: all values of the vector, and those of its size-adjusted column that follow from them.
func TestV6(t *testing.T) {
	ev := evidence.Open(t)
	want := map[string]float64{
		"l2": 3.8729833462, "l2-dist": math.Sqrt(5.25), "param-norm": 15, "frob-distance": 5.25, "dist-spec-init": 5, "fro-over-spec": 2.3611111111,
		"prod-of-spec": math.Log(36), "prod-of-spec-over-margin": math.Log(144), "sum-of-spec": math.Log(12), "sum-of-spec-over-margin": math.Log(24),
		"prod-of-fro": math.Log(50), "prod-of-fro-over-margin": math.Log(200), "sum-of-fro": math.Log(14.1421356237), "sum-of-fro-over-margin": math.Log(28.2842712475),
		"spec-orig-main": math.Log(340), "spec-init-main": math.Log(109), "path-norm": math.Log(13), "path-norm-over-margin": math.Log(52),
	}
	for _, m := range norms.All() {
		info := m.Info()
		name := strings.TrimSuffix(info.Name, "-fft") // of dense layers both are the same
		got, err := v6().Compute(context.Background(), m, nil)
		if err != nil {
			t.Errorf("%s: %v", info.Name, err)
		}
		ev.Measure(info.Name, "closed form: diagonal layers, in Python 3.11", evidence.Absolute(1e-10), got, want[name]) // the vector's digits
	}
	if n := len(norms.All()); n != len(want)+8 {
		t.Errorf("%d measures, %d values and 8 of them by FFT", n, len(want))
	}
	// √13/.5
	got, err := v6().Compute(context.Background(), find(t, "path-norm-over-margin"), map[string]string{"root": "true"})
	if err != nil || math.Abs(got-math.Log(math.Sqrt(13)/.5)) > 1e-14 {
		t.Errorf("path-norm-over-margin[root=true] = %v, %v", got, err)
	}
}

// TestFFT: the variants, and they alone, ask for circular norms; 10 and 20 stand for those of V6's layers.
func TestFFT(t *testing.T) {
	net := v6()
	net.LayerNorms = func(o measure.SpectraOptions) ([]measure.LayerNorm, error) {
		fro, spectral := []float64{math.Sqrt(5), math.Sqrt(10)}, []float64{1, 1}
		if o.Conv == "fft" {
			spectral = []float64{10, 20}
		}
		if o.Weights == "difference" {
			fro = []float64{math.Sqrt(1.25), 2}
			if o.Conv == "fft" {
				spectral = []float64{3, 4}
			}
		}
		return []measure.LayerNorm{{Spectral: spectral[0], Frobenius: fro[0]}, {Spectral: spectral[1], Frobenius: fro[1]}}, nil
	}
	main := math.Log(4e4 / .25)
	for name, want := range map[string]float64{
		"prod-of-spec-fft": math.Log(4e4), "prod-of-spec-over-margin-fft": main, "sum-of-spec-fft": math.Log(2 * 200), "sum-of-spec-over-margin-fft": math.Log(2 * 400),
		"fro-over-spec-fft": 5./100 + 10./400, "spec-init-main-fft": main + math.Log(1.25/100+4./400), "spec-orig-main-fft": main + math.Log(5./100+10./400),
		"dist-spec-init-fft": 25, "prod-of-spec": 0, "dist-spec-init": 2, "fro-over-spec": 15,
	} {
		got, err := net.Compute(context.Background(), find(t, name), nil)
		if err != nil || math.Abs(got-want) > 1e-12 {
			t.Errorf("%s = %v, %v, want %v", name, got, err, want)
		}
	}
}

// TestMargin: margins -2..17 of vector V5: numpy's 10th percentile is -0.1, the (20 div 10)-th smallest -1.
func TestMargin(t *testing.T) {
	net := v6()
	net.Margins = nil
	for m := 17; m >= -2; m-- {
		net.Margins = append(net.Margins, float64(m))
	}
	m := find(t, "prod-of-fro-over-margin")
	got, err := net.Compute(context.Background(), m, nil)
	if reason, ok := measure.IsUndefined(err); !ok || !strings.Contains(reason, "-0.1 is not positive") {
		t.Errorf("a negative percentile: %v, %v", got, err)
	}
	if got, err = net.Compute(context.Background(), m, map[string]string{"margin": "rgm"}); err != nil || math.Abs(got-math.Log(50)) > 1e-14 {
		t.Errorf("|-1|: %v, %v, want ln 50", got, err)
	}
	net.Margins = net.Margins[:9]
	for _, margin := range []string{"percentile", "rgm"} {
		_, err := net.Compute(context.Background(), m, map[string]string{"margin": margin})
		if reason, ok := measure.IsUndefined(err); !ok || !strings.Contains(reason, "there are 9") {
			t.Errorf("margin=%s of 9 examples: %v", margin, err)
		}
	}
	net.Margins = slices.Repeat([]float64{0}, 10)
	if _, err := net.Compute(context.Background(), m, map[string]string{"margin": "rgm"}); err == nil {
		t.Error("a margin of 0 is divided by")
	}
}

// TestUndefined: what has no logarithm or no quotient says so; the others are 0.
func TestUndefined(t *testing.T) {
	zero := v6()
	zero.Weights = []measure.Tensor{weight("fc1.weight", 0, 0, 0, 0), weight("fc2.weight", 3, 0, 0, 1)}
	zero.Init = zero.Weights
	for _, m := range norms.All() {
		info := m.Info()
		got, err := zero.Compute(context.Background(), m, nil)
		_, undefined := measure.IsUndefined(err)
		switch name := strings.TrimSuffix(info.Name, "-fft"); name {
		case "l2-dist", "frob-distance", "dist-spec-init":
			if err != nil || got != 0 {
				t.Errorf("%s of weights that did not move: %v, %v", info.Name, got, err)
			}
		case "l2", "param-norm", "path-norm", "path-norm-over-margin":
			if err != nil {
				t.Errorf("%s: %v", info.Name, err)
			}
		default:
			if !undefined {
				t.Errorf("%s of a layer of zeros: %v, %v", info.Name, got, err)
			}
		}
	}
	still := v6()
	still.Init = still.Weights
	if v, err := still.Compute(context.Background(), find(t, "spec-init-main"), nil); err == nil {
		t.Errorf("spec-init-main of weights that did not move: %v", v)
	}
	other := v6()
	other.LayerNorms = func(o measure.SpectraOptions) ([]measure.LayerNorm, error) {
		return make([]measure.LayerNorm, map[string]int{"": 2, "difference": 1}[o.Weights]), nil
	}
	if v, err := other.Compute(context.Background(), find(t, "spec-init-main"), nil); err == nil {
		t.Errorf("one matrix before training, two after: %v", v)
	}
}

// TestDescriptions: every measure explains itself and has its name in RGM's enumeration.
func TestDescriptions(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range norms.All() {
		info := m.Info()
		if info.Formula == "" || info.Deviations == "" || len(info.Aliases) != 1 || seen[info.Aliases[0]] {
			t.Errorf("%s: %q, %q, aliases %v", info.Name, info.Formula, info.Deviations, info.Aliases)
		}
		seen[info.Aliases[0]] = true
		for symbol, explained := range map[string]string{"γ": "γ the training margin", "n_S": "n_S the", "n_F": "n_F the", "W⁰": "W⁰_j before", "(1/d)": "d the number"} {
			formula, symbols, _ := strings.Cut(info.Formula, ";")
			if strings.Contains(formula, symbol) != strings.Contains(symbols, explained) {
				t.Errorf("%s: %s is in the formula or explained, not both: %s", info.Name, symbol, info.Formula)
			}
		}
	}
}
