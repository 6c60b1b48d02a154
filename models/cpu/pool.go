package cpu

import (
	"math"

	"github.com/genbench/genbench/models"
)

// maxPool takes the largest value of each window.
type maxPool struct{ untrained }

// window visits the places of the window of pixel (y, x) that lie in the input, row by row: offsets of their pixels in [H, W].
func (l *layer) window(y, x int, visit func(pixel int)) {
	top, left := y*l.stride-l.padding, x*l.stride-l.padding
	for h := max(0, top); h < min(l.from.H, top+l.kernel); h++ {
		for w := max(0, left); w < min(l.from.W, left+l.kernel); w++ {
			visit(h*l.from.W + w)
		}
	}
}

// largest writes the largest values of one panel's windows to dst.
func (s *session) largest(l *layer, at span, dst, src []float32) {
	n := l.to.C * at.w
	for y := range l.to.H {
		for x := range l.to.W {
			to, first := dst[(y*l.to.W+x)*n:][:n], true
			l.window(y, x, func(pixel int) {
				if first {
					copy(to, src[pixel*n:])
				} else {
					s.k.maximum(to, src[pixel*n:])
				}
				first = false
			})
		}
	}
}

func (maxPool) evaluate(s *session, i int, at span, dst, src []float32) {
	s.largest(&s.p.layers[i], at, dst, src)
}

func (maxPool) forward(s *session, i int, r run) error {
	l := &s.p.layers[i]
	l.eachPanel(r.n, s.b.out[i], s.inputOf(i), func(at span, dst, src []float32) { s.largest(l, at, dst, src) })
	return nil
}

// choose visits every place of every window of one panel with the values that s.conv.left says whether they may still be the largest.
func (s *session) choose(l *layer, at span, visit func(place, pixel int)) {
	n := l.to.C * at.w
	all := math.Float32frombits(0xffffffff)
	left := s.conv.left[:n]
	for q := range l.to.H * l.to.W {
		for j := range left {
			left[j] = all
		}
		l.window(q/l.to.W, q%l.to.W, func(pixel int) { visit(q*n, pixel*n) })
	}
}

func (maxPool) backward(s *session, i int, r run, below bool) bool {
	if !below {
		return false
	}
	s.poolBack(i, r.n, &s.b.delta)
	return false
}

// poolBack takes delta below max pooling i: each value goes where the largest was.
func (s *session) poolBack(i, n int, delta *[2][]float32) {
	l := &s.p.layers[i]
	for p := range panels(n) {
		at := spanOf(n, p)
		size := l.to.C * at.w
		x, y := at.of(s.inputOf(i), l.in), at.of(s.b.out[i], l.out)
		dy, dx := at.of(delta[0], l.out), at.of(delta[1], l.in)
		clear(dx)
		s.choose(l, at, func(to, from int) {
			s.k.pick(dx[from:][:size], x[from:], y[to:], dy[to:], s.conv.left)
		})
	}
	swap(delta)
}

// tangent: the derivative of the largest value is that of the place where it is.
func (maxPool) tangent(s *session, i int, r run) {
	l, t := &s.p.layers[i], s.t
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		size := l.to.C * at.w
		x, y := at.of(s.inputOf(i), l.in), at.of(s.b.out[i], l.out)
		rx, ry := at.of(t.out[l.source], l.in), at.of(t.out[i], l.out)
		clear(ry)
		s.choose(l, at, func(to, from int) {
			s.k.pick(ry[to:][:size], x[from:], y[to:], rx[from:], s.conv.left)
		})
	}
}

func (maxPool) tangentBackward(s *session, i int, r run, below bool) bool {
	if below {
		s.poolBack(i, r.n, &s.b.delta)
		s.poolBack(i, r.n, &s.t.delta)
	}
	return false
}

// averagePool takes the mean of each window, or of each channel. Sums are float64.
type averagePool struct{ untrained }

// averages writes the means of one panel's windows to dst.
func (s *session) averages(l *layer, at span, dst, src []float32) {
	n := l.to.C * at.w
	factor := s.conv.factor[:at.w]
	for e := range factor {
		factor[e] = 1 / float64(l.places())
	}
	sums := s.conv.sums[:n]
	for q := range l.to.H * l.to.W {
		clear(sums)
		l.averaged(q, func(pixel int) { s.k.add(sums, src[pixel*n:][:n]) })
		s.k.spread(dst[q*n:][:n], sums, factor, l.to.C, at.w)
	}
}

// averaged visits the pixels whose mean is pixel q.
func (l *layer) averaged(q int, visit func(pixel int)) {
	if l.kind == models.GlobalAvgPool {
		for pixel := range l.from.H * l.from.W {
			visit(pixel)
		}
		return
	}
	l.window(q/l.to.W, q%l.to.W, visit)
}

// places is the number of pixels in a mean.
func (l *layer) places() int {
	if l.kind == models.GlobalAvgPool {
		return l.from.H * l.from.W
	}
	return l.kernel * l.kernel
}

func (averagePool) evaluate(s *session, i int, at span, dst, src []float32) {
	s.averages(&s.p.layers[i], at, dst, src)
}

func (averagePool) forward(s *session, i int, r run) error {
	l := &s.p.layers[i]
	l.eachPanel(r.n, s.b.out[i], s.inputOf(i), func(at span, dst, src []float32) { s.averages(l, at, dst, src) })
	return nil
}

func (averagePool) backward(s *session, i int, r run, below bool) bool {
	if below {
		s.averageBack(i, r.n, &s.b.delta)
	}
	return false
}

// averageBack takes delta below average pooling i: every place of a window has an equal part.
func (s *session) averageBack(i, n int, delta *[2][]float32) {
	l := &s.p.layers[i]
	part := float32(1 / float64(l.places()))
	for p := range panels(n) {
		at := spanOf(n, p)
		size := l.to.C * at.w
		dy, dx := at.of(delta[0], l.out), at.of(delta[1], l.in)
		clear(dx)
		for q := range l.to.H * l.to.W {
			l.averaged(q, func(pixel int) { s.k.axpy(dx[pixel*size:][:size], dy[q*size:], part) })
		}
	}
	swap(delta)
}

func (averagePool) tangent(s *session, i int, r run) {
	l, t := &s.p.layers[i], s.t
	l.eachPanel(r.n, t.out[i], t.out[l.source], func(at span, dst, src []float32) { s.averages(l, at, dst, src) })
}

func (averagePool) tangentBackward(s *session, i int, r run, below bool) bool {
	if below {
		s.averageBack(i, r.n, &s.b.delta)
		s.averageBack(i, r.n, &s.t.delta)
	}
	return false
}
