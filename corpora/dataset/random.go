package dataset

import (
	"cmp"
	"math/bits"
	"slices"
)

// Random numbers here are counter-based: SplitMix64 (Steele, Lea and Flood
// 2014, doi:10.1145/2660193.2660195), whose i-th output is a fixed function of
// its key and i. A sequential generator would tie an example's noise to the
// number of examples before it, and so to the subset.

// golden is SplitMix64's increment, 2^64 over the golden ratio.
const golden = 0x9e3779b97f4a7c15

// stream is a purpose of random numbers. Streams of one seed are independent.
// The numbers are part of what a hash stands for: never renumber.
type stream uint64

const (
	subsetTrain    stream = 1 // which training images are in the subset
	subsetTest     stream = 2
	shuffleChoice  stream = 3 // which labels are shuffled
	shuffleLabel   stream = 4 // where they go
	inputNoise     stream = 5
	gaussianPixels stream = 6 // the generated set
	gaussianLabels stream = 7
)

// streamKey is the key of a stream of a seed.
func streamKey(seed uint64, s stream) uint64 {
	return mix64(mix64(seed+golden) + uint64(s)*golden)
}

// draw is the i-th number under a key. A draw may serve as a key in turn.
func draw(key, i uint64) uint64 { return mix64(key + (i+1)*golden) }

// mix64 is SplitMix64's finalizer.
func mix64(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below maps a draw to [0, n). Its bias is under n/2^64.
func below(h uint64, n int) int {
	hi, _ := bits.Mul64(h, uint64(n))
	return int(hi)
}

// unit maps a draw to the open interval (0, 1), exactly: an odd multiple of 2^-53.
// The map is symmetric about 1/2.
func unit(h uint64) float64 {
	return (float64(h>>12) + 0.5) * (1.0 / (1 << 52))
}

// ranked returns positions 0..len(index)-1 in the order of the draws that
// belong to their examples. A prefix is a uniform random subset, and a
// longer prefix contains a shorter one.
func ranked(key uint64, index []int) []int {
	type entry struct {
		h   uint64
		pos int
	}
	es := make([]entry, len(index))
	for pos, i := range index {
		es[pos] = entry{draw(key, uint64(i)), pos}
	}
	slices.SortFunc(es, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.h, b.h), cmp.Compare(a.pos, b.pos))
	})
	order := make([]int, len(es))
	for k, e := range es {
		order[k] = e.pos
	}
	return order
}
