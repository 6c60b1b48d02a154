package cpu

// relu is max(0, x). A dense layer before it usually does its work (run.fuse).
type relu struct{ untrained }

func (relu) evaluate(s *session, i int, at span, dst, src []float32) {
	l := &s.p.layers[i]
	s.k.relu(dst[:l.out*at.w], src)
}

func (relu) forward(s *session, i int, r run) error {
	l := &s.p.layers[i]
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		s.k.relu(at.of(s.b.out[i], l.out)[:l.out*at.w], at.of(s.inputOf(i), l.in))
	}
	return nil
}

func (relu) backward(s *session, i int, r run, _ bool) bool {
	s.maskPanels(s.b.delta[0], i, r.n)
	return false
}

// maskPanels zeroes d, [panel][Out][w], where ReLU i is at rest.
func (s *session) maskPanels(d []float32, i, n int) {
	l := &s.p.layers[i]
	for p := range panels(n) {
		at := spanOf(n, p)
		s.k.mask(at.of(d, l.out)[:l.out*at.w], at.of(s.b.out[i], l.out))
	}
}

func (relu) tangent(s *session, i int, r run) {
	l, t := &s.p.layers[i], s.t
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		copy(at.of(t.out[i], l.out), at.of(t.out[l.source], l.in))
	}
	s.maskPanels(t.out[i], i, r.n)
}

func (relu) tangentBackward(s *session, i int, r run, _ bool) bool {
	s.maskPanels(s.b.delta[0], i, r.n)
	s.maskPanels(s.t.delta[0], i, r.n)
	return false
}
