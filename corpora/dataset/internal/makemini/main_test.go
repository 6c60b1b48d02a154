package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/genbench/genbench/corpora/dataset"
)

// The embedded files must be what this command makes of the published set. The
// content is compared, not the bytes: compress/flate may change with Go.
func TestEmbeddedFilesAreMade(t *testing.T) {
	files, err := mini("")
	if errors.Is(err, dataset.ErrMissing) && os.Getenv("GENBENCH_TEST_ALL") != "1" {
		t.Skip("Debian's package dataset-fashion-mnist is not installed")
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 4 {
		t.Fatalf("%d files were made", len(files))
	}
	for name, want := range files {
		f, err := os.Open(filepath.Join("..", "..", "fmnist-mini", name+".gz"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := dataset.ReadIDX(f)
		if cerr := f.Close(); cerr != nil {
			t.Fatal(cerr)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.Equal(got.Dims, want.Dims) || !bytes.Equal(got.Data, want.Data) {
			t.Errorf("%s: the embedded file is not what is made now; run go generate in corpora/dataset", name)
		}
	}
}

// First takes by class and keeps the order of the file.
func TestFirst(t *testing.T) {
	im := &dataset.Images{Shape: dataset.Shape{C: 1, H: 1, W: 1}, Classes: classes}
	for i := range 3 * classes { // labels 0 0 0 1 1 1 ...; pixel = position
		im.Labels = append(im.Labels, int32(i/3))
		im.Pixels = append(im.Pixels, uint8(i))
	}
	x, y := first(im, 2)
	want := []uint8{0, 1, 3, 4, 6, 7, 9, 10, 12, 13, 15, 16, 18, 19, 21, 22, 24, 25, 27, 28}
	if !bytes.Equal(x.Data, want) || !slices.Equal(x.Dims, []int{20, 1, 1}) {
		t.Errorf("images %v of sizes %v, want %v", x.Data, x.Dims, want)
	}
	if !bytes.Equal(y.Data[:6], []uint8{0, 0, 1, 1, 2, 2}) {
		t.Errorf("labels %v", y.Data)
	}
	b, err := compress(y)
	if err != nil {
		t.Fatal(err)
	}
	// RFC 1952: flags (byte 3) and modification time (4 to 7) are zero.
	if !bytes.Equal(b[3:8], make([]byte, 5)) {
		t.Errorf("gzip header % x names a file or a time", b[:10])
	}
}
