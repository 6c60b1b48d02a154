package dataset

import (
	"fmt"
	"io"
)

// decodeImageNet reads the downsampled ImageNet of Chrabaszcz, Loshchilov and Hutter (2017,
// arXiv:1707.08819) in its .npz version: each file has data, uint8 [N, 3072] in planes R, G, B,
// and labels, [N] in 1..1000, which become 0..999. The last file is the test split (ILSVRC's validation images).
// The training pixels are 3.9 GB and are held once, as bytes.
func decodeImageNet(info Info, files []*input) (train, test *Images, err error) {
	last := len(files) - 1
	if train, err = imageNetSplit(info, files[:last], info.Train); err != nil {
		return nil, nil, err
	}
	test, err = imageNetSplit(info, files[last:], info.Test)
	return train, test, err
}

func imageNetSplit(info Info, files []*input, n int) (*Images, error) {
	im := &Images{Shape: info.Shape, Classes: info.Classes, Pixels: make([]uint8, 0, n*info.Shape.Size()), Labels: make([]int32, 0, n)}
	for _, in := range files {
		err := appendImageNet(im, in, n-im.Len())
		// The sum is compared last: what is wrong inside says more than that it differs.
		if err := in.read(func(io.Reader) error { return err }); err != nil {
			return nil, err
		}
	}
	if im.Len() != n {
		return nil, files[0].fail(fmt.Errorf("%d images in %s, expected %d", im.Len(), batches(len(files)), n))
	}
	return im, nil
}

func batches(n int) string {
	if n == 1 {
		return "it"
	}
	return fmt.Sprintf("the %d batches", n)
}

func appendImageNet(im *Images, in *input, most int) error {
	r, size, done, err := in.seekable()
	if err != nil {
		return err
	}
	defer done()
	return readImageNet(r, size, im, most)
}

// readImageNet appends the images of one file, at most most of them, to im.
func readImageNet(r io.ReaderAt, size int64, im *Images, most int) error {
	z, err := readNPZ(r, size)
	if err != nil {
		return err
	}
	images := 0
	err = z.array("data", func(a *npyArray) (err error) {
		if len(a.shape) != 2 || a.shape[1] != im.Shape.Size() {
			return fmt.Errorf("sizes %v, expected [N, %d]", a.shape, im.Shape.Size())
		}
		if images = a.shape[0]; images > most {
			return fmt.Errorf("%d images, at most %d more are expected", images, most)
		}
		im.Pixels, err = a.appendUint8(im.Pixels)
		return err
	})
	if err != nil {
		return err
	}
	return z.array("labels", func(a *npyArray) error {
		if len(a.shape) != 1 || a.shape[0] != images {
			return fmt.Errorf("sizes %v, expected [%d] as there are images", a.shape, images)
		}
		labels, err := a.integers()
		if err != nil {
			return err
		}
		for i, y := range labels {
			if y < 1 || y > int64(im.Classes) {
				return fmt.Errorf("label %d of image %d is not in [1, %d]", y, i, im.Classes)
			}
			im.Labels = append(im.Labels, int32(y-1))
		}
		return nil
	})
}
