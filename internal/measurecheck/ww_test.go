package measurecheck

import (
	"math"
	"testing"

	"github.com/genbench/genbench/internal/evidence"
)

// TestWeightWatcher: testdata/weightwatcher.json, made by ww.py with WeightWatcher 0.7.5.5 on the stored weights. Both compute
// singular values in float64, so that far less than the 1e-3 that is asked for is left: 1e-9.
func TestWeightWatcher(t *testing.T) {
	ev := evidence.Open(t)
	var expected struct {
		Versions map[string]string
		Networks map[string]map[string]struct {
			Mean     float64
			NumEvals []float64 `json:"num_evals"`
		}
	}
	readJSON(t, "testdata/weightwatcher.json", &expected)
	networks := kept(t)
	for _, id := range sorted(networks) {
		s := newScorer(t, networks[id])
		if len(expected.Networks[id]) < 15 {
			t.Fatalf("%s: WeightWatcher has %d values", id, len(expected.Networks[id]))
		}
		for _, name := range sorted(expected.Networks[id]) {
			want := expected.Networks[id][name].Mean
			got, err := s.value(name)
			if err != nil {
				t.Errorf("%s of %s: %v", name, id, err)
			}
			ev.Measure(name, "WeightWatcher "+expected.Versions["weightwatcher"], evidence.RelativeTo("the value, or 1", 1e-9, math.Max(1, math.Abs(want))), got, want)
			t.Logf("%-52s %.12g WeightWatcher %.12g difference %.1e", name, got, want, math.Abs(got-want))
		}
	}
}
