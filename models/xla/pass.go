package xla

import (
	"fmt"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/hlo"
)

// pass is one way forward through the networks, and what the way back needs of it.
type pass struct {
	mode    models.Mode
	x       hlo.Value
	outs    []hlo.Value // of each layer, [K, C, N, H, W]
	norm    []normed
	chosen  [][]hlo.Value     // of max pools: the places with the largest value
	keep    []hlo.Value       // of dropout layers when learning: 0, or what the value is scaled by
	running map[int]hlo.Value // tensors that learning moves, by index
}

// draws are the random numbers of one step, [K] each of 64 bits: [models.Draw].
type draws struct{ seed, step hlo.Value }

// forward runs x, [K, C, N, H, W], through the layers.
func (l *lowering) forward(x hlo.Value, mode models.Mode, d draws) *pass {
	layers := len(l.a.Layers)
	p := &pass{
		mode: mode, x: x, outs: make([]hlo.Value, layers), norm: make([]normed, layers),
		chosen: make([][]hlo.Value, layers), keep: make([]hlo.Value, layers), running: map[int]hlo.Value{},
	}
	for i, layer := range l.a.Layers {
		p.outs[i] = l.layer(i, layer, p, d)
	}
	return p
}

// in is what layer i reads.
func (l *lowering) in(p *pass, i int) hlo.Value {
	if l.from[i] == models.Input {
		return p.x
	}
	return p.outs[l.from[i]]
}

func (l *lowering) layer(i int, layer models.Layer, p *pass, d draws) hlo.Value {
	x := l.in(p, i)
	switch layer.Kind {
	case models.Dense, models.Conv2D:
		y := l.linear(i, l.tensor(i, 0), x)
		if l.hasBias(i) {
			y = l.Add(y, l.channels(l.tensor(i, 1), y.Dims))
		}
		return y
	case models.BatchNorm:
		return l.batchNorm(i, x, p.mode, p)
	case models.ReLU:
		return l.Select(l.Compare("LE", x, l.zero(x)), l.zero(x), x) // a NaN stays: XLA's maximum may lose it on a processor
	case models.Dropout:
		if p.mode == models.Learn {
			p.keep[i] = l.mask(i, x, d)
			return l.Mul(x, p.keep[i])
		}
		return x
	case models.MaxPool:
		y, chosen := l.maxPool(i, x)
		p.chosen[i] = chosen
		return y
	case models.Add:
		with, _ := l.a.Summand(i)
		return l.Add(x, p.outs[with])
	}
	return l.fixed(i, layer.Kind, x)
}

// fixed are the layers that are linear and have no tensors: they do the same to a derivative as to a value.
func (l *lowering) fixed(i int, kind models.Kind, x hlo.Value) hlo.Value {
	switch kind {
	case models.AvgPool:
		return l.avgPool(i, x)
	case models.GlobalAvgPool:
		return l.globalPool(i, x)
	case models.Flatten:
		return l.Reshape(l.flat(x), l.dims(l.shapes[i])...)
	}
	panic(fmt.Sprintf("xla: layer %d is of kind %q, which the engine should have refused", i, kind)) // see known
}

// known says that the engine computes layers of this kind.
func known(kind models.Kind) bool {
	switch kind {
	case models.Dense, models.Conv2D, models.BatchNorm, models.ReLU, models.Dropout, models.MaxPool, models.AvgPool, models.GlobalAvgPool, models.Flatten, models.Add:
		return true
	}
	return false
}

// backward takes a gradient with respect to the logits, [K, classes, N, 1, 1], back. at is called for each layer from the last to the first
// with the gradient dy with respect to what it writes; below, if not nil, behind it with the gradient with respect to what it reads, as [models.Session]'s Backward tells it.
// Without below nothing is computed that no tensor needs: XLA leaves it out.
func (l *lowering) backward(p *pass, seed hlo.Value, at func(i int, dy hlo.Value), below func(i int, dx hlo.Value)) {
	gradients := make([]hlo.Value, len(l.a.Layers)+1) // of what each layer writes; the last is the input's
	place := func(i int) *hlo.Value {
		if i == models.Input {
			return &gradients[len(l.a.Layers)]
		}
		return &gradients[i]
	}
	*place(len(l.a.Layers) - 1) = seed
	for i := len(l.a.Layers) - 1; i >= 0; i-- {
		dy := *place(i)
		if at != nil {
			at(i, dy)
		}
		if with, ok := l.a.Summand(i); ok {
			*place(with) = l.accumulate(*place(with), dy)
		}
		to := place(l.from[i])
		*to = l.accumulate(*to, l.layerBackward(i, dy, p))
		if below != nil {
			below(i, *to)
		}
	}
}

// layerBackward is the gradient with respect to what layer i reads, its own part.
func (l *lowering) layerBackward(i int, dy hlo.Value, p *pass) hlo.Value {
	switch l.a.Layers[i].Kind {
	case models.Dense, models.Conv2D:
		return l.linearInput(i, l.tensor(i, 0), dy)
	case models.BatchNorm:
		return l.batchNormBackward(i, dy, p.mode, p)
	}
	return l.fixedBackward(i, dy, p)
}

// fixedBackward is that of layers without tensors.
func (l *lowering) fixedBackward(i int, dy hlo.Value, p *pass) hlo.Value {
	switch l.a.Layers[i].Kind {
	case models.ReLU:
		return l.Select(l.awake(p, i), dy, l.zero(dy))
	case models.Dropout:
		if p.keep[i].Valid() {
			return l.Mul(dy, p.keep[i])
		}
	case models.MaxPool:
		return l.maxPoolBackward(i, dy, p.chosen[i])
	case models.AvgPool:
		return l.avgPoolBackward(i, dy)
	case models.GlobalAvgPool:
		return l.globalPoolBackward(i, dy)
	case models.Flatten:
		return l.unflat(l.Reshape(dy, l.k, l.shapes[i].C, l.n), l.reads(i))
	}
	return dy // add, and dropout at rest
}

// awake says where a ReLU reads more than 0.
func (l *lowering) awake(p *pass, i int) hlo.Value {
	x := l.in(p, i)
	return l.Compare("GT", x, l.zero(x))
}

// gradients are those of all trainable tensors for a gradient seed with respect to the logits; others are left invalid.
func (l *lowering) gradients(p *pass, seed hlo.Value) []hlo.Value {
	grads := make([]hlo.Value, len(l.specs))
	l.backward(p, seed, func(i int, dy hlo.Value) {
		switch l.a.Layers[i].Kind {
		case models.Dense, models.Conv2D:
			grads[l.first[i]] = l.linearWeight(i, l.in(p, i), dy)
			if l.hasBias(i) {
				grads[l.first[i]+1] = l.narrow(l.sum(dy, 2, 3, 4))
			}
		case models.BatchNorm:
			weight, bias := l.batchNormTensors(i, dy, p)
			grads[l.first[i]], grads[l.first[i]+1] = l.narrow(weight), l.narrow(bias)
		}
	}, nil)
	return grads
}
