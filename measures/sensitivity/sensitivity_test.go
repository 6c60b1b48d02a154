package sensitivity

import (
	"context"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/measure/measuretest"
	"github.com/genbench/genbench/internal/evidence"
)

// TestForms by hand: two examples, three classes, layers of 4 and 2 values; squared norms 36 and 64 at the input, 3 and
// 9 at the hidden layer.
func TestForms(t *testing.T) {
	ev := evidence.Open(t)
	var asked []any
	net := measuretest.Net{Classes: 3, Jacobians: func(examples int, probabilities bool) measure.Jacobians {
		asked = []any{examples, probabilities}
		return measure.Jacobians{Squares: measure.Matrix{Rows: 2, Cols: 2, Data: []float64{36, 3, 64, 9}}, Units: []int32{4, 2}}
	}}
	for form, want := range map[string]float64{
		"mean-square":       (50.0/(3*4) + 6.0/(3*2)) / 2,
		"squared-frobenius": 50,
		"frobenius":         7,
	} {
		got, err := net.Compute(context.Background(), JacobianNorm{}, map[string]string{"form": form})
		if err != nil {
			t.Errorf("%s: %v", form, err)
		}
		name := "jacobian-norm"
		if form != "mean-square" {
			name += "[form=" + form + "]"
		}
		ev.Measure(name, "by hand, small numbers", evidence.Relative(1e-14), got, want)
		if asked[0] != 528 || asked[1] != false { // 33 batches of 16
			t.Errorf("%s: asked for %v", form, asked)
		}
	}
	if _, err := net.Compute(context.Background(), JacobianNorm{}, map[string]string{"of": "probabilities", "examples": "0"}); err != nil || asked[0] != 0 || asked[1] != true {
		t.Errorf("asked for %v, %v", asked, err)
	}
}
