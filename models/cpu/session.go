package cpu

import (
	"errors"
	"fmt"

	"github.com/genbench/genbench/models"
)

// session is a network's tensors and the buffers to compute with it.
type session struct {
	k        *kernels
	a        models.Architecture
	p        *plan
	maxBatch int

	params  []float32
	running []float32
	grads   []float32 // arena like params; made when first needed

	b *pass     // made when first needed
	t *tangents // likewise

	slots   [][]float32 // one panel's activations, for evaluation; the first is the input's
	rows    []float32   // [w, ld]
	turned  []float32   // one panel of any values that change their order
	inverse []float32   // 1/sqrt(running_var+eps), the features of all batch norm layers
	conv    windows

	optimizer models.Optimizer
	rule      *momentumRule
	moments   [2][]float32
	steps     int
}

var _ models.Session = (*session)(nil)

var errClosed = errors.New("the session is closed")

func newSession(k *kernels, a models.Architecture, maxBatch int) *session {
	p := newPlan(a)
	a.Layers = append([]models.Layer(nil), a.Layers...)
	s := &session{
		k: k, a: a, p: p, maxBatch: maxBatch,
		params:  aligned(p.params),
		running: aligned(p.running),
		slots:   make([][]float32, p.slots),
		rows:    aligned(panel * rowStride(p.widest)),
		inverse: aligned(p.features),
		conv:    newWindows(p.conv),
		rule:    &momentumRule{},
	}
	for i := range s.slots {
		s.slots[i] = aligned(panel * p.widest)
	}
	if p.conv.turns {
		s.turned = aligned(panel * p.widest)
	}
	return s
}

// SetState copies s into the session.
func (s *session) SetState(from models.State) error {
	if s.params == nil {
		return fmt.Errorf("setting the state: %w", errClosed)
	}
	if !s.p.fits(from) {
		return fmt.Errorf("setting the state: %w", from.Fits(s.a))
	}
	for i, t := range s.p.tensors {
		arena := s.running
		if t.trainable {
			arena = s.params
		}
		t.put(arena, from[i].Data)
	}
	return nil
}

// State copies the session's tensors into dst.
func (s *session) State(dst models.State) error {
	if s.params == nil {
		return fmt.Errorf("copying the state: %w", errClosed)
	}
	if !s.p.fits(dst) {
		return fmt.Errorf("copying the state: %w", dst.Fits(s.a))
	}
	for i, t := range s.p.tensors {
		arena := s.running
		if t.trainable {
			arena = s.params
		}
		t.get(dst[i].Data, arena)
	}
	return nil
}

// put copies a tensor into its arena.
func (t place) put(arena, data []float32) {
	if t.form.turned() {
		t.turn(data, arena, func(value, inArena *float32) { *inArena = *value })
		return
	}
	if t.ld == t.cols {
		copy(arena[t.at:t.at+t.rows*t.cols], data)
		return
	}
	for r := range t.rows {
		copy(arena[t.at+r*t.ld:t.at+r*t.ld+t.cols], data[r*t.cols:])
	}
}

// get copies a tensor out of its arena.
func (t place) get(data, arena []float32) {
	if t.form.turned() {
		t.turn(data, arena, func(value, inArena *float32) { *value = *inArena })
		return
	}
	if t.ld == t.cols {
		copy(data, arena[t.at:t.at+t.rows*t.cols])
		return
	}
	for r := range t.rows {
		copy(data[r*t.cols:(r+1)*t.cols], arena[t.at+r*t.ld:])
	}
}

// turn visits the values of a turned tensor, as it is, [rows, c, spots], and as it lies in an arena, [rows, spots, c].
func (t place) turn(data, arena []float32, visit func(value, inArena *float32)) {
	for r := range t.rows {
		row := arena[t.at+r*t.ld:][:t.cols]
		for c := range t.form.c {
			for q := range t.form.spots {
				visit(&data[r*t.cols+c*t.form.spots+q], &row[q*t.form.c+c])
			}
		}
	}
}

// count is the number N of examples in x, checked.
func (s *session) count(x []float32) (int, error) {
	if s.params == nil {
		return 0, errClosed
	}
	return s.a.CountExamples(x, s.maxBatch)
}

// labelled is count for a batch with labels.
func (s *session) labelled(x []float32, y []int32) (int, error) {
	n, err := s.count(x)
	if err != nil {
		return 0, err
	}
	if err := s.a.CheckLabels(y, n); err != nil {
		return 0, err
	}
	return n, nil
}

// Logits runs the network panel by panel, so that activations stay in the nearest cache.
func (s *session) Logits(dst, x []float32) error {
	n, err := s.count(x)
	if err == nil && len(dst) != n*s.p.classes {
		err = fmt.Errorf("room for %d logits, %d examples have %d", len(dst), n, n*s.p.classes)
	}
	if err != nil {
		return fmt.Errorf("computing logits: %w", err)
	}
	s.prepareNorms(s.inverse)
	for p := range panels(n) {
		at := spanOf(n, p)
		s.load(s.slots[0], at, x, s.p.form)
		for i := 0; i < len(s.p.layers); i++ {
			l := &s.p.layers[i]
			l.op.evaluate(s, i, at, s.slots[l.slot], s.slots[s.p.slotOf(l.source)])
			i += l.tail
		}
		s.store(dst, at, s.slots[s.p.slotOf(len(s.p.layers)-1)], form{s.p.classes, 1})
	}
	return nil
}

// Outputs runs the whole batch and visits every layer's output.
func (s *session) Outputs(x []float32, visit func(layer int, out []float32)) error {
	n, err := s.count(x)
	if err != nil {
		return fmt.Errorf("computing outputs: %w", err)
	}
	b := s.pass(n)
	if err := s.forward(run{x: x, n: n, mode: models.Eval}); err != nil {
		return fmt.Errorf("computing outputs: %w", err)
	}
	for i := range s.p.layers {
		l := &s.p.layers[i]
		// No gradient is under way: its buffer has room for any layer's rows.
		out := b.delta[0][:n*l.out]
		for p := range panels(n) {
			at := spanOf(n, p)
			s.store(out, at, at.of(b.out[i], l.out), l.writes())
		}
		visit(i, out)
	}
	return nil
}

// Gradient computes the gradient of the batch's mean cross-entropy.
func (s *session) Gradient(dst models.State, x []float32, y []int32, mode models.Mode, d models.Draw) (float64, error) {
	n, err := s.labelled(x, y)
	if err == nil && !s.p.fits(dst) {
		err = dst.Fits(s.a)
	}
	if err == nil && mode != models.Eval && mode != models.Learn {
		err = fmt.Errorf("unknown mode %d (known: Eval %d, Learn %d)", mode, models.Eval, models.Learn)
	}
	if err != nil {
		return 0, fmt.Errorf("computing a gradient: %w", err)
	}
	s.pass(n)
	r := run{x: x, n: n, mode: mode, draw: d, fuse: true, tensors: true}
	if err := s.forward(r); err != nil {
		return 0, fmt.Errorf("computing a gradient: %w", err)
	}
	loss := s.loss(y, n, 1/float64(n))
	s.backward(r)
	for i, t := range s.p.tensors {
		if t.trainable {
			t.get(dst[i].Data, s.grads)
		} else {
			clear(dst[i].Data)
		}
	}
	return loss, nil
}

// Begin sets the optimizer.
func (s *session) Begin(o models.Optimizer) error {
	err := o.Validate()
	if err == nil && s.params == nil {
		err = errClosed
	}
	if err != nil {
		return fmt.Errorf("beginning to train: %w", err)
	}
	s.optimizer, s.steps = o, 0
	*s.rule = momentumRule{lr: float32(o.LearningRate), mu: float32(o.Momentum), wd: float32(o.WeightDecay)}
	for i := range s.moments {
		if s.moments[i] == nil && (i == 0 || o.Name != "sgd") {
			s.moments[i] = aligned(s.p.params)
		}
		clear(s.moments[i])
	}
	return nil
}

// Step does one step of training.
func (s *session) Step(x []float32, y []int32, d models.Draw) (float64, error) {
	if s.optimizer.Name == "" {
		return 0, errors.New("training step: the session has no optimizer; call Begin first")
	}
	n, err := s.labelled(x, y)
	r := run{x: x, n: n, mode: models.Learn, draw: d, fuse: true, tensors: true}
	if err == nil {
		s.pass(n)
		err = s.forward(r)
	}
	if err != nil {
		return 0, fmt.Errorf("training step: %w", err)
	}
	loss := s.loss(y, n, 1/float64(n))
	// One product must see the whole batch for its kernel to update the weights.
	r.update = s.optimizer.Name == "sgd" && (n <= panel || n%panel == 0)
	s.backward(r)
	s.update(r)
	return loss, nil
}

// Close frees the buffers; the session is of no further use.
func (s *session) Close() error {
	*s = session{k: s.k, a: s.a, p: s.p}
	return nil
}

// pass returns the buffers for batches of n examples, and makes or enlarges them where they are too small.
func (s *session) pass(n int) *pass {
	if s.b == nil || panels(n) > s.b.panels {
		squares := []float32(nil)
		if s.b == nil {
			s.conv.trainable(s.p.conv)
			s.grads = aligned(s.p.params)
		} else {
			squares = s.b.squares
		}
		s.b = newPass(s.p, n)
		s.b.squares = squares
	}
	return s.b
}
