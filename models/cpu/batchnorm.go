package cpu

import (
	"errors"
	"math"

	"github.com/genbench/genbench/models"
)

// batchNorm is y = gamma xhat + beta, xhat = (x - mean) inv, with the batch's statistics
// when training, a channel at a time. In evaluation mode mean and inv are constants, so that the layer is affine: all but forward and backward is for that mode.
type batchNorm struct{}

// prepareNorms computes 1/sqrt(running_var + epsilon) of all batch norm layers.
func (s *session) prepareNorms(inverse []float32) {
	if s.p.features == 0 {
		return
	}
	for i := range s.p.layers {
		l := &s.p.layers[i]
		if l.kind != models.BatchNorm {
			continue
		}
		for f, v := range s.running[l.variance():][:l.to.C] {
			inverse[l.norm+f] = float32(1 / math.Sqrt(float64(v)+l.epsilon))
		}
	}
}

func (batchNorm) evaluate(s *session, i int, at span, dst, src []float32) {
	l := &s.p.layers[i]
	s.normalizeRunning(l, at, dst[:l.out*at.w], src)
}

// normalizeRunning normalizes some pixels of one panel with the running statistics. dst may be src.
func (s *session) normalizeRunning(l *layer, at span, dst, src []float32) {
	n := l.to.C * at.w
	for from := 0; from < len(dst); from += n {
		to := dst[from:]
		s.k.normalize(to, to, src[from:], s.running[l.mean:], s.inverse[l.norm:], s.params[l.gamma:], s.params[l.bias:], l.to.C, at.w)
	}
}

// enoughExamples reports a batch norm that would see one value a channel only, before any layer changes its running statistics.
func (s *session) enoughExamples(r run) error {
	if r.mode != models.Learn || r.n > 1 {
		return nil
	}
	for i := range s.p.layers {
		if l := &s.p.layers[i]; l.kind == models.BatchNorm && l.writes().spots == 1 {
			return errors.New("batch norm needs at least 2 examples in a training batch: one has no variance")
		}
	}
	return nil
}

func (batchNorm) forward(s *session, i int, r run) error {
	b, l := s.b, &s.p.layers[i]
	src := s.inputOf(i)
	if r.mode == models.Learn {
		s.batchStatistics(l, src, r.n)
	} else {
		copy(b.mean, s.running[l.mean:l.mean+l.to.C])
	}
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		y, xhat, x, n := at.of(b.out[i], l.out), at.of(b.xhat[i], l.out), at.of(src, l.in), l.to.C*at.w
		for from := 0; from < l.out*at.w; from += n {
			s.k.normalize(y[from:], xhat[from:], x[from:],
				b.mean, b.inverse[l.norm:], s.params[l.gamma:], s.params[l.bias:], l.to.C, at.w)
		}
	}
	return nil
}

// batchStatistics computes the batch's mean and 1/sqrt(var + epsilon), var with
// divisor N, and moves the running statistics towards the mean and the variance with divisor N-1, as torch does.
func (s *session) batchStatistics(l *layer, src []float32, n int) {
	b := s.b
	mean, variance := b.centre[:l.to.C], b.sums[0][:l.to.C]
	clear(mean)
	clear(variance)
	count := float64(n * l.writes().spots)
	for p := range panels(n) {
		at := spanOf(n, p)
		s.rowSums(mean, at.of(src, l.in)[:l.in*at.w], at)
	}
	for f := range mean {
		mean[f] /= count
	}
	for p := range panels(n) {
		at := spanOf(n, p)
		s.rowSquares(variance, at.of(src, l.in)[:l.in*at.w], mean, at)
	}
	rm, rv := s.running[l.mean:][:l.to.C], s.running[l.variance():][:l.to.C]
	for f, sum := range variance {
		b.mean[f] = float32(mean[f])
		b.inverse[l.norm+f] = float32(1 / math.Sqrt(sum/count+l.epsilon))
		rm[f] = float32(float64((1-l.weightN)*float64(rm[f])) + float64(l.weightN*mean[f]))
		rv[f] = float32(float64((1-l.weightN)*float64(rv[f])) + float64(l.weightN*(sum/(count-1))))
	}
}

// rowSums adds the sums over the examples of one panel x, pixels of [C, w] each, to dst, [C].
func (s *session) rowSums(dst []float64, x []float32, at span) {
	for ; len(x) > 0; x = x[len(dst)*at.w:] {
		if at.count == at.w {
			s.k.rowSum(dst, x, len(dst), at.w)
			continue
		}
		for f := range dst {
			for _, v := range x[f*at.w : f*at.w+at.count] {
				dst[f] += float64(v)
			}
		}
	}
}

// rowSquares adds the squared distances from the mean in the same way.
func (s *session) rowSquares(dst []float64, x []float32, mean []float64, at span) {
	for ; len(x) > 0; x = x[len(dst)*at.w:] {
		if at.count == at.w {
			s.k.rowSquare(dst, x, mean, len(dst), at.w)
			continue
		}
		for f := range dst {
			for _, v := range x[f*at.w : f*at.w+at.count] {
				d := float64(v) - mean[f]
				dst[f] += float64(d * d)
			}
		}
	}
}

// backward takes the delta through batch norm, in place. With batch statistics
//
//	dx = gamma inv (dy - mean(dy) - xhat mean(dy xhat))
//
// (Ioffe and Szegedy 2015, arXiv:1502.03167, section 3, simplified); with running ones the means are absent.
func (batchNorm) backward(s *session, i int, r run, _ bool) bool {
	b, l := s.b, &s.p.layers[i]
	mean, slope := b.mean[:l.to.C], b.slope[:l.to.C]
	clear(mean)
	clear(slope)
	if r.squares {
		s.normSquares(i, r.n)
	}
	if r.tensors {
		shift, scale := b.sums[0][:l.to.C], b.sums[1][:l.to.C]
		clear(shift)
		clear(scale)
		count := float64(r.n * l.writes().spots)
		for p := range panels(r.n) {
			at := spanOf(r.n, p)
			s.normSums(shift, scale, at.of(b.delta[0], l.out), at.of(b.xhat[i], l.out), l, at)
		}
		for f := range shift {
			s.grads[l.bias+f], s.grads[l.gamma+f] = float32(shift[f]), float32(scale[f])
			if r.mode == models.Learn {
				mean[f], slope[f] = float32(shift[f]/count), float32(scale[f]/count)
			}
		}
	}
	s.normScale(l)
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		delta, xhat, n := at.of(b.delta[0], l.out), at.of(b.xhat[i], l.out), l.to.C*at.w
		for from := 0; from < l.out*at.w; from += n {
			s.k.inverse(delta[from:], xhat[from:], b.scale, mean, slope, l.to.C, at.w)
		}
		at.zeroSpare(delta, l.out)
	}
	return false
}

// normSums adds the sums of dy and of dy xhat over the examples and pixels of one panel to shift and scale, both [C]. Spare columns of dy are zero.
func (s *session) normSums(shift, scale []float64, delta, xhat []float32, l *layer, at span) {
	n := l.to.C * at.w
	for from := 0; from < l.out*at.w; from += n {
		s.k.rowSum(shift, delta[from:], l.to.C, at.w)
		s.rowDots(scale, delta[from:], xhat[from:], at)
	}
}

// normScale makes scale gamma inv.
func (s *session) normScale(l *layer) {
	for f, g := range s.params[l.gamma:][:l.to.C] {
		s.b.scale[f] = float32(float64(g) * float64(s.b.inverse[l.norm+f]))
	}
}

// rowDots adds the scalar product of each row of x and y, [rows, w], over the examples of one panel to dst, [rows].
func (s *session) rowDots(dst []float64, x, y []float32, at span) {
	if at.count == at.w {
		s.k.rowDot(dst, x, y, len(dst), at.w)
		return
	}
	for f := range dst {
		for e := f * at.w; e < f*at.w+at.count; e++ {
			dst[f] += float64(float64(x[e]) * float64(y[e]))
		}
	}
}

// normSquares sums the squares of the examples' gradients, dy xhat and dy summed over pixels.
func (s *session) normSquares(i, n int) {
	b, l := s.b, &s.p.layers[i]
	shift, scale := b.sums[0][:l.to.C], b.sums[1][:l.to.C]
	clear(shift)
	clear(scale)
	for p := range panels(n) {
		at := spanOf(n, p)
		delta, xhat := at.of(b.delta[0], l.out), at.of(b.xhat[i], l.out)
		s.normExamples(delta, xhat, l, at, func(f int, dy, dg float64) {
			shift[f] += float64(dy * dy)
			scale[f] += float64(dg * dg)
		})
	}
	for f := range shift {
		b.squares[l.bias+f], b.squares[l.gamma+f] = float32(shift[f]), float32(scale[f])
	}
}

// normExamples visits the gradients of beta and gamma of every example of one panel: by feature f, its example next. The second delta is scratch.
func (s *session) normExamples(delta, xhat []float32, l *layer, at span, visit func(f int, dy, dg float64)) {
	n := l.to.C * at.w
	if l.writes().spots == 1 {
		for f := range l.to.C {
			for e := f * at.w; e < f*at.w+at.count; e++ {
				d := float64(delta[e])
				visit(f, d, d*float64(xhat[e]))
			}
		}
		return
	}
	product, ones := s.b.delta[1][:n], s.conv.sums[:n]
	if s.conv.more == nil {
		s.conv.more = make([]float64, len(s.conv.sums))
	}
	scaled := s.conv.more[:n]
	clear(ones)
	clear(scaled)
	for from := 0; from < l.out*at.w; from += n {
		s.k.add(ones, delta[from:][:n])
		s.k.multiply(product, delta[from:], xhat[from:])
		s.k.add(scaled, product)
	}
	for f := range l.to.C {
		for e := f * at.w; e < f*at.w+at.count; e++ {
			visit(f, ones[e], scaled[e])
		}
	}
}

// norms: the gradients of gamma and beta are dy xhat and dy, summed over pixels.
func (batchNorm) norms(s *session, i int, dst []float64) {
	l, at := &s.p.layers[i], spanOf(len(dst), 0)
	e := 0
	s.normExamples(at.of(s.b.delta[0], l.out), at.of(s.b.xhat[i], l.out), l, at, func(_ int, dy, dg float64) {
		dst[e] += dy*dy + dg*dg
		e = (e + 1) % len(dst)
	})
}

// tangent: R{y} = gamma inv R{x} + g xhat + h, g and h the direction of gamma and beta.
func (batchNorm) tangent(s *session, i int, r run) {
	b, l, t := s.b, &s.p.layers[i], s.t
	s.normScale(l)
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		xhat := at.of(b.xhat[i], l.out)
		x, scale := xhat, t.zeros // below the lowest layer with tensors nothing moves
		if s.p.below(i) {
			x, scale = at.of(t.out[l.source], l.in), b.scale
		}
		y, n := at.of(t.out[i], l.out), l.to.C*at.w
		for from := 0; from < l.out*at.w; from += n {
			s.k.blend(y[from:], x[from:], xhat[from:], scale, t.direction[l.gamma:], t.direction[l.bias:], l.to.C, at.w)
		}
	}
}

// tangentBackward: R{dx} = inv (gamma R{dy} + g dy), R{dgamma} = R{dy} xhat + dy inv R{x} and R{dbeta} = R{dy}.
func (batchNorm) tangentBackward(s *session, i int, r run, below bool) bool {
	b, l, t := s.b, &s.p.layers[i], s.t
	shift, scale, moved := b.sums[0][:l.to.C], b.sums[1][:l.to.C], b.centre[:l.to.C]
	clear(shift)
	clear(scale)
	clear(moved)
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		s.normSums(shift, scale, at.of(t.delta[0], l.out), at.of(b.xhat[i], l.out), l, at)
		if below {
			d, x, n := at.of(b.delta[0], l.out), at.of(t.out[l.source], l.in), l.to.C*at.w
			for from := 0; from < l.out*at.w; from += n {
				s.rowDots(moved, d[from:], x[from:], at)
			}
		}
	}
	for f := range shift {
		inv := float64(b.inverse[l.norm+f])
		t.gradient[l.bias+f] = float32(shift[f])
		t.gradient[l.gamma+f] = float32(scale[f] + float64(inv*moved[f]))
		b.slope[f] = float32(float64(t.direction[l.gamma+f]) * inv)
	}
	if !below {
		return false
	}
	s.normScale(l)
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		d, rd, xhat, n := at.of(b.delta[0], l.out), at.of(t.delta[0], l.out), at.of(b.xhat[i], l.out), l.to.C*at.w
		for from := 0; from < l.out*at.w; from += n {
			s.k.blend(rd[from:], rd[from:], d[from:], b.scale, b.slope, t.zeros, l.to.C, at.w)
			s.k.inverse(d[from:], xhat[from:], b.scale, t.zeros, t.zeros, l.to.C, at.w)
		}
		at.zeroSpare(rd, l.out)
		at.zeroSpare(d, l.out)
	}
	return false
}
