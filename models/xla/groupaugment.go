package xla

import (
	"math"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/hlo"
)

// The rows of an array of numbers that say how networks' inputs are augmented, [augments, K] of 64 bits.
const (
	augmentSeed   = iota
	augmentEpoch  // from 1
	augmentPlaces // of the window along an axis: 2 Crop + 1
	augmentFlip   // 0 or 1
	augments
)

// augmentNumbers lists a network's numbers in the rows' order.
func augmentNumbers(a models.Augmentation, seed, epoch uint64) [augments]uint64 {
	n := [augments]uint64{augmentSeed: seed, augmentEpoch: epoch, augmentPlaces: uint64(2*a.Crop + 1)}
	if a.Flip {
		n[augmentFlip] = 1
	}
	return n
}

// augmentation is how the inputs of training are changed.
type augmentation struct {
	numbers hlo.Value // [augments, K]
	padding hlo.Value // [K, C] of float32: what black pixels are
}

// mostAugmented is how many networks' batches augment can count the values of, in i32.
func mostAugmented(a models.Architecture, batch int) int {
	return math.MaxInt32 / (batch * a.Input.Size())
}

// augment changes a batch, [K, C, n, H, W], as [models.Augmentation] says; index, [K, n] of i32, names its examples within each network's training set. Values are moved and never computed with, so
// bits are the host's.
func (l *lowering) augment(x hlo.Value, a augmentation, index hlo.Value) hlo.Value {
	row, column, mirrored := l.windowPlaces(a, index)
	h, w := x.Dims[3], x.Dims[4]
	dims := []int{l.k, l.n, h, w}
	over := func(v hlo.Value) hlo.Value { return l.Broadcast(v, dims, 0, 1) }
	number := func(v int) hlo.Value { return l.Const(hlo.I32, float64(v), dims...) }
	// The pixel of the image that each pixel of the window is.
	at := l.Iota(hlo.I32, 3, dims...)
	at = l.Add(over(column), l.Select(over(mirrored), l.Sub(number(w-1), at), at))
	down := l.Add(over(row), l.Iota(hlo.I32, 2, dims...))
	within := func(v hlo.Value, size int) hlo.Value {
		return l.Binary("and", l.Compare("GE", v, number(0)), l.Compare("LT", v, number(size)))
	}
	inside := l.Binary("and", within(down, h), within(at, w))
	pixel := l.Select(inside, l.Add(l.Mul(down, number(w)), at), number(0))
	// Its place among the values of the batch.
	place := l.Broadcast(pixel, x.Dims, 0, 2, 3, 4)
	for axis, step := range []int{x.Dims[1] * l.n * h * w, l.n * h * w, h * w} {
		place = l.Add(place, l.Mul(l.Iota(hlo.I32, axis, x.Dims...), l.Const(hlo.I32, float64(step), x.Dims...)))
	}
	moved := l.Rows(l.Reshape(x, x.Size(), 1), l.Reshape(place, x.Size(), 1))
	// Without the barrier a convolution's patches would each gather anew: on a processor the epoch of a small CNN took 40 % longer than without augmentation, with it 10 %.
	return l.Barrier(l.Select(l.Broadcast(inside, x.Dims, 0, 2, 3, 4), l.Reshape(moved, x.Dims...), l.channels(a.padding, x.Dims)))
}

// windowPlaces draws for each example where its window begins in the image, rows and columns from -Crop to Crop, and whether it is mirrored: [K, n] each, i32 and Bool. It is
// drawn as package models draws it.
func (l *lowering) windowPlaces(a augmentation, index hlo.Value) (row, column, mirrored hlo.Value) {
	gamma := uint64(0x9e3779b97f4a7c15) // no constant: its multiples wrap around
	dims := index.Dims
	one := func(v hlo.Value, c uint64, op string) hlo.Value { return l.Binary(op, v, l.Unsigned(c, v.Dims...)) }
	number := func(i int) hlo.Value {
		return l.Reshape(l.Slice(a.numbers, []int{i, 0}, []int{i + 1, l.k}, []int{1, 1}), l.k)
	}
	over := func(v hlo.Value) hlo.Value { return l.Broadcast(v, dims, 0) }
	epoch := l.mix(l.Add(l.mix(one(number(augmentSeed), gamma, "add")), one(number(augmentEpoch), gamma, "multiply")))
	key := l.mix(l.Add(over(epoch), one(l.Convert(index, hlo.U64), gamma, "multiply")))
	draw := func(i uint64) hlo.Value { return l.mix(one(key, i*gamma, "add")) }
	// The high 64 bits of a product with a number of less than 32 bits, of its two halves.
	places := over(number(augmentPlaces))
	crop := l.Convert(one(places, 1, "shift_right_logical"), hlo.I32)
	below := func(z hlo.Value) hlo.Value {
		high, low := one(z, 32, "shift_right_logical"), one(z, 1<<32-1, "and")
		carry := one(l.Mul(low, places), 32, "shift_right_logical")
		return l.Sub(l.Convert(one(l.Add(l.Mul(high, places), carry), 32, "shift_right_logical"), hlo.I32), crop)
	}
	flip := l.Binary("and", one(draw(3), 63, "shift_right_logical"), over(number(augmentFlip)))
	// XLA would otherwise draw anew for every pixel.
	return l.Barrier(below(draw(1))), l.Barrier(below(draw(2))), l.Barrier(l.Compare("NE", flip, l.zero(flip)))
}
