// Command makemini makes the embedded data set fmnist-mini from the full
// FashionMNIST: of each class the first 400 training and the first 200 test
// images, in file order. It runs by go generate in corpora/dataset.
package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/genbench/genbench/corpora/dataset"
)

const classes = 10

func main() {
	input := flag.String("input", "", "folder of the full FashionMNIST (default: where Debian's dataset-fashion-mnist puts it)")
	output := flag.String("output", "fmnist-mini", "folder to write to")
	flag.Parse()
	if err := run(*input, *output); err != nil {
		fmt.Fprintln(os.Stderr, "makemini:", err)
		os.Exit(1)
	}
}

func run(input, output string) error {
	files, err := mini(input)
	if err != nil {
		return err
	}
	for name, x := range files {
		b, err := compress(x)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(output, name+".gz"), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// mini returns the four arrays by file name. Opening verifies the full set.
func mini(input string) (map[string]*dataset.IDX, error) {
	set, err := dataset.Open("fashion-mnist", input)
	if err != nil {
		return nil, err
	}
	files := map[string]*dataset.IDX{}
	for _, s := range []struct {
		prefix string
		images *dataset.Images
		each   int
	}{{"train", set.Train, 400}, {"t10k", set.Test, 200}} {
		x, y := first(s.images, s.each)
		files[s.prefix+"-images-idx3-ubyte"] = x
		files[s.prefix+"-labels-idx1-ubyte"] = y
	}
	return files, nil
}

// first takes the first images of each class, in file order.
func first(im *dataset.Images, each int) (x, y *dataset.IDX) {
	n := classes * each
	x = &dataset.IDX{Dims: []int{n, im.Shape.H, im.Shape.W}}
	y = &dataset.IDX{Dims: []int{n}}
	taken := make([]int, classes)
	size := im.Shape.Size()
	for i, label := range im.Labels {
		if taken[label] < each {
			taken[label]++
			x.Data = append(x.Data, im.Pixels[i*size:(i+1)*size]...)
			y.Data = append(y.Data, uint8(label))
		}
	}
	return x, y
}

// compress writes no name and no time into the gzip header, so the bytes depend
// on the content and the version of compress/flate only.
func compress(x *dataset.IDX) ([]byte, error) {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if err := dataset.WriteIDX(w, x); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
