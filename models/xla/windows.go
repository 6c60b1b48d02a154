package xla

import (
	"math"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/hlo"
)

// window is a place within a layer's window.
type window struct{ row, column int }

// windows visits, in row order, the values that stand at each place of the layer's windows: [K, C, N, H, W] with the output's H and W.
// Slices and sums of slices are all that pooling and patches need, and unlike select_and_scatter they are summed in one order on every device.
func (l *lowering) windows(i int, x hlo.Value, padding float64, visit func(at window, v hlo.Value)) {
	layer, out := l.a.Layers[i], l.shapes[i]
	p := layer.Padding
	ends := []int{0, 0, 0, p, p}
	x = l.Pad(x, padding, ends, ends, []int{0, 0, 0, 0, 0})
	d, s := x.Dims, layer.Stride
	for row := range layer.Kernel {
		for column := range layer.Kernel {
			visit(window{row, column}, l.Slice(x,
				[]int{0, 0, 0, row, column},
				[]int{d[0], d[1], d[2], row + (out.H-1)*s + 1, column + (out.W-1)*s + 1},
				[]int{1, 1, 1, s, s}))
		}
	}
}

// scatter puts the values of one place of the windows back where they stood, in the padded input, with zeros elsewhere.
func (l *lowering) scatter(i int, v hlo.Value, at window) hlo.Value {
	layer, in, out := l.a.Layers[i], l.reads(i), l.shapes[i]
	s := layer.Stride
	behind := func(n, places, from int) int { return n + 2*layer.Padding - from - (places-1)*s - 1 }
	return l.Pad(v, 0,
		[]int{0, 0, 0, at.row, at.column},
		[]int{0, 0, 0, behind(in.H, out.H, at.row), behind(in.W, out.W, at.column)},
		[]int{0, 0, 0, s - 1, s - 1})
}

// crop takes the padding away.
func (l *lowering) crop(i int, x hlo.Value) hlo.Value {
	p, in := l.a.Layers[i].Padding, l.reads(i)
	return l.Slice(x, []int{0, 0, 0, p, p}, []int{l.k, in.C, l.n, p + in.H, p + in.W}, []int{1, 1, 1, 1, 1})
}

// maxPool is the largest value of each window, and for each place whether it stands there: at the first of equal ones.
func (l *lowering) maxPool(i int, x hlo.Value) (y hlo.Value, chosen []hlo.Value) {
	var values []hlo.Value
	l.windows(i, x, math.Inf(-1), func(_ window, v hlo.Value) {
		if values = append(values, v); y.Valid() {
			more := l.Binary("or", l.Compare("GT", v, y), l.Compare("NE", v, v)) // a NaN wins, and is not lost again
			y = l.Select(more, v, y)
		} else {
			y = v
		}
	})
	var taken hlo.Value
	for _, v := range values {
		here := l.Compare("EQ", v, y)
		if taken.Valid() {
			free := l.Unary("not", taken)
			taken = l.Binary("or", taken, here)
			here = l.Binary("and", here, free)
		} else {
			taken = here
		}
		chosen = append(chosen, here)
	}
	return y, chosen
}

// pick is max pooling with the choice already made.
func (l *lowering) pick(i int, x hlo.Value, chosen []hlo.Value) hlo.Value {
	var y hlo.Value
	at := 0
	l.windows(i, x, 0, func(_ window, v hlo.Value) {
		y = l.accumulate(y, l.Select(chosen[at], v, l.zero(v)))
		at++
	})
	return y
}

// maxPoolBackward gives each window's gradient to the value that was chosen.
func (l *lowering) maxPoolBackward(i int, dy hlo.Value, chosen []hlo.Value) hlo.Value {
	kernel := l.a.Layers[i].Kernel
	var dx hlo.Value
	for at, here := range chosen {
		part := l.Select(here, dy, l.zero(dy))
		dx = l.accumulate(dx, l.scatter(i, part, window{at / kernel, at % kernel}))
	}
	return l.crop(i, dx)
}

func (l *lowering) avgPool(i int, x hlo.Value) hlo.Value {
	var y hlo.Value
	l.windows(i, x, 0, func(_ window, v hlo.Value) { y = l.accumulate(y, v) })
	return l.times(y, 1/float64(l.a.Layers[i].Kernel*l.a.Layers[i].Kernel))
}

func (l *lowering) avgPoolBackward(i int, dy hlo.Value) hlo.Value {
	kernel := l.a.Layers[i].Kernel
	dy = l.times(dy, 1/float64(kernel*kernel))
	var dx hlo.Value
	for at := range kernel * kernel {
		dx = l.accumulate(dx, l.scatter(i, dy, window{at / kernel, at % kernel}))
	}
	return l.crop(i, dx)
}

func (l *lowering) globalPool(i int, x hlo.Value) hlo.Value {
	in := l.reads(i)
	y := l.narrow(l.times(l.sum(x, 3, 4), 1/float64(in.H*in.W)))
	return l.Reshape(y, l.dims(models.Shape{C: in.C, H: 1, W: 1})...)
}

func (l *lowering) globalPoolBackward(i int, dy hlo.Value) hlo.Value {
	in := l.reads(i)
	dy = l.times(l.Reshape(dy, l.k, in.C, l.n), 1/float64(in.H*in.W))
	return l.Broadcast(dy, l.dims(in), 0, 1, 2)
}
