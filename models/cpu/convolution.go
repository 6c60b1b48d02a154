package cpu

import "github.com/genbench/genbench/models"

// convolution is y = W * x + b on images. Its passes are matrix products on windows, see windows.go.
type convolution struct{}

// evaluate does the layer's tail, too, row of pixels by row of pixels while it is near.
func (convolution) evaluate(s *session, i int, at span, dst, src []float32) {
	l := &s.p.layers[i]
	tail := s.p.layers[i+1 : i+1+l.tail]
	mode := modeBias
	if l.fuse {
		mode, tail = modeBiasReLU, tail[1:]
	}
	if len(tail) == 0 {
		s.convolve(s.params, l, at, dst, src, mode, nil)
		return
	}
	s.convolve(s.params, l, at, dst, src, mode, func(row []float32) {
		for t := range tail {
			switch tail[t].kind {
			case models.BatchNorm:
				s.normalizeRunning(&tail[t], at, row, row)
			case models.ReLU:
				s.k.relu(row, row)
			}
		}
	})
}

func (convolution) forward(s *session, i int, r run) error {
	l := &s.p.layers[i]
	src, dst := s.inputOf(i), s.outputOf(i, r)
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		s.convolve(s.params, l, at, at.of(dst, l.out), at.of(src, l.in), biased(r.fuse && l.fuse), nil)
	}
	return nil
}

func (convolution) backward(s *session, i int, r run, below bool) bool {
	l, b := &s.p.layers[i], s.b
	if r.tensors {
		s.windowGradients(i, r)
	}
	if !below {
		return false
	}
	masked := s.masksBelow(i, r)
	s.flip(s.params, l)
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		var mask []float32
		if masked {
			mask = at.of(s.inputOf(i), l.in)
		}
		dst := at.of(b.delta[1], l.in)
		s.spreadBack(l, at, dst, at.of(b.delta[0], l.out), mask, false)
		at.zeroSpare(dst, l.in)
	}
	swap(&b.delta)
	return masked
}

// windowGradients computes the gradients of the tensors of convolution i, and the per-example sums of squares if told.
func (s *session) windowGradients(i int, r run) {
	l, b := &s.p.layers[i], s.b
	s.channelSums(s.grads, l, b.delta[0], r.n)
	products := s.conv.products[:l.kernel*l.to.C*l.productStride()]
	clear(products)
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		s.exampleImages(l, at, at.of(s.inputOf(i), l.in))
		s.weightProducts(l, at, at.of(b.delta[0], l.out))
	}
	l.gather(s.grads, products)
	if r.squares {
		s.windowSquares(i, r)
	}
}

// channelSums writes the gradient of a convolution's bias, the sum of its delta over examples and pixels, to an arena.
func (s *session) channelSums(arena []float32, l *layer, delta []float32, n int) {
	if !l.biased {
		return
	}
	sums := s.b.sums[0][:l.to.C]
	clear(sums)
	for p := range panels(n) {
		at := spanOf(n, p)
		d := at.of(delta, l.out)
		for q := range l.to.H * l.to.W {
			s.k.rowSum(sums, d[q*l.to.C*at.w:], l.to.C, at.w)
		}
	}
	for c, v := range sums {
		arena[l.bias+c] = float32(v)
	}
}

// windowSquares sums the squares of the examples' gradients, computed one after the other.
func (s *session) windowSquares(i int, r run) {
	l, b := &s.p.layers[i], s.b
	size := l.kernel * l.to.C * l.productStride()
	if len(s.conv.squares) < size {
		s.conv.squares = aligned(s.p.conv.products)
	}
	squares, products := s.conv.squares[:size], s.conv.products[:size]
	clear(squares)
	bias := s.b.sums[0][:l.to.C]
	clear(bias)
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		delta := at.of(b.delta[0], l.out)
		s.exampleImages(l, at, at.of(s.inputOf(i), l.in))
		for e := range at.count {
			s.exampleProducts(l, at, delta, e)
			s.k.multiply(products, products, products)
			s.k.axpy(squares, products, 1)
		}
		sums := s.exampleSums(l, delta, at)
		for c := range bias {
			for e := range at.count {
				bias[c] += float64(sums[c*at.w+e] * sums[c*at.w+e])
			}
		}
	}
	l.gather(b.squares, squares)
	if l.biased {
		for c, v := range bias {
			b.squares[l.bias+c] = float32(v)
		}
	}
}

// exampleSums sums values x [H, W, C, w] of one panel over pixels: [C, w].
func (s *session) exampleSums(l *layer, x []float32, at span) []float64 {
	sums := s.conv.sums[:l.to.C*at.w]
	clear(sums)
	for q := range l.to.H * l.to.W {
		s.k.add(sums, x[q*len(sums):][:len(sums)])
	}
	return sums
}

// norms: an example's gradient is the sum over pixels of outer products; it is formed.
func (convolution) norms(s *session, i int, dst []float64) {
	l, at := &s.p.layers[i], spanOf(len(dst), 0)
	delta := at.of(s.b.delta[0], l.out)
	s.exampleImages(l, at, at.of(s.inputOf(i), l.in))
	size, n := l.kernel*l.to.C, l.kernel*l.from.C
	width := l.productStride()
	total := s.b.columns[0][:1]
	for e := range dst {
		s.exampleProducts(l, at, delta, e)
		total[0] = 0
		for row := range size {
			clear(s.conv.products[row*width+n : (row+1)*width])
		}
		s.k.rowDot(total, s.conv.products, s.conv.products, 1, size*width)
		dst[e] += total[0]
	}
	if !l.biased {
		return
	}
	sums := s.exampleSums(l, delta, at)
	for c := range l.to.C {
		for e := range dst {
			dst[e] += sums[c*at.w+e] * sums[c*at.w+e]
		}
	}
}

// tangent: R{y} = V * x + v + W * R{x}.
func (convolution) tangent(s *session, i int, r run) {
	l, t := &s.p.layers[i], s.t
	dst := t.out[s.p.last(i, r)]
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		y := at.of(dst, l.out)
		s.convolve(t.direction, l, at, y, at.of(s.inputOf(i), l.in), modeBias, nil)
		if s.p.below(i) {
			s.convolve(s.params, l, at, y, at.of(t.out[l.source], l.in), modeAccumulate, nil)
		}
		if r.fuse && l.fuse {
			s.k.mask(y[:l.out*at.w], at.of(s.outputOf(i, r), l.out))
		}
	}
}

// tangentBackward: R{dx} = Wᵀ R{dy} + Vᵀ dy and R{dW} = R{dy} ⊗ x + dy ⊗ R{x}, the outer products summed over windows.
func (convolution) tangentBackward(s *session, i int, r run, below bool) bool {
	l, t, b := &s.p.layers[i], s.t, s.b
	s.channelSums(t.gradient, l, t.delta[0], r.n)
	products := s.conv.products[:l.kernel*l.to.C*l.productStride()]
	clear(products)
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		s.exampleImages(l, at, at.of(s.inputOf(i), l.in))
		s.weightProducts(l, at, at.of(t.delta[0], l.out))
		if below {
			s.exampleImages(l, at, at.of(t.out[l.source], l.in))
			s.weightProducts(l, at, at.of(b.delta[0], l.out))
		}
	}
	l.gather(t.gradient, products)
	if !below {
		return false
	}
	return s.windowTangents(i, r)
}

// windowTangents takes both deltas below convolution i. It says whether they are masked by a ReLU below.
func (s *session) windowTangents(i int, r run) bool {
	l, t, b := &s.p.layers[i], s.t, s.b
	masked := s.masksBelow(i, r)
	for turn, weights := range [][]float32{t.direction, s.params} {
		s.flip(weights, l)
		for p := range panels(r.n) {
			at := spanOf(r.n, p)
			moved := at.of(t.delta[1], l.in)
			if turn == 0 {
				s.spreadBack(l, at, moved, at.of(b.delta[0], l.out), nil, false)
				continue
			}
			dst := at.of(b.delta[1], l.in)
			s.spreadBack(l, at, moved, at.of(t.delta[0], l.out), nil, true)
			s.spreadBack(l, at, dst, at.of(b.delta[0], l.out), nil, false)
			if masked {
				s.k.mask(moved[:l.in*at.w], at.of(s.inputOf(i), l.in))
				s.k.mask(dst[:l.in*at.w], at.of(s.inputOf(i), l.in))
			}
			at.zeroSpare(moved, l.in)
			at.zeroSpare(dst, l.in)
		}
	}
	swap(&b.delta)
	swap(&t.delta)
	return masked
}
