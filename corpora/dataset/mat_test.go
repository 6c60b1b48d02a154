package dataset

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

var svhnInfo = Info{Shape: Shape{3, 32, 32}, Classes: 10}

// SciPy stores the labels 3 and 10 in each of its types, compressed and not.
func TestMATIntegers(t *testing.T) {
	paths, err := filepath.Glob("testdata/formats/mat/y-*.mat")
	if err != nil || len(paths) != 9 {
		t.Fatalf("files %v, error %v", paths, err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []struct {
			name string
			b    []byte
		}{{"as SciPy wrote it", b}, {"byte-swapped", swapped(t, b)}} {
			var got []int64
			err = readMAT(bytes.NewReader(form.b), func(v *matVariable) (err error) {
				if v.name != "y" || !slices.Equal(v.dims, []int{2, 1}) {
					t.Errorf("%s: variable %q of sizes %v", p, v.name, v.dims)
				}
				got, err = v.integers()
				return err
			})
			if err != nil || !slices.Equal(got, []int64{3, 10}) {
				t.Errorf("%s, %s: %v, error %v, want [3 10]", p, form.name, got, err)
			}
		}
	}
}

// swapped is a file of one array as a machine of the other byte order writes it, uncompressed.
func swapped(t *testing.T, b []byte) []byte {
	t.Helper()
	body := b[128:]
	if binary.LittleEndian.Uint32(body) == matCompressed {
		zr, err := zlib.NewReader(bytes.NewReader(body[8:]))
		if err != nil {
			t.Fatal(err)
		}
		if body, err = io.ReadAll(zr); err != nil {
			t.Fatal(err)
		}
	}
	out := append([]byte{}, b[:124]...)
	out = append(out, 0x01, 0x00, 'M', 'I')
	swap := func(at, width int) {
		v := slices.Clone(body[at : at+width])
		slices.Reverse(v)
		out = append(out, v...)
	}
	word := func(at int) int { swap(at, 4); return int(binary.LittleEndian.Uint32(body[at:])) }
	at := 0
	tag := func() (kind, n int) {
		kind = int(binary.LittleEndian.Uint32(body[at:]))
		if small := kind >> 16; small > 0 { // size and type share the word, so swapping it whole is right
			word(at)
			at += 4
			return kind & 0xffff, small
		}
		word(at)
		n = word(at + 4)
		at += 8
		return kind, n
	}
	tag()
	for at < len(body) {
		start := at
		kind, n := tag()
		width := matWidths[uint32(kind)]
		for end := at + n; at < end; at += width {
			swap(at, width)
		}
		for ; (at-start)%8 != 0; at++ {
			out = append(out, 0)
		}
	}
	return out
}

// Files of SciPy's that are sound and not SVHN's, or that hold more than is asked for.
func TestReadSVHN(t *testing.T) {
	for name, want := range map[string]string{
		"mat/more.mat":   "",
		"mat/half.mat":   `variable "y": value 1 is 1.5, expected a whole number`,
		"mat/zero.mat":   "label 0 of image 1 is not in [1, 10]",
		"mat/fewer.mat":  "2 images in X but 1 labels in y",
		"mat/double.mat": `variable "X": an array of class 6, expected 9, uint8`,
		"mat/rows.mat":   `variable "X": sizes [2 3 32 32], expected [32, 32, 3, N]`,
		"mat/no-y.mat":   "no variable y",
		"mat/level4.mat": "truncated", // 24 bytes
	} {
		im, err := readSVHN(bytes.NewReader(readFormat(t, name)), svhnInfo)
		switch {
		case want == "":
			if err != nil || !slices.Equal(im.Labels, []int32{3, 0}) || im.Pixels[(1*32+4)*32+9] == 0 {
				t.Errorf("%s: %v", name, err)
			}
		case err == nil || !strings.Contains(err.Error(), want):
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
	// MATLAB writes its newer and older formats with these headers.
	newer := append(append([]byte("MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 ."), bytes.Repeat([]byte(" "), 66)...), 0x00, 0x02, 'I', 'M')
	older := append(readFormat(t, "mat/level4.mat"), make([]byte, 200)...)
	for want, b := range map[string][]byte{"MATLAB 7.3's files are HDF5": newer, "level 4": older, "byte order mark": bytes.Repeat([]byte("x"), 200)} {
		if _, err := readSVHN(bytes.NewReader(b), svhnInfo); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestReadImageNet(t *testing.T) {
	for name, want := range map[string]string{
		"plain": "", "list": "",
		"no-labels": `no array "labels"`,
		"float":     `array "data": values of type "<f4", expected "|u1", uint8`,
		"zero":      `array "labels": label 0 of image 1 is not in [1, 1000]`,
		"columns":   `array "data": it is stored column by column`,
		"shape":     `array "data": sizes [3 3 32 32], expected [N, 3072]`,
		"fewer":     `array "labels": sizes [2], expected [3] as there are images`,
		"text":      `array "labels": values of type "<U1", expected integers`,
		"object":    `array "labels": values of type "|O", expected integers`,
	} {
		b := readFormat(t, "npz/"+name+".npz")
		im := &Images{Shape: Shape{3, 32, 32}, Classes: 1000}
		err := readImageNet(bytes.NewReader(b), int64(len(b)), im, 3)
		switch {
		case want == "":
			if err != nil || !slices.Equal(im.Labels[:2], []int32{999, 0}) || len(im.Pixels) != im.Len()*3072 {
				t.Errorf("%s: %v, %v", name, err, im.Labels)
			}
		case err == nil || !strings.Contains(err.Error(), want):
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
	b := readFormat(t, "npz/list.npz")
	im := &Images{Shape: Shape{3, 32, 32}, Classes: 1000}
	if err := readImageNet(bytes.NewReader(b), int64(len(b)), im, 2); err == nil || !strings.Contains(err.Error(), "3 images, at most 2 more") {
		t.Errorf("too many images: %v", err)
	}
}

// What is allocated follows what arrives, not what a header promises.
func TestReadersAllocateWhatArrives(t *testing.T) {
	header := []byte("\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000,), }")
	header = append(header, bytes.Repeat([]byte(" "), 10+0x76-len(header))...)
	b := readFormat(t, "svhn/test_32x32.mat") // X is its first array, uncompressed
	big := slices.Clone(b)
	binary.LittleEndian.PutUint32(big[132:], 1<<31-9)       // the array
	binary.LittleEndian.PutUint32(big[128+8+16+8+12:], 6e5) // its last size
	binary.LittleEndian.PutUint32(big[188:], 6e5*3072)      // its values
	for name, read := range map[string]func() error{
		"npy": func() error {
			a, err := readNPY(bytes.NewReader(header))
			if err == nil {
				_, err = a.appendUint8(nil)
			}
			return err
		},
		"mat": func() error {
			_, err := readSVHN(bytes.NewReader(big), svhnInfo)
			return err
		},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := read()
		runtime.ReadMemStats(&after)
		if spent := after.TotalAlloc - before.TotalAlloc; err == nil || !strings.Contains(err.Error(), "truncated") || spent > 4<<20 {
			t.Errorf("%s: error %v, %d bytes allocated", name, err, spent)
		}
	}
}

func FuzzMAT(f *testing.F) {
	paths, _ := filepath.Glob("testdata/formats/mat/*.mat")
	for _, p := range append(paths, "testdata/formats/svhn/train_32x32.mat", "testdata/formats/svhn/test_32x32.mat") {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		im, err := readSVHN(bytes.NewReader(b), svhnInfo)
		if err == nil && len(im.Labels) > 0 {
			if err := im.Validate(); err != nil {
				t.Error(err)
			}
		}
		_ = readMAT(bytes.NewReader(b), func(v *matVariable) error {
			n, err := v.integers()
			if err == nil && len(n) != v.size() {
				t.Errorf("%d values for sizes %v", len(n), v.dims)
			}
			return err
		})
	})
}

func FuzzNPZ(f *testing.F) {
	paths, _ := filepath.Glob("testdata/formats/npz/*.npz")
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("\x93NUMPY\x01\x00\x46\x00{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }            \n0123456789abcdef"))
	f.Fuzz(func(t *testing.T, b []byte) {
		im := &Images{Shape: Shape{3, 32, 32}, Classes: 1000}
		if err := readImageNet(bytes.NewReader(b), int64(len(b)), im, 100); err == nil && im.Len() > 0 {
			if err := im.Validate(); err != nil {
				t.Error(err)
			}
		}
		if a, err := readNPY(bytes.NewReader(b)); err == nil {
			if n, err := a.integers(); err == nil && len(n) != a.size() {
				t.Errorf("%d values for sizes %v", len(n), a.shape)
			}
		}
	})
}

func FuzzCIFAR(f *testing.F) {
	dir := f.TempDir()
	for _, name := range []string{"cifar-10", "cifar-100"} {
		place(f, name, dir)
	}
	unpack(f, dir)
	for i, name := range []string{"data_batch_1.bin", "test.bin"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint8(20*i))
	}
	f.Fuzz(func(t *testing.T, b []byte, coarse uint8) {
		im := &Images{Shape: Shape{3, 32, 32}, Classes: 10}
		err := readCIFAR(bytes.NewReader(b), im, int(coarse), 100)
		record := 1 + cifarSize
		if coarse > 0 {
			record++
		}
		if err != nil {
			return
		}
		if err := im.Validate(); err != nil || im.Len()*record != len(b) {
			t.Errorf("%d images of %d bytes: %v", im.Len(), len(b), err)
		}
	})
}
