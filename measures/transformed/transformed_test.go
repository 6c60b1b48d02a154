package transformed

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

const tol = 1e-12 // float64 sums of 500 terms, relative

// TestMeanMargin holds the mean, its options and the trimmed spread against SciPy (testdata/make.py).
func TestMeanMargin(t *testing.T) {
	ev := evidence.Open(t)
	raw, err := os.ReadFile("testdata/transformed.json")
	if err != nil {
		t.Fatal(err)
	}
	var e struct {
		Cases []struct {
			Difference, Norms, Variances []float64
			Keep, Drop                   float64
		}
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	for i, c := range e.Cases {
		net := measuretest.Net{Classes: 2, ChangedMargins: func(string, string, measure.SampleOptions) (measure.ChangedMargins, error) {
			return measure.ChangedMargins{Difference: c.Difference, Norms: c.Norms, Variances: c.Variances}, nil
		}}
		for kept, want := range map[string]float64{"keep": c.Keep, "drop": c.Drop} {
			got, err := net.Compute(context.Background(), MixupMargin(), map[string]string{"misclassified": kept})
			if err != nil {
				t.Errorf("case %d, %s: %v", i, kept, err)
			}
			ev.Measure("mixup-margin[misclassified="+kept+"]", "SciPy 1.10.1: trim_mean", evidence.Relative(tol), got, want)
		}
	}
	if len(e.Cases) == 0 {
		t.Error("no cases")
	}
}

// TestAsked: each measure asks for its transform, at the layer and of the sample that its options say.
func TestAsked(t *testing.T) {
	asked := ""
	net := measuretest.Net{Classes: 2, ChangedMargins: func(transform, layer string, o measure.SampleOptions) (measure.ChangedMargins, error) {
		asked = fmt.Sprint(transform, " ", layer, " ", o)
		return measure.ChangedMargins{Difference: []float64{1}, Norms: []float64{1}, Variances: []float64{1}}, nil
	}}
	for _, m := range []Margin{MixupMargin(), AugmentMargin()} {
		for _, c := range []struct {
			given map[string]string
			want  string
		}{{nil, " 1 {10 50 0}"}, {map[string]string{"layer": "last", "rounds": "3", "examples": "0"}, " last {3 0 0}"}} {
			if _, err := net.Compute(context.Background(), m, c.given); err != nil || asked != m.transform+c.want {
				t.Errorf("%s%v: asked for %q, %v; want %q", m.Info().Name, c.given, asked, err, m.transform+c.want)
			}
		}
		for _, bad := range []map[string]string{{"rounds": "0"}, {"examples": "-1"}, {"rounds": "few"}} {
			if v, err := net.Compute(context.Background(), m, bad); err == nil {
				t.Errorf("%s%v: %v", m.Info().Name, bad, v)
			}
		}
	}
}

func TestUndefined(t *testing.T) {
	for name, c := range map[string]measure.ChangedMargins{
		"a constant layer":  {Difference: []float64{1}, Norms: []float64{1}, Variances: []float64{0, 0}},
		"no correct answer": {Difference: []float64{-1}, Norms: []float64{1}, Variances: []float64{1}},
		"an overflow":       {Difference: []float64{1}, Norms: []float64{1}, Variances: []float64{math.NaN()}},
	} {
		v, err := meanMargin(c, true)
		if _, ok := measure.IsUndefined(err); !ok {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
}

// TestAlwaysGeneralize by hand: of two images the first answers 1 with 0.9. Every disturbance of it costs its difference of
// confidence, 0.1, but the Sobel edges, which change the answer (3). All of the second one's answers change.
func TestAlwaysGeneralize(t *testing.T) {
	a := measure.Answers{Rows: 8, Examples: 2}
	for row := range 8 {
		first, sure := int32(1), 0.8
		if row == 0 {
			sure = 0.9
		}
		if row == 4 {
			first = 0
		}
		second := int32(2)
		if row > 0 {
			second = 0
		}
		a.Predicted = append(a.Predicted, first, second)
		a.Confidence = append(a.Confidence, sure, 0.5)
	}
	asked := -1
	net := measuretest.Net{Classes: 3, Answers: func(examples int) measure.Answers { asked = examples; return a }}
	got, err := net.Compute(context.Background(), AlwaysGeneralize{}, nil)
	if want := -((6*0.1 + 3) + (6 + 1 + 2 + 3 + 1 + 12 + 2)) / 2; err != nil || math.Abs(got-want) > tol {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if asked != 12864 { // 201 batches of 64
		t.Errorf("%d examples asked for", asked)
	}
	for i := range a.Predicted {
		a.Predicted[i], a.Confidence[i] = 1, 0.7
	}
	if got, err := net.Compute(context.Background(), AlwaysGeneralize{}, nil); err != nil || got != 0 || math.Signbit(got) {
		t.Errorf("nothing moves the answer: %v, %v, want 0", got, err)
	}
	a.Rows = 7
	a.Predicted, a.Confidence = a.Predicted[:14], a.Confidence[:14]
	if v, err := net.Compute(context.Background(), AlwaysGeneralize{}, nil); err == nil {
		t.Errorf("answers to six disturbances: %v", v)
	}
}
