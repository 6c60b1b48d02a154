package curvature

import (
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/measure/measuretest"
)

// TestDoubts: an eigenvalue that did not converge is said; which examples are looked at reaches the host; a
// word for a number fails.
func TestDoubts(t *testing.T) {
	asked := -1
	e := measure.Eigenvalue{Value: 5, Smallest: -7, Residual: 1, Products: 30, Examples: 12}
	n := measuretest.Net{HessianTop: func(examples int) (measure.Eigenvalue, error) { asked = examples; return e, nil }}
	net := n.Network(map[string]string{"examples": "12"})
	v, err := Top{}.Compute(t.Context(), net)
	if err != nil || v != 5 || asked != 12 || net.Diagnostics()["smallest"] != -7 {
		t.Errorf("%v, %v, asked for %d examples, diagnostics %v", v, err, asked, net.Diagnostics())
	}
	if w := strings.Join(net.Warnings(), ""); !strings.Contains(w, "did not converge in 30 products") {
		t.Errorf("warnings %q", w)
	}
	for _, m := range All() {
		if _, err := n.Compute(t.Context(), m, map[string]string{"examples": "many"}); err == nil {
			t.Errorf("%s takes many examples", m.Info().Name)
		}
	}
}

// TestExact reads the expected norms, and needs no Hessian.
func TestExact(t *testing.T) {
	n := measuretest.Net{GradientNorms: func(labels string) []float64 {
		return map[string][]float64{"expected": {1, 2, 6}}[labels]
	}}
	if v, err := n.Compute(t.Context(), Trace{}, map[string]string{"method": "exact"}); err != nil || v != 3 {
		t.Errorf("%v, %v, want 3", v, err)
	}
}
