package dataset

import "math"

const (
	gaussianName = "gaussian-noise"

	// gaussianSeed is part of the set's definition, as the photographs are of FashionMNIST's.
	gaussianSeed = 20190527

	// gaussianLimit bounds what Build is willing to make: 785 MB of pixels.
	gaussianLimit = 1_000_000
)

func gaussianInfo() Info {
	return Info{
		Name:      gaussianName,
		Title:     "images of pure Gaussian noise with random labels; its gap is about 0.9 by construction",
		Licence:   "none needed (generated)",
		Source:    "generated from a fixed seed",
		Shape:     Shape{1, 28, 28},
		Classes:   10,
		Train:     4000,
		Test:      2000,
		Generated: true,
	}
}

// openGaussian makes the set of noise that Gain and Siegelmann put beside the
// real ones: every pixel is clip(0.5 + 0.25 z, 0, 1) rounded to 8 bits, z standard normal, and every
// label is uniform over the classes, independent of the image, in both splits.
// So a network can memorise the training split and nothing else. The authors'
// own array is not published; mean and deviation are this program's choice.
//
// Image i is the same however many are asked for.
func openGaussian() *Set {
	info := gaussianInfo()
	return gaussian(info.Train, info.Test)
}

func gaussian(train, test int) *Set {
	info := gaussianInfo()
	tr, te := gaussianSplit(0, train), gaussianSplit(1, test)
	s := &Set{Name: info.Name, Train: tr, Test: te, Licence: info.Licence}
	if train == info.Train && test == info.Test {
		s.Checksum = Checksum(tr, te)
	}
	s.resize = func(train, test int) *Set {
		g := gaussian(train, test)
		g.Checksum = s.Checksum // of the default sizes; the transform has the others
		return g
	}
	return s
}

// gaussianSplit makes the first n images of a split, 0 training and 1 test.
func gaussianSplit(split uint64, n int) *Images {
	info := gaussianInfo()
	d := info.Shape.Size()
	im := &Images{Shape: info.Shape, Classes: info.Classes, Pixels: make([]uint8, n*d), Labels: make([]int32, n)}
	pixels := draw(streamKey(gaussianSeed, gaussianPixels), split)
	labels := draw(streamKey(gaussianSeed, gaussianLabels), split)
	for i := range n {
		key := draw(pixels, uint64(i))
		row := im.Pixels[i*d : (i+1)*d]
		for j := range row {
			v := 0.5 + float64(0.25*normal(unit(draw(key, uint64(j)))))
			row[j] = uint8(math.Floor(float64(255*min(max(v, 0), 1)) + 0.5))
		}
		im.Labels[i] = int32(below(draw(labels, uint64(i)), info.Classes))
	}
	return im
}
