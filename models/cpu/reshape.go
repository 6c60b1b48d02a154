package cpu

// flatten makes a vector of an image, in the order of tensors, [C, H, W].
type flatten struct{ untrained }

// flatPanel writes one panel of an image as a vector.
func flatPanel(l *layer, at span, dst, src []float32) {
	if f := l.reads(); f.turned() {
		unturn(dst, src, f, at.w)
	} else {
		carry(dst, src, l.in*at.w)
	}
}

func (flatten) evaluate(s *session, i int, at span, dst, src []float32) {
	flatPanel(&s.p.layers[i], at, dst, src)
}

func (flatten) forward(s *session, i int, r run) error {
	l := &s.p.layers[i]
	l.eachPanel(r.n, s.b.out[i], s.inputOf(i), func(at span, dst, src []float32) { flatPanel(l, at, dst, src) })
	return nil
}

func (flatten) backward(s *session, i int, r run, below bool) bool {
	if below {
		s.unflatten(i, r.n, &s.b.delta)
	}
	return false
}

// unflatten takes delta below flatten i.
func (s *session) unflatten(i, n int, delta *[2][]float32) {
	l := &s.p.layers[i]
	f := l.reads()
	if !f.turned() {
		return
	}
	for p := range panels(n) {
		at := spanOf(n, p)
		unturn(at.of(delta[1], l.in), at.of(delta[0], l.out), form{f.spots, f.c}, at.w)
	}
	swap(delta)
}

func (flatten) tangent(s *session, i int, r run) {
	l, t := &s.p.layers[i], s.t
	l.eachPanel(r.n, t.out[i], t.out[l.source], func(at span, dst, src []float32) { flatPanel(l, at, dst, src) })
}

func (flatten) tangentBackward(s *session, i int, r run, below bool) bool {
	if below {
		s.unflatten(i, r.n, &s.b.delta)
		s.unflatten(i, r.n, &s.t.delta)
	}
	return false
}

// sum adds the outputs of two layers. Its delta is that of both: session.leave hands it to the second.
type sum struct{ untrained }

func (sum) evaluate(s *session, i int, at span, dst, src []float32) {
	l := &s.p.layers[i]
	n := l.out * at.w
	carry(dst, src, n)
	s.k.axpy(dst[:n], s.slots[s.p.slotOf(l.with)], 1)
}

func (sum) forward(s *session, i int, r run) error {
	s.addPanels(i, r.n, s.b.out)
	return nil
}

// addPanels writes the sum of the two values that layer i reads, for outputs or their derivatives.
func (s *session) addPanels(i, n int, out [][]float32) {
	l := &s.p.layers[i]
	for p := range panels(n) {
		at := spanOf(n, p)
		dst := at.of(out[i], l.out)[:l.out*at.w]
		copy(dst, at.of(out[l.source], l.in))
		s.k.axpy(dst, at.of(out[l.with], l.out), 1)
	}
}

func (sum) backward(*session, int, run, bool) bool { return false }

func (sum) tangent(s *session, i int, r run) { s.addPanels(i, r.n, s.t.out) }

func (sum) tangentBackward(*session, int, run, bool) bool { return false }
