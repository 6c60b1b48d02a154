package xla

import (
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/hlo"
)

// lowering writes the computation of one architecture for K networks at once into a program.
//
// Every activation is [K, C, N, H, W]: networks, channels, examples, rows, columns; a vector of features has H = W = 1. With channels
// before examples a product with weights [K, Out, In] needs no transposition, forward or backward. How arrays lie in memory is XLA's choice.
type lowering struct {
	*hlo.Func
	a      models.Architecture
	specs  []models.TensorSpec
	shapes []models.Shape
	from   []int
	first  []int // of each layer: the index of its first tensor
	how    choices

	k, n    int         // networks, examples
	tensors []hlo.Value // [K, ...] each, in the order of [models.Architecture.Tensors]
}

// choices are what a device may like in one form or another. They change speed and rounding, nothing else.
type choices struct {
	precision hlo.Precision
	patches   bool // convolutions as products on patches, rather than XLA's own
}

func newLowering(a models.Architecture, k, n int, how choices) *lowering {
	l := &lowering{Func: hlo.New(), a: a, specs: a.Tensors(), shapes: a.Shapes(), from: a.Sources(), how: how, k: k, n: n}
	l.first = make([]int, len(a.Layers))
	for i := len(l.specs) - 1; i >= 0; i-- {
		l.first[l.specs[i].Layer] = i
	}
	return l
}

// like adds a parameter for each tensor, trainable ones only or all; others are left invalid.
func (l *lowering) like(trainableOnly bool) []hlo.Value {
	values := make([]hlo.Value, len(l.specs))
	for i, t := range l.specs {
		if t.Trainable || !trainableOnly {
			values[i] = l.Parameter(hlo.F32, append([]int{l.k}, t.Shape...)...)
		}
	}
	return values
}

// dims is the shape of an activation of this shape an example.
func (l *lowering) dims(s models.Shape) []int { return []int{l.k, s.C, l.n, s.H, s.W} }

// reads is the shape an example of what layer i reads.
func (l *lowering) reads(i int) models.Shape {
	if l.from[i] == models.Input {
		return l.a.Input
	}
	return l.shapes[l.from[i]]
}

// tensor is the j-th tensor of layer i.
func (l *lowering) tensor(i, j int) hlo.Value { return l.tensors[l.first[i]+j] }

// hasBias says that layer i, dense or conv2d, has one.
func (l *lowering) hasBias(i int) bool {
	return !l.a.Layers[i].NoBias || l.a.Layers[i].Kind == models.Dense
}

// channels repeats a value a channel, [K, C], over an activation's other axes.
func (l *lowering) channels(v hlo.Value, dims []int) hlo.Value { return l.Broadcast(v, dims, 0, 1) }

// fromRows makes an activation of rows, [N, D], which all networks read, or [K, N, D].
func (l *lowering) fromRows(x hlo.Value, s models.Shape) hlo.Value {
	if len(x.Dims) == 2 {
		x = l.Transpose(l.Reshape(x, l.n, s.C, s.H, s.W), 1, 0, 2, 3)
		return l.Broadcast(x, l.dims(s), 1, 2, 3, 4)
	}
	return l.Transpose(l.Reshape(x, l.k, l.n, s.C, s.H, s.W), 0, 2, 1, 3, 4)
}

// toRows is the reverse, [K, N, D].
func (l *lowering) toRows(x hlo.Value) hlo.Value {
	d := x.Dims
	return l.Reshape(l.Transpose(x, 0, 2, 1, 3, 4), l.k, l.n, d[1]*d[3]*d[4])
}

// flat makes [K, C H W, N] of an activation: features in PyTorch's order.
func (l *lowering) flat(x hlo.Value) hlo.Value {
	d := x.Dims
	if d[3]*d[4] != 1 {
		x = l.Transpose(x, 0, 1, 3, 4, 2)
	}
	return l.Reshape(x, l.k, d[1]*d[3]*d[4], l.n)
}

// unflat is the reverse, to a shape.
func (l *lowering) unflat(x hlo.Value, s models.Shape) hlo.Value {
	if s.H*s.W == 1 {
		return l.Reshape(x, l.dims(s)...)
	}
	return l.Transpose(l.Reshape(x, l.k, s.C, s.H, s.W, l.n), 0, 1, 4, 2, 3)
}

// sum adds along axes in float64 and answers float64: reductions that are no matrix product are taken so.
func (l *lowering) sum(x hlo.Value, axes ...int) hlo.Value {
	return l.Reduce("add", l.Convert(x, hlo.F64), 0, axes...)
}

// times multiplies by a number.
func (l *lowering) times(x hlo.Value, v float64) hlo.Value {
	return l.Mul(x, l.Const(x.Elem, v, x.Dims...))
}

// narrow is float64 to float32.
func (l *lowering) narrow(x hlo.Value) hlo.Value { return l.Convert(x, hlo.F32) }

// zero is an array of zeros like x.
func (l *lowering) zero(x hlo.Value) hlo.Value { return l.Const(x.Elem, 0, x.Dims...) }
