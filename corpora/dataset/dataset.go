// Package dataset holds labelled images: it reads and verifies them, cuts
// class-balanced subsets, and corrupts labels and inputs in a way that any
// machine reproduces to the bit.
//
// It knows nothing of networks, corpora or measures, and imports nothing of
// genbench. It never downloads: a set is embedded, generated, or read from a
// folder that the caller names.
//
//	Open      a name and a folder -> a verified Set (8-bit pixels, labels)
//	Build     a Set and a Transform -> Data (what a network trains and is tested on)
//	Check     which sets a folder holds, and how to get the others
//
// A [Set] is content with a checksum; a wrong byte in a file is an error, never
// a slightly different experiment. A [Transform] is everything else that
// determines the examples, and [Data] carries the hash of both.
//
// The steps of Build, in their order:
//
//  1. subset: as many images of each class as asked, chosen by SubsetSeed;
//  2. scale to [0, 1] and mean-pool;
//  3. training images only: add Gaussian noise, and clip if asked;
//  4. normalise, if asked, with mean and standard deviation of the clean
//     training subset after pooling;
//  5. training labels only: shuffle a fraction.
//
// Noise comes before normalisation so that its standard deviation is in units
// of the pixel range, as in Gain and Siegelmann's experiments, whether or not
// inputs are normalised; and the statistics are the clean images', so that
// test images, which are never corrupted, are scaled alike at every noise
// level.
//
// Randomness is counter-based: the value drawn for an example depends on a
// seed, a purpose and the example's position in the set, and on nothing else.
// So a larger noise level is the same noise scaled, a larger shuffled fraction
// contains the smaller one, a larger subset contains the smaller one, and
// nothing depends on order or on the number of workers.
package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// Shape is the shape of one image, flattened as [C, H, W].
type Shape struct {
	C int `json:"c"`
	H int `json:"h"`
	W int `json:"w"`
}

// Size is the number of values of one image.
func (s Shape) Size() int { return s.C * s.H * s.W }

func (s Shape) String() string { return fmt.Sprintf("[%d, %d, %d]", s.C, s.H, s.W) }

// Images are N labelled images of 8-bit pixels.
type Images struct {
	Shape   Shape
	Classes int     // K
	Pixels  []uint8 // [N, C, H, W]
	Labels  []int32 // [N], in [0, K)
}

// Len is N.
func (im *Images) Len() int { return len(im.Labels) }

// Validate reports the first inconsistency of shape, lengths or labels.
func (im *Images) Validate() error {
	const limit = 1 << 12 // per side or channel; no image set comes near, and products stay far from overflow
	s := im.Shape
	if min(s.C, s.H, s.W) < 1 || max(s.C, s.H, s.W) > limit {
		return fmt.Errorf("image shape %v: each size must be in [1, %d]", s, limit)
	}
	if im.Classes < 2 {
		return fmt.Errorf("%d classes: at least 2 are needed", im.Classes)
	}
	if im.Len() == 0 {
		return fmt.Errorf("no images")
	}
	if need := int64(im.Len()) * int64(s.C) * int64(s.H) * int64(s.W); int64(len(im.Pixels)) != need {
		return fmt.Errorf("%d pixels for %d images of shape %v: %d are needed", len(im.Pixels), im.Len(), s, need)
	}
	for i, y := range im.Labels {
		if y < 0 || int(y) >= im.Classes {
			return fmt.Errorf("label %d of image %d is not in [0, %d)", y, i, im.Classes)
		}
	}
	return nil
}

// Set is a labelled data set with its split. It is read-only.
type Set struct {
	Name        string
	Train, Test *Images
	Checksum    string // see [Checksum]
	Licence     string

	// resize makes a generated set with other numbers of images: the shorter
	// is a prefix of the longer. nil for sets that are what they are.
	resize func(train, test int) *Set
}

// NewSet makes a set of images that the caller has in memory, and computes its
// checksum.
func NewSet(name string, train, test *Images, licence string) (*Set, error) {
	s := &Set{Name: name, Train: train, Test: test, Licence: licence}
	if err := s.validate(); err != nil {
		return nil, err
	}
	s.Checksum = Checksum(train, test)
	return s, nil
}

func (s *Set) validate() error {
	if s.Train == nil || s.Test == nil {
		return fmt.Errorf("data set %q: a split is missing", s.Name)
	}
	if err := s.Train.Validate(); err != nil {
		return fmt.Errorf("data set %q: training split: %w", s.Name, err)
	}
	if err := s.Test.Validate(); err != nil {
		return fmt.Errorf("data set %q: test split: %w", s.Name, err)
	}
	if s.Train.Shape != s.Test.Shape || s.Train.Classes != s.Test.Classes {
		return fmt.Errorf("data set %q: the training split has shape %v and %d classes, the test split %v and %d",
			s.Name, s.Train.Shape, s.Train.Classes, s.Test.Shape, s.Test.Classes)
	}
	return nil
}

// Checksum is the SHA-256, in hex, of the four arrays of a set written as
// uncompressed IDX files one after another: training images, training labels,
// test images, test labels. For a set that lies on disk as IDX.gz it is thus
//
//	zcat train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz | sha256sum
//
// Compression and file names do not enter. Images of more than one channel are
// written with four dimensions, [N, C, H, W]; labels of more than 256 classes
// as 32-bit integers.
func Checksum(train, test *Images) string {
	h := sha256.New()
	for _, im := range []*Images{train, test} {
		im.writePixels(h)
		im.writeLabels(h)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// writePixels and writeLabels write to a hash, which cannot fail.
func (im *Images) writePixels(w io.Writer) {
	dims := []int{im.Len(), im.Shape.C, im.Shape.H, im.Shape.W}
	if im.Shape.C == 1 {
		dims = []int{im.Len(), im.Shape.H, im.Shape.W}
	}
	_, _ = w.Write(appendHeader(nil, idxUint8, dims))
	_, _ = w.Write(im.Pixels)
}

func (im *Images) writeLabels(w io.Writer) {
	if im.Classes > 256 {
		buf := appendHeader(nil, idxInt32, []int{im.Len()})
		for _, y := range im.Labels {
			buf = binary.BigEndian.AppendUint32(buf, uint32(y))
		}
		_, _ = w.Write(buf)
		return
	}
	buf := appendHeader(nil, idxUint8, []int{im.Len()})
	for _, y := range im.Labels {
		buf = append(buf, uint8(y))
	}
	_, _ = w.Write(buf)
}

// Info describes a set that [Open] knows.
type Info struct {
	Name      string `json:"name"`
	Title     string `json:"title"`
	Licence   string `json:"licence"`
	Source    string `json:"source"` // where it comes from
	Shape     Shape  `json:"shape"`
	Classes   int    `json:"classes"`
	Train     int    `json:"train"` // images; for a generated set the default number
	Test      int    `json:"test"`
	Embedded  bool   `json:"embedded"`  // part of the program
	Generated bool   `json:"generated"` // made from a fixed seed; any size can be asked for
}

// Known lists the sets that [Open] can open, those that need no files first.
func Known() []Info {
	infos := []Info{miniInfo(), gaussianInfo()}
	for _, c := range collections() {
		infos = append(infos, c.info)
	}
	return infos
}

// Find returns what is known of the set of that name or alias, without opening
// it; its Name is the one to record. An unknown name gives an [*Error] that lists the known ones.
func Find(name string) (Info, error) {
	known := Known()
	for _, info := range known {
		if info.Name == name {
			return info, nil
		}
	}
	for _, c := range collections() {
		if c.named(name) {
			return c.info, nil
		}
	}
	var names []string
	for _, info := range known {
		names = append(names, info.Name)
	}
	return Info{}, &Error{Set: name, Err: errUnknown, Remedy: "the data sets known are " + strings.Join(names, ", ")}
}

// Open returns the set of that name or alias, verified against its checksum. dir is the
// folder to look in for sets that are neither embedded nor generated: the
// files may lie in dir itself or in the subfolders that torchvision and Debian
// use (see [Check]); with dir "" only Debian's own place is tried. What
// is wrong comes as an [*Error], which names the file and what to do.
func Open(name, dir string) (*Set, error) {
	switch name {
	case miniName:
		return openMini()
	case gaussianName:
		return openGaussian(), nil
	}
	for _, c := range collections() {
		if c.named(name) {
			return c.open(dir)
		}
	}
	_, err := Find(name)
	return nil, err
}
