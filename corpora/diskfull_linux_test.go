package corpora

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDiskFull fills a small file system of its own.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=96k"); err != nil {
		if os.Getenv("GENBENCH_TEST_ALL") == "1" {
			t.Fatalf("mounting a small file system needs root: %v", err)
		}
		t.Skipf("mounting a small file system needs root: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	src := strings.Replace(small, "width: 8", "width: 16", 1) // about 30 kB a network with its initial state
	s, nets := open(t, filepath.Join(dir, "store"), src)
	r, err := Train(t.Context(), s, nets, TrainOptions{Engine: engine(t), Jobs: 2})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "the disk is full; free space and run again") {
		t.Fatalf("%+v, %v", r, err)
	}
	if strings.Count(err.Error(), "disk is full") != 1 || r.Failed != 0 || r.Trained == 0 || r.Trained == 4 {
		t.Errorf("%+v, %v; want some trained, and one error", r, err)
	}
	found := 0
	for _, n := range nets {
		rec, err := s.Record(n.ID)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = s.check(rec)
		}
		if err != nil {
			t.Error(err)
		}
		found++
	}
	if found != r.Trained {
		t.Errorf("%d networks in the store, %d trained", found, r.Trained)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=1m"); err != nil {
		t.Fatal(err)
	}
	train(t, s, nets, 4-found, found)
}
