package dataset

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// formats is testdata/formats.json, which testdata/formats.py wrote: what NumPy, SciPy and Python put into
// the files below testdata/formats.
type formats struct {
	Sets map[string]struct {
		Train, Test int
		Checksum    string
		TrainLabels []int32 `json:"train_labels"`
		TestLabels  []int32 `json:"test_labels"`
		Pixel       int     // image 3, channel 1, row 4, column 9 of the training split
	}
	Files map[string]struct {
		SHA256, MD5 string
		Bytes       int64
	}
}

func loadFormats(t testing.TB) formats {
	t.Helper()
	b, err := os.ReadFile("testdata/formats.json")
	if err != nil {
		t.Fatal(err)
	}
	var f formats
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// small is a published set with the sizes and sums of the files in testdata/formats.
func small(t testing.TB, name string) collection {
	t.Helper()
	want := loadFormats(t)
	for _, c := range collections() {
		if c.info.Name != name {
			continue
		}
		c.system = ""
		c.info.Train, c.info.Test = want.Sets[name].Train, want.Sets[name].Test
		if name == "cifar-100" {
			c.info.Classes = 5 // so that few images are as many of each
		}
		for i := range c.bundles {
			b := &c.bundles[i]
			if b.sum != "" {
				b.sum = want.Files[name+"/"+b.archive].SHA256
			}
			for j := range b.parts {
				p := &b.parts[j]
				f, ok := want.Files[name+"/"+p.name]
				if !ok {
					t.Fatalf("formats.json has no %s/%s", name, p.name)
				}
				if p.sum != "" {
					p.sum = f.SHA256
				}
				if p.md5 != "" {
					p.md5 = f.MD5
				}
				if p.bytes != 0 {
					p.bytes = f.Bytes
				}
			}
		}
		return c
	}
	t.Fatalf("no set %q", name)
	panic("unreachable")
}

// official are the sets of testdata/formats.
func official() []string { return []string{"cifar-10", "cifar-100", "svhn", "imagenet-32", "digits"} }

// place copies the files of a set to dir, as they are published.
func place(t testing.TB, name, dir string) {
	t.Helper()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata/formats", name))); err != nil {
		t.Fatal(err)
	}
}

// unpack unpacks the archives in dir as tar and unzip do, without their folders, and removes them.
func unpack(t testing.TB, dir string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, r io.Reader) {
		b, err := io.ReadAll(r)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, path.Base(name)), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.HasSuffix(p, ".zip"):
			zr, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range zr.File {
				r, err := f.Open()
				if err != nil {
					t.Fatal(err)
				}
				write(f.Name, r)
			}
		case strings.HasSuffix(p, ".gz"):
			zr, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(p, ".tar.gz") {
				write(strings.TrimSuffix(p, ".gz"), zr)
				break
			}
			tr := tar.NewReader(zr)
			for h, err := tr.Next(); !errors.Is(err, io.EOF); h, err = tr.Next() {
				if err != nil {
					t.Fatal(err)
				}
				if h.Typeflag == tar.TypeReg {
					write(h.Name, tr)
				}
			}
		default:
			continue
		}
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
	}
}

func checkOfficial(t *testing.T, c *collection, dir string) {
	t.Helper()
	name := c.info.Name
	want := loadFormats(t).Sets[name]
	s, err := c.open(dir)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if s.Checksum != want.Checksum { // hashlib's over NumPy's arrays
		t.Errorf("%s: checksum %s, want %s", name, s.Checksum, want.Checksum)
	}
	if !slices.Equal(s.Train.Labels, want.TrainLabels) || !slices.Equal(s.Test.Labels, want.TestLabels) {
		t.Errorf("%s: labels %v and %v, want %v and %v", name, s.Train.Labels, s.Test.Labels, want.TrainLabels, want.TestLabels)
	}
	if s.Train.Shape.C == 3 {
		if got := int(s.Train.Pixels[((3*3+1)*32+4)*32+9]); got != want.Pixel {
			t.Errorf("%s: a pixel is %d, want %d", name, got, want.Pixel)
		}
	}
	if folder, err := c.verify(dir); err != nil || !strings.HasPrefix(folder, dir) {
		t.Errorf("%s: verifying: %q, %v", name, folder, err)
	}
}

// Every set in its published form, and as it lies when unpacked, in each folder where it is looked for.
func TestOfficialFormats(t *testing.T) {
	for _, name := range official() {
		c := small(t, name)
		for _, folder := range c.folders {
			dir := t.TempDir()
			place(t, name, filepath.Join(dir, folder))
			checkOfficial(t, &c, dir)
			unpack(t, filepath.Join(dir, folder))
			checkOfficial(t, &c, dir)
		}
	}
}

// ImageNet-32's two halves may lie in folders of their own, one packed and one not.
func TestImageNetFolders(t *testing.T) {
	c := small(t, "imagenet-32")
	dir := t.TempDir()
	place(t, "imagenet-32", dir)
	for _, half := range []string{"train", "val"} {
		folder := filepath.Join(dir, "Imagenet32_"+half+"_npz")
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(folder+".zip", filepath.Join(folder, "Imagenet32_"+half+"_npz.zip")); err != nil {
			t.Fatal(err)
		}
	}
	unpack(t, filepath.Join(dir, "Imagenet32_train_npz"))
	checkOfficial(t, &c, dir)
	remove(t, dir, "Imagenet32_val_npz/Imagenet32_val_npz.zip")
	if _, err := c.open(dir); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "not whole") || !strings.Contains(err.Error(), "Imagenet32_val_npz.zip") {
		t.Errorf("without the validation half: %v", err)
	}
}

// All files of a set may be compressed with gzip, whatever their names say.
func TestGzippedFiles(t *testing.T) {
	for _, name := range official() {
		c := small(t, name)
		for _, suffix := range []string{".gz", ""} {
			dir := t.TempDir()
			place(t, name, dir)
			unpack(t, dir)
			for _, b := range c.bundles {
				for _, p := range b.parts {
					content, err := os.ReadFile(filepath.Join(dir, p.name))
					if err != nil {
						t.Fatal(err)
					}
					remove(t, dir, p.name)
					if err := os.WriteFile(filepath.Join(dir, p.name+suffix), gzipped(t, content), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			if name == "imagenet-32" && suffix == "" {
				continue // a .npz is read where it lies, and this is none
			}
			checkOfficial(t, &c, dir)
		}
	}
}
