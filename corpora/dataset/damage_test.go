package dataset

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func cut(b []byte) []byte  { return b[:len(b)*2/3] }
func flip(b []byte) []byte { b[len(b)*2/3] ^= 1; return b }
func grow(b []byte) []byte { return append(b, 1, 2, 3) }
func none([]byte) []byte   { return nil }

// Every damaged, truncated, wrong-size or mistaken file of every format is refused with its name, what was found and
// what was expected, and where to get the right one.
func TestDamagedFiles(t *testing.T) {
	for _, c := range []struct {
		set      string
		unpacked bool
		file     string
		change   func([]byte) []byte
		want     string // pattern
	}{
		{"cifar-10", false, "cifar-10-binary.tar.gz", cut, `truncated`},
		{"cifar-10", false, "cifar-10-binary.tar.gz", flip, `damaged|checksum`},
		{"cifar-10", false, "cifar-10-binary.tar.gz", none, `truncated`},
		{"cifar-10", true, "data_batch_3.bin", cut, `truncated.*pixels of image 2.*has 8194 bytes, the published file has 12292`},
		{"cifar-10", true, "data_batch_3.bin", grow, `truncated|has 12295 bytes, the published file has 12292`},
		{"cifar-10", true, "data_batch_3.bin", none, `empty.*0 bytes, the published file has 12292`},
		{"cifar-10", true, "data_batch_3.bin", func(b []byte) []byte { b[3073] = 10; return b }, `image 1 has label 10, not in \[0, 10\)`},
		{"cifar-10", true, "data_batch_3.bin", func(b []byte) []byte { b[3073] ^= 1; return b }, `images of class \d in this split, the published set has 2 of each`},
		{"cifar-10", true, "test_batch.bin", cut, `truncated`},
		{"cifar-100", false, "cifar-100-binary.tar.gz", cut, `truncated`},
		{"cifar-100", true, "train.bin", cut, `truncated.*has 20493 bytes, the published file has 30740`},
		{"cifar-100", true, "train.bin", flip, `md5 [0-9a-f]{32}, the published file has [0-9a-f]{32}`},
		{"cifar-100", true, "train.bin", func(b []byte) []byte { b[0] = 20; return b }, `coarse label 20, not in \[0, 20\)`},
		{"cifar-100", true, "train.bin", func(b []byte) []byte { b[1] = 5; return b }, `image 0 has label 5, not in \[0, 5\)`},
		{"cifar-100", true, "test.bin", none, `empty`},
		{"svhn", true, "train_32x32.mat", cut, `truncated`},
		{"svhn", true, "train_32x32.mat", flip, `damaged`},
		{"svhn", true, "train_32x32.mat", grow, `truncated.*has 3713 bytes, the published file has 3710`},
		{"svhn", true, "train_32x32.mat", none, `128 bytes of its header: truncated.*0 bytes, the published file has 3710`},
		{"svhn", true, "test_32x32.mat", cut, `truncated`},
		{"svhn", true, "test_32x32.mat", flip, `sha256 [0-9a-f]{64}, the published file has [0-9a-f]{64}`}, // not compressed
		{"svhn", true, "test_32x32.mat", func([]byte) []byte { return readFormat(t, "svhn/train_32x32.mat") }, `7 images, expected 2`},
		{"imagenet-32", true, "train_data_batch_7.npz", cut, `no zip file, or its end is missing`},
		{"imagenet-32", true, "train_data_batch_7.npz", func(b []byte) []byte { b[200] ^= 1; return b }, `array "data": .*damaged`},
		{"imagenet-32", true, "train_data_batch_7.npz", grow, `no zip file|md5 [0-9a-f]{32}, the published file has`},
		{"imagenet-32", true, "train_data_batch_1.npz", func(b []byte) []byte { b[200] ^= 1; return b }, `checksum of a compressed part`},
		{"imagenet-32", true, "val_data.npz", none, `no zip file`},
		{"imagenet-32", true, "val_data.npz", func([]byte) []byte { return readFormat(t, "npz/plain.npz") }, `2 images in it, expected 3|md5`},
		{"imagenet-32", false, "Imagenet32_train_npz.zip", cut, `no zip file, or its end is missing`},
		{"imagenet-32", false, "Imagenet32_train_npz.zip", flip, `damaged|truncated|no zip file|no array|md5`},
		{"digits", true, "digits.csv", cut, `line \d+ has \d+ fields|truncated`},
		{"digits", true, "digits.csv", grow, `more than the 30 lines.*has 4692 bytes, the published file has 4689`},
		{"digits", true, "digits.csv", none, `0 images, expected 30`},
		{"digits", true, "digits.csv", func(b []byte) []byte { return bytes.Replace(b, []byte("16,"), []byte("17,"), 1) }, `line \d+, field \d+: "17" is not in \[0, 16\]`},
		{"digits", true, "digits.csv", func(b []byte) []byte { return bytes.Replace(b, []byte("16,"), []byte("15,"), 1) }, `sha256 [0-9a-f]{64}, the published file has`},
		{"digits", false, "digits.csv.gz", cut, `truncated`},
	} {
		set, dir := small(t, c.set), t.TempDir()
		place(t, c.set, dir)
		if c.unpacked {
			unpack(t, dir)
		}
		rewrite(t, dir, c.file, c.change)
		_, err := set.open(dir)
		refused(t, &set, c.set+" "+c.file, err, filepath.Join(dir, c.file), c.want)
		if _, err := set.verify(dir); err == nil {
			t.Errorf("%s %s: verify finds nothing wrong", c.set, c.file)
		}
	}
}

// refused checks the form of an error: file, pattern, remedy.
func refused(t *testing.T, c *collection, what string, err error, file, want string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Errorf("%s: error %v is no *Error", what, err)
		return
	}
	if !regexp.MustCompile(want).MatchString(e.Err.Error()) {
		t.Errorf("%s: error %q lacks %q", what, e.Err, want)
	}
	// What only the whole split shows is said of its first file.
	if !strings.HasPrefix(e.Path, file) && !regexp.MustCompile("in this split").MatchString(e.Err.Error()) {
		t.Errorf("%s: error names %q, not %s", what, e.Path, file)
	}
	if e.Set != c.info.Name || !strings.Contains(e.Remedy, c.remedy) || strings.Count(err.Error(), file) > 1 {
		t.Errorf("%s: error %q lacks set or remedy, or names the file twice", what, err)
	}
}

func readFormat(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/formats", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A file of another set, or of another part of the set, is named as what it is.
func TestMistakenFiles(t *testing.T) {
	fullFashion(t)
	dir := t.TempDir()
	for name, content := range map[string]string{"digits.csv": debianFashion + "/t10k-labels-idx1-ubyte.gz", "train.bin": debianFashion + "/train-images-idx3-ubyte.gz", "test.bin": debianFashion + "/train-labels-idx1-ubyte.gz"} {
		if err := os.Symlink(content, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for set, want := range map[string]string{"digits": "this is fashion-mnist's file t10k-labels-idx1-ubyte", "cifar-100": "this is fashion-mnist's file train-images-idx3-ubyte"} {
		if _, err := Open(set, dir); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", set, err, want)
		}
	}
}

// The sets in formats that are not read are found and named.
func TestOtherVersions(t *testing.T) {
	for set, name := range map[string]string{"cifar-10": "cifar-10-batches-py", "cifar-100": "cifar-100-python.tar.gz", "imagenet-32": "train_data_batch_1"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Open(set, dir)
		if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "pickle") || !strings.Contains(err.Error(), "--data") {
			t.Errorf("%s: %v", set, err)
		}
	}
}

// A tar or zip without one of the files, or with one of another size.
func TestArchivesThatLack(t *testing.T) {
	c := small(t, "cifar-10")
	dir := t.TempDir()
	place(t, "cifar-10", dir)
	c.bundles[0].parts[2].name = "data_batch_9.bin"
	_, err := c.open(dir)
	refused(t, &c, "a name", err, filepath.Join(dir, "cifar-10-binary.tar.gz"), "data_batch_9.bin is not in it")
	c = small(t, "cifar-10")
	c.bundles[0].parts[2].bytes++
	_, err = c.open(dir)
	refused(t, &c, "a size", err, filepath.Join(dir, "cifar-10-binary.tar.gz"), "data_batch_3.bin in it has 12292 bytes, the published file has 12293")
	c = small(t, "cifar-10")
	c.bundles[0].sum = strings.Repeat("0", 64)
	_, err = c.open(dir)
	refused(t, &c, "a sum", err, filepath.Join(dir, "cifar-10-binary.tar.gz"), "it has sha256 [0-9a-f]{64}, the published archive has 0{64}")
	c = small(t, "imagenet-32")
	place(t, "imagenet-32", dir)
	c.bundles[0].parts[2].name = "train_data_batch_11.npz"
	_, err = c.open(dir)
	refused(t, &c, "a name", err, filepath.Join(dir, "Imagenet32_train_npz.zip"), "train_data_batch_11.npz is not in it")
}
