package cpu

import "github.com/genbench/genbench/models"

// dropout multiplies by a mask when training and does nothing in evaluation mode.
type dropout struct{ untrained }

func (dropout) evaluate(s *session, i int, at span, dst, src []float32) {
	carry(dst, src, s.p.layers[i].out*at.w)
}

func (dropout) forward(s *session, i int, r run) error {
	if r.mode == models.Learn {
		s.drawMask(i, r.n, r.draw)
	}
	l := &s.p.layers[i]
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		in, out := at.of(s.inputOf(i), l.in), at.of(s.b.out[i], l.out)[:l.out*at.w]
		if r.mode == models.Learn {
			s.k.multiply(out, in, at.of(s.b.keep[i], l.out))
		} else {
			copy(out, in)
		}
	}
	return nil
}

// drawMask draws the dropout mask of layer i and lays it out in panels.
func (s *session) drawMask(i, n int, d models.Draw) {
	b, l := s.b, &s.p.layers[i]
	mask := b.mask[:n*l.out]
	models.DropoutMask(mask, l.rate, d, i)
	for p := range panels(n) {
		at := spanOf(n, p)
		s.load(at.of(b.keep[i], l.out), at, mask, l.writes())
	}
}

func (dropout) backward(s *session, i int, r run, _ bool) bool {
	if r.mode != models.Learn {
		return false
	}
	l := &s.p.layers[i]
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		delta := at.of(s.b.delta[0], l.out)[:l.out*at.w]
		s.k.multiply(delta, delta, at.of(s.b.keep[i], l.out))
	}
	return false
}

func (dropout) tangent(s *session, i int, r run) {
	l, t := &s.p.layers[i], s.t
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		copy(at.of(t.out[i], l.out), at.of(t.out[l.source], l.in))
	}
}

func (dropout) tangentBackward(*session, int, run, bool) bool { return false }
