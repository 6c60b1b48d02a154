package xla

import (
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/hlo"
)

// The layers that are a product with weights, dense and conv2d, and the two products of their backward pass. Each takes its factors as
// arguments, so that the same code serves values, gradients and derivatives along a direction.

// linear is W x: the layer without its bias.
func (l *lowering) linear(i int, w, x hlo.Value) hlo.Value {
	out := l.dims(l.shapes[i])
	switch {
	case l.a.Layers[i].Kind == models.Dense:
		return l.Reshape(l.Dot(l.how.precision, w, l.flat(x), 1, 2, 1), out...)
	case l.how.patches:
		return l.Reshape(l.Dot(l.how.precision, l.filters(w), l.patches(i, x), 1, 2, 1), out...)
	}
	return l.convolve(i, w, x)
}

// linearInput is Wᵀ dy: the gradient with respect to what the layer reads.
func (l *lowering) linearInput(i int, w, dy hlo.Value) hlo.Value {
	switch {
	case l.a.Layers[i].Kind == models.Dense:
		return l.unflat(l.Dot(l.how.precision, w, l.flat(dy), 1, 1, 1), l.reads(i))
	case l.how.patches:
		return l.unpatch(i, l.Dot(l.how.precision, l.filters(w), l.places(dy), 1, 1, 1))
	}
	return l.convolveInput(i, w, dy)
}

// linearWeight is dy xᵀ: the gradient with respect to the weights.
func (l *lowering) linearWeight(i int, x, dy hlo.Value) hlo.Value {
	shape := append([]int{l.k}, l.specs[l.first[i]].Shape...)
	switch {
	case l.a.Layers[i].Kind == models.Dense:
		return l.Dot(l.how.precision, l.flat(dy), l.flat(x), 1, 2, 2)
	case l.how.patches:
		return l.Reshape(l.Dot(l.how.precision, l.places(dy), l.patches(i, x), 1, 2, 2), shape...)
	}
	return l.convolveWeight(i, x, dy)
}

// filters is a convolution's weights as a matrix, [K, Channels, C Kernel²].
func (l *lowering) filters(w hlo.Value) hlo.Value {
	d := w.Dims
	return l.Reshape(w, d[0], d[1], d[2]*d[3]*d[4])
}

// places is an activation as a matrix, [K, C, N H W].
func (l *lowering) places(x hlo.Value) hlo.Value {
	d := x.Dims
	return l.Reshape(x, d[0], d[1], d[2]*d[3]*d[4])
}

// patches are the windows that a convolution sees, as columns: [K, C Kernel², N H W] with the output's H and W.
func (l *lowering) patches(i int, x hlo.Value) hlo.Value {
	layer, out := l.a.Layers[i], l.shapes[i]
	var parts []hlo.Value
	l.windows(i, x, 0, func(_ window, v hlo.Value) {
		d := v.Dims
		parts = append(parts, l.Reshape(v, d[0], d[1], 1, d[2], d[3], d[4]))
	})
	columns := l.Concat(2, parts...)
	return l.Reshape(columns, l.k, x.Dims[1]*layer.Kernel*layer.Kernel, l.n*out.H*out.W)
}

// unpatch adds columns back to where patches took them from.
func (l *lowering) unpatch(i int, columns hlo.Value) hlo.Value {
	layer, in, out := l.a.Layers[i], l.reads(i), l.shapes[i]
	q := layer.Kernel * layer.Kernel
	columns = l.Reshape(columns, l.k, in.C, q, l.n, out.H, out.W)
	var total hlo.Value
	for at := range q {
		part := l.Slice(columns, []int{0, 0, at, 0, 0, 0}, []int{l.k, in.C, at + 1, l.n, out.H, out.W}, []int{1, 1, 1, 1, 1, 1})
		part = l.Reshape(part, l.k, in.C, l.n, out.H, out.W)
		total = l.accumulate(total, l.scatter(i, part, window{at / layer.Kernel, at % layer.Kernel}))
	}
	return l.crop(i, total)
}

// accumulate is a + b, or b where there is no a.
func (l *lowering) accumulate(a, b hlo.Value) hlo.Value {
	if !a.Valid() {
		return b
	}
	return l.Add(a, b)
}

// remainder is how many rows and columns of the padded input no window reaches.
func (l *lowering) remainder(i int) (rows, columns int) {
	layer, in := l.a.Layers[i], l.reads(i)
	return (in.H + 2*layer.Padding - layer.Kernel) % layer.Stride, (in.W + 2*layer.Padding - layer.Kernel) % layer.Stride
}

// merged makes one axis of networks and channels, [K C, N, H, W], for XLA's grouped convolutions.
func (l *lowering) merged(x hlo.Value) hlo.Value {
	d := x.Dims
	return l.Reshape(x, d[0]*d[1], d[2], d[3], d[4])
}

// convolve is XLA's convolution, a group of channels for each network.
func (l *lowering) convolve(i int, w, x hlo.Value) hlo.Value {
	layer, out := l.a.Layers[i], l.shapes[i]
	y := l.Convolve(l.how.precision, l.merged(x), l.merged(w), hlo.Conv{
		Input: "f, b, 0, 1", Kernel: "o, i, 0, 1", Output: "f, b, 0, 1",
		Stride: layer.Stride, Low: layer.Padding, High: [2]int{layer.Padding, layer.Padding},
		DilateInput: 1, DilateKernel: 1, FeatureGroups: l.k, BatchGroups: 1,
	}, l.k*out.C, l.n, out.H, out.W)
	return l.Reshape(y, l.dims(out)...)
}

// convolveInput slides the turned filters over dy, its values Stride apart.
func (l *lowering) convolveInput(i int, w, dy hlo.Value) hlo.Value {
	layer, in := l.a.Layers[i], l.reads(i)
	d := w.Dims // [K, O, C, Kernel, Kernel]
	w = l.Reverse(l.Reshape(l.Transpose(w, 1, 0, 2, 3, 4), d[1], d[0]*d[2], d[3], d[4]), 2, 3)
	low := layer.Kernel - 1 - layer.Padding
	rows, columns := l.remainder(i)
	dx := l.Convolve(l.how.precision, l.merged(dy), w, hlo.Conv{
		Input: "f, b, 0, 1", Kernel: "i, o, 0, 1", Output: "f, b, 0, 1",
		Stride: 1, Low: low, High: [2]int{low + rows, low + columns},
		DilateInput: layer.Stride, DilateKernel: 1, FeatureGroups: l.k, BatchGroups: 1,
	}, l.k*in.C, l.n, in.H, in.W)
	return l.Reshape(dx, l.dims(in)...)
}

// convolveWeight slides dy over x: examples are summed over as features are, and channels are the batch.
func (l *lowering) convolveWeight(i int, x, dy hlo.Value) hlo.Value {
	layer := l.a.Layers[i]
	rows, columns := l.remainder(i)
	c, o := x.Dims[1], dy.Dims[1]
	dw := l.Convolve(l.how.precision, l.merged(x), l.merged(dy), hlo.Conv{
		Input: "b, f, 0, 1", Kernel: "o, i, 0, 1", Output: "f, b, 0, 1",
		Stride: 1, Low: layer.Padding, High: [2]int{layer.Padding - rows, layer.Padding - columns},
		DilateInput: 1, DilateKernel: layer.Stride, FeatureGroups: 1, BatchGroups: l.k,
	}, l.k*o, c, layer.Kernel, layer.Kernel)
	return l.Reshape(dw, l.k, o, c, layer.Kernel, layer.Kernel)
}
