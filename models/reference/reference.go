// Package reference is the engine on gorgonia's automatic differentiation:
// slow, in float64, and sharing no formula of a derivative with the other
// engines, so that they can be checked against it.
//
// A session's tensors are float64 inside and are rounded to float32 when they
// are read; reading and setting them again can therefore change a training in
// the last bits. Methods allocate.
package reference

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/genbench/genbench/models"
)

// New answers the engine.
func New() models.Engine { return engine{} }

type engine struct{}

func (engine) Name() string { return "reference/gorgonia" }

func (engine) NewSession(a models.Architecture, maxBatch int) (models.Session, error) {
	if err := a.Validate(); err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	if maxBatch < 1 {
		return nil, fmt.Errorf("reference: batches of at most %d examples: at least 1 is needed", maxBatch)
	}
	s := &session{arch: a, maxBatch: maxBatch, programs: map[key]*program{}, specs: a.Tensors()}
	for _, t := range s.specs {
		s.tensors = append(s.tensors, make([]float64, t.Size()))
	}
	return s, nil
}

// session keeps the tensors of one network and a graph for every kind of call
// and number of rows that was asked for.
type session struct {
	arch      models.Architecture
	specs     []models.TensorSpec
	maxBatch  int
	tensors   [][]float64 // as in models.State
	programs  map[key]*program
	optimizer *optimizer
}

type key struct {
	rows int
	mode models.Mode
	use  purpose
}

// caught turns a panic inside gorgonia into an error.
func caught(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("reference: gorgonia: %v", r)
	}
}

func (s *session) SetState(st models.State) error {
	if err := st.Fits(s.arch); err != nil {
		return fmt.Errorf("reference: setting the state: %w", err)
	}
	for i, t := range st {
		for j, v := range t.Data {
			s.tensors[i][j] = float64(v)
		}
	}
	return nil
}

func (s *session) State(dst models.State) error {
	if err := dst.Fits(s.arch); err != nil {
		return fmt.Errorf("reference: reading the state: %w", err)
	}
	narrow(dst, s.tensors)
	return nil
}

func narrow(dst models.State, from [][]float64) {
	for i, t := range dst {
		for j := range t.Data {
			t.Data[j] = float32(from[i][j])
		}
	}
}

func (s *session) Logits(dst, x []float32) (err error) {
	defer caught(&err)
	rows, err := s.rowsOf(x)
	if err != nil {
		return err
	}
	if len(dst) != rows*s.arch.Classes {
		return fmt.Errorf("reference: %d values for the logits of %d examples in %d classes", len(dst), rows, s.arch.Classes)
	}
	p, err := s.evaluate(x, rows)
	if err != nil {
		return err
	}
	return p.read(dst, p.logits)
}

func (s *session) Outputs(x []float32, visit func(layer int, out []float32)) (err error) {
	rows, err := s.rowsOf(x)
	if err != nil {
		return err
	}
	outs := make([][]float32, len(s.arch.Layers))
	err = func() (err error) {
		defer caught(&err)
		p, err := s.evaluate(x, rows)
		if err != nil {
			return err
		}
		for l, layer := range s.arch.Layers {
			outs[l] = make([]float32, rows*layer.Out)
			if err := p.read(outs[l], p.outs[l]); err != nil {
				return err
			}
		}
		return nil
	}()
	if err != nil {
		return err
	}
	for l, out := range outs { // outside: a panic of visit is the caller's
		visit(l, out)
	}
	return nil
}

func (s *session) Gradient(dst models.State, x []float32, y []int32, mode models.Mode, d models.Draw) (loss float64, err error) {
	defer caught(&err)
	if err := dst.Fits(s.arch); err != nil {
		return 0, fmt.Errorf("reference: gradient: %w", err)
	}
	loss, grads, err := s.gradient(x, y, mode, d)
	if err != nil {
		return 0, err
	}
	narrow(dst, grads)
	return loss, nil
}

// GradientNorms runs one example at a time: the plainest way, and independent
// of the factored forms that fast engines use.
func (s *session) GradientNorms(dst []float64, x []float32, y []int32) (err error) {
	defer caught(&err)
	if err := s.check(x, y); err != nil {
		return err
	}
	if len(dst) != len(y) {
		return fmt.Errorf("reference: %d values for the gradient norms of %d examples", len(dst), len(y))
	}
	return s.eachExample(x, y, func(i int, grads [][]float64) {
		var sum float64
		for _, g := range grads {
			for _, v := range g {
				sum += v * v
			}
		}
		dst[i] = sum
	})
}

func (s *session) Begin(o models.Optimizer) error {
	if err := o.Validate(); err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	s.optimizer = newOptimizer(o, s.tensors)
	return nil
}

func (s *session) Step(x []float32, y []int32, d models.Draw) (loss float64, err error) {
	defer caught(&err)
	if s.optimizer == nil {
		return 0, errors.New("reference: Step before Begin")
	}
	loss, grads, err := s.gradient(x, y, models.Learn, d)
	if err != nil {
		return 0, err
	}
	s.optimizer.begin()
	for i, t := range s.specs {
		if t.Trainable {
			s.optimizer.step(i, s.tensors[i], grads[i])
		}
	}
	return loss, nil
}

func (s *session) Close() error {
	s.programs = map[key]*program{}
	return nil
}

// rowsOf is the number of examples in x.
func (s *session) rowsOf(x []float32) (int, error) {
	d := s.arch.Input.Size()
	rows := len(x) / d
	if len(x)%d != 0 || rows < 1 || rows > s.maxBatch {
		return 0, fmt.Errorf("reference: %d input values: 1 to %d examples of %d features are needed", len(x), s.maxBatch, d)
	}
	return rows, nil
}

func (s *session) check(x []float32, y []int32) error {
	rows, err := s.rowsOf(x)
	if err != nil {
		return err
	}
	if len(y) != rows {
		return fmt.Errorf("reference: %d labels for %d examples", len(y), rows)
	}
	for i, v := range y {
		if v < 0 || int(v) >= s.arch.Classes {
			return fmt.Errorf("reference: example %d has label %d, outside [0, %d)", i, v, s.arch.Classes)
		}
	}
	return nil
}

// program answers the graph for a call with so many examples, tensors loaded
// and x filled in. A graph has at least 2 rows (gorgonia takes a matrix of one
// row for a vector here and there) and a power of two of them where rows do
// not meet, so that few graphs serve all sizes; the rows that fill up are 0.
func (s *session) program(x []float32, rows int, mode models.Mode, use purpose) (*program, error) {
	k := key{rows: rows, mode: mode, use: use}
	if mode == models.Eval || !s.arch.Has(models.BatchNorm) {
		k.rows = max(2, 1<<bits.Len(uint(rows-1)))
	}
	p := s.programs[k]
	if p == nil {
		var err error
		if p, err = build(s.arch, k.rows, mode, use); err != nil {
			return nil, fmt.Errorf("reference: %w", err)
		}
		s.programs[k] = p
	}
	for i, v := range x {
		p.x[i] = float64(v)
	}
	clear(p.x[len(x):])
	for i, t := range s.specs {
		if len(t.Shape) == 2 {
			transpose(p.params[i], s.tensors[i], t.Shape[0], t.Shape[1])
		} else {
			copy(p.params[i], s.tensors[i])
		}
	}
	return p, nil
}

func (s *session) evaluate(x []float32, rows int) (*program, error) {
	p, err := s.program(x, rows, models.Eval, evaluation)
	if err != nil {
		return nil, err
	}
	if err := p.run(); err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	return p, nil
}

// gradient answers the mean loss of the batch and its gradient in the shapes of
// the state. In Learn mode it updates the running statistics.
func (s *session) gradient(x []float32, y []int32, mode models.Mode, d models.Draw) (float64, [][]float64, error) {
	if err := s.check(x, y); err != nil {
		return 0, nil, err
	}
	if mode != models.Eval && mode != models.Learn {
		return 0, nil, fmt.Errorf("reference: unknown mode %d", mode)
	}
	examples := len(y)
	if mode == models.Learn && examples < s.arch.LeastLearn() {
		return 0, nil, errors.New("reference: batch norm has no variance in a batch of one example with one place a channel")
	}
	if mode == models.Learn && examples == 1 && s.arch.Has(models.BatchNorm) {
		// A graph has two rows at least, and here they meet: twice the same example has its statistics, mean loss and gradient.
		x, y = append(slices.Clone(x), x...), append(slices.Clone(y), y...)
	}
	p, err := s.program(x, len(y), mode, gradient)
	if err != nil {
		return 0, nil, err
	}
	clear(p.target)
	for i, label := range y {
		p.target[i*s.arch.Classes+int(label)] = 1 / float64(len(y))
	}
	for l, keep := range p.keep {
		mask := make([]float32, examples*s.arch.Layers[l].Out)
		models.DropoutMask(mask, s.arch.Layers[l].Rate, d, l)
		clear(keep)
		for i := range len(mask) * len(y) / examples {
			keep[i] = float64(mask[i%len(mask)])
		}
	}
	if err := p.run(); err != nil {
		return 0, nil, fmt.Errorf("reference: %w", err)
	}
	loss, err := p.scalar(p.loss)
	if err != nil {
		return 0, nil, fmt.Errorf("reference: %w", err)
	}
	grads, err := s.readGradients(p)
	if err != nil {
		return 0, nil, fmt.Errorf("reference: %w", err)
	}
	return loss, grads, s.updateStatistics(p, examples)
}

func (s *session) readGradients(p *program) ([][]float64, error) {
	grads := make([][]float64, len(s.specs))
	for i, t := range s.specs {
		grads[i] = make([]float64, t.Size())
		if p.grads[i] < 0 {
			continue
		}
		m, err := p.matrix(p.grads[i])
		if err != nil {
			return nil, fmt.Errorf("gradient of %s: %w", t.Name, err)
		}
		if len(m) != t.Size() {
			return nil, fmt.Errorf("gradient of %s has %d values, want %d", t.Name, len(m), t.Size())
		}
		if len(t.Shape) == 2 {
			transpose(grads[i], m, t.Shape[1], t.Shape[0])
		} else {
			copy(grads[i], m)
		}
	}
	return grads, nil
}

// updateStatistics moves the running statistics towards the batch's, the
// variance unbiased as PyTorch does.
func (s *session) updateStatistics(p *program, rows int) error {
	for i, t := range s.specs {
		layer := s.arch.Layers[t.Layer]
		count := float64(rows * layer.In / t.Shape[0])
		from, unbiased := p.mean, 1.0
		switch t.Name {
		case layer.Name + ".running_mean":
		case layer.Name + ".running_var":
			from, unbiased = p.variance, count/(count-1)
		default:
			continue
		}
		at, ok := from[t.Layer]
		if !ok {
			continue // Eval mode
		}
		batch, err := p.matrix(at)
		if err != nil {
			return fmt.Errorf("reference: statistics of %s: %w", layer.Name, err)
		}
		for j, v := range batch {
			s.tensors[i][j] += layer.Momentum * (v*unbiased - s.tensors[i][j])
		}
	}
	return nil
}

// read writes the first len(dst) values of a computed matrix.
func (p *program) read(dst []float32, at int) error {
	m, err := p.matrix(at)
	if err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	if len(m) < len(dst) {
		return fmt.Errorf("reference: gorgonia answers %d values, want %d", len(m), len(dst))
	}
	for i := range dst {
		dst[i] = float32(m[i])
	}
	return nil
}

// transpose writes src, [r, c], as dst, [c, r].
func transpose(dst, src []float64, r, c int) {
	for i := range r {
		for j := range c {
			dst[j*r+i] = src[i*c+j]
		}
	}
}
