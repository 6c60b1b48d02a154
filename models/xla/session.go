//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"errors"
	"fmt"
	"slices"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/pjrt"
)

// session is one network on the device. Its tensors stay there between calls; a program is compiled at the first call of its kind and size.
type session struct {
	e        *engine
	a        models.Architecture
	specs    []models.TensorSpec
	maxBatch int
	exact    int // examples of a call whose memory grows with them times the weights

	tensors []*pjrt.Array // all; nil once closed

	optimizer models.Optimizer
	moments   []*pjrt.Array
	hyper     *pjrt.Array
	steps     int
	programs  map[programKey]compiled
}

// compiled is a call's program, for so many such calls.
type compiled struct {
	*program
	slots int
}

type programKey struct {
	call call
	rows int
	rule rule
}

var (
	_ models.Session     = (*session)(nil)
	_ models.SecondOrder = (*session)(nil)
	_ models.Seeded      = (*session)(nil)
)

var errClosed = errors.New("the session is closed")

func newSession(e *engine, a models.Architecture, maxBatch int) (*session, error) {
	a.Layers = slices.Clone(a.Layers)
	s := &session{e: e, a: a, specs: a.Tensors(), maxBatch: maxBatch, exact: exampleChunk(a), programs: map[programKey]compiled{}}
	if err := s.SetState(models.NewState(a)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// exampleChunk is how many examples' own gradients of a convolution are stored at once: those of 2²⁵ values. A function of the architecture alone, as bits may depend on it.
func exampleChunk(a models.Architecture) int {
	const budget = 1 << 25
	return int(max(1, budget/max(1, filterValues(a))))
}

// SetState copies a state to the device.
func (s *session) SetState(from models.State) error {
	if err := from.Fits(s.a); err != nil {
		return fmt.Errorf("setting the state: %w", err)
	}
	if s.programs == nil {
		return fmt.Errorf("setting the state: %w", errClosed)
	}
	arrays := make([]*pjrt.Array, len(from))
	for i, t := range from {
		var err error
		if arrays[i], err = pjrt.Put(s.e.device, t.Data, append([]int{1}, t.Shape...)...); err != nil {
			free(arrays)
			return fmt.Errorf("setting the state: tensor %s: %w", t.Name, err)
		}
	}
	free(s.tensors)
	s.tensors = arrays
	return nil
}

// State copies the tensors from the device.
func (s *session) State(dst models.State) error {
	if err := dst.Fits(s.a); err != nil {
		return fmt.Errorf("copying the state: %w", err)
	}
	if s.programs == nil {
		return fmt.Errorf("copying the state: %w", errClosed)
	}
	for i, t := range dst {
		if err := pjrt.Get(s.tensors[i], t.Data); err != nil {
			return fmt.Errorf("copying the state: tensor %s: %w", t.Name, err)
		}
	}
	return nil
}

// free frees arrays.
func free(arrays []*pjrt.Array) {
	for _, a := range arrays {
		a.Free()
	}
}

// count is the number N of examples in x, checked.
func (s *session) count(x []float32) (int, error) {
	if s.programs == nil {
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

// Logits runs the network in evaluation mode.
func (s *session) Logits(dst, x []float32) error {
	n, err := s.count(x)
	if err == nil && len(dst) != n*s.a.Classes {
		err = fmt.Errorf("room for %d logits, %d examples have %d", len(dst), n, n*s.a.Classes)
	}
	if err == nil {
		err = s.run(callOutputs, n, inputs{x: x}, func(out results) error {
			*out.next = len(s.a.Layers) - 1
			return out.rows(dst, s.a.Classes)
		})
	}
	if err != nil {
		return fmt.Errorf("computing logits: %w", err)
	}
	return nil
}

// Outputs visits every layer's output.
func (s *session) Outputs(x []float32, visit func(layer int, out []float32)) error {
	n, err := s.count(x)
	var outs [][]float32
	if err == nil {
		err = s.run(callOutputs, n, inputs{x: x}, func(out results) error {
			for _, l := range s.a.Layers {
				rows := make([]float32, n*l.Out)
				if err := out.rows(rows, l.Out); err != nil {
					return err
				}
				outs = append(outs, rows)
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("computing outputs: %w", err)
	}
	for l, out := range outs {
		visit(l, out)
	}
	return nil
}

// Gradient computes the gradient of the batch's mean cross-entropy.
func (s *session) Gradient(dst models.State, x []float32, y []int32, mode models.Mode, d models.Draw) (loss float64, err error) {
	n, err := s.labelled(x, y)
	if err == nil {
		err = dst.Fits(s.a)
	}
	if err == nil && mode != models.Eval && mode != models.Learn {
		err = fmt.Errorf("unknown mode %d (known: Eval %d, Learn %d)", mode, models.Eval, models.Learn)
	}
	c := callGradient
	if err == nil && mode == models.Learn {
		c, err = callLearn, s.enough(n)
	}
	if err == nil {
		err = s.run(c, n, inputs{x: x, y: y, weight: 1 / float64(n), draw: &d}, func(out results) error {
			if loss, err = out.scalar(); err != nil {
				return err
			}
			if err := s.readTrainable(dst, out); err != nil {
				return err
			}
			for i, t := range s.specs {
				if !t.Trainable && c == callLearn {
					s.tensors[i].Free()
					s.tensors[i] = out.take()
				}
			}
			return nil
		})
	}
	if err != nil {
		return 0, fmt.Errorf("computing a gradient: %w", err)
	}
	return loss, nil
}

// enough reports too few examples for a training batch.
func (s *session) enough(n int) error {
	if n < s.a.LeastLearn() {
		return errors.New("batch norm needs at least 2 examples in a training batch: one has no variance")
	}
	return nil
}

// readTrainable reads an array for each trainable tensor; others get 0.
func (s *session) readTrainable(dst models.State, out results) error {
	for i, t := range s.specs {
		if !t.Trainable {
			clear(dst[i].Data)
			continue
		}
		if err := out.read(dst[i].Data); err != nil {
			return fmt.Errorf("tensor %s: %w", t.Name, err)
		}
	}
	return nil
}

// Close frees what the session holds on the device; the session is of no further use.
func (s *session) Close() error {
	free(s.tensors)
	free(s.moments)
	s.hyper.Free()
	for _, p := range s.programs {
		s.e.cache.release(p.program)
	}
	*s = session{e: s.e, a: s.a}
	return nil
}
