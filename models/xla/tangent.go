package xla

import (
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/hlo"
)

// tangents are derivatives of a pass along a direction v of the trainable tensors (Pearlmutter 1994, "Fast exact multiplication by the Hessian"): R{z} of every z. Evaluation mode.
type tangents struct {
	direction []hlo.Value // as tensors; invalid where not trainable
	outs      []hlo.Value // R of each layer's output; invalid where nothing moves
}

func (t *tangents) of(l *lowering, i, j int) hlo.Value { return t.direction[l.first[i]+j] }

// tangentForward takes the direction through the layers.
func (l *lowering) tangentForward(p *pass, direction []hlo.Value) *tangents {
	t := &tangents{direction: direction, outs: make([]hlo.Value, len(l.a.Layers))}
	for i, layer := range l.a.Layers {
		t.outs[i] = l.layerTangent(i, layer, p, t)
	}
	return t
}

// moved is R of what layer i reads.
func (l *lowering) moved(t *tangents, i int) hlo.Value {
	if l.from[i] == models.Input {
		return hlo.Value{}
	}
	return t.outs[l.from[i]]
}

func (l *lowering) layerTangent(i int, layer models.Layer, p *pass, t *tangents) hlo.Value {
	x, rx := l.in(p, i), l.moved(t, i)
	switch layer.Kind {
	case models.Dense, models.Conv2D:
		y := l.linear(i, t.of(l, i, 0), x)
		if l.hasBias(i) {
			y = l.Add(y, l.channels(t.of(l, i, 1), y.Dims))
		}
		if rx.Valid() {
			y = l.Add(y, l.linear(i, l.tensor(i, 0), rx))
		}
		return y
	case models.BatchNorm:
		norm := p.norm[i]
		y := l.Add(l.Mul(norm.xhat, l.channels(t.of(l, i, 0), x.Dims)), l.channels(t.of(l, i, 1), x.Dims))
		if rx.Valid() {
			y = l.Add(y, l.Mul(rx, l.channels(l.Mul(l.tensor(i, 0), norm.inverse), x.Dims)))
		}
		return y
	case models.Add:
		with, _ := l.a.Summand(i)
		if other := t.outs[with]; other.Valid() {
			return l.accumulate(rx, other)
		}
		return rx
	}
	if !rx.Valid() {
		return rx
	}
	switch layer.Kind {
	case models.ReLU:
		return l.Select(l.awake(p, i), rx, l.zero(rx))
	case models.Dropout:
		return rx
	case models.MaxPool:
		return l.pick(i, rx, p.chosen[i])
	}
	return l.fixed(i, layer.Kind, rx)
}

// curvature is H v of the weighted sum of cross-entropies: the gradient's derivative along the direction. dy and R{dy} go back together.
func (l *lowering) curvature(p *pass, y, weight hlo.Value, direction []hlo.Value) []hlo.Value {
	t := l.tangentForward(p, direction)
	last := len(l.a.Layers) - 1
	s := l.softmax(p.outs[last], y)
	seed := l.seed(s, weight)
	// R{p} = p (R{f} - Σ p R{f}), R{f} less a number so that nothing cancels where one class is all but certain: its own R{f}.
	dims := []int{l.k, l.a.Classes, l.n}
	rf := l.Convert(l.Reshape(t.outs[last], dims...), hlo.F64)
	own := l.Reduce("add", l.Select(s.top, rf, l.zero(rf)), 0, 1)
	rf = l.Sub(rf, l.Broadcast(own, dims, 0, 2))
	along := l.Reduce("add", l.Mul(s.p, rf), 0, 1)
	rp := l.Mul(l.Mul(s.p, l.Sub(rf, l.Broadcast(along, dims, 0, 2))), l.weigh(weight))
	moved := make([]hlo.Value, len(l.a.Layers)+1) // R{dy} of what each layer writes
	moved[last] = l.Reshape(l.narrow(rp), seed.Dims...)
	result := make([]hlo.Value, len(l.specs))
	l.backward(p, seed, func(i int, dy hlo.Value) { l.layerCurvature(i, dy, p, t, moved, result) }, nil)
	return result
}

// layerCurvature is one layer's part: it takes R{dy} on to what the layer reads.
func (l *lowering) layerCurvature(i int, dy hlo.Value, p *pass, t *tangents, moved, result []hlo.Value) {
	x, rx, rdy := l.in(p, i), l.moved(t, i), moved[i]
	below := len(l.a.Layers)
	if l.from[i] != models.Input {
		below = l.from[i]
	}
	var rdx hlo.Value
	switch l.a.Layers[i].Kind {
	case models.Dense, models.Conv2D:
		w := l.linearWeight(i, x, rdy)
		if rx.Valid() {
			w = l.Add(w, l.linearWeight(i, rx, dy))
		}
		result[l.first[i]] = w
		if l.hasBias(i) {
			result[l.first[i]+1] = l.narrow(l.sum(rdy, 2, 3, 4))
		}
		rdx = l.Add(l.linearInput(i, l.tensor(i, 0), rdy), l.linearInput(i, t.of(l, i, 0), dy))
	case models.BatchNorm:
		norm := p.norm[i]
		weight := l.sum(l.Mul(rdy, norm.xhat), 2, 3, 4)
		if rx.Valid() {
			weight = l.Add(weight, l.sum(l.Mul(l.Mul(dy, rx), l.channels(norm.inverse, dy.Dims)), 2, 3, 4))
		}
		result[l.first[i]], result[l.first[i]+1] = l.narrow(weight), l.narrow(l.sum(rdy, 2, 3, 4))
		scaled := l.Add(l.Mul(rdy, l.channels(l.tensor(i, 0), dy.Dims)), l.Mul(dy, l.channels(t.of(l, i, 0), dy.Dims)))
		rdx = l.Mul(scaled, l.channels(norm.inverse, dy.Dims))
	default:
		rdx = l.fixedBackward(i, rdy, p)
		if with, ok := l.a.Summand(i); ok {
			moved[with] = l.accumulate(moved[with], rdy)
		}
	}
	moved[below] = l.accumulate(moved[below], rdx)
}
