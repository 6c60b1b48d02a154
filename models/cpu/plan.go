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
// come the weights of the dense layers, their rows padded with zeros to whole registers, then those of convolutions,
// then everything short: biases and batch norm's scales and shifts.
type plan struct {
	layers   []layer
	specs    []models.TensorSpec
	tensors  []place
	input    int // D
	form     form
	classes  int
	widest   int // the widest activation, padded
	weights  int // floats of the arena that are weights of dense layers
	params   int // floats of the arena
	running  int // floats of the arena of running statistics
	bottom   int // the first layer with trainable tensors: nothing needs a gradient below it
	features int // features of all batch norm layers
	stashes  int // deltas that wait at once, see branch.go
	slots    int // activations that live at once in evaluation mode, the input included
	conv     scratch
}

// place is where a tensor lies in its arena: rows of cols values, ld apart. The columns are those of a form.
type place struct {
	trainable      bool
	at             int
	rows, cols, ld int
	form           form
}

// layer is one layer with the places of its tensors.
type layer struct {
	kind    models.Kind
	op      operator
	in, out int
	source  int // the layer read; -1: the input
	with    int // add: the layer that is added; -1: none
	kept    bool
	stash   int // kept: which waiting delta is its own
	slot    int // where it writes in evaluation mode
	tail    int // evaluation mode: layers behind it that are done with it, in place
	from    models.Shape
	to      models.Shape
	weight  int // dense and convolution; arena offsets
	ld      int
	bias    int // dense and convolution, and batch norm's shift
	biased  bool
	gamma   int // batch norm
	mean    int // batch norm, in the running arena
	norm    int // batch norm: where its features lie among those of all such layers
	rate    float64
	epsilon float64
	weightN float64 // batch norm: weight of the new batch in the running statistics
	tensors bool    // it has trainable tensors
	fuse    bool    // dense or convolution with a ReLU after it: one kernel does both

	firstWith, firstSource bool // its deposit is the first, see branch.go

	kernel, stride, padding int // convolution and pooling
}

// form is the shape [c, spots] of values whose order in memory is [spots, c]; with one spot, or one channel, that is the same.
type form struct{ c, spots int }

// turned says whether the order differs from that of tensors and inputs.
func (f form) turned() bool { return f.c > 1 && f.spots > 1 }

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
	sources, shapes, images := a.Sources(), a.Shapes(), seesImages(a)
	p.form = formOf(a.Input, images)
	for i, l := range a.Layers {
		at := layer{
			kind: l.Kind, op: operatorOf(l.Kind), in: l.In, out: l.Out, source: sources[i], with: -1,
			from: a.Input, to: shapes[i], ld: rowStride(l.In), biased: !l.NoBias,
			rate: l.Rate, epsilon: l.Epsilon, weightN: l.Momentum,
			kernel: l.Kernel, stride: l.Stride, padding: l.Padding,
		}
		if at.source >= 0 {
			at.from = shapes[at.source]
		}
		if with, ok := a.Summand(i); ok {
			at.with = with
		}
		if !images { // then no layer minds: every value is a vector
			at.from, at.to = models.Shape{C: l.In, H: 1, W: 1}, models.Shape{C: l.Out, H: 1, W: 1}
		}
		p.widest = max(p.widest, roundUp(l.Out, 16))
		p.layers[i] = at
	}
	for _, t := range p.specs {
		p.layers[t.Layer].tensors = p.layers[t.Layer].tensors || t.Trainable
		if t.Trainable {
			p.bottom = min(p.bottom, t.Layer)
		}
	}
	p.placeWeights()
	p.placeTensors()
	p.connect()
	p.assignSlots()
	p.measure()
	return p
}

// seesImages says whether some layer of the network minds which values are of one channel.
func seesImages(a models.Architecture) bool {
	for i, l := range a.Layers {
		switch l.Kind {
		case models.Conv2D, models.MaxPool, models.AvgPool, models.GlobalAvgPool:
			return true
		case models.BatchNorm:
			if in := a.Reads(i); in.H*in.W > 1 {
				return true
			}
		}
	}
	return false
}

func formOf(s models.Shape, images bool) form {
	if !images {
		return form{s.Size(), 1}
	}
	return form{s.C, s.H * s.W}
}

// reads and writes are the forms of a layer's input and output.
func (l *layer) reads() form  { return form{l.from.C, l.from.H * l.from.W} }
func (l *layer) writes() form { return form{l.to.C, l.to.H * l.to.W} }

// placeWeights gives the large tensors their places.
func (p *plan) placeWeights() {
	for i := range p.layers {
		l := &p.layers[i]
		switch l.kind {
		case models.BatchNorm:
			l.norm = p.features
			p.features += roundUp(l.to.C, 16)
		case models.Dense:
			l.weight = p.weights
			p.weights += l.out * l.ld
		}
	}
	p.params = p.weights
	for i := range p.layers {
		if l := &p.layers[i]; l.kind == models.Conv2D {
			l.ld = rowStride(l.kernel * l.kernel * l.from.C)
			l.weight = p.params
			p.params += l.to.C * l.ld
		}
	}
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
			n := l.to.C
			p.tensors = append(p.tensors, place{trainable: trainable, at: at, rows: 1, cols: n, ld: n})
		}
		switch l.kind {
		case models.Dense:
			p.tensors = append(p.tensors, place{trainable: true, at: l.weight, rows: l.out, cols: l.in, ld: l.ld, form: l.reads()})
			l.bias = short(l.out)
			vector(true, l.bias)
		case models.Conv2D:
			window := l.kernel * l.kernel
			p.tensors = append(p.tensors, place{trainable: true, at: l.weight, rows: l.to.C, cols: window * l.from.C, ld: l.ld, form: form{l.from.C, window}})
			// Without a bias these are zeros that no gradient reaches.
			l.bias = short(l.to.C)
			if l.biased {
				vector(true, l.bias)
			}
		case models.BatchNorm:
			n := l.to.C
			l.gamma = short(n)
			l.bias = short(n)
			vector(true, l.gamma)
			vector(true, l.bias)
			l.mean = p.running
			p.running += 2 * n
			vector(false, l.mean)
			vector(false, l.mean+n)
		}
	}
}

// variance is where batch norm's running variance lies.
func (l *layer) variance() int { return l.mean + l.to.C }

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
