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
	s := &Set{Name: info.Name, Train: gaussianSplit(0, info.Train), Test: gaussianSplit(1, info.Test), Licence: info.Licence}
	s.Checksum = Checksum(s.Train, s.Test)
	s.resize = func(train, test int) *Set {
		g := *s
		g.Train, g.Test = gaussianPrefix(s.Train, 0, train), gaussianPrefix(s.Test, 1, test)
		return &g // with the checksum of the default sizes: the transform has the others
	}
	return s
}

// gaussianPrefix is the first n images of a split, of which im has the first few.
func gaussianPrefix(im *Images, split uint64, n int) *Images {
	if n > im.Len() {
		return gaussianSplit(split, n)
	}
	return &Images{Shape: im.Shape, Classes: im.Classes, Pixels: im.Pixels[:n*im.Shape.Size()], Labels: im.Labels[:n]}
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
