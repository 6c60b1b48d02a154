package dataset

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// digitsTop is the largest pixel of the digits, whose pixels count the dots in squares of 4 x 4.
const digitsTop = 16

// decodeDigits reads scikit-learn's digits.csv, the test part of Alpaydin and Kaynak's optdigits (1998, UCI,
// doi:10.24432/C50P49): a line an image, 64 pixels of 0..16 and the digit. The set has no split of its own; the first 1,000 lines are
// the training images here and the other 797, partly by other writers, the test images. Pixels are stored as
// round(255 v/16), which keeps them apart and is within 0.002 of v/16 on the scale [0, 1].
func decodeDigits(info Info, files []*input) (train, test *Images, err error) {
	all := &Images{Shape: info.Shape, Classes: info.Classes}
	n := info.Train + info.Test
	err = files[0].read(func(r io.Reader) error {
		if err := readDigits(r, all, n); err != nil {
			return err
		}
		if all.Len() != n {
			return fmt.Errorf("%d images, expected %d", all.Len(), n)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	cut := info.Train * info.Shape.Size()
	train = &Images{Shape: info.Shape, Classes: info.Classes, Pixels: all.Pixels[:cut:cut], Labels: all.Labels[:info.Train:info.Train]}
	test = &Images{Shape: info.Shape, Classes: info.Classes, Pixels: all.Pixels[cut:], Labels: all.Labels[info.Train:]}
	return train, test, nil
}

// readDigits appends the lines, at most most of them, to im.
func readDigits(r io.Reader, im *Images, most int) error {
	const limit = 1 << 20 // bytes; the set has 264,712
	text, err := io.ReadAll(io.LimitReader(r, limit))
	if err != nil {
		return fmt.Errorf("after %d bytes: %w", len(text), explain(err))
	}
	size := im.Shape.Size()
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		if n > most {
			return fmt.Errorf("more than the %d lines that are expected", most)
		}
		fields := strings.Split(lines.Text(), ",")
		if len(fields) != size+1 {
			return fmt.Errorf("line %d has %d fields, expected %d pixels and the digit", n, len(fields), size)
		}
		for i, f := range fields {
			top := digitsTop
			if i == size {
				top = im.Classes - 1
			}
			v, err := strconv.Atoi(f)
			if err != nil || v < 0 || v > top {
				return fmt.Errorf("line %d, field %d: %q is not in [0, %d]", n, i+1, clip(f), top)
			}
			if i == size {
				im.Labels = append(im.Labels, int32(v))
			} else {
				im.Pixels = append(im.Pixels, uint8((510*v+digitsTop)/(2*digitsTop)))
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("after line %d: %w", im.Len(), err)
	}
	return nil
}
