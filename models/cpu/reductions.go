package cpu

import (
	"fmt"

	"github.com/genbench/genbench/models"
)

// Backward stores the delta below every layer, so no layer's is left out and none is fused with another's.
func (s *session) Backward(x, seed []float32, visit func(layer int, gradient []float32)) error {
	n, err := s.count(x)
	if err == nil && len(seed) != n*s.p.classes {
		err = fmt.Errorf("%d values of a gradient with respect to logits, %d examples have %d", len(seed), n, n*s.p.classes)
	}
	if err != nil {
		return fmt.Errorf("going backward: %w", err)
	}
	b := s.pass(n)
	r := run{x: x, n: n, mode: models.Eval}
	if err := s.forward(r); err != nil {
		return fmt.Errorf("going backward: %w", err)
	}
	for p := range panels(n) {
		at := spanOf(n, p)
		s.load(at.of(b.delta[0], s.p.classes), at, seed, form{s.p.classes, 1})
	}
	for i := len(s.p.layers) - 1; i >= 0; i-- {
		s.arrive(&b.delta, b.stash, i)
		l := &s.p.layers[i]
		l.op.backward(s, i, r, true)
		sum := s.leave(&b.delta, b.stash, i, n)
		gradient := b.delta[1][:n*l.in]
		for p := range panels(n) {
			at := spanOf(n, p)
			s.store(gradient, at, at.of(sum, l.in), l.reads())
		}
		visit(i, gradient)
	}
	return nil
}

// GradientNorms computes |g_n|² of every example a panel at a time.
func (s *session) GradientNorms(dst []float64, x []float32, y []int32) error {
	if err := s.perExample("norms", dst, x, y, (*session).panelNorms); err != nil {
		return fmt.Errorf("computing gradient norms: %w", err)
	}
	return nil
}

// GradientDots computes <w, g_n> of every example a panel at a time.
func (s *session) GradientDots(dst []float64, x []float32, y []int32) error {
	if err := s.perExample("inner products", dst, x, y, (*session).panelDots); err != nil {
		return fmt.Errorf("computing inner products with gradients: %w", err)
	}
	return nil
}

// perExample runs the examples forward a panel at a time, puts the gradients of their
// own cross-entropies in the first delta and lets reduce go on from there.
func (s *session) perExample(what string, dst []float64, x []float32, y []int32, reduce func(s *session, dst []float64, r run)) error {
	n, err := s.labelled(x, y)
	if err == nil && len(dst) != n {
		err = fmt.Errorf("room for %d %s, %d examples", len(dst), what, n)
	}
	if err != nil {
		return err
	}
	s.pass(min(n, panel))
	for first := 0; first < n; first += panel {
		m := min(panel, n-first)
		r := run{x: x[first*s.p.input : (first+m)*s.p.input], n: m, mode: models.Eval, fuse: true}
		if err := s.forward(r); err != nil {
			return err
		}
		s.loss(y[first:first+m], m, 1)
		clear(dst[first : first+m])
		reduce(s, dst[first:first+m], r)
	}
	return nil
}

// panelNorms walks one panel backward and adds up its examples' squared norms.
func (s *session) panelNorms(dst []float64, r run) {
	for i := len(s.p.layers) - 1; i >= s.p.bottom; i-- {
		s.arrive(&s.b.delta, s.b.stash, i)
		op := s.p.layers[i].op
		op.norms(s, i, dst)
		if s.p.below(i) && op.backward(s, i, r, true) {
			i--
		}
		s.leave(&s.b.delta, s.b.stash, i, r.n)
	}
}

// panelDots walks one panel backward and adds up its examples' inner products. A layer with tensors w writes an output y linear in
// them all, so that what it adds, Σ w ∂loss/∂w, is <dy, y>: Euler's theorem for homogeneous functions. A ReLU fused
// with it changes nothing: where it is at rest, dy is zero.
func (s *session) panelDots(dst []float64, r run) {
	at := spanOf(r.n, 0)
	sums := s.b.columns[0][:at.w]
	clear(sums)
	for i := len(s.p.layers) - 1; i >= s.p.bottom; i-- {
		s.arrive(&s.b.delta, s.b.stash, i)
		l := &s.p.layers[i]
		if l.tensors {
			s.k.columnDot(sums, at.of(s.b.delta[0], l.out), at.of(s.outputOf(i, r), l.out), l.out, at.w)
		}
		if s.p.below(i) && l.op.backward(s, i, r, true) {
			i--
		}
		s.leave(&s.b.delta, s.b.stash, i, r.n)
	}
	copy(dst, sums)
}

// GradientMoments computes the batch's sums in float32, as gradients are, and adds them in float64. Squares of
// deltas and inputs under 2⁻⁶³ = 1e-19 lose digits to float32's range.
func (s *session) GradientMoments(sum, squares [][]float64, x []float32, y []int32) error {
	n, err := s.labelled(x, y)
	if err == nil {
		err = s.p.momentsFit("sums", sum)
	}
	if err == nil {
		err = s.p.momentsFit("sums of squares", squares)
	}
	if err != nil {
		return fmt.Errorf("computing moments of gradients: %w", err)
	}
	b := s.pass(n)
	if b.squares == nil {
		b.squares = aligned(s.p.params)
	}
	r := run{x: x, n: n, mode: models.Eval, fuse: true, tensors: true, squares: true}
	if err := s.forward(r); err != nil {
		return fmt.Errorf("computing moments of gradients: %w", err)
	}
	s.loss(y, n, 1)
	s.backward(r)
	for i, t := range s.p.tensors {
		if t.trainable {
			s.addTensor(sum[i], s.grads, t)
			s.addTensor(squares[i], b.squares, t)
		}
	}
	return nil
}

// momentsFit reports how moments differ from one array for every trainable tensor.
func (p *plan) momentsFit(what string, m [][]float64) error {
	if len(m) != len(p.tensors) {
		return fmt.Errorf("%s of %d tensors, the architecture has %d", what, len(m), len(p.tensors))
	}
	for i, t := range p.tensors {
		if t.trainable && len(m[i]) != t.rows*t.cols {
			return fmt.Errorf("room for %d %s of tensor %q, it has %d values", len(m[i]), what, p.specs[i].Name, t.rows*t.cols)
		}
	}
	return nil
}

// addTensor adds the values of tensor t in an arena to dst.
func (s *session) addTensor(dst []float64, arena []float32, t place) {
	if t.form.turned() {
		for r := range t.rows {
			row := arena[t.at+r*t.ld:][:t.cols]
			for i, v := range row {
				dst[r*t.cols+i%t.form.c*t.form.spots+i/t.form.c] += float64(v)
			}
		}
		return
	}
	whole := t.cols / 8 * 8
	for r := range t.rows {
		to, from := dst[r*t.cols:(r+1)*t.cols], arena[t.at+r*t.ld:][:t.cols]
		if whole > 0 {
			s.k.add(to[:whole], from[:whole])
		}
		for c := whole; c < t.cols; c++ {
			to[c] += float64(from[c])
		}
	}
}
