package gradients

import (
	"math"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/measure/measuretest"
)

// v8 is the specification's vector V8: gradients (1, 0), (2, 1), (3, -1) of three examples.
func v8() measuretest.Net {
	return measuretest.Net{
		TrainSize: 3, GradientMean: []float64{2, 0}, GradientVariance: []float64{2. / 3, 2. / 3},
		GradientNorms: func(string) []float64 { return []float64{1, 5, 10} },
		GradientDots:  []float64{1, -2, 3},
	}
}

func value(t *testing.T, m measure.Measure, n measuretest.Net, options map[string]string) (float64, error) {
	t.Helper()
	return n.Compute(t.Context(), m, options)
}

func TestVector(t *testing.T) {
	for _, c := range []struct {
		m    measure.Measure
		want float64
	}{
		{SignalToNoise{}, 3}, // the mean of V8's 6 and 0
		{Variance{}, 2. / 3}, // half of its trace of the covariance, 4/3
		{FisherTrace{}, 16. / 3},
		{FisherRao{}, 14. / 3}, // (1² + 2² + 3²)/3
	} {
		if got, err := value(t, c.m, v8(), nil); err != nil || math.Abs(got-c.want) > 1e-14 {
			t.Errorf("%s = %v, %v, want %v", c.m.Info().Name, got, err, c.want)
		}
	}
}

// TestSignalToNoiseLeavesOut: a unit that is off has gradients of 0; a variance that is float32's rounding of 0
// makes no ratio of millions.
func TestSignalToNoiseLeavesOut(t *testing.T) {
	n := v8()
	n.GradientMean = []float64{2, 0, 0, 5, 1e-20}
	n.GradientVariance = []float64{2. / 3, 2. / 3, 0, 1e-4, 1e-40}
	if got, err := value(t, SignalToNoise{}, n, nil); err != nil || math.Abs(got-7./3) > 1e-14 { // 6, 0 and 1
		t.Errorf("gsnr = %v, %v, want 7/3", got, err)
	}
	n.GradientMean, n.GradientVariance = []float64{2, 0}, []float64{0, 0}
	if _, err := value(t, SignalToNoise{}, n, nil); err == nil || !strings.Contains(err.Error(), "none varies") {
		t.Errorf("gsnr of one example's gradient: %v", err)
	}
}

// TestFisherRaoForms: logits (1, 3), label 0, by hand: p = softmax, Σ p_k f_k - f_y = 3 - 2/(1+e²) - 1; two
// weight layers.
func TestFisherRaoForms(t *testing.T) {
	n := v8()
	n.Logits, n.Labels = measure.Matrix32{Rows: 1, Cols: 2, Data: []float32{1, 3}}, []int32{0}
	n.Weights = []measure.Tensor{{Name: "conv1.weight", Shape: []int{1, 1, 1, 1}, Data: []float32{1}}, {Name: "conv1.bias", Shape: []int{1}, Data: []float32{1}}, {Name: "fc2.weight", Shape: []int{2, 1}, Data: []float32{1, 1}}}
	product := 2 - 2/(1+math.Exp(2))
	for form, want := range map[string]float64{"a": 14. / 3, "b": 4 * product * product, "fgm": 9 * 14. / 3} {
		if got, err := value(t, FisherRao{}, n, map[string]string{"form": form}); err != nil || math.Abs(got-want) > 1e-13 {
			t.Errorf("form %s: %v, %v, want %v", form, got, err, want)
		}
	}
}

// TestTIC: quotients, and the doubt about a trace that is mostly error.
func TestTIC(t *testing.T) {
	n := v8()
	trace := measure.Trace{Value: 8, Error: 1}
	n.HessianTrace = func(int) (measure.Trace, error) { return trace, nil }
	n.GradientNorms = func(labels string) []float64 {
		if labels == "expected" {
			return []float64{4, 4}
		}
		return []float64{1, 5, 10}
	}
	for over, want := range map[string]float64{"hessian": 16. / 3 / 8, "fisher": 4. / 3} {
		if got, err := value(t, TIC{}, n, map[string]string{"over": over}); err != nil || math.Abs(got-want) > 1e-15 {
			t.Errorf("over %s: %v, %v, want %v", over, got, err, want)
		}
	}
	options := map[string]string{"over": "hessian", "examples": "0"}
	trace.Error = 3
	net := n.Network(options)
	if _, err := (TIC{}).Compute(t.Context(), net); err != nil || !strings.Contains(strings.Join(net.Warnings(), ""), "standard error") {
		t.Errorf("a trace of 8 ± 3: %v, warnings %v", err, net.Warnings())
	}
	trace.Value = -1
	if _, err := value(t, TIC{}, n, nil); err == nil || !strings.Contains(err.Error(), "-1 ± 3, not above 0") {
		t.Errorf("a negative trace: %v", err)
	}
}

// TestFisherRaoOfResiduals: what rests on one depth has none in a residual network; the norm itself does.
func TestFisherRaoOfResiduals(t *testing.T) {
	n := v8()
	n.Weights = []measure.Tensor{{Name: "c.weight", Shape: []int{1, 1, 1, 1}, Data: []float32{1}}}
	n.Layers = []measure.Layer{{Name: "c", Kind: "conv2d"}, {Name: "sum", Kind: "add", With: "c"}}
	if v, err := value(t, FisherRao{}, n, nil); err != nil || math.Abs(v-14./3) > 1e-14 {
		t.Errorf("form=a: %v, %v", v, err)
	}
	for _, form := range []string{"b", "fgm"} {
		_, err := value(t, FisherRao{}, n, map[string]string{"form": form})
		if why, ok := measure.IsUndefined(err); !ok || !strings.Contains(err.Error(), "residual") {
			t.Errorf("form=%s: %v, %v", form, why, err)
		}
	}
}
