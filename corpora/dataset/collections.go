package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// fileNames are the names that MNIST's files have, in the order of [Checksum].
var fileNames = [4]string{
	"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
}

// collection is a published set of four IDX files.
type collection struct {
	info    Info
	aliases []string
	folders []string // where it may lie below the caller's folder, most telling first
	system  string   // where a distribution's package puts it, "" if there is none
	remedy  string   // how to get it

	// sums are the SHA-256 of the uncompressed files. Those of the .gz files, which are
	// what publishers state, would not do: Debian strips the name and time from the gzip
	// headers, torchvision unpacks, and people compress anew, all without
	// touching the content. "" is not checked.
	sums [4]string
}

const (
	fashionSource = "https://github.com/zalandoresearch/fashion-mnist"
	debianFashion = "/usr/share/datasets/fashion-mnist"
)

// collections lists the sets that are read from files.
//
// FashionMNIST's sums were computed from Debian's package dataset-fashion-mnist 0.0~git20200523.55506a9 and
// agree with those that several public programs state for upstream's files.
// MNIST's are stated alike by many public programs that unpack the official
// files (whose .gz have sha256 440fcabf..., 3552534a..., 8d422c7b... and f7ae60f9...).
func collections() []collection {
	return []collection{{
		info: Info{
			Name: "fashion-mnist", Title: "FashionMNIST", Licence: "MIT, Copyright 2017 Zalando SE", Source: fashionSource,
			Shape: Shape{1, 28, 28}, Classes: 10, Train: 60000, Test: 10000,
		},
		aliases: []string{"fashionmnist", "fmnist"},
		folders: []string{"fashion-mnist", "FashionMNIST/raw", "FashionMNIST", "."},
		system:  debianFashion,
		remedy: "on Debian or Ubuntu `apt-get install dataset-fashion-mnist`, else put the four files of " + fashionSource +
			" (data/fashion) into DIR/fashion-mnist, and give DIR by --data",
		sums: [4]string{
			"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
			"bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
			"5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
			"0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
		},
	}, {
		info: Info{
			Name: "mnist", Title: "MNIST handwritten digits", Licence: "CC BY-SA 3.0 as commonly stated; not part of genbench",
			Source: "http://yann.lecun.com/exdb/mnist/", Shape: Shape{1, 28, 28}, Classes: 10, Train: 60000, Test: 10000,
		},
		folders: []string{"mnist", "MNIST/raw", "MNIST", "."},
		remedy: "put train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz " +
			"into DIR/mnist (torchvision.datasets.MNIST(DIR, download=True) puts them into DIR/MNIST/raw, which will do), and give DIR by --data",
		sums: [4]string{
			"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
			"65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
			"0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
			"ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
		},
	}}
}

func (c *collection) named(name string) bool {
	return name == c.info.Name || slices.Contains(c.aliases, name)
}

func (c *collection) fail(path string, err error, remedy string) error {
	return &Error{Set: c.info.Name, Path: path, Err: err, Remedy: remedy}
}

// open finds, reads and verifies the set in dir.
func (c *collection) open(dir string) (*Set, error) {
	paths, err := c.find(dir)
	if err != nil {
		return nil, err
	}
	var files [4]*IDX
	for i, path := range paths {
		if files[i], err = c.read(path, i); err != nil {
			return nil, err
		}
	}
	s, err := assemble(c.info, files)
	if err != nil {
		return nil, c.fail(filepath.Dir(paths[0]), err, c.remedy)
	}
	return s, nil
}

// find returns the paths of the four files: from the first folder that has all
// of them. A folder that has only some is an error when no other has all.
func (c *collection) find(dir string) (paths [4]string, err error) {
	var looked []string
	if dir != "" {
		for _, f := range c.folders {
			looked = append(looked, filepath.Join(dir, filepath.FromSlash(f)))
		}
	} else if c.system != "" {
		looked = append(looked, c.system)
	}
	var partial error
	for _, folder := range looked {
		var missing []string
		for i, name := range fileNames {
			if paths[i] = variant(folder, name); paths[i] == "" {
				missing = append(missing, name+"[.gz]")
			}
		}
		switch {
		case len(missing) == 0:
			return paths, nil
		case len(missing) < 4 && partial == nil:
			partial = c.fail(folder, fmt.Errorf("%w: %s", ErrMissing, strings.Join(missing, ", ")), c.remedy)
		}
	}
	switch {
	case partial != nil:
		return paths, partial
	case len(looked) == 0:
		return paths, c.fail("", fmt.Errorf("%w: no folder was named to look in", ErrMissing), c.remedy)
	}
	return paths, c.fail("", fmt.Errorf("%w: looked in %s", ErrMissing, strings.Join(looked, ", ")), c.remedy)
}

// variant returns the path of the file that has this name, one of the others in
// use, or either with .gz, or "". Some copies write a dot before idx.
func variant(folder, name string) string {
	for _, v := range []string{name, strings.Replace(name, "-idx", ".idx", 1)} {
		for _, ext := range []string{"", ".gz"} {
			p := filepath.Join(folder, v+ext)
			if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() {
				return p
			}
		}
	}
	return ""
}

// read reads the i-th file and compares its content with the published one.
func (c *collection) read(path string, i int) (*IDX, error) {
	f, err := os.Open(path)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err // the path is named once, by Error
		}
		return nil, c.fail(path, err, "make the file readable")
	}
	defer func() { _ = f.Close() }() // only read
	x, err := ReadIDX(f)
	if err != nil {
		return nil, c.fail(path, err, "get the file anew: "+c.remedy)
	}
	h := sha256.New()
	_, _ = h.Write(appendHeader(nil, idxUint8, x.Dims)) // a hash never fails
	_, _ = h.Write(x.Data)
	sum := hex.EncodeToString(h.Sum(nil))
	if c.sums[i] == "" || sum == c.sums[i] {
		return x, nil
	}
	for _, other := range collections() {
		if other.sums[i] == sum {
			return nil, c.fail(path, fmt.Errorf("%w: this is %s's file", ErrMissing, other.info.Name), c.remedy)
		}
	}
	return nil, c.fail(path, fmt.Errorf("its uncompressed content has sha256 %s, the published file has %s: it is damaged or another set", sum, c.sums[i]),
		"get the file anew: "+c.remedy)
}

// assemble makes a set of the four arrays and holds it against info.
func assemble(info Info, files [4]*IDX) (*Set, error) {
	train, err := images(info, files[0], files[1], info.Train)
	if err != nil {
		return nil, fmt.Errorf("training split: %w", err)
	}
	test, err := images(info, files[2], files[3], info.Test)
	if err != nil {
		return nil, fmt.Errorf("test split: %w", err)
	}
	return NewSet(info.Name, train, test, info.Licence)
}

func images(info Info, x, y *IDX, n int) (*Images, error) {
	switch {
	case len(x.Dims) != 3 || x.Dims[1] != info.Shape.H || x.Dims[2] != info.Shape.W:
		return nil, fmt.Errorf("the images have sizes %v, expected [N, %d, %d]", x.Dims, info.Shape.H, info.Shape.W)
	case len(y.Dims) != 1:
		return nil, fmt.Errorf("the labels have sizes %v, expected [N]", y.Dims)
	case x.Dims[0] != y.Dims[0]:
		return nil, fmt.Errorf("%d images but %d labels", x.Dims[0], y.Dims[0])
	case x.Dims[0] != n:
		return nil, fmt.Errorf("%d images, expected %d", x.Dims[0], n)
	}
	im := &Images{Shape: info.Shape, Classes: info.Classes, Pixels: x.Data, Labels: make([]int32, n)}
	for i, v := range y.Data {
		im.Labels[i] = int32(v)
	}
	return im, nil
}
