package cpu

import (
	"math"

	"github.com/genbench/genbench/models"
)

// backward takes the gradient with respect to the logits, in the first delta, down
// to the lowest layer with tensors and leaves the gradient of every trainable tensor in grads;
// in a fused step it updates the weights of the dense layers instead.
func (s *session) backward(x []float32, n int, mode models.Mode) {
	masked := false // the kernel that wrote the delta already applied this ReLU's mask
	for i := len(s.p.layers) - 1; i >= s.p.bottom; i-- {
		l := &s.p.layers[i]
		switch l.kind {
		case models.Dense:
			s.biasGradient(l, n)
			masked = i > s.p.bottom && s.inputGradient(i, n)
			s.weightGradient(i, x, n)
			if i > s.p.bottom {
				s.b.delta[0], s.b.delta[1] = s.b.delta[1], s.b.delta[0]
			}
			continue
		case models.BatchNorm:
			s.normGradient(i, n, mode)
		default:
			if !masked {
				s.elementGradient(i, n, mode)
			}
		}
		masked = false
	}
}

// biasGradient sums the delta over examples.
func (s *session) biasGradient(l *layer, n int) {
	sums := s.b.sums[0][:l.out]
	clear(sums)
	for p := range panels(n) {
		at := spanOf(n, p)
		s.k.rowSum(sums, at.of(s.b.delta[0], l.out), l.out, at.w)
	}
	g := s.grads[l.bias : l.bias+l.out]
	for f, v := range sums {
		g[f] = float32(v)
	}
}

// inputGradient computes dXᵀ = Wᵀ dYᵀ of dense layer i into the second delta. If the
// layer below is a ReLU its mask is applied on the way; the answer says so.
func (s *session) inputGradient(i, n int) bool {
	l := &s.p.layers[i]
	relu := s.p.layers[i-1].kind == models.ReLU
	for _, at := range blocks(n) {
		if at.count == 0 {
			continue
		}
		q := product{
			m: l.in, n: at.columns(), runs: 1, steps: l.out,
			a: s.params[l.weight:], rs: 1, cs: l.ld,
			b: at.of(s.b.delta[0], l.out), ldb: at.w, bgroup: panel * roundUp(l.out, 16),
			c: at.of(s.b.delta[1], l.in), ldc: at.w, cgroup: panel * roundUp(l.in, 16),
		}
		if relu {
			q.mode, q.aux = modeMask, at.of(s.b.out[i-1], l.in)
		}
		s.k.gemm(q)
		// Zero times an infinite weight is not zero: keep the spare columns out of every sum.
		at.zeroSpare(q.c, l.in)
	}
	return relu
}

// weightGradient computes dW = dYᵀ X of dense layer i: whole panels in one product,
// then the last if it is not full. The sums run over real examples only.
func (s *session) weightGradient(i int, x []float32, n int) {
	l := &s.p.layers[i]
	rows, ldb := s.exampleRows(i, x, n)
	delta := s.b.delta[0]
	q := product{
		m: l.out, n: roundUp(l.in, 16),
		b: rows, ldb: ldb, bgroup: panel,
		c: s.grads[l.weight:], ldc: l.ld, cgroup: panel,
		cs: 1,
	}
	if s.fused {
		q.mode, q.c, q.velocity, q.rule = modeMomentum, s.params[l.weight:], s.moments[0][l.weight:], s.rule
	}
	whole := n / panel
	if whole > 0 {
		q.a, q.rs, q.runs, q.steps = delta, panel, whole, panel
		q.jump = roundUp(l.out, 16)*panel - panel
		s.k.gemm(q)
		q.mode = modeAccumulate
	}
	if rest := n % panel; rest > 0 {
		at := spanOf(n, whole)
		q.a, q.rs, q.runs, q.steps, q.jump = at.of(delta, l.out), at.w, 1, rest, 0
		q.b = rows[at.first*ldb:]
		s.k.gemm(q)
	}
}

// exampleRows is the input of layer i with examples as rows ldb apart, at least
// roundUp(In, 16) columns each, the surplus zero.
func (s *session) exampleRows(i int, x []float32, n int) (rows []float32, ldb int) {
	l := &s.p.layers[i]
	if i == 0 && l.in%16 == 0 {
		return x, l.in
	}
	src, padded := s.inputOf(i), roundUp(l.in, 16)
	for p := range panels(n) {
		at := spanOf(n, p)
		in := at.of(src, l.in)
		// A batch of another size may have left values there.
		clear(in[l.in*at.w : padded*at.w])
		s.k.transpose(s.b.rows[at.first*l.ld:], l.ld, in, at.w, padded, at.w)
	}
	return s.b.rows, l.ld
}

// elementGradient takes the delta through a ReLU or dropout, in place.
func (s *session) elementGradient(i, n int, mode models.Mode) {
	l := &s.p.layers[i]
	for p := range panels(n) {
		at := spanOf(n, p)
		delta := at.of(s.b.delta[0], l.out)[:l.out*at.w]
		switch {
		case l.kind == models.ReLU:
			s.k.mask(delta, at.of(s.b.out[i], l.out))
		case mode == models.Learn:
			s.k.multiply(delta, delta, at.of(s.b.keep[i], l.out))
		}
	}
}

// normGradient takes the delta through batch norm, in place, and computes the
// gradients of its scale and shift. With batch statistics
//
//	dx = gamma inv (dy - mean(dy) - xhat mean(dy xhat))
//
// (Ioffe and Szegedy 2015, arXiv:1502.03167, section 3, simplified); with running ones the means are absent.
func (s *session) normGradient(i, n int, mode models.Mode) {
	b, l := s.b, &s.p.layers[i]
	shift, scale := b.sums[0][:l.out], b.sums[1][:l.out]
	clear(shift)
	clear(scale)
	for p := range panels(n) {
		at := spanOf(n, p)
		delta := at.of(b.delta[0], l.out)
		s.k.rowSum(shift, delta, l.out, at.w)
		if at.count == at.w {
			s.k.rowDot(scale, delta, at.of(b.xhat[i], l.out), l.out, at.w)
			continue
		}
		xhat := at.of(b.xhat[i], l.out)
		for f := range scale {
			for e := f * at.w; e < f*at.w+at.count; e++ {
				scale[f] += float64(float64(delta[e]) * float64(xhat[e]))
			}
		}
	}
	gamma := s.params[l.gamma:]
	mean, slope := b.mean[:l.out], b.slope[:l.out]
	for f := range shift {
		s.grads[l.bias+f], s.grads[l.gamma+f] = float32(shift[f]), float32(scale[f])
		b.scale[f] = float32(float64(gamma[f]) * float64(b.inverse[l.norm+f]))
		mean[f], slope[f] = 0, 0
		if mode == models.Learn {
			mean[f], slope[f] = float32(shift[f]/float64(n)), float32(scale[f]/float64(n))
		}
	}
	for p := range panels(n) {
		at := spanOf(n, p)
		delta := at.of(b.delta[0], l.out)
		s.k.inverse(delta, at.of(b.xhat[i], l.out), b.scale, mean, slope, l.out, at.w)
		at.zeroSpare(delta, l.out)
	}
}

// update applies the optimizer to what the backward pass did not update itself.
func (s *session) update() {
	s.steps++
	o := s.optimizer
	w, g, m, v := s.params, s.grads, s.moments[0], s.moments[1]
	lr, mu, wd := float32(o.LearningRate), float32(o.Momentum), float32(o.WeightDecay)
	switch o.Name {
	case "sgd":
		if s.fused {
			from := s.p.weights
			w, g, m = w[from:], g[from:], m[from:]
		}
		s.k.sgd(w, g, m, lr, mu, wd)
	case "adam":
		t := float64(s.steps)
		s.k.adam(w, g, m, v, adamRates{
			b1: float32(o.Beta1), c1: float32(1 - o.Beta1), b2: float32(o.Beta2), c2: float32(1 - o.Beta2),
			step: float32(o.LearningRate / (1 - math.Pow(o.Beta1, t))),
			root: float32(1 / math.Sqrt(1-math.Pow(o.Beta2, t))),
			eps:  float32(o.Epsilon), wd: wd,
		})
	case "rmsprop":
		s.k.rmsprop(w, g, v, m, lr, float32(o.Alpha), float32(1-o.Alpha), float32(o.Epsilon), mu, wd)
	}
}
