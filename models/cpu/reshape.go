package cpu

// flatten makes a vector of an image, in the order of tensors, [C, H, W].
type flatten struct{ untrained }

// flatPanel writes one panel of an image as a vector.
func flatPanel(l *layer, at span, dst, src []float32) {
	if f := l.reads(); f.turned() {
		unturn(dst, src, f, at.w)
	} else if n := l.in * at.w; &dst[0] != &src[0] {
		copy(dst[:n], src)
	}
}

func (flatten) evaluate(s *session, i int, at span, dst, src []float32) {
	flatPanel(&s.p.layers[i], at, dst, src)
}

func (flatten) forward(s *session, i int, r run) error {
	l := &s.p.layers[i]
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		flatPanel(l, at, at.of(s.b.out[i], l.out), at.of(s.inputOf(i), l.in))
	}
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
		// A vector [C, spots] is to an image [spots, C] what an image of the other form is to a vector.
		unturn(at.of(delta[1], l.in), at.of(delta[0], l.out), form{f.spots, f.c}, at.w)
	}
	swap(delta)
}

func (flatten) tangent(s *session, i int, r run) {
	l, t := &s.p.layers[i], s.t
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		flatPanel(l, at, at.of(t.out[i], l.out), at.of(t.out[l.source], l.in))
	}
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
	if &dst[0] != &src[0] {
		copy(dst[:n], src)
	}
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
