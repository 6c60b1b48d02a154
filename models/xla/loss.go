package xla

import (
	"math"

	"github.com/genbench/genbench/models/xla/internal/hlo"
)

// softmax is what the loss and its derivatives are made of, in float64.
type softmax struct {
	losses hlo.Value // [K, N], cross-entropy in nats
	p      hlo.Value // [K, classes, N], probabilities
	delta  hlo.Value // [K, classes, N], p less 1 for the label: the gradient of the loss by the logits
	top    hlo.Value // [K, classes, N] of Bool: the largest logit
}

// softmax of the logits, [K, classes, N, 1, 1], with labels y, [K, N] of i32. The largest logit is taken away first, so that nothing overflows.
func (l *lowering) softmax(logits, y hlo.Value) softmax {
	dims := []int{l.k, l.a.Classes, l.n}
	f := l.Convert(l.Reshape(logits, dims...), hlo.F64)
	top := l.Reduce("maximum", f, math.Inf(-1), 1) // [K, N]
	e := l.Unary("exponential", l.Sub(f, l.Broadcast(top, dims, 0, 2)))
	sum := l.Reduce("add", e, 0, 1)
	s := softmax{p: l.Div(e, l.Broadcast(sum, dims, 0, 2)), top: l.Compare("EQ", f, l.Broadcast(top, dims, 0, 2))}
	is := l.Compare("EQ", l.Iota(hlo.I32, 1, dims...), l.Broadcast(y, dims, 0, 2))
	// p - 1 of a label that is all but certain would cancel: it is what the others have, negative.
	others := l.Reduce("add", l.Select(is, l.zero(s.p), s.p), 0, 1)
	s.delta = l.Select(is, l.Broadcast(l.Unary("negate", others), dims, 0, 2), s.p)
	own := l.Reduce("add", l.Select(is, f, l.zero(f)), 0, 1)
	s.losses = l.Add(l.Sub(top, own), l.Unary("log", sum))
	return s
}

// seed is the gradient of Σ_n weight_n loss_n with respect to the logits, [K, classes, N, 1, 1] in float32; weight is [N] or [K, N] of float64.
func (l *lowering) seed(s softmax, weight hlo.Value) hlo.Value {
	d := l.Mul(s.delta, l.weigh(weight))
	return l.Reshape(l.narrow(d), l.k, l.a.Classes, l.n, 1, 1)
}

// weigh repeats weights of examples over the logits.
func (l *lowering) weigh(weight hlo.Value) hlo.Value {
	dims := []int{l.k, l.a.Classes, l.n}
	if len(weight.Dims) == 2 {
		return l.Broadcast(weight, dims, 0, 2)
	}
	return l.Broadcast(weight, dims, 2)
}

// mean is Σ_n weight_n loss_n of every network, [K].
func (l *lowering) mean(s softmax, weight hlo.Value) hlo.Value {
	if len(weight.Dims) == 1 {
		weight = l.Broadcast(weight, []int{l.k, l.n}, 1)
	}
	return l.Reduce("add", l.Mul(s.losses, weight), 0, 1)
}

// even are weights that make a mean of the batch.
func (l *lowering) even() hlo.Value { return l.Const(hlo.F64, 1/float64(l.n), l.n) }

// mask draws a dropout layer's mask as [models.DropoutMask] does, for x, [K, C, N, H, W]: 0 or 1/(1 - rate).
func (l *lowering) mask(i int, x hlo.Value, d draws) hlo.Value {
	rate := l.a.Layers[i].Rate
	one := func(v hlo.Value, c uint64, op string) hlo.Value { return l.Binary(op, v, l.Unsigned(c, v.Dims...)) }
	key := l.Add(
		l.mix(one(d.seed, 0x9e3779b97f4a7c15, "xor")),
		one(l.mix(one(d.step, 1, "add")), 0xbf58476d1ce4e5b9, "multiply"))
	key = l.mix(one(key, uint64(i)*0x94d049bb133111eb, "add")) // wraps
	// The index of a value in [N, Out]: n Out + (c H + h) W + w.
	s := l.shapes[i]
	index := l.Iota(hlo.U64, 2, x.Dims...)
	index = one(index, uint64(s.Size()), "multiply")
	for _, part := range []struct{ axis, step int }{{1, s.H * s.W}, {3, s.W}, {4, 1}} {
		index = l.Add(index, one(l.Iota(hlo.U64, part.axis, x.Dims...), uint64(part.step), "multiply"))
	}
	random := l.mix(l.Add(l.Broadcast(key, x.Dims, 0), one(index, 0x9e3779b97f4a7c15, "multiply")))
	kept := l.Compare("GE", one(random, 11, "shift_right_logical"), l.Unsigned(uint64(rate*(1<<53)), x.Dims...))
	return l.Select(kept, l.Const(hlo.F32, 1/(1-rate), x.Dims...), l.zero(x))
}

// mix is SplitMix64's finalizer, as in package models.
func (l *lowering) mix(z hlo.Value) hlo.Value {
	stir := func(z hlo.Value, shift uint64) hlo.Value {
		return l.Binary("xor", z, l.Binary("shift_right_logical", z, l.Unsigned(shift, z.Dims...)))
	}
	z = l.Mul(stir(z, 30), l.Unsigned(0xbf58476d1ce4e5b9, z.Dims...))
	z = l.Mul(stir(z, 27), l.Unsigned(0x94d049bb133111eb, z.Dims...))
	return stir(z, 31)
}
