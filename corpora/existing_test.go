package corpora

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// tree lists what a folder holds, with the files' contents.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			files[path] = "folder"
			return err
		}
		b, err := os.ReadFile(path)
		files[path] = string(b)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return files
}

// TestOpenExistingWritesNothing, even where OpenStore would note that the spec has grown.
func TestOpenExistingWritesNothing(t *testing.T) {
	dir := t.TempDir()
	s, nets := open(t, dir, small)
	if err := s.Put(fakeContents(nets[0], 1)); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	grown := parse(t, strings.Replace(small, "depth: [1, 2]", "depth: [1, 2, 3]", 1))
	r, err := OpenExisting(dir, grown)
	if err != nil {
		t.Fatal(err)
	}
	nets, err = r.Networks()
	if err != nil || len(nets) != 6 {
		t.Fatalf("%d networks, error %v; want the 6 of the grown spec", len(nets), err)
	}
	if _, err := MakePlan(t.Context(), r, nets[:1], engine(t), ""); err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func() error{
		"Lock":      func() error { _, err := r.Lock(); return err },
		"Put":       func() error { return r.Put(fakeContents(nets[1], 1)) },
		"NoteData":  func() error { return r.NoteData("mnist", "x") },
		"SetAside":  func() error { _, err := r.SetAside(nets[0].ID); return err },
		"Train":     func() error { _, err := Train(t.Context(), r, nets, TrainOptions{Engine: engine(t)}); return err },
		"no Lock 2": func() error { _, err := r.Lock(); return err },
	} {
		if err := write(); !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := tree(t, dir); !reflect.DeepEqual(after, before) {
		t.Error("the store has changed")
	}
}

func TestOpenExistingRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenExisting(dir, parse(t, small)); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "is not a store") {
		t.Errorf("an empty folder: %v", err)
	}
	s, _ := open(t, dir, small)
	made(t, s)
	var other *OtherCorpusError
	if _, err := OpenExisting(dir, parse(t, strings.Replace(small, "width: 8", "width: 9", 1))); !errors.As(err, &other) {
		t.Errorf("another corpus: %v", err)
	}
	path := filepath.Join(dir, corpusName)
	if err := os.WriteFile(path, []byte(`{"schema": 7}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenExisting(dir, parse(t, small)); !errors.As(err, new(*NewerError)) {
		t.Errorf("a newer store: %v", err)
	}
}

// TestNothingIsMadeBeforeItIsNeeded: a run that comes to nothing leaves nothing.
func TestNothingIsMadeBeforeItIsNeeded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "store")
	s, nets := open(t, dir, small)
	if ids, err := s.IDs(); err != nil || len(ids) != 0 {
		t.Errorf("%v, %v", ids, err)
	}
	if _, err := os.Stat(filepath.Dir(dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening made a folder: %v", err)
	}
	if err := s.Put(fakeContents(nets[0], 1)); err != nil {
		t.Fatal(err)
	}
	if loaded, err := LoadStore(dir); err != nil || loaded.Spec().Name != "small" {
		t.Errorf("after writing: %v", err)
	}
}

// TestStoreMadeMeanwhile: of two that opened a store that was not there, the second to write finds the first's.
func TestStoreMadeMeanwhile(t *testing.T) {
	dir := t.TempDir()
	a, _ := open(t, dir, small)
	b, _ := open(t, dir, strings.Replace(small, "name: small", "name: other", 1))
	made(t, a)
	if _, err := b.Lock(); !errors.As(err, new(*OtherCorpusError)) {
		t.Errorf("%v", err)
	}
	if s, err := LoadStore(dir); err != nil || s.Spec().Name != "small" {
		t.Errorf("the store is now %v, %v", s, err)
	}
}

// TestFoldersInPlaceOfFiles: messages say so; a network's are damage, which Train mends.
func TestFoldersInPlaceOfFiles(t *testing.T) {
	for _, name := range []string{recordName, finalName, initName, historyName, correctName} {
		s, nets := trainedStore(t)
		path := s.path(nets[0].ID, name)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		_, bad, _, err := Verify(t.Context(), s, nets, engine(t), "", func(id string, err error) {
			if err != nil && !strings.Contains(err.Error(), path+": is a folder, not a file") {
				t.Errorf("%s: %v", name, err)
			}
		})
		if bad != 1 || err != nil {
			t.Errorf("%s: %d bad, error %v", name, bad, err)
		}
		train(t, s, nets, 1, 3)
	}
	s, nets := trainedStore(t)
	folder := filepath.Dir(s.path(nets[0].ID, recordName))
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := train(t, s, nets, 1, 3); !slices.Equal(r.Damaged, []string{nets[0].ID}) {
		t.Errorf("a file in place of a network: %+v", r)
	}
	path := filepath.Join(s.Dir(), corpusName)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStore(s.Dir(), parse(t, small)); err == nil || !strings.Contains(err.Error(), "corpus.json is a folder, not a file; move it away") {
		t.Errorf("%v", err)
	}
}

func TestEmptyFilesAreCalledEmpty(t *testing.T) {
	s, nets := trainedStore(t)
	if err := os.Truncate(s.path(nets[0].ID, recordName), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Record(nets[0].ID); err == nil || !strings.Contains(err.Error(), "empty") || strings.Contains(err.Error(), "EOF") {
		t.Errorf("%v", err)
	}
	if err := os.Truncate(filepath.Join(s.Dir(), corpusName), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadStore(s.Dir()); err == nil || !strings.Contains(err.Error(), "empty") || strings.Contains(err.Error(), "EOF") {
		t.Errorf("%v", err)
	}
}

// TestPluginPaths are relative to the spec's folder, and absolute from there on.
func TestPluginPaths(t *testing.T) {
	base := t.TempDir()
	if err := os.MkdirAll(filepath.Join(base, "specs"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(base, "specs", "c.yaml")
	src := small + "plugins: {near: bin/near, up: ../up, far: /opt/far}\n"
	if err := os.WriteFile(file, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(base)
	spec, err := Find("specs/c.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"near": filepath.Join(base, "specs", "bin", "near"), "up": filepath.Join(base, "up"), "far": "/opt/far"}
	if !reflect.DeepEqual(spec.Plugins, want) {
		t.Errorf("%v, want %v", spec.Plugins, want)
	}
	s, err := OpenStore("store", spec)
	if err != nil {
		t.Fatal(err)
	}
	made(t, s)
	t.Chdir(t.TempDir())
	again, err := Find(filepath.Join(base, "store"))
	if err != nil || !reflect.DeepEqual(again.Plugins, want) {
		t.Errorf("from the store: %v, error %v", again, err)
	}
}
