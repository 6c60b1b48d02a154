package spectra

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/measure/measuretest"
	"github.com/genbench/genbench/internal/evidence"
)

// fromWeightWatcher is testdata/spectra.json, made by testdata/make.py with WeightWatcher 0.7.5.5.
type fromWeightWatcher struct {
	Network struct {
		Spectra []struct {
			Kernel     bool
			Rows, Cols int
			Values     []float64
		}
		Want map[string]float64
	}
	Fits []struct {
		Evals          []float64
		Alpha, D, Xmin float64
		Clipped        *float64
		Fingers        int
	}
}

func read(t *testing.T) fromWeightWatcher {
	t.Helper()
	raw, err := os.ReadFile("testdata/spectra.json")
	if err != nil {
		t.Fatal(err)
	}
	var e fromWeightWatcher
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// compute runs NAME or NAME[OPTION=VALUE,...] on a network of these spectra.
func compute(t *testing.T, name string, spectra []measure.Spectrum) (float64, error) {
	t.Helper()
	base, rest, _ := strings.Cut(name, "[")
	given := map[string]string{}
	for _, kv := range strings.Split(strings.TrimSuffix(rest, "]"), ",") {
		if k, v, ok := strings.Cut(kv, "="); ok {
			given[k] = v
		}
	}
	net := measuretest.Net{Spectra: func(o measure.SpectraOptions) ([]measure.Spectrum, error) {
		if !o.Stored || o.Conv != "slices" || o.Weights != "" {
			t.Errorf("%s asks for %+v", name, o)
		}
		return spectra, nil
	}}
	for _, m := range All() {
		if m.Info().Name == base {
			return net.Compute(context.Background(), m, given)
		}
	}
	t.Fatalf("no measure %s", base)
	return 0, nil
}

// TestConvolutions: a network of kernels and a dense layer, pooled and not, with other bounds on the number of eigenvalues. WeightWatcher
// rounds a kernel to float32 after it has multiplied it by √½, 6e-8 of a weight: 1e-6 of a value.
func TestConvolutions(t *testing.T) {
	ev := evidence.Open(t)
	e := read(t)
	var spectra []measure.Spectrum
	for _, s := range e.Network.Spectra {
		spectra = append(spectra, measure.Spectrum{Kernel: s.Kernel, Rows: s.Rows, Cols: s.Cols, Values: s.Values})
	}
	if len(e.Network.Want) != 24 {
		t.Fatalf("%d values", len(e.Network.Want))
	}
	for name, want := range e.Network.Want {
		got, err := compute(t, name, spectra)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		ev.Measure(name, "WeightWatcher 0.7.5.5, with kernels", evidence.Relative(1e-6), got, want)
	}
}

// TestFits: WeightWatcher's power law, all of it and with the largest eigenvalues clipped. The first list is vector V9.
func TestFits(t *testing.T) {
	several := 0
	for i, c := range read(t).Fits {
		got, ok := fitTail(above(c.Evals))
		if !ok || math.Abs(got.alpha-c.Alpha) > 1e-11*c.Alpha || math.Abs(got.distance-c.D) > 1e-12 || got.xmin != c.Xmin {
			t.Errorf("list %d: %+v, WeightWatcher alpha %v, D %v, xmin %v", i, got, c.Alpha, c.D, c.Xmin)
		}
		a, ok := exponent(sortedValues(c.Evals), false)
		if !ok || a != got.alpha {
			t.Errorf("list %d: exponent %v, %v, of the fit %v", i, a, ok, got.alpha)
		}
		if c.Clipped == nil {
			continue
		}
		if a, ok = exponent(sortedValues(c.Evals), true); !ok || math.Abs(a-*c.Clipped) > 1e-11*a {
			t.Errorf("list %d: clipped to %v, WeightWatcher %v after %d", i, a, *c.Clipped, c.Fingers)
		}
		if c.Fingers > 1 {
			several++
		}
	}
	if several < 5 {
		t.Errorf("%d lists are clipped more than once", several)
	}
}

// TestVectors: V9 with its chosen xmin; V8, at the fixed xmin 2, by the same formula, and the norms of the same list.
func TestVectors(t *testing.T) {
	evals := []float64{1, 1.5, 2, 3, 5, 9, 20}
	got, ok := fitTail(evals)
	if !ok || math.Abs(got.alpha-1.7778106757) > 1e-10 || math.Abs(got.distance-0.1459379475) > 1e-10 || got.xmin != 1 {
		t.Errorf("V9: %+v", got)
	}
	// At xmin = 2 the likelihood's exponent is that of the tail that begins there, whatever its distance.
	var logs float64
	for _, v := range evals[2:] {
		logs += math.Log(v)
	}
	const alpha = 1.9749594667
	if a := likeliest(logs, math.Log(2), 5); math.Abs(a-alpha) > 1e-10 {
		t.Errorf("V8: alpha %v", a)
	}
	if v := logPowerSum(evals, alpha); math.Abs(v-2.6881371248) > 1e-10 {
		t.Errorf("V8: log alpha norm %v", v)
	}
	l := layer{"w", evals}
	for f, want := range map[form]float64{logNorm: 1.6180480967, logSpectralNorm: math.Log10(20), stableRank: 2.075} {
		if v, ok, err := (Measure{f}).layer(l, false); err != nil || !ok || math.Abs(v-want) > 1e-10 {
			t.Errorf("V8: form %d: %v, %v, %v, want %v", f, v, ok, err, want)
		}
	}
}

// TestLeftOut: layers out of bounds, and those whose fit fails, do not count; what remains nothing of is undefined.
func TestLeftOut(t *testing.T) {
	spectrum := func(values ...float64) measure.Spectrum {
		return measure.Spectrum{Name: "w", Rows: len(values), Cols: len(values), Values: values}
	}
	ten := spectrum(10, 9, 8, 7, 6, 5, 4, 3, 2, 1)
	nine, small := spectrum(9, 8, 7, 6, 5, 4, 3, 2, 1), spectrum(1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	equal := spectrum(2, 2, 2, 2, 2, 2, 2, 2, 2, 2)
	wide := ten
	wide.Cols = 50001
	alone, err := compute(t, "alpha", []measure.Spectrum{ten})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := compute(t, "alpha", []measure.Spectrum{ten, nine, small, wide}); err != nil || v != alone {
		t.Errorf("alpha %v, %v, want that of the one layer, %v", v, err, alone)
	}
	for name, spectra := range map[string][]measure.Spectrum{
		"alpha": {nine}, "log-norm": {nine, wide}, "alpha-hat": {small}, "log-alpha-norm": {equal}, "stable-rank": {spectrum(make([]float64, 10)...)},
	} {
		v, err := compute(t, name, spectra)
		if _, ok := measure.IsUndefined(err); !ok {
			t.Errorf("%s: %v, %v, want undefined", name, v, err)
		}
	}
	for _, options := range []string{"[min_evals=0]", "[min_evals=20,max_evals=10]", "[max_evals=many]"} {
		if v, err := compute(t, "alpha"+options, []measure.Spectrum{ten}); err == nil {
			t.Errorf("%s: %v", options, v)
		}
	}
}

func sortedValues(v []float64) []float64 {
	s := slices.Clone(v)
	slices.Sort(s)
	return s
}

// above are the sorted values that fits look at.
func above(v []float64) []float64 {
	s := sortedValues(v)
	return s[slices.IndexFunc(s, func(x float64) bool { return x > threshold }):]
}
