package cpu

import "github.com/genbench/genbench/models"

// dense is y = x Wᵀ + b. Its passes are matrix products, on all full panels at once.
type dense struct{}

// affine computes P x + p for the weights P and biases p that params holds for layer l, on the examples at.
func (s *session) affine(params []float32, l *layer, at span, dst, src []float32, mode int) {
	s.k.gemm(product{
		m: l.out, n: at.columns(), runs: 1, steps: l.in,
		a: params[l.weight:], rs: l.ld, cs: 1,
		b: src, ldb: at.w, bgroup: panel * roundUp(l.in, 16),
		c: dst, ldc: at.w, cgroup: panel * roundUp(l.out, 16),
		mode: mode, aux: params[l.bias:],
	})
}

// biased is the mode of a forward product, the ReLU's included if told.
func biased(relu bool) int {
	if relu {
		return modeBiasReLU
	}
	return modeBias
}

func (dense) evaluate(s *session, i int, at span, dst, src []float32) {
	l := &s.p.layers[i]
	s.affine(s.params, l, at, dst, src, biased(l.tail > 0))
}

func (dense) forward(s *session, i int, r run) error {
	l := &s.p.layers[i]
	src, dst := s.inputOf(i), s.outputOf(i, r)
	for _, at := range blocks(r.n) {
		if at.count > 0 {
			s.affine(s.params, l, at, at.of(dst, l.out), at.of(src, l.in), biased(r.fuse && l.fuse))
		}
	}
	return nil
}

func (dense) backward(s *session, i int, r run, below bool) bool {
	l, b := &s.p.layers[i], s.b
	if r.tensors {
		s.biasGradient(s.grads, l, b.delta[0], r.n)
	}
	// The weights' turn is after the input's: a fused step changes them.
	both := below && s.inputGradient(i, r)
	if r.tensors {
		s.weightGradient(i, r)
	}
	if below {
		swap(&b.delta)
	}
	return both
}

// biasGradient sums a delta over examples.
func (s *session) biasGradient(grads []float32, l *layer, delta []float32, n int) {
	sums := s.b.sums[0][:l.out]
	clear(sums)
	for p := range panels(n) {
		at := spanOf(n, p)
		s.k.rowSum(sums, at.of(delta, l.out), l.out, at.w)
	}
	g := grads[l.bias : l.bias+l.out]
	for f, v := range sums {
		g[f] = float32(v)
	}
}

// inputGradient computes dXᵀ = Wᵀ dYᵀ of dense layer i into the second delta. If the
// layer below is a ReLU that may be fused its mask is applied on the way; the answer says so.
func (s *session) inputGradient(i int, r run) bool {
	l := &s.p.layers[i]
	masked := s.masksBelow(i, r)
	for _, at := range blocks(r.n) {
		if at.count == 0 {
			continue
		}
		q := l.transposed(s.params, at, at.of(s.b.delta[0], l.out), at.of(s.b.delta[1], l.in))
		if masked {
			q.mode, q.aux = modeMask, at.of(s.inputOf(i), l.in)
		}
		s.k.gemm(q)
		// Zero times an infinite weight is not zero: keep the spare columns out of every sum.
		at.zeroSpare(q.c, l.in)
	}
	return masked
}

// masksBelow says whether the backward pass of dense layer i includes that of the layer below, a ReLU.
func (s *session) masksBelow(i int, r run) bool {
	if !r.fuse {
		return false
	}
	from := s.p.layers[i].source
	return from >= 0 && s.p.layers[from].kind == models.ReLU && !s.p.layers[from].kept
}

// transposed is the product c = Pᵀ d for the weights P that params holds for layer l, d [Out, w] and c [In, w].
func (l *layer) transposed(params []float32, at span, d, c []float32) product {
	return product{
		m: l.in, n: at.columns(), runs: 1, steps: l.out,
		a: params[l.weight:], rs: 1, cs: l.ld,
		b: d, ldb: at.w, bgroup: panel * roundUp(l.out, 16),
		c: c, ldc: at.w, cgroup: panel * roundUp(l.in, 16),
	}
}

// weightGradient computes dW = dYᵀ X of dense layer i, and the squares' sum (dY²)ᵀ X² if told:
// an example's gradient is the outer product of its two rows, and the square of a product is the product of the squares.
func (s *session) weightGradient(i int, r run) {
	l, b := &s.p.layers[i], s.b
	rows, ldb := s.exampleRows(i, r)
	q := product{c: s.grads[l.weight:]}
	if r.update {
		q.mode, q.c, q.velocity, q.rule = modeMomentum, s.params[l.weight:], s.moments[0][l.weight:], s.rule
	}
	s.outerProducts(q, l, b.delta[0], rows, ldb, r.n)
	if !r.squares {
		return
	}
	// Neither the delta nor the rows have another use now.
	d := b.delta[0]
	for _, at := range blocks(r.n) {
		if at.count > 0 {
			part := at.of(d, l.out)
			s.k.multiply(part, part, part)
		}
	}
	s.biasGradient(b.squares, l, d, r.n)
	for e := range r.n {
		s.k.multiply(b.rows[e*ldb:][:roundUp(l.in, 16)], rows[e*ldb:], rows[e*ldb:])
	}
	s.outerProducts(product{c: b.squares[l.weight:]}, l, d, b.rows, ldb, r.n)
}

// outerProducts completes and does q, the sum over examples of the outer products of their deltas [Out] and
// rows [In]: whole panels in one product, then the last if it is not full. The sums run over real examples only.
func (s *session) outerProducts(q product, l *layer, delta, rows []float32, ldb, n int) {
	q.m, q.n, q.ldc, q.cgroup = l.out, roundUp(l.in, 16), l.ld, panel
	q.b, q.ldb, q.bgroup = rows, ldb, panel
	q.cs = 1
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
func (s *session) exampleRows(i int, r run) (rows []float32, ldb int) {
	l := &s.p.layers[i]
	if l.source < 0 && l.in%16 == 0 && !l.reads().turned() {
		return r.x, l.in
	}
	s.transposeExamples(s.inputOf(i), l, r.n)
	return s.b.rows, l.ld
}

// transposeExamples writes src, [panel][In][w], to rows.
func (s *session) transposeExamples(src []float32, l *layer, n int) {
	padded := roundUp(l.in, 16)
	for p := range panels(n) {
		at := spanOf(n, p)
		in := at.of(src, l.in)
		// A batch of another size may have left values there.
		clear(in[l.in*at.w : padded*at.w])
		s.k.transpose(s.b.rows[at.first*l.ld:], l.ld, in, at.w, padded, at.w)
	}
}

// norms: the gradient is the outer product of dy and (x, 1), so its squared norm is |dy|² (|x|² + 1)
// (Goodfellow 2015, arXiv:1510.01799).
func (dense) norms(s *session, i int, dst []float64) {
	l, at := &s.p.layers[i], spanOf(len(dst), 0)
	dy, xx := s.b.columns[0][:at.w], s.b.columns[1][:at.w]
	clear(dy)
	clear(xx)
	delta, in := at.of(s.b.delta[0], l.out), at.of(s.inputOf(i), l.in)
	s.k.columnDot(dy, delta, delta, l.out, at.w)
	s.k.columnDot(xx, in, in, l.in, at.w)
	for e := range dst {
		dst[e] += dy[e] * (xx[e] + 1)
	}
}

// tangent: R{y} = V x + v + W R{x}, V and v the direction; nothing below the lowest layer with tensors moves.
func (dense) tangent(s *session, i int, r run) {
	l, t := &s.p.layers[i], s.t
	x, dst := s.inputOf(i), t.out[s.p.last(i, r)]
	for _, at := range blocks(r.n) {
		if at.count == 0 {
			continue
		}
		y := at.of(dst, l.out)
		s.affine(t.direction, l, at, y, at.of(x, l.in), modeBias)
		if s.p.below(i) {
			s.affine(s.params, l, at, y, at.of(t.out[l.source], l.in), modeAccumulate)
		}
		if r.fuse && l.fuse {
			s.k.mask(y, at.of(s.outputOf(i, r), l.out))
		}
	}
}

// tangentBackward: R{dx} = Wᵀ R{dy} + Vᵀ dy and R{dW} = R{dy}ᵀ x + dyᵀ R{x}.
func (dense) tangentBackward(s *session, i int, r run, below bool) bool {
	l, t, b := &s.p.layers[i], s.t, s.b
	s.biasGradient(t.gradient, l, t.delta[0], r.n)
	both := below && s.inputGradient(i, r)
	if below {
		s.inputTangent(i, r, both)
	}
	rows, ldb := s.exampleRows(i, r)
	s.outerProducts(product{c: t.gradient[l.weight:]}, l, t.delta[0], rows, ldb, r.n)
	if s.p.below(i) {
		s.transposeExamples(t.out[l.source], l, r.n)
		s.outerProducts(product{c: t.gradient[l.weight:], mode: modeAccumulate}, l, b.delta[0], b.rows, l.ld, r.n)
	}
	if below {
		swap(&b.delta)
		swap(&t.delta)
	}
	return both
}

// inputTangent computes R{dX} into the tangents' second delta, masked by the ReLU below if told.
func (s *session) inputTangent(i int, r run, masked bool) {
	l, t := &s.p.layers[i], s.t
	for _, at := range blocks(r.n) {
		if at.count == 0 {
			continue
		}
		c := at.of(t.delta[1], l.in)
		s.k.gemm(l.transposed(s.params, at, at.of(t.delta[0], l.out), c))
		q := l.transposed(t.direction, at, at.of(s.b.delta[0], l.out), c)
		q.mode = modeAccumulate
		s.k.gemm(q)
		if masked {
			s.k.mask(c, at.of(s.inputOf(i), l.in))
		}
		at.zeroSpare(c, l.in)
	}
}
