package corpora

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/models/enginetest"
)

// together trains what is missing of a store in groups.
func together(t *testing.T, s *Store, nets []Network, sizes GroupSizes) (*TrainReport, []GroupSize, error) {
	t.Helper()
	var measured []GroupSize
	r, err := Train(t.Context(), s, nets, TrainOptions{Engine: &enginetest.Sessions{Engine: engine(t), Slots: 3}, Jobs: 2, Groups: sizes, Progress: func(e TrainEvent) {
		if e.Kind == EventGroupSize {
			measured = append(measured, *e.GroupSize)
		}
	}})
	return r, measured, err
}

// TestTrainTogether: networks that are augmented, with snapshots between steps, have in groups the bytes that they have alone, and the record tells the group.
func TestTrainTogether(t *testing.T) {
	src := augmented + "keep: {init: true, snapshots: [0, 1], snapshot_steps: [1, 3]}\n"
	alone, nets := open(t, t.TempDir(), src)
	train(t, alone, nets, len(nets), 0)
	store, _ := open(t, t.TempDir(), src)
	if r, _, err := together(t, store, nets, GroupSizes{}); err != nil || r.Trained != len(nets) {
		t.Fatalf("%+v, %v; want %d trained", r, err, len(nets))
	}
	if got, want := contents(t, store), contents(t, alone); !reflect.DeepEqual(got, want) {
		t.Errorf("%d files, want %d, or other bytes", len(got), len(want))
	}
	for _, n := range nets {
		got, err := store.Record(n.ID)
		if err != nil {
			t.Fatal(err)
		}
		want, err := alone.Record(n.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.GroupSize != 3 || want.GroupSize != 0 || got.Engine != want.Engine || len(got.Tensors.Snapshots) != 4 || !reflect.DeepEqual(got.Tensors.Snapshots, want.Tensors.Snapshots) {
			t.Errorf("%s: %d together on %s with snapshots %+v; alone %d on %s with %+v", n.ID, got.GroupSize, got.Engine, got.Tensors.Snapshots, want.GroupSize, want.Engine, want.Tensors.Snapshots)
		}
		b, err := os.ReadFile(store.path(n.ID, recordName))
		if err != nil {
			t.Fatal(err)
		}
		if err := satisfies(decodeJSON(t, RecordSchema()), decodeJSON(t, b), n.ID); err != nil {
			t.Error(err)
		}
	}
}

// TestGroupSizes: a size that is asked for, and one that is measured, is told by the record and kept for later runs.
func TestGroupSizes(t *testing.T) {
	of := func(s *Store, id string) string {
		r, err := s.Record(id)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(r.GroupSize, strings.TrimPrefix(r.Engine, engine(t).Name()))
	}
	fixed, nets := open(t, t.TempDir(), small)
	if _, _, err := together(t, fixed, nets, GroupSizes{Fixed: 2}); err != nil || of(fixed, nets[0].ID) != "2-g2" {
		t.Errorf("a fixed size: %v, %s", err, of(fixed, nets[0].ID))
	}
	if held, bad, _, err := Verify(t.Context(), fixed, nets, engine(t), "", nil); held != len(nets) || bad != 0 || err != nil {
		t.Errorf("%d hold, %d do not, %v", held, bad, err)
	}

	s, nets := open(t, t.TempDir(), small) // two shapes
	_, measured, err := together(t, s, nets[:1], GroupSizes{Measured: true})
	if err != nil || len(measured) != 1 || measured[0].Slots != 1 || len(measured[0].Rates) != 1 || measured[0].Rates[0].Rate <= 0 || measured[0].Device != "this machine" {
		t.Fatalf("measured %+v, %v; want one of one network", measured, err)
	}
	kept, err := s.GroupSizes()
	if err != nil || len(kept) != 1 || !reflect.DeepEqual(kept[0].GroupTiming, measured[0].GroupTiming) || of(s, nets[0].ID) != "1-gm" {
		t.Errorf("kept %+v, %v, network %s", kept, err, of(s, nets[0].ID))
	}
	// A later run takes the size that is kept, were it another on that day, and measures what is new.
	path := filepath.Join(s.Dir(), groupsName)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(b), "   \"slots\": 1,\n   \"rates\"", "   \"slots\": 3,\n   \"rates\"", 1)
	if changed == string(b) {
		t.Fatalf("no size in\n%s", b)
	}
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, measured, err = together(t, s, nets, GroupSizes{Measured: true}); err != nil || len(measured) != 1 {
		t.Fatalf("measured %+v, %v; want the other shape", measured, err)
	}
	sizes := map[string]int{}
	for _, n := range nets[1:] {
		sizes[of(s, n.ID)]++
	}
	if sizes["3-gm"] != 1 || len(sizes) > 2 {
		t.Errorf("networks by their groups: %v", sizes)
	}
	testSizesLost(t, s, nets, path)
	if _, _, err := together(t, s, nets, GroupSizes{}); err != nil {
		t.Errorf("nothing is missing: %v", err)
	}
	if err := os.RemoveAll(filepath.Join(s.Dir(), modelsName, nets[2].ID)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := together(t, s, nets, GroupSizes{}); !errors.As(err, new(*EngineError)) || !strings.Contains(err.Error(), "--group-size") {
		t.Errorf("sizes of two kinds in one store: %v", err)
	}
}

// testSizesLost: without the file the records tell the sizes; a damaged one, and one of a newer program, stop the run.
func testSizesLost(t *testing.T, s *Store, nets []Network, path string) {
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	last := nets[len(nets)-1].ID
	again := func() ([]GroupSize, error) {
		if err := os.RemoveAll(filepath.Join(s.Dir(), modelsName, last)); err != nil {
			t.Fatal(err)
		}
		_, measured, err := together(t, s, nets, GroupSizes{Measured: true})
		return measured, err
	}
	if measured, err := again(); err != nil || len(measured) != 0 {
		t.Errorf("measured %+v, %v; the records have the size", measured, err)
	}
	for content, want := range map[string]string{
		`{"schema":2}`: "newer genbench", `{"schema":1,`: "damaged", `{"schema":1,"sizes":[{"slots":0}]}`: "sizes[0]",
	} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := again(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), groupsName) {
			t.Errorf("%s: %v, want %q", content, err, want)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := again(); err != nil {
		t.Fatal(err)
	}
}

// TestGroupSizesRefuse: sizes of an engine without groups, and two at once.
func TestGroupSizesRefuse(t *testing.T) {
	s, nets := open(t, t.TempDir(), small)
	if _, err := Train(t.Context(), s, nets, TrainOptions{Engine: engine(t), Groups: GroupSizes{Fixed: 2}}); err == nil || !strings.Contains(err.Error(), "by itself") {
		t.Errorf("an engine without groups: %v", err)
	}
	if _, _, err := together(t, s, nets, GroupSizes{Fixed: 2, Measured: true}); err == nil || !strings.Contains(err.Error(), "one of the two") {
		t.Errorf("two sizes: %v", err)
	}
	if entries, err := os.ReadDir(s.Dir()); err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == groupsName }) {
		t.Errorf("a refused run leaves %v, %v", entries, err)
	}
	for name, want := range map[string]string{"xla/cuda-g16": "xla/cuda", "xla/cuda-tf32-gm": "xla/cuda-tf32", "xla/cuda": "xla/cuda", "cpu/go": "cpu/go", "reference/gorgonia": "reference/gorgonia", "a-gmx": "a-gmx"} {
		if got := sessionEngine(name); got != want {
			t.Errorf("%s evaluates as %s, want %s", name, got, want)
		}
	}
}
