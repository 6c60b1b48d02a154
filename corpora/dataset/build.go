package dataset

import (
	"errors"
	"fmt"
	"math"
)

// Split is the training or the test examples as a network meets them.
type Split struct {
	X       []float32 // [N, D], in [0, 1] unless noisy or normalised
	Y       []int32   // [N], the labels trained on; in a test split the clean ones
	Clean   []int32   // [N], the set's labels
	Changed []int     // where Y differs from Clean, ascending
	Index   []int     // [N], each example's position in the set, ascending
	Native  []uint8   // [N, C·H·W of the set], the set's pixels: before pooling, noise and normalisation
}

// Len is N.
func (s *Split) Len() int { return len(s.Y) }

// Data is what a network is trained on and tested on. It is read-only: parts of
// it are shared with the set it was built from.
type Data struct {
	Shape       Shape // of an input, after pooling
	NativeShape Shape // of an image of the set
	Classes     int
	Train, Test Split

	// Hash is the SHA-256, in hex, of the set's checksum and the transform's
	// canonical form: equal hashes, equal data.
	Hash string

	// ChangedFraction is the fraction of training labels that differ from the
	// clean ones. It is smaller than the fraction shuffled: see [Permute].
	ChangedFraction float64

	// Mean and Std, [C], are what inputs were normalised with, in units of the
	// pixel range [0, 1]; nil without normalisation. Std is the population's (division by n).
	Mean, Std []float64
}

// Black is what a black pixel is as an input, [C]: 0, or what normalisation makes of it.
func (d *Data) Black() []float32 {
	black := make([]float32, d.Shape.C)
	for c := range d.Mean {
		black[c] = float32(-d.Mean[c] / d.Std[c])
	}
	return black
}

// Build makes the examples that t asks for of the set. The package comment has
// the order of the steps. Errors are about values of t that the set cannot
// meet.
func Build(set *Set, t Transform) (*Data, error) {
	d, err := build(set, t)
	if err != nil {
		return nil, fmt.Errorf("building data from %s: %w", set.Name, err)
	}
	return d, nil
}

func build(set *Set, t Transform) (*Data, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	t = t.Canonical()
	asked, generated := set, set.resize != nil
	var err error
	if generated {
		if set, t, err = resized(set, t); err != nil {
			return nil, err
		}
	}
	if err := set.validate(); err != nil {
		return nil, err
	}
	native := set.Train.Shape
	if native.H%t.Pool != 0 || native.W%t.Pool != 0 {
		return nil, fmt.Errorf("pool: %d does not divide images of %d x %d", t.Pool, native.H, native.W)
	}
	d := &Data{
		Shape:       Shape{native.C, native.H / t.Pool, native.W / t.Pool},
		NativeShape: native,
		Classes:     set.Train.Classes,
	}
	if d.Hash, err = hashOf(asked, t); err != nil {
		return nil, err
	}
	if generated {
		t.Train, t.Test = 0, 0 // it has the size asked for; the hash has it too
	}
	train, err := choose(set.Train, t.Train, streamKey(t.SubsetSeed, subsetTrain))
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	test, err := choose(set.Test, t.Test, streamKey(t.SubsetSeed, subsetTest))
	if err != nil {
		return nil, fmt.Errorf("test: %w", err)
	}
	s := newScale(native, t.Pool)
	if t.Normalize {
		if err := s.normalize(train.Native); err != nil {
			return nil, err
		}
		d.Mean, d.Std = s.mean, s.std
	}
	if t.InputNoise > 0 {
		train.X = s.noisy(train.Native, train.Index, t)
	} else {
		train.X = s.clean(train.Native)
	}
	test.X = s.clean(test.Native)
	d.Train, d.Test = train, test
	d.label(t)
	return d, nil
}

// label sets what is trained on in place of the clean labels.
func (d *Data) label(t Transform) {
	d.Train.Y = shuffleLabels(t, d.Train.Clean, d.Train.Index, d.Classes)
	d.Train.Changed = changed(d.Train.Y, d.Train.Clean)
	d.ChangedFraction = float64(len(d.Train.Changed)) / float64(d.Train.Len())
}

// Relabel is [Build] for a transform that differs from that of base, which Build made of the same set, at most in
// how labels are shuffled. It shares all but the labels with base, so that many shuffles of a large set take the memory of one.
func Relabel(base *Data, set *Set, t Transform) (*Data, error) {
	inputs, err := hashOf(set, t.Unshuffled())
	if err == nil && inputs != base.Hash {
		err = errors.New("the inputs to share are of another set or transform")
	}
	d := *base
	if err == nil {
		d.Hash, err = hashOf(set, t)
	}
	if err != nil {
		return nil, fmt.Errorf("building data from %s: %w", set.Name, err)
	}
	d.label(t.Canonical())
	return &d, nil
}

// hashOf is the hash of what Build would make.
func hashOf(set *Set, t Transform) (string, error) {
	if err := t.Validate(); err != nil {
		return "", err
	}
	t = t.Canonical()
	if set.resize != nil {
		var err error
		if t, err = sized(set, t); err != nil {
			return "", err
		}
	}
	checksum := set.Checksum
	if checksum == "" {
		checksum = Checksum(set.Train, set.Test)
	}
	return t.hash(checksum)
}

// resized makes a generated set as large as t asks, and writes the sizes out in
// t. All of it is taken: its images are independent draws, so the first n
// are as good as any n, and the subset seed plays no part.
func resized(set *Set, t Transform) (*Set, Transform, error) {
	t, err := sized(set, t)
	if err != nil {
		return nil, t, err
	}
	if t.Train != set.Train.Len() || t.Test != set.Test.Len() {
		set = set.resize(t.Train, t.Test)
	}
	return set, t, nil
}

// sized writes the sizes of a generated set out in t.
func sized(set *Set, t Transform) (Transform, error) {
	if t.Train == 0 {
		t.Train = set.Train.Len()
	}
	if t.Test == 0 {
		t.Test = set.Test.Len()
	}
	if max(t.Train, t.Test) > gaussianLimit {
		return t, fmt.Errorf("train, test: %d and %d examples, at most %d of each are generated", t.Train, t.Test, gaussianLimit)
	}
	t.SubsetSeed = 0
	return t, nil
}

// choose takes a class-balanced subset of n images, in the set's order; 0 is
// all. If K does not divide n, the first classes have one image more.
func choose(im *Images, n int, key uint64) (Split, error) {
	all := make([]int, im.Len())
	for i := range all {
		all[i] = i
	}
	if n == 0 {
		return Split{Y: im.Labels, Clean: im.Labels, Index: all, Native: im.Pixels}, nil
	}
	quota := make([]int, im.Classes)
	for c := range quota {
		quota[c] = n / im.Classes
		if c < n%im.Classes {
			quota[c]++
		}
	}
	if err := affordable(im, n, quota); err != nil {
		return Split{}, err
	}
	taken := make([]bool, im.Len())
	for _, i := range ranked(key, all) {
		if c := im.Labels[i]; quota[c] > 0 {
			quota[c]--
			taken[i] = true
		}
	}
	size := im.Shape.Size()
	s := Split{Clean: make([]int32, 0, n), Index: make([]int, 0, n), Native: make([]uint8, 0, n*size)}
	for i, in := range taken {
		if in {
			s.Index = append(s.Index, i)
			s.Clean = append(s.Clean, im.Labels[i])
			s.Native = append(s.Native, im.Pixels[i*size:(i+1)*size]...)
		}
	}
	s.Y = s.Clean
	return s, nil
}

// affordable reports a class that has fewer images than its quota, and how many
// could be had.
func affordable(im *Images, n int, quota []int) error {
	have := make([]int, im.Classes)
	for _, y := range im.Labels {
		have[y]++
	}
	least := math.MaxInt
	for _, h := range have {
		least = min(least, h)
	}
	for c, h := range have {
		if h < quota[c] {
			return fmt.Errorf("%d class-balanced examples need %d of class %d, the set has %d; ask for at most %d, or 0 for all %d",
				n, quota[c], c, h, least*im.Classes, im.Len())
		}
	}
	return nil
}
