package cpu

import (
	"slices"
	"unsafe"

	"github.com/genbench/genbench/models"
)

// panel is the number of examples that lie side by side.
const panel = 32

// plan is an architecture laid out for the kernels. It never changes.
//
// All trainable tensors live in one arena, so that an optimizer is one sweep. First
// come the weights of the dense layers, their rows padded with zeros to whole registers,
// then everything short: biases and batch norm's scales and shifts.
type plan struct {
	layers   []layer
	specs    []models.TensorSpec
	tensors  []place
	input    int // D
	classes  int
	widest   int // the widest activation, padded
	weights  int // floats of the arena that are weights of dense layers
	params   int // floats of the arena
	running  int // floats of the arena of running statistics
	bottom   int // the first layer with trainable tensors: nothing needs a gradient below it
	features int // features of all batch norm layers
}

// place is where a tensor lies in its arena: rows of cols values, ld apart.
type place struct {
	trainable      bool
	at             int
	rows, cols, ld int
}

// layer is one layer with the places of its tensors.
type layer struct {
	kind    models.Kind
	op      operator
	in, out int
	weight  int // dense; arena offsets
	ld      int
	bias    int // dense, and batch norm's shift
	gamma   int // batch norm
	mean    int // batch norm, in the running arena
	norm    int // batch norm: where its features lie among those of all such layers
	rate    float64
	epsilon float64
	weightN float64 // batch norm: weight of the new batch in the running statistics
	tensors bool    // it has trainable tensors
	fuse    bool    // dense with a ReLU after it: one kernel does both
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// rowStride is the distance between rows of n floats: whole registers, and not a multiple of
// 1 KiB, for then the rows of a tile would compete for a few sets of the first-level cache.
func rowStride(n int) int {
	ld := roundUp(n, 16)
	if ld%256 == 0 {
		ld += 16
	}
	return ld
}

func newPlan(a models.Architecture) *plan {
	p := &plan{specs: a.Tensors(), input: a.Input.Size(), classes: a.Classes, bottom: len(a.Layers), widest: roundUp(a.Input.Size(), 16)}
	p.layers = make([]layer, len(a.Layers))
	for i, l := range a.Layers {
		p.layers[i] = layer{
			kind: l.Kind, op: operatorOf(l.Kind), in: l.In, out: l.Out, ld: rowStride(l.In),
			rate: l.Rate, epsilon: l.Epsilon, weightN: l.Momentum,
			fuse: l.Kind == models.Dense && i+1 < len(a.Layers) && a.Layers[i+1].Kind == models.ReLU,
		}
		p.widest = max(p.widest, roundUp(l.Out, 16))
		switch l.Kind {
		case models.BatchNorm:
			p.layers[i].norm = p.features
			p.features += roundUp(l.Out, 16)
			p.bottom = min(p.bottom, i)
		case models.Dense:
			p.layers[i].weight = p.weights
			p.weights += l.Out * p.layers[i].ld
			p.bottom = min(p.bottom, i)
		}
	}
	for _, t := range p.specs {
		p.layers[t.Layer].tensors = p.layers[t.Layer].tensors || t.Trainable
	}
	p.params = p.weights
	p.placeTensors()
	return p
}

// placeTensors gives every tensor its place, in the architecture's order.
func (p *plan) placeTensors() {
	short := func(n int) int {
		at := p.params
		p.params += roundUp(n, 16)
		return at
	}
	for i := range p.layers {
		l := &p.layers[i]
		vector := func(trainable bool, at int) {
			p.tensors = append(p.tensors, place{trainable: trainable, at: at, rows: 1, cols: l.out, ld: l.out})
		}
		switch l.kind {
		case models.Dense:
			p.tensors = append(p.tensors, place{trainable: true, at: l.weight, rows: l.out, cols: l.in, ld: l.ld})
			l.bias = short(l.out)
			vector(true, l.bias)
		case models.BatchNorm:
			l.gamma = short(l.out)
			l.bias = short(l.out)
			vector(true, l.gamma)
			vector(true, l.bias)
			l.mean = p.running
			p.running += 2 * l.out
			vector(false, l.mean)
			vector(false, l.mean+l.out)
		}
	}
}

// variance is where batch norm's running variance lies.
func (l *layer) variance() int { return l.mean + l.out }

// fits is State.Fits without building the tensors' names anew.
func (p *plan) fits(s models.State) bool {
	if len(s) != len(p.specs) {
		return false
	}
	for i := range s {
		t := &p.specs[i]
		if s[i].Name != t.Name || !slices.Equal(s[i].Shape, t.Shape) || len(s[i].Data) != p.tensors[i].rows*p.tensors[i].cols {
			return false
		}
	}
	return true
}

// aligned allocates floats that start on a cache line.
func aligned(n int) []float32 {
	s := make([]float32, n+16)
	for i := range s {
		if uintptr(unsafe.Pointer(&s[i]))%64 == 0 {
			return s[i : i+n : i+n]
		}
	}
	return s[:n:n]
}
