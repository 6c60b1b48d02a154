package dataset

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// published finds a set by name.
func published(t *testing.T, name string) collection {
	t.Helper()
	for _, c := range collections() {
		if c.named(name) {
			return c
		}
	}
	t.Fatalf("no collection %q", name)
	panic("unreachable")
}

// tinyCollection is MNIST's layout with the images of testdata/tiny.
func tinyCollection(t *testing.T) collection {
	t.Helper()
	v := loadVectors(t).Tiny
	c := published(t, "mnist")
	c.info.Shape, c.info.Classes, c.info.Train, c.info.Test = Shape{1, 4, 6}, 3, 12, 6
	parts := c.bundles[0].parts
	for i := range parts {
		parts[i].sum, parts[i].bytes = v.Sums[i], 0
	}
	return c
}

// copyTiny puts the files of testdata/tiny/form into dir.
func copyTiny(t *testing.T, form, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join("testdata/tiny", form))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.WriteFile(filepath.Join(dir, e.Name()), readTiny(t, form+"/"+e.Name()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenLayouts(t *testing.T) {
	v := loadVectors(t).Tiny
	c := tinyCollection(t)
	for _, form := range []string{"plain", "gz"} {
		for _, folder := range []string{".", "mnist", "MNIST/raw", "MNIST"} {
			dir := t.TempDir()
			copyTiny(t, form, filepath.Join(dir, folder))
			s, err := c.open(dir)
			if err != nil {
				t.Fatalf("%s in %s: %v", form, folder, err)
			}
			if s.Checksum != v.Checksum { // Python's sum over the four uncompressed files
				t.Errorf("%s in %s: checksum %s, want %s", form, folder, s.Checksum, v.Checksum)
			}
			if s.Name != "mnist" || !slices.Equal(s.Train.Labels, v.Labels) || !bytes.Equal(s.Train.Pixels, toBytes(v.Pixels)) || s.Test.Len() != 6 {
				t.Errorf("%s in %s: name, labels or pixels are wrong", form, folder)
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	c := tinyCollection(t)
	const images, labels = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
	for _, test := range []struct {
		name   string
		change func(t *testing.T, dir string)
		want   []string
		is     error // beside *Error
	}{
		{"no files", func(t *testing.T, dir string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}, []string{"looked for train-images-idx3-ubyte", "MNIST/raw", "--data"}, ErrMissing},
		{"a file missing", func(t *testing.T, dir string) { remove(t, dir, labels) },
			[]string{"train-labels-idx1-ubyte", "--data"}, ErrMissing},
		{"a folder instead of a file", func(t *testing.T, dir string) {
			remove(t, dir, labels)
			if err := os.Mkdir(filepath.Join(dir, labels), 0o755); err != nil {
				t.Fatal(err)
			}
		}, []string{"train-labels-idx1-ubyte"}, ErrMissing},
		{"truncated", func(t *testing.T, dir string) { rewrite(t, dir, images, func(b []byte) []byte { return b[:100] }) },
			[]string{images, "truncated", "anew"}, nil},
		{"bad CRC", func(t *testing.T, dir string) {
			rewrite(t, dir, images, func(b []byte) []byte { b[len(b)-8] ^= 1; return b })
		}, []string{images, "CRC", "anew"}, nil},
		{"another content", func(t *testing.T, dir string) {
			rewrite(t, dir, images, func([]byte) []byte {
				b := readTiny(t, "plain/train-images.idx3-ubyte")
				b[len(b)-1] ^= 1
				return b
			})
		}, []string{images, "sha256", "published", "anew"}, nil},
	} {
		dir := t.TempDir()
		folder := filepath.Join(dir, "mnist")
		copyTiny(t, "gz", folder)
		test.change(t, folder)
		_, err := c.open(dir)
		var e *Error
		if !errors.As(err, &e) || e.Set != "mnist" || e.Remedy == "" {
			t.Errorf("%s: error %v is no *Error with set and remedy", test.name, err)
			continue
		}
		for _, w := range test.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: error %q lacks %q", test.name, err, w)
			}
		}
		if errors.Is(err, ErrMissing) != (test.is == ErrMissing) {
			t.Errorf("%s: is ErrMissing: %v", test.name, errors.Is(err, ErrMissing))
		}
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func rewrite(t *testing.T, dir, name string, change func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(b), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Without sums (a set whose publisher states none) the structure still counts.
func TestAssembleRefuses(t *testing.T) {
	info := tinyCollection(t).info
	good := func() [4]*IDX {
		return [4]*IDX{
			{Dims: []int{12, 4, 6}, Data: make([]uint8, 288)}, {Dims: []int{12}, Data: make([]uint8, 12)},
			{Dims: []int{6, 4, 6}, Data: make([]uint8, 144)}, {Dims: []int{6}, Data: make([]uint8, 6)},
		}
	}
	if _, err := assemble(info, good()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(f *[4]*IDX)
		want   string
	}{
		{"images and labels exchanged", func(f *[4]*IDX) { f[0], f[1] = f[1], f[0] }, "training split: the images have sizes [12]"},
		{"labels with two dimensions", func(f *[4]*IDX) { f[1].Dims = []int{3, 4} }, "labels have sizes [3 4]"},
		{"other image size", func(f *[4]*IDX) { f[0].Dims = []int{12, 6, 4} }, "expected [N, 4, 6]"},
		{"one label less", func(f *[4]*IDX) { f[1] = &IDX{Dims: []int{11}, Data: make([]uint8, 11)} }, "12 images but 11 labels"},
		{"other number", func(f *[4]*IDX) { f[0], f[1] = f[2], f[3] }, "6 images, expected 12"},
		{"label out of range", func(f *[4]*IDX) { f[3].Data[5] = 3 }, "label 3 of image 5 is not in [0, 3)"},
	} {
		f := good()
		c.change(&f)
		if _, err := assemble(info, f); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

func TestOpenUnknown(t *testing.T) {
	_, err := Open("mnst", "")
	if err == nil || !strings.Contains(err.Error(), `mnst`) || !strings.Contains(err.Error(), "fmnist-mini, gaussian-noise, fashion-mnist, mnist, cifar-10") {
		t.Errorf("error %v does not list the sets", err)
	}
}

func TestFind(t *testing.T) {
	for name, want := range map[string]string{
		"fmnist-mini": "fmnist-mini", "gaussian-noise": "gaussian-noise", "mnist": "mnist", "fashion-mnist": "fashion-mnist", "fashionmnist": "fashion-mnist",
	} {
		info, err := Find(name)
		if err != nil || info.Name != want || info.Shape != (Shape{1, 28, 28}) || info.Classes != 10 {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
	}
	if _, err := Find("imagenet"); err == nil || !strings.Contains(err.Error(), "fmnist-mini") {
		t.Errorf("unknown set: %v", err)
	}
	for _, info := range Known() {
		if info.Title == "" || info.Licence == "" || info.Source == "" {
			t.Errorf("%s: title, licence or source is missing", info.Name)
		}
	}
}

func TestMini(t *testing.T) {
	want := loadVectors(t).Mini
	s := mustOpen(t, "fmnist-mini", "")
	if s.Checksum != want.Checksum { // Python's gzip and hashlib over the embedded files
		t.Errorf("checksum %s, want %s", s.Checksum, want.Checksum)
	}
	if s.Train.Shape != (Shape{1, 28, 28}) || s.Train.Len() != 4000 || s.Test.Len() != 2000 {
		t.Errorf("%v, %d and %d images", s.Train.Shape, s.Train.Len(), s.Test.Len())
	}
	for c, n := range counts(s.Train.Labels, 10) {
		if n != 400 {
			t.Errorf("training: %d images of class %d, want 400", n, c)
		}
	}
	for c, n := range counts(s.Test.Labels, 10) {
		if n != 200 {
			t.Errorf("test: %d images of class %d, want 200", n, c)
		}
	}
	notice := MiniNotice()
	for _, part := range []string{"Zalando SE", "Permission is hereby granted", "shall be included in all\ncopies", "WITHOUT WARRANTY OF ANY KIND"} {
		if !strings.Contains(notice, part) {
			t.Errorf("the notice lacks %q", part)
		}
	}
}

func counts(labels []int32, classes int) []int {
	n := make([]int, classes)
	for _, y := range labels {
		n[y]++
	}
	return n
}

func TestGaussian(t *testing.T) {
	want := loadVectors(t).Gaussian
	s := mustOpen(t, "gaussian-noise", "")
	if s.Checksum != want.Checksum {
		t.Errorf("checksum %s, NumPy and SciPy make %s", s.Checksum, want.Checksum)
	}
	if !slices.Equal(s.Train.Labels[:20], want.Labels) {
		t.Errorf("labels %v, want %v", s.Train.Labels[:20], want.Labels)
	}
	if got := Checksum(gaussianSplit(0, 100), gaussianSplit(1, 50)); got != want.Small {
		t.Errorf("checksum of 100 + 50 images %s, want %s", got, want.Small)
	}
}

// Any size can be asked for, and a smaller set is the beginning of a larger one.
func TestGaussianSizes(t *testing.T) {
	s := mustOpen(t, "gaussian-noise", "")
	large := mustBuild(t, s, Transform{Train: 4321, Test: 50})
	small := mustBuild(t, s, Transform{Train: 123, SubsetSeed: 9})
	if large.Train.Len() != 4321 || large.Test.Len() != 50 || small.Train.Len() != 123 || small.Test.Len() != 2000 {
		t.Fatalf("%d, %d, %d and %d examples", large.Train.Len(), large.Test.Len(), small.Train.Len(), small.Test.Len())
	}
	if !slices.Equal(large.Train.X[:123*784], small.Train.X) || !slices.Equal(large.Train.Y[:123], small.Train.Y) {
		t.Error("the small set is not the beginning of the large one")
	}
	whole, asked := mustBuild(t, s, Transform{}), mustBuild(t, s, Transform{Train: 4000, Test: 2000})
	if whole.Hash != asked.Hash || whole.Hash == small.Hash {
		t.Error("the default sizes, asked for, should have the hash of the default, and other sizes another")
	}
	if _, err := Build(s, Transform{Train: gaussianLimit + 1}); err == nil {
		t.Error("more than the limit was made")
	}
}

func TestFullFashionMNIST(t *testing.T) {
	s := fullFashion(t)
	// The content's sums are checked on opening (they are the published ones; see collections).
	if s.Train.Len() != 60000 || s.Test.Len() != 10000 {
		t.Errorf("%d and %d images", s.Train.Len(), s.Test.Len())
	}
	// 0.2860 and 0.3530 are the mean and standard deviation of the training pixels
	// that many public programs pass to torchvision's Normalize.
	d := mustBuild(t, s, Transform{Normalize: true})
	if !near(d.Mean[0], 0.2860, 5e-5) || !near(d.Std[0], 0.3530, 5e-5) {
		t.Errorf("mean %v and deviation %v, want 0.2860 and 0.3530", d.Mean[0], d.Std[0])
	}
	if _, err := Open("mnist", debianFashion); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "fashion-mnist's file") {
		t.Errorf("FashionMNIST opened as MNIST: error %v", err)
	}
}

// Augmentation pads with what a black pixel is as an input.
func TestBlack(t *testing.T) {
	s := mustOpen(t, "fmnist-mini", "")
	for _, normalize := range []bool{false, true} {
		d := mustBuild(t, s, Transform{Train: 50, Normalize: normalize})
		black := d.Black()
		at := slices.Index(d.Train.Native, 0)
		if len(black) != 1 || black[0] != d.Train.X[at] || normalize == (black[0] == 0) {
			t.Errorf("normalised %v: black is %v, a black pixel %v", normalize, black, d.Train.X[at])
		}
	}
}

func near(got, want, tol float64) bool { return got-want <= tol && want-got <= tol }

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	copyTiny(t, "gz", filepath.Join(dir, "mnist")) // MNIST's names, not MNIST
	got := map[string]Status{}
	for _, st := range Check(dir) {
		got[st.Info.Name] = st
	}
	for name, state := range map[string]State{"fmnist-mini": Ready, "gaussian-noise": Ready, "mnist": Damaged, "cifar-10": Missing} {
		st := got[name]
		if st.State != state || (st.Err == nil) != (state == Ready) || (st.Remedy == "") != (state == Ready) {
			t.Errorf("%s is %s (%v; %s), want %s", name, st.State, st.Err, st.Remedy, state)
		}
	}
	if err := got["mnist"].Err; err == nil || !strings.Contains(err.Error(), "train-images-idx3-ubyte.gz") {
		t.Errorf("mnist: %v does not name the file", err)
	}
}

func TestOpenUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		// root reads everything; a dangling link is refused as missing instead
		dir := t.TempDir()
		copyTiny(t, "gz", dir)
		remove(t, dir, "t10k-labels-idx1-ubyte.gz")
		if err := os.Symlink("nowhere", filepath.Join(dir, "t10k-labels-idx1-ubyte.gz")); err != nil {
			t.Fatal(err)
		}
		c := tinyCollection(t)
		if _, err := c.open(dir); !errors.Is(err, ErrMissing) {
			t.Errorf("dangling link: %v", err)
		}
		return
	}
	dir := t.TempDir()
	copyTiny(t, "gz", dir)
	if err := os.Chmod(filepath.Join(dir, "t10k-labels-idx1-ubyte.gz"), 0); err != nil {
		t.Fatal(err)
	}
	c := tinyCollection(t)
	if _, err := c.open(dir); !errors.Is(err, fs.ErrPermission) || strings.Count(err.Error(), "t10k-labels") != 1 {
		t.Errorf("unreadable file: %v", err)
	}
}
