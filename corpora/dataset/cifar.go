package dataset

import (
	"errors"
	"fmt"
	"io"
)

// cifarSize is the number of pixels of a CIFAR image, planes R, G, B of 32 x 32, row by row.
const cifarSize = 3 * 32 * 32

// decodeCIFAR10 and decodeCIFAR100 read the binary versions of Krizhevsky's sets (2009, Learning
// Multiple Layers of Features from Tiny Images; the format is described on
// https://www.cs.toronto.edu/~kriz/cifar.html): records of a label and 3,072 pixels, in
// CIFAR-100 of a coarse and a fine label, of which the fine one is taken.
func decodeCIFAR10(info Info, files []*input) (train, test *Images, err error) {
	return decodeCIFAR(info, files, 0)
}

func decodeCIFAR100(info Info, files []*input) (train, test *Images, err error) {
	return decodeCIFAR(info, files, 20)
}

// decodeCIFAR takes the last file as the test split; coarse is the number of coarse classes.
func decodeCIFAR(info Info, files []*input, coarse int) (train, test *Images, err error) {
	last := len(files) - 1
	if train, err = cifarSplit(info, files[:last], info.Train, coarse); err != nil {
		return nil, nil, err
	}
	test, err = cifarSplit(info, files[last:], info.Test, coarse)
	return train, test, err
}

func cifarSplit(info Info, files []*input, n, coarse int) (*Images, error) {
	im := &Images{Shape: info.Shape, Classes: info.Classes, Pixels: make([]uint8, 0, n*cifarSize), Labels: make([]int32, 0, n)}
	for _, in := range files {
		if err := in.read(func(r io.Reader) error { return readCIFAR(r, im, coarse, n-im.Len()) }); err != nil {
			return nil, err
		}
	}
	if im.Len() != n {
		return nil, files[0].fail(fmt.Errorf("%d images, expected %d", im.Len(), n))
	}
	// Both splits of both sets have as many images of each class; the unpacked files of CIFAR-10 have no published sums.
	count := make([]int, info.Classes)
	for _, y := range im.Labels {
		count[y]++
	}
	for y, got := range count {
		if want := n / info.Classes; got != want {
			return nil, files[0].fail(fmt.Errorf("%d images of class %d in this split, the published set has %d of each class: a file is damaged or another set's", got, y, want))
		}
	}
	return im, nil
}

// readCIFAR appends the records of one file, at most most of them, to im. Labels are below
// im.Classes; with coarse > 0 each is preceded by a coarse label below coarse.
func readCIFAR(r io.Reader, im *Images, coarse, most int) error {
	head := make([]uint8, 1)
	if coarse > 0 {
		head = make([]uint8, 2)
	}
	for n := 0; ; n++ {
		switch _, err := io.ReadFull(r, head); {
		case errors.Is(err, io.EOF):
			if n == 0 {
				return errors.New("the file is empty")
			}
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("truncated: it ends in the labels of image %d", n)
		case err != nil:
			return fmt.Errorf("image %d: %w", n, explain(err))
		}
		if n == most {
			return fmt.Errorf("more than the %d images that are expected", most)
		}
		if coarse > 0 && int(head[0]) >= coarse {
			return fmt.Errorf("image %d has the coarse label %d, not in [0, %d): the file is damaged, or not of this format", n, head[0], coarse)
		}
		y := head[len(head)-1]
		if int(y) >= im.Classes {
			return fmt.Errorf("image %d has label %d, not in [0, %d): the file is damaged, or not of this format", n, y, im.Classes)
		}
		at := len(im.Pixels)
		im.Pixels = append(im.Pixels, blank[:]...)
		switch _, err := io.ReadFull(r, im.Pixels[at:]); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("truncated: it ends in the pixels of image %d", n)
		case err != nil:
			return fmt.Errorf("image %d: %w", n, explain(err))
		}
		im.Labels = append(im.Labels, int32(y))
	}
}

var blank [cifarSize]uint8
