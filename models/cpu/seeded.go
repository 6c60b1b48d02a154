package cpu

import (
	"fmt"

	"github.com/genbench/genbench/models"
)

var _ models.Seeded = (*session)(nil)

// GradientFrom is Gradient with the caller's gradient with respect to the logits.
func (s *session) GradientFrom(dst models.State, x, seed []float32) error {
	n, err := s.count(x)
	if err == nil && len(seed) != n*s.p.classes {
		err = fmt.Errorf("%d values of a gradient with respect to logits, %d examples have %d", len(seed), n, n*s.p.classes)
	}
	if err == nil && !s.p.fits(dst) {
		err = dst.Fits(s.a)
	}
	if err != nil {
		return fmt.Errorf("computing a gradient: %w", err)
	}
	b := s.pass(n)
	r := run{x: x, n: n, mode: models.Eval, fuse: true, tensors: true}
	if err := s.forward(r); err != nil {
		return fmt.Errorf("computing a gradient: %w", err)
	}
	for p := range panels(n) {
		at := spanOf(n, p)
		s.load(at.of(b.delta[0], s.p.classes), at, seed, form{s.p.classes, 1})
	}
	s.backward(r)
	for i, t := range s.p.tensors {
		if t.trainable {
			t.get(dst[i].Data, s.grads)
		} else {
			clear(dst[i].Data)
		}
	}
	return nil
}
