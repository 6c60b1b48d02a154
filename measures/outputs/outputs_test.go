package outputs_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/measure/measuretest"
	"github.com/genbench/genbench/internal/evidence"
	"github.com/genbench/genbench/measures/outputs"
)

// TestNegEntropy: testdata/outputs.json, made by make.py with SciPy's softmax and entr. The last case has all logits 0: -ln 2.
func TestNegEntropy(t *testing.T) {
	ev := evidence.Open(t)
	raw, err := os.ReadFile("testdata/outputs.json")
	if err != nil {
		t.Fatal(err)
	}
	var e struct {
		Cases []struct {
			Shape      []int
			Logits     []float32
			NegEntropy float64 `json:"neg_entropy"`
		}
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	if len(e.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range e.Cases {
		net := measuretest.Net{Logits: measure.Matrix32{Rows: c.Shape[0], Cols: c.Shape[1], Data: c.Logits}}
		got, err := net.Compute(context.Background(), outputs.NegEntropy{}, nil)
		if err != nil {
			t.Errorf("%v: %v", c.Shape, err)
		}
		ev.Measure("neg-entropy", "SciPy 1.10.1: softmax, entr", evidence.Absolute(1e-14), got, c.NegEntropy)
	}
	if last := e.Cases[len(e.Cases)-1].NegEntropy; math.Abs(last+math.Ln2) > 1e-15 {
		t.Errorf("equal logits of two classes have the negative entropy %v", last)
	}
	nan := measuretest.Net{Logits: measure.Matrix32{Rows: 1, Cols: 2, Data: []float32{0, float32(math.NaN())}}}
	if v, err := nan.Compute(context.Background(), outputs.NegEntropy{}, nil); err == nil {
		t.Errorf("of a logit that is not a number: %v", v)
	}
}

// TestInverseMargin: γ = .5 of vector V6; of V5's margins -2..17 the form of RGM is 1/|-1|².
func TestInverseMargin(t *testing.T) {
	ev := evidence.Open(t)
	net := measuretest.Net{Margins: slices.Repeat([]float64{.5}, 10)}
	got, err := net.Compute(context.Background(), outputs.InverseMargin{}, nil)
	if err != nil {
		t.Error(err)
	}
	ev.Measure("inverse-margin", "by hand: margins of 1/2", evidence.Absolute(0), got, 4)
	net.Margins = nil
	for m := -2; m <= 17; m++ {
		net.Margins = append(net.Margins, float64(m))
	}
	if v, err := net.Compute(context.Background(), outputs.InverseMargin{}, nil); err == nil {
		t.Errorf("a percentile of -0.1: %v", v)
	}
	if v, err := net.Compute(context.Background(), outputs.InverseMargin{}, map[string]string{"margin": "rgm"}); err != nil || v != 1 {
		t.Errorf("margin=rgm: %v, %v, want 1", v, err)
	}
}

func TestCrossEntropy(t *testing.T) {
	loss, accuracy := 0.25, 1.0
	net := measuretest.Net{Loss: &loss, Accuracy: &accuracy}
	if v, err := net.Compute(context.Background(), outputs.CrossEntropy{}, nil); err != nil || v != 0.25 {
		t.Errorf("%v, %v, want the host's 0.25", v, err)
	}
	loss = math.Inf(1)
	if v, err := net.Compute(context.Background(), outputs.CrossEntropy{}, nil); err == nil {
		t.Errorf("an infinite loss: %v", v)
	}
}
