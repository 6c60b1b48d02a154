package cpu

import (
	"errors"
	"math"

	"github.com/genbench/genbench/models"
)

// batchNorm is y = gamma xhat + beta, xhat = (x - mean) inv, with the batch's statistics
// when training. In evaluation mode mean and inv are constants, so that the layer is affine: all but forward and backward is for that mode.
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
		for f, v := range s.running[l.variance() : l.variance()+l.out] {
			inverse[l.norm+f] = float32(1 / math.Sqrt(float64(v)+l.epsilon))
		}
	}
}

func (batchNorm) evaluate(s *session, i int, at span) {
	l := &s.p.layers[i]
	s.k.normalize(s.here, s.here, s.here, s.running[l.mean:], s.inverse[l.norm:], s.params[l.gamma:], s.params[l.bias:], l.out, at.w)
}

func (batchNorm) forward(s *session, i int, r run) error {
	b, l := s.b, &s.p.layers[i]
	src := s.inputOf(i)
	if r.mode == models.Learn {
		if r.n < 2 {
			return errors.New("batch norm needs at least 2 examples in a training batch: one has no variance")
		}
		s.batchStatistics(l, src, r.n)
	} else {
		copy(b.mean, s.running[l.mean:l.mean+l.out])
	}
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		s.k.normalize(at.of(b.out[i], l.out), at.of(b.xhat[i], l.out), at.of(src, l.in),
			b.mean, b.inverse[l.norm:], s.params[l.gamma:], s.params[l.bias:], l.out, at.w)
	}
	return nil
}

// batchStatistics computes the batch's mean and 1/sqrt(var + epsilon), var with
// divisor N, and moves the running statistics towards the mean and the variance with divisor N-1, as torch does.
func (s *session) batchStatistics(l *layer, src []float32, n int) {
	b := s.b
	mean, variance := b.centre[:l.out], b.sums[0][:l.out]
	clear(mean)
	clear(variance)
	for p := range panels(n) {
		at := spanOf(n, p)
		x := at.of(src, l.in)
		if at.count == at.w {
			s.k.rowSum(mean, x, l.out, at.w)
			continue
		}
		for f := range mean {
			for _, v := range x[f*at.w : f*at.w+at.count] {
				mean[f] += float64(v)
			}
		}
	}
	for f := range mean {
		mean[f] /= float64(n)
	}
	for p := range panels(n) {
		at := spanOf(n, p)
		x := at.of(src, l.in)
		if at.count == at.w {
			s.k.rowSquare(variance, x, mean, l.out, at.w)
			continue
		}
		for f := range variance {
			for _, v := range x[f*at.w : f*at.w+at.count] {
				d := float64(v) - mean[f]
				variance[f] += float64(d * d)
			}
		}
	}
	rm, rv := s.running[l.mean:l.mean+l.out], s.running[l.variance():l.variance()+l.out]
	for f, sum := range variance {
		b.mean[f] = float32(mean[f])
		b.inverse[l.norm+f] = float32(1 / math.Sqrt(sum/float64(n)+l.epsilon))
		rm[f] = float32(float64((1-l.weightN)*float64(rm[f])) + float64(l.weightN*mean[f]))
		rv[f] = float32(float64((1-l.weightN)*float64(rv[f])) + float64(l.weightN*(sum/float64(n-1))))
	}
}

// backward takes the delta through batch norm, in place. With batch statistics
//
//	dx = gamma inv (dy - mean(dy) - xhat mean(dy xhat))
//
// (Ioffe and Szegedy 2015, arXiv:1502.03167, section 3, simplified); with running ones the means are absent.
func (batchNorm) backward(s *session, i int, r run, _ bool) bool {
	b, l := s.b, &s.p.layers[i]
	mean, slope := b.mean[:l.out], b.slope[:l.out]
	clear(mean)
	clear(slope)
	if r.squares {
		s.normSquares(i, r.n)
	}
	if r.tensors {
		shift, scale := b.sums[0][:l.out], b.sums[1][:l.out]
		clear(shift)
		clear(scale)
		for p := range panels(r.n) {
			at := spanOf(r.n, p)
			delta := at.of(b.delta[0], l.out)
			s.k.rowSum(shift, delta, l.out, at.w)
			s.rowDots(scale, delta, at.of(b.xhat[i], l.out), at)
		}
		for f := range shift {
			s.grads[l.bias+f], s.grads[l.gamma+f] = float32(shift[f]), float32(scale[f])
			if r.mode == models.Learn {
				mean[f], slope[f] = float32(shift[f]/float64(r.n)), float32(scale[f]/float64(r.n))
			}
		}
	}
	s.normScale(l)
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		delta := at.of(b.delta[0], l.out)
		s.k.inverse(delta, at.of(b.xhat[i], l.out), b.scale, mean, slope, l.out, at.w)
		at.zeroSpare(delta, l.out)
	}
	return false
}

// normScale makes scale gamma inv.
func (s *session) normScale(l *layer) {
	for f, g := range s.params[l.gamma : l.gamma+l.out] {
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

// normSquares sums the squares of the examples' gradients, dy xhat and dy. The second delta is scratch.
func (s *session) normSquares(i, n int) {
	b, l := s.b, &s.p.layers[i]
	shift, scale := b.sums[0][:l.out], b.sums[1][:l.out]
	clear(shift)
	clear(scale)
	for p := range panels(n) {
		at := spanOf(n, p)
		delta, g := at.of(b.delta[0], l.out), at.of(b.delta[1], l.out)
		s.rowDots(shift, delta, delta, at)
		s.k.multiply(g[:l.out*at.w], delta, at.of(b.xhat[i], l.out))
		s.rowDots(scale, g, g, at)
	}
	for f := range shift {
		b.squares[l.bias+f], b.squares[l.gamma+f] = float32(shift[f]), float32(scale[f])
	}
}

// norms: the gradients of gamma and beta are dy xhat and dy.
func (batchNorm) norms(s *session, i int, dst []float64) {
	l, at := &s.p.layers[i], spanOf(len(dst), 0)
	delta, xhat := at.of(s.b.delta[0], l.out), at.of(s.b.xhat[i], l.out)
	for f := range l.out {
		for e := range dst {
			d, h := float64(delta[f*at.w+e]), float64(xhat[f*at.w+e])
			dst[e] += d * d * (h*h + 1)
		}
	}
}

// tangent: R{y} = gamma inv R{x} + g xhat + h, g and h the direction of gamma and beta.
func (batchNorm) tangent(s *session, i int, r run) {
	b, l, t := s.b, &s.p.layers[i], s.t
	s.normScale(l)
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		xhat := at.of(b.xhat[i], l.out)
		x, scale := xhat, t.zeros // below the lowest layer with tensors nothing moves
		if i > s.p.bottom {
			x, scale = at.of(t.out[i-1], l.in), b.scale
		}
		s.k.blend(at.of(t.out[i], l.out), x, xhat, scale, t.direction[l.gamma:], t.direction[l.bias:], l.out, at.w)
	}
}

// tangentBackward: R{dx} = inv (gamma R{dy} + g dy), R{dgamma} = R{dy} xhat + dy inv R{x} and R{dbeta} = R{dy}.
func (batchNorm) tangentBackward(s *session, i int, r run, below bool) bool {
	b, l, t := s.b, &s.p.layers[i], s.t
	shift, scale, moved := b.sums[0][:l.out], b.sums[1][:l.out], b.centre[:l.out]
	clear(shift)
	clear(scale)
	clear(moved)
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		rd := at.of(t.delta[0], l.out)
		s.k.rowSum(shift, rd, l.out, at.w)
		s.rowDots(scale, rd, at.of(b.xhat[i], l.out), at)
		if i > s.p.bottom {
			s.rowDots(moved, at.of(b.delta[0], l.out), at.of(t.out[i-1], l.in), at)
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
		d, rd := at.of(b.delta[0], l.out), at.of(t.delta[0], l.out)
		s.k.blend(rd, rd, d, b.scale, b.slope, t.zeros, l.out, at.w)
		s.k.inverse(d, at.of(b.xhat[i], l.out), b.scale, t.zeros, t.zeros, l.out, at.w)
		at.zeroSpare(rd, l.out)
		at.zeroSpare(d, l.out)
	}
	return false
}
