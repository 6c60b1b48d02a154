package dataset

import (
	"fmt"
	"io"
)

// decodeSVHN reads the cropped digits of Netzer et al. (2011, Reading Digits in Natural
// Images with Unsupervised Feature Learning; http://ufldl.stanford.edu/housenumbers): X, uint8 [32, 32, 3, N],
// and y, [N, 1], where 10 stands for the digit 0.
func decodeSVHN(info Info, files []*input) (train, test *Images, err error) {
	for i, dst := range []**Images{&train, &test} {
		want := []int{info.Train, info.Test}[i]
		err := files[i].read(func(r io.Reader) error {
			im, err := readSVHN(r, info)
			if err == nil && im.Len() != want {
				err = fmt.Errorf("%d images, expected %d", im.Len(), want)
			}
			*dst = im
			return err
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return train, test, nil
}

// readSVHN reads one split.
func readSVHN(r io.Reader, info Info) (*Images, error) {
	var pixels []uint8
	var labels []int64
	s := info.Shape
	err := readMAT(r, func(v *matVariable) (err error) {
		switch v.name {
		case "X":
			if d := v.dims; len(d) != 4 || d[0] != s.H || d[1] != s.W || d[2] != s.C {
				return fmt.Errorf("sizes %v, expected [%d, %d, %d, N]", d, s.H, s.W, s.C)
			}
			pixels, err = v.uint8s()
		case "y":
			if d := v.dims; len(d) != 2 || min(d[0], d[1]) != 1 {
				return fmt.Errorf("sizes %v, expected [N, 1]", d)
			}
			labels, err = v.integers()
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case pixels == nil:
		return nil, fmt.Errorf("it has no variable X, the images")
	case labels == nil:
		return nil, fmt.Errorf("it has no variable y, the labels")
	case len(pixels) != len(labels)*s.Size():
		return nil, fmt.Errorf("%d images in X but %d labels in y", len(pixels)/s.Size(), len(labels))
	}
	im := &Images{Shape: s, Classes: info.Classes, Pixels: pixels, Labels: make([]int32, len(labels))}
	for i, y := range labels {
		if y < 1 || y > 10 {
			return nil, fmt.Errorf("label %d of image %d is not in [1, 10], where 10 is the digit 0", y, i)
		}
		im.Labels[i] = int32(y % 10)
	}
	transposePlanes(pixels, s.H, s.W)
	return im, nil
}

// transposePlanes turns planes that are stored column by column into rows, in place.
func transposePlanes(pixels []uint8, h, w int) {
	plane := make([]uint8, h*w)
	for ; len(pixels) > 0; pixels = pixels[h*w:] {
		copy(plane, pixels)
		for y := range h {
			row := pixels[y*w:][:w]
			for x := range row {
				row[x] = plane[x*h+y]
			}
		}
	}
}
