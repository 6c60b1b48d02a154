package models

import (
	"errors"
	"fmt"
	"math/bits"
)

// Augmentation changes training inputs at random, anew each time that an example is trained on; evaluation,
// the gradient noise and all measures see the examples as they are. The zero value changes nothing.
//
// It is torchvision's RandomCrop(size, padding=Crop) and RandomHorizontalFlip(0.5): the image gets Crop rows
// and columns of black pixels on each side, a window of its own size is cut at one of (2 Crop + 1)² places, and the
// window is mirrored with probability 1/2. He et al. (2016, arXiv:1512.03385, section 4.2) train on CIFAR-10
// with Crop 4 and Flip.
//
// What is drawn for an example depends on the seed, the epoch and the example's place among
// the training examples alone, through a counter-based generator, so neither order nor workers enter. Input noise
// that is part of the examples moves with the image.
type Augmentation struct {
	Crop int  `json:"crop,omitempty"` // pixels of padding on each side, at least 0
	Flip bool `json:"flip,omitempty"`
}

// On says that it changes something.
func (a Augmentation) On() bool { return a != Augmentation{} }

// Fits reports why inputs of the shape cannot be augmented. padding is [Examples.Padding].
func (a Augmentation) Fits(s Shape, padding []float32) error {
	switch {
	case a.Crop < 0:
		return fmt.Errorf("augmentation: crop with %d pixels of padding: the number is negative", a.Crop)
	case !a.On():
		return nil
	case a.Crop >= min(s.H, s.W):
		return fmt.Errorf("augmentation: crop with %d pixels of padding can miss images of %d x %d: use fewer than %d", a.Crop, s.H, s.W, min(s.H, s.W))
	case padding != nil && len(padding) != s.C:
		return fmt.Errorf("augmentation: %d values of padding for %d channels", len(padding), s.C)
	}
	for _, v := range padding {
		if !finite(float64(v)) {
			return errors.New("augmentation: a value of padding is not a finite number")
		}
	}
	return nil
}

// place is what is drawn for one example: the place of the window in the padded image, each of its coordinates in
// [0, 2 Crop], and whether it is mirrored. With the SplitMix64 finalizer m and γ = 0x9e3779b97f4a7c15,
// k = m(m(m(seed + γ) + epoch γ) + example γ), the three are drawn from m(k + γ), m(k + 2γ) and m(k + 3γ):
// the coordinates are the high 64 bits of the product with 2 Crop + 1 (bias under 2^-57), the mirror is the top bit.
func (a Augmentation) place(seed, epoch, example uint64) (y, x int, mirrored bool) {
	g := uint64(0x9e3779b97f4a7c15) // no constant: its multiples wrap around
	k := mix64(mix64(mix64(seed+g)+epoch*g) + example*g)
	if a.Crop > 0 {
		places := uint64(2*a.Crop + 1)
		hy, _ := bits.Mul64(mix64(k+g), places)
		hx, _ := bits.Mul64(mix64(k+2*g), places)
		y, x = int(hy), int(hx)
	}
	return y, x, a.Flip && mix64(k+3*g)>>63 == 1
}

// Apply writes into dst what [Train] trains on of an example in an epoch, counted from 1; src is the example as it is, both are [C, H, W] of the shape s. padding is
// [Examples.Padding] and seed [Seeds.Augment]. With [EpochOrder], the inputs of any step can be told.
func (a Augmentation) Apply(dst, src []float32, s Shape, padding []float32, seed uint64, epoch, example int) error {
	if err := a.Fits(s, padding); err != nil {
		return err
	}
	if len(dst) != s.Size() || len(src) != s.Size() {
		return fmt.Errorf("augmentation: %d and %d values for an example of %d", len(src), len(dst), s.Size())
	}
	w := newAugmenter(a, s, padding, seed)
	w.write(dst, src, epoch, example)
	return nil
}

// augmenter augments the examples of one training.
type augmenter struct {
	Augmentation
	shape   Shape
	padding []float32 // [C]
	seed    uint64
}

func newAugmenter(a Augmentation, s Shape, padding []float32, seed uint64) augmenter {
	if padding == nil {
		padding = make([]float32, s.C)
	}
	return augmenter{a, s, padding, seed}
}

// write writes the example into dst; src is the example as it is, both are [C, H, W].
func (a *augmenter) write(dst, src []float32, epoch, example int) {
	y, x, mirrored := a.place(a.seed, uint64(epoch), uint64(example))
	dy, dx := y-a.Crop, x-a.Crop // row r of the window is row r+dy of the image
	h, w := a.shape.H, a.shape.W
	first, last := max(0, -dx), min(w, w-dx) // columns of the window that the image covers
	for c, black := range a.padding {
		for r := range h {
			out := dst[(c*h+r)*w:][:w]
			if r+dy < 0 || r+dy >= h {
				paint(out, black)
				continue
			}
			row := src[(c*h+r+dy)*w:][:w]
			paint(out[:first], black)
			copy(out[first:last], row[first+dx:])
			paint(out[last:], black)
			if mirrored {
				mirror(out)
			}
		}
	}
}

func paint(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}

func mirror(x []float32) {
	for i, j := 0, len(x)-1; i < j; i, j = i+1, j-1 {
		x[i], x[j] = x[j], x[i]
	}
}
