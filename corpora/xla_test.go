//go:build linux && (amd64 || arm64) && xla

package corpora

import (
	"math"
	"os"
	"slices"
	"testing"

	"github.com/genbench/genbench/models/xla"
)

// TestTrainOnXLA trains a corpus in groups on a plugin for the processor and holds it against the cpu engine's.
func TestTrainOnXLA(t *testing.T) {
	e, err := xla.New(xla.Options{Device: "cpu", Getenv: os.Getenv})
	if err != nil {
		if os.Getenv("GENBENCH_TEST_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	alone, nets := trainedStore(t)
	together, _ := open(t, t.TempDir(), small)
	var kinds []TrainEventKind
	r, err := Train(t.Context(), together, nets, TrainOptions{Engine: e, Jobs: 2, Progress: func(e TrainEvent) { kinds = append(kinds, e.Kind) }})
	if err != nil || r.Trained != len(nets) {
		t.Fatalf("%+v, %v; want %d trained", r, err, len(nets))
	}
	for _, kind := range []TrainEventKind{EventStarted, EventFinished} {
		if n := len(slices.DeleteFunc(slices.Clone(kinds), func(k TrainEventKind) bool { return k != kind })); n != len(nets) {
			t.Errorf("%d events %q for %d networks", n, kind, len(nets))
		}
	}
	for _, n := range nets {
		got, err := together.Record(n.ID)
		if err != nil {
			t.Fatal(err)
		}
		want, err := alone.Record(n.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.Engine != "xla/cpu" || got.Stop != want.Stop || got.Steps != want.Steps || got.DataHash != want.DataHash {
			t.Errorf("%s: %s after %d steps on %s; the cpu engine has %s after %d", n.ID, got.Stop, got.Steps, got.Engine, want.Stop, want.Steps)
		}
		for what, v := range map[string][2]float64{
			"train loss": {got.Train.Loss, want.Train.Loss}, "train accuracy": {got.Train.Accuracy, want.Train.Accuracy},
			"test loss": {got.Test.Loss, want.Test.Loss}, "test accuracy": {got.Test.Accuracy, want.Test.Accuracy},
		} {
			if math.Abs(v[0]-v[1]) > 2e-3*(1+math.Abs(v[1])) { // rounding, over hundreds of steps; an example on the border
				t.Errorf("%s: %s is %v, the cpu engine has %v", n.ID, what, v[0], v[1])
			}
		}
	}
	if r, err := Train(t.Context(), together, nets, TrainOptions{Engine: e}); err != nil || r.Reused != len(nets) {
		t.Errorf("a second run: %+v, %v; want %d reused", r, err, len(nets))
	}
}
