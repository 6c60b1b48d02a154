package crosscheck

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestFigures draws all figures, as they should be and as published, and has their series computed a second time.
func TestFigures(t *testing.T) {
	if testing.Short() {
		t.Skip("short tests: this one builds and runs genbench")
	}
	interpreter := python(t)
	dir := t.TempDir()
	program, store, drawn, published := filepath.Join(dir, "genbench"), filepath.Join(dir, "store"), filepath.Join(dir, "drawn"), filepath.Join(dir, "published")
	build(t, program)
	run(t, program, "run", "internal/crosscheck/figures.yaml", "--store", store, "--no-progress")
	run(t, program, "figures", "--corpus", store, "--output", drawn)
	run(t, program, "figures", "--corpus", store, "--output", published, "--published", "--jobs", "1")
	t.Log("\n" + run(t, interpreter, "internal/crosscheck/figures.py", store, drawn, published))

	// Drawn once more, with another number of workers and nothing in the cache, all files are the same bytes.
	again := filepath.Join(dir, "again")
	if err := os.RemoveAll(filepath.Join(store, "cache")); err != nil {
		t.Fatal(err)
	}
	run(t, program, "figures", "--corpus", store, "--output", again, "--jobs", "3")
	files, err := filepath.Glob(filepath.Join(drawn, "*"))
	if err != nil || len(files) != 27 {
		t.Fatalf("%d files of nine figures in three formats, %v", len(files), err)
	}
	for _, f := range files {
		a, errA := os.ReadFile(f)
		b, errB := os.ReadFile(filepath.Join(again, filepath.Base(f)))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs when it is drawn again: %v %v", filepath.Base(f), errA, errB)
		}
	}
}
