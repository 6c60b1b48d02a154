//go:build linux && (amd64 || arm64) && xla

package corpora

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla"
)

// onXLA is the engine on a plugin for the processor.
func onXLA(t *testing.T) models.Engine {
	t.Helper()
	e, err := xla.New(xla.Options{Device: "cpu", Getenv: os.Getenv})
	if err != nil {
		if os.Getenv("GENBENCH_TEST_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return e
}

// TestTrainOnXLA trains a corpus in groups on a plugin for the processor and holds it against the cpu engine's.
func TestTrainOnXLA(t *testing.T) {
	e := onXLA(t)
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
		if want := xla.GroupSizeOn("cpu", n.Arch, n.Training.BatchSize); got.GroupSize != want {
			t.Errorf("%s: trained in a group of %d, want %d", n.ID, got.GroupSize, want)
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

// TestMeasuredSizesOnXLA trains augmented networks, with snapshots between steps, in groups whose size is measured: a run that is cut off and gone on with has the bytes of one that is not.
func TestMeasuredSizesOnXLA(t *testing.T) {
	e := onXLA(t)
	src := augmented + "keep: {snapshot_steps: [1, 3]}\n"
	options := TrainOptions{Engine: e, Groups: GroupSizes{Measured: true}}
	whole, nets := open(t, t.TempDir(), src)
	if r, err := Train(t.Context(), whole, nets, options); err != nil || r.Trained != len(nets) {
		t.Fatalf("%+v, %v; want %d trained", r, err, len(nets))
	}
	sizes, err := whole.GroupSizes()
	if err != nil || len(sizes) != 2 {
		t.Fatalf("sizes of %d shapes, %v; want 2", len(sizes), err)
	}
	for _, s := range sizes {
		if s.Engine != "xla/cpu" || !strings.HasPrefix(s.Device, "cpu:0") || !strings.HasPrefix(s.Compiler, "PJRT 0.") || !s.Shape.Augmented || !s.Shape.Cut || len(s.Rates) == 0 || s.Slots > 2 {
			t.Errorf("size %+v", s)
		}
	}
	parts, _ := open(t, t.TempDir(), src)
	b, err := os.ReadFile(filepath.Join(whole.Dir(), groupsName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(parts.Dir(), groupsName), b, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, some := range [][]Network{nets[:1], nets} {
		if _, err := Train(t.Context(), parts, some, options); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := contents(t, parts), contents(t, whole); !reflect.DeepEqual(got, want) {
		t.Errorf("%d files, want %d, or other bytes", len(got), len(want))
	}
	for _, n := range nets {
		if r, err := parts.Record(n.ID); err != nil || r.Engine != "xla/cpu-gm" || r.GroupSize < 1 || len(r.Tensors.Snapshots) != 2 {
			t.Errorf("%s: %+v, %v", n.ID, r, err)
		}
	}
}
