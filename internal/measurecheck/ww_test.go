package measurecheck

import (
	"math"
	"testing"

	"github.com/genbench/genbench/internal/evidence"
)

// TestWeightWatcher: testdata/weightwatcher.json, made by ww.py with WeightWatcher 0.7.5.5 on the stored weights. Both compute
// singular values in float64, so that far less than the 1e-3 that is asked for is left: 1e-9.
func TestWeightWatcher(t *testing.T) { checkWeightWatcher(t, mlps, 1e-9) }

// TestWeightWatcherConvolutions: WeightWatcher rounds a kernel to float32 after it has multiplied it by √½, 6e-8 of a weight. A fit may move by more: ten times as much is allowed.
func TestWeightWatcherConvolutions(t *testing.T) { checkWeightWatcher(t, convolutions, 1e-6) }

func checkWeightWatcher(t *testing.T, folder string, tolerance float64) {
	ev := evidence.Open(t)
	var expected struct {
		Versions map[string]string
		Networks map[string]map[string]struct {
			Mean     float64
			NumEvals []float64 `json:"num_evals"`
		}
	}
	readJSON(t, valuesOf("weightwatcher", folder), &expected)
	networks := kept(t, folder)
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
			ev.Measure(name, "WeightWatcher "+expected.Versions["weightwatcher"]+whose(folder), evidence.RelativeTo("the value, or 1", tolerance, math.Max(1, math.Abs(want))), got, want)
			t.Logf("%-52s %.12g WeightWatcher %.12g difference %.1e", name, got, want, math.Abs(got-want))
		}
	}
}
