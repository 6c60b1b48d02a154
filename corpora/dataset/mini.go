package dataset

import (
	"embed"
	"fmt"
	"io/fs"
)

// The embedded set is made from Debian's package dataset-fashion-mnist; CI
// makes it again and compares.
//
//go:generate go run ./internal/makemini -output fmnist-mini

//go:embed fmnist-mini
var miniFiles embed.FS

const (
	miniName     = "fmnist-mini"
	miniChecksum = "af67d4935b2cd16d1463b18bb8c156c5da9cb3e8cee32c4fe26c958e2c1d988d"
)

func miniInfo() Info {
	return Info{
		Name:     miniName,
		Title:    "FashionMNIST, the first 400 training and 200 test images of each class",
		Licence:  "MIT, Copyright 2017 Zalando SE",
		Source:   fashionSource,
		Shape:    Shape{1, 28, 28},
		Classes:  10,
		Train:    4000,
		Test:     2000,
		Embedded: true,
	}
}

func openMini() (*Set, error) {
	info := miniInfo()
	var files [4]*IDX
	for i, name := range fileNames {
		x, err := readEmbedded("fmnist-mini/" + name + ".gz")
		if err != nil {
			return nil, miniError(err)
		}
		files[i] = x
	}
	s, err := assemble(info, files)
	if err != nil {
		return nil, miniError(err)
	}
	if s.Checksum != miniChecksum {
		return nil, miniError(fmt.Errorf("its content has sha256 %s, not %s", s.Checksum, miniChecksum))
	}
	return s, nil
}

func miniError(err error) error {
	return &Error{Set: miniName, Path: "embedded files", Err: err, Remedy: "this program was built from damaged sources: build it again"}
}

func readEmbedded(path string) (*IDX, error) {
	f, err := miniFiles.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // memory: closing cannot fail
	x, err := ReadIDX(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return x, nil
}

// MiniNotice is the licence under which the embedded images are distributed,
// in full; whoever passes them on must pass it on too.
func MiniNotice() string {
	b, err := fs.ReadFile(miniFiles, "fmnist-mini/LICENSE")
	if err != nil {
		return "" // cannot be: go:embed fails the build, and a test reads it
	}
	return string(b)
}
