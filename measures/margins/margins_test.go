package margins

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/measure/measuretest"
	"github.com/genbench/genbench/internal/evidence"
)

// fromNumPy is testdata/margins.json, made by testdata/make.py.
type fromNumPy struct {
	Cases []struct {
		Difference, Norms, Variances []float64
		Want                         map[string]map[string]float64
	}
}

func read(t *testing.T) fromNumPy {
	t.Helper()
	raw, err := os.ReadFile("testdata/margins.json")
	if err != nil {
		t.Fatal(err)
	}
	var e fromNumPy
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func netOf(difference, norms, variances []float64) measuretest.Net {
	return measuretest.Net{Classes: 3, LayerMargins: &measure.Margins{
		Difference: difference, Norms: measure.Matrix{Rows: len(difference), Cols: len(variances), Data: norms}, Variances: variances,
	}}
}

const tol = 1e-13 // float64 formulas with two square roots, relative

// TestStatistics holds the five numbers, their options and the mean over layers against NumPy.
func TestStatistics(t *testing.T) {
	ev := evidence.Open(t)
	compared := 0
	for i, c := range read(t).Cases {
		net := netOf(c.Difference, c.Norms, c.Variances)
		for _, m := range All() {
			name := m.Info().Name
			for _, kept := range []string{"drop", "keep"} {
				mean := 0.0
				for l := range c.Variances {
					want := c.Want[fmt.Sprint(kept, "/", l)][name]
					mean += want / float64(len(c.Variances))
					given := map[string]string{"layer": fmt.Sprint(l), "misclassified": kept}
					got, err := net.Compute(context.Background(), m, given)
					if err != nil {
						t.Errorf("case %d, %s %v: %v", i, name, given, err)
					}
					ev.Measure(name, "NumPy 1.24.2: percentile", evidence.RelativeTo("the value, or 1", tol, max(1, math.Abs(want))), got, want)
					given["log"] = "true"
					got, err = net.Compute(context.Background(), m, given)
					if _, undefined := measure.IsUndefined(err); undefined != (want <= 0) || want > 0 && math.Abs(got-math.Log(want)) > tol*max(1, math.Abs(got)) {
						t.Errorf("case %d, %s %v: %v, %v, the logarithm of %v", i, name, given, got, err, want)
					}
					compared++
				}
				got, err := net.Compute(context.Background(), m, map[string]string{"layer": "all", "misclassified": kept})
				if err != nil || math.Abs(got-mean) > tol*max(1, math.Abs(mean)) {
					t.Errorf("case %d, %s over all layers: %v, %v, want %v", i, name, got, err, mean)
				}
			}
			if s := m.(Statistic); s.isFence() {
				want := c.Want["drop/1"][map[string]string{"demogen-lower-fence": "lower-computed", "demogen-upper-fence": "upper-computed"}[name]]
				got, err := net.Compute(context.Background(), m, map[string]string{"fence": "computed"})
				if err != nil || math.Abs(got-want) > tol*max(1, math.Abs(want)) {
					t.Errorf("case %d, %s computed: %v, %v, NumPy %v", i, name, got, err, want)
				}
			}
		}
	}
	if compared < 100 {
		t.Errorf("only %d values compared", compared)
	}
}

// TestByHand: margins 1, 2, 3 with gradients of norm 2 at the first layer, whose variances sum to 4, are 1/4, 1/2 and
// 3/4 but for the ε; a wrong one is left out.
func TestByHand(t *testing.T) {
	net := netOf([]float64{3, -8, 1, 2}, []float64{9, 2, 9, 2, 9, 2, 9, 2}, []float64{1, 4})
	for name, want := range map[string]float64{
		"demogen-q1": 0.375, "demogen-median": 0.5, "demogen-q3": 0.625, "demogen-lower-fence": 0.25, "demogen-upper-fence": 0.75,
	} {
		for _, m := range All() {
			if m.Info().Name != name {
				continue
			}
			if got, err := net.Compute(context.Background(), m, nil); err != nil || math.Abs(got-want) > 1e-6 {
				t.Errorf("%s: %v, %v, want %v", name, got, err, want)
			}
		}
	}
}

func TestUndefined(t *testing.T) {
	for name, net := range map[string]measuretest.Net{
		"constant layer":    netOf([]float64{1}, []float64{1, 1}, []float64{1, 0}),
		"no correct answer": netOf([]float64{-1, 0}, []float64{1, 1, 1, 1}, []float64{1, 1}),
		"no hidden layer":   netOf([]float64{1}, []float64{1}, []float64{1}),
	} {
		for _, m := range All() {
			v, err := net.Compute(context.Background(), m, nil)
			if _, ok := measure.IsUndefined(err); !ok {
				t.Errorf("%s of %s: %v, %v", m.Info().Name, name, v, err)
			}
		}
	}
	if v, err := netOf([]float64{1}, []float64{1}, []float64{1}).Compute(context.Background(), All()[0], map[string]string{"layer": "first"}); err == nil {
		t.Errorf("layer first: %v", v)
	} else if _, ok := measure.IsUndefined(err); ok {
		t.Errorf("layer first is undefined: %v", err)
	}
}
