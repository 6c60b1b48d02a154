package dataset

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The files under testdata/tiny were written by Python: struct and NumPy for
// the content, gzip for the compressed ones.
func readTiny(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/tiny", path))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReadIDXFromPython(t *testing.T) {
	want := toBytes(loadVectors(t).Tiny.Pixels)
	for _, path := range []string{"plain/train-images.idx3-ubyte", "gz/train-images-idx3-ubyte.gz"} {
		x, err := ReadIDX(bytes.NewReader(readTiny(t, path)))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if !slices.Equal(x.Dims, []int{12, 4, 6}) || !bytes.Equal(x.Data, want) {
			t.Errorf("%s: sizes %v, data %v...; want [12 4 6], %v...", path, x.Dims, x.Data[:4], want[:4])
		}
	}
}

func TestWriteIDX(t *testing.T) {
	want := readTiny(t, "plain/train-images.idx3-ubyte")
	x, err := ReadIDX(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := WriteIDX(&got, x); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Error("written again, the file differs from Python's")
	}
	for _, bad := range []*IDX{{}, {Dims: []int{3}, Data: []uint8{1}}, {Dims: []int{0}}, {Dims: []int{1, 1, 1, 1, 1}, Data: []uint8{1}}, {Dims: []int{-1, -1}, Data: []uint8{1}}} {
		if err := WriteIDX(&got, bad); err == nil {
			t.Errorf("sizes %v with %d bytes were written", bad.Dims, len(bad.Data))
		}
	}
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestReadIDXRefuses(t *testing.T) {
	plain := readTiny(t, "plain/train-images.idx3-ubyte")
	zipped := readTiny(t, "gz/train-images-idx3-ubyte.gz")
	with := func(b []byte, at int, v ...byte) []byte {
		c := slices.Clone(b)
		copy(c[at:], v)
		return c
	}
	crc := len(zipped) - 8 // gzip ends in CRC-32 and length, four bytes each
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "truncated"},
		{"short magic", plain[:3], "truncated"},
		{"short sizes", plain[:13], "truncated"},
		{"short data", plain[:len(plain)-1], "promises 288 bytes of data, there are 287"},
		{"trailing byte", append(slices.Clone(plain), 0), "bytes follow the 288"},
		{"text", []byte("<!DOCTYPE html><html>"), "not IDX's"},
		{"little-endian", with(plain, 0, 3, 8, 0, 0), "not IDX's"},
		{"floats", with(plain, 2, 0x0d), "type 0x0d"},
		{"no dimensions", with(plain, 3, 0), "0 dimensions"},
		{"five dimensions", with(plain, 3, 5), "5 dimensions"},
		{"zero size", with(plain, 4, 0, 0, 0, 0), "dimension 0 is 0"},
		{"absurd size", with(plain, 4, 0xff, 0xff, 0xff, 0xff), "dimension 0 is 4294967295"},
		{"absurd product", with(plain, 4, 0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff), "more than"},
		{"gzip, wrong CRC", with(zipped, crc, zipped[crc]^1), "checksum"},
		{"gzip, wrong length", with(zipped, crc+4, zipped[crc+4]^1), "checksum"},
		{"gzip, cut in its trailer", zipped[:crc+2], "gzip stream is truncated"},
		{"gzip, cut in its data", zipped[:len(zipped)/2], "there are"},
		{"gzip, cut in its header", zipped[:5], "truncated"},
		{"gzip, a few bytes after the end", append(slices.Clone(zipped), "xyz"...), "stray bytes"},
		{"gzip, bytes after the end", append(slices.Clone(zipped), "some more than a gzip header"...), "bytes after the end of the gzip stream"},
		{"gzip, wrong method", with(zipped, 2, 7), "gzip header"},
		{"gzip, trailing byte inside", gzipped(t, append(slices.Clone(plain), 0)), "bytes follow the 288"},
	} {
		_, err := ReadIDX(bytes.NewReader(c.file))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

// A header may promise 2 GiB; a file of 20 bytes must not cost them.
func TestReadIDXAllocatesWhatArrives(t *testing.T) {
	file := appendHeader(nil, idxUint8, []int{1<<17 - 1, 1 << 14}) // promises nearly 2 GiB
	file = append(file, 1, 2, 3, 4)
	for _, b := range [][]byte{file, gzipped(t, file)} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := ReadIDX(bytes.NewReader(b)); err == nil || !strings.Contains(err.Error(), "there are 4") {
			t.Errorf("error %v, want one about 4 bytes", err)
		}
		runtime.ReadMemStats(&after)
		if spent := after.TotalAlloc - before.TotalAlloc; spent > 1<<20 {
			t.Errorf("%d bytes were allocated for a file of %d", spent, len(b))
		}
	}
}

// Larger than the reader's first buffer, so that it grows.
func TestReadIDXGrows(t *testing.T) {
	data := make([]byte, 300_000)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	file := append(appendHeader(nil, idxUint8, []int{300, 1000}), data...)
	for _, b := range [][]byte{file, gzipped(t, file)} {
		x, err := ReadIDX(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(x.Data, data) {
			t.Error("the data changed on the way")
		}
	}
}

// What ReadIDX accepts uncompressed, WriteIDX must give back to the byte; and
// nothing may panic.
func FuzzIDX(f *testing.F) {
	for _, path := range []string{
		"plain/train-images.idx3-ubyte", "plain/t10k-labels.idx1-ubyte", "gz/train-images-idx3-ubyte.gz", "gz/t10k-labels-idx1-ubyte.gz",
	} {
		b, err := os.ReadFile(filepath.Join("testdata/tiny", path))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(binary.BigEndian.AppendUint32([]byte{0, 0, 8, 1}, 1<<31))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := ReadIDX(bytes.NewReader(b))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := WriteIDX(&out, x); err != nil {
			t.Fatalf("read but not writable: %v", err)
		}
		if b[0] != 0x1f && !bytes.Equal(out.Bytes(), b) {
			t.Fatalf("read %x, wrote %x", b, out.Bytes())
		}
		if y, err := ReadIDX(&out); err != nil || !slices.Equal(x.Dims, y.Dims) || !bytes.Equal(x.Data, y.Data) {
			t.Fatalf("read again: %v", err)
		}
	})
}
