package importer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/corpora"
)

// TestDamagedImportsAreSetAsideAndNamed: one whose record is unreadable, one whose tensors are; the run
// begins with EventPlan and goes on with the others.
func TestDamagedImportsAreSetAsideAndNamed(t *testing.T) {
	for _, file := range []string{recordName, finalName, "test-correct.bin"} {
		s, e := importedStore(t), engine(t)
		if n, _, err := Import(t.Context(), "testdata/zoo", s, e, ""); n != 4 || err != nil {
			t.Fatal(n, err)
		}
		nets, err := s.Networks()
		if err != nil {
			t.Fatal(err)
		}
		id := nets[1].ID
		if err := os.Truncate(filepath.Join(s.Dir(), "models", id, file), 0); err != nil {
			t.Fatal(err)
		}
		nets, err = s.Networks()
		if err != nil || len(nets) != 4 {
			t.Fatalf("%s: %d networks, error %v; a damaged one is not passed over", file, len(nets), err)
		}
		held, bad, missing, err := corpora.Verify(t.Context(), s, nets, e, "", nil)
		if held != 3 || bad != 1 || missing != 0 || err != nil {
			t.Errorf("%s: %d hold, %d bad, %d missing, error %v", file, held, bad, missing, err)
		}
		checkDamagedRun(t, s, nets, id, file)
		if held, bad, missing, err = corpora.Verify(t.Context(), s, nets, e, "", nil); held != 3 || bad != 0 || missing != 1 || err != nil {
			t.Errorf("%s: set aside: %d hold, %d bad, %d missing, error %v", file, held, bad, missing, err)
		}
		if n, refused, err := Import(t.Context(), "testdata/zoo", s, e, ""); n != 4 || refused != nil || err != nil {
			t.Errorf("%s: importing again: %d, %v, %v", file, n, refused, err)
		}
	}
}

func checkDamagedRun(t *testing.T, s *corpora.Store, nets []corpora.Network, id, file string) {
	t.Helper()
	var kinds []corpora.TrainEventKind
	report, err := corpora.Train(t.Context(), s, nets, corpora.TrainOptions{Engine: engine(t), Progress: func(ev corpora.TrainEvent) {
		kinds = append(kinds, ev.Kind)
		if ev.Total != 4 || ev.Reused != 3 {
			t.Errorf("%s: event %+v", file, ev)
		}
	}})
	if err != nil || report.Reused != 3 || report.Failed != 1 || !slices.Equal(report.Damaged, []string{id}) {
		t.Fatalf("%s: %+v, %v", file, report, err)
	}
	if !slices.Equal(kinds, []corpora.TrainEventKind{corpora.EventPlan, corpora.EventFailed}) {
		t.Errorf("%s: events %v", file, kinds)
	}
	if f := report.Failures[0]; f.ID != id || !strings.Contains(f.Err.Error(), "import it again") || !errors.As(f.Err, new(*corpora.ErrDamaged)) {
		t.Errorf("%s: failure %+v", file, f)
	}
	if kept, _ := filepath.Glob(filepath.Join(s.Dir(), "damaged", id+"-*")); len(kept) != 1 {
		t.Errorf("%s: set aside: %v", file, kept)
	}
	if _, err := s.Record(id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: still there: %v", file, err)
	}
}

// TestDamagedImportBesideGrid: the run is given the grid's networks alone, as a caller may who built them from the spec.
func TestDamagedImportBesideGrid(t *testing.T) {
	spec, err := corpora.Find("tiny")
	if err != nil {
		t.Fatal(err)
	}
	s, err := corpora.OpenStore(t.TempDir(), spec)
	if err != nil {
		t.Fatal(err)
	}
	dir := copyNetwork(t, "w8")
	record(func(m map[string]any) {
		m["config"] = []any{map[string]any{"axis": "width", "value": 8}, map[string]any{"axis": "label_shuffle", "value": 0}}
	})(t, dir)
	if n, refused, err := Import(t.Context(), dir, s, engine(t), ""); n != 1 || err != nil {
		t.Fatal(n, refused, err)
	}
	ids, err := s.IDs()
	if err != nil || len(ids) != 1 {
		t.Fatal(ids, err)
	}
	if err := os.Remove(filepath.Join(s.Dir(), "models", ids[0], recordName)); err != nil {
		t.Fatal(err)
	}
	grid, err := spec.Networks()
	if err != nil {
		t.Fatal(err)
	}
	report, err := corpora.Train(t.Context(), s, grid[:1], corpora.TrainOptions{Engine: engine(t)})
	if err != nil || report.Trained != 1 || report.Failed != 1 || report.Failures[0].ID != ids[0] {
		t.Fatalf("%+v, %v", report, err)
	}
	// The point of the grid is taken, trained or not.
	record(func(m map[string]any) {
		m["config"] = []any{map[string]any{"axis": "width", "value": 32}, map[string]any{"axis": "label_shuffle", "value": 0}}
	})(t, dir)
	for range 2 {
		n, refused, err := Import(t.Context(), dir, s, engine(t), "")
		if n != 0 || len(refused) != 1 || err != nil || !strings.Contains(refused[0].Error(), "same settings and the same seed") {
			t.Fatalf("%d, %v, %v", n, refused, err)
		}
	}
}

// TestSamePlaceTwice: other tensors with the settings and the seed of a network of the corpus. w8 and w12
// are two networks of the zoo.
func TestSamePlaceTwice(t *testing.T) {
	s, dir := importedStore(t), copyNetwork(t, "w12")
	record(func(m map[string]any) {
		m["config"] = []any{map[string]any{"axis": "width", "value": 8}, map[string]any{"axis": "batchnorm", "value": false}}
	})(t, dir)
	if n, _, err := Import(t.Context(), "testdata/zoo/w8", s, engine(t), ""); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	n, refused, err := Import(t.Context(), dir, s, engine(t), "")
	if n != 0 || len(refused) != 1 || err != nil || !strings.Contains(refused[0].Error(), "same settings and the same seed (") {
		t.Fatalf("%d, %v, %v", n, refused, err)
	}
	if n, refused, err = Import(t.Context(), "testdata/zoo/w8", s, engine(t), ""); n != 1 || refused != nil || err != nil {
		t.Errorf("the same network again: %d, %v, %v", n, refused, err)
	}
}

// TestRefusalReads as a sentence, with %v too.
func TestRefusalReads(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(path string) error
		want  string
	}{
		"empty":  {func(p string) error { return os.Truncate(p, 0) }, "is empty"},
		"blank":  {func(p string) error { return os.WriteFile(p, []byte("\n \n"), 0o644) }, "is empty"},
		"folder": {func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o755)) }, "is a folder, not a file"},
	} {
		for _, file := range []string{recordName, finalName} {
			if name == "blank" && file == finalName {
				continue
			}
			dir := copyNetwork(t, "w8")
			path := filepath.Join(dir, file)
			if err := c.spoil(path); err != nil {
				t.Fatal(err)
			}
			_, refused, err := Import(t.Context(), dir, importedStore(t), engine(t), "")
			if err != nil || len(refused) != 1 {
				t.Fatalf("%s: %v, %v", name, refused, err)
			}
			got := fmt.Sprintf("%v", refused[0])
			if !strings.HasPrefix(got, path+" "+c.want) || strings.Contains(got, "EOF") {
				t.Errorf("%s %s: %q", name, file, got)
			}
			if !errors.Is(refused[0], refused[0].Err) {
				t.Errorf("%s: does not unwrap", name)
			}
		}
	}
	got := fmt.Sprint(Refusal{Path: "z/w8", Err: errors.New("seed is missing")})
	if got != "z/w8: seed is missing" {
		t.Errorf("%q", got)
	}
}
