//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"errors"
	"fmt"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/pjrt"
)

// GradientFrom computes the gradient of another loss than the cross-entropy.
func (s *session) GradientFrom(dst models.State, x, seed []float32) error {
	n, err := s.seeded(x, seed)
	if err == nil {
		err = dst.Fits(s.a)
	}
	if err == nil {
		err = s.run(callFrom, n, inputs{x: x, seed: seed}, func(out results) error { return s.readTrainable(dst, out) })
	}
	if err != nil {
		return fmt.Errorf("computing a gradient: %w", err)
	}
	return nil
}

// seeded is count for a batch with a gradient with respect to its logits.
func (s *session) seeded(x, seed []float32) (int, error) {
	n, err := s.count(x)
	if err == nil && len(seed) != n*s.a.Classes {
		err = fmt.Errorf("%d values of a gradient with respect to logits, %d examples have %d", len(seed), n, n*s.a.Classes)
	}
	return n, err
}

// Backward visits the gradients with respect to what layers read.
func (s *session) Backward(x, seed []float32, visit func(layer int, gradient []float32)) error {
	n, err := s.seeded(x, seed)
	rows := make([][]float32, len(s.a.Layers))
	if err == nil {
		err = s.run(callBackward, n, inputs{x: x, seed: seed}, func(out results) error {
			for l, layer := range s.a.Layers {
				rows[l] = make([]float32, n*layer.In)
				if err := out.rows(rows[l], layer.In); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("going backward: %w", err)
	}
	for l := len(rows) - 1; l >= 0; l-- {
		visit(l, rows[l])
	}
	return nil
}

// GradientNorms computes |g_n|² of every example.
func (s *session) GradientNorms(dst []float64, x []float32, y []int32) error {
	if err := s.perExample(callNorms, "norms", dst, x, y); err != nil {
		return fmt.Errorf("computing gradient norms: %w", err)
	}
	return nil
}

// GradientDots computes <w, g_n> of every example.
func (s *session) GradientDots(dst []float64, x []float32, y []int32) error {
	if err := s.perExample(callDots, "inner products", dst, x, y); err != nil {
		return fmt.Errorf("computing inner products with gradients: %w", err)
	}
	return nil
}

func (s *session) perExample(c call, what string, dst []float64, x []float32, y []int32) error {
	n, err := s.labelled(x, y)
	if err == nil && len(dst) != n {
		err = fmt.Errorf("room for %d %s, %d examples", len(dst), what, n)
	}
	if err != nil {
		return err
	}
	return s.chunks(c, x, y, func(lo, hi int, out results) error {
		whole := make([]float64, out.rowCount)
		if err := out.read64(whole); err != nil {
			return err
		}
		copy(dst[lo:hi], whole)
		return nil
	})
}

// chunks runs a call on parts of a batch that are small enough for its memory; every example weighs 1.
func (s *session) chunks(c call, x []float32, y []int32, read func(lo, hi int, out results) error) error {
	d := s.a.Input.Size()
	for lo := 0; lo < len(y); lo += s.exact {
		hi := min(lo+s.exact, len(y))
		in := inputs{x: x[lo*d : hi*d], y: y[lo:hi], weight: 1}
		if err := s.run(c, hi-lo, in, func(out results) error { return read(lo, hi, out) }); err != nil {
			return err
		}
	}
	return nil
}

// GradientMoments computes the sums of parts of the batch in float32, as gradients are, and adds them in float64.
func (s *session) GradientMoments(sum, squares [][]float64, x []float32, y []int32) error {
	_, err := s.labelled(x, y)
	for _, m := range [][][]float64{sum, squares} {
		if err == nil {
			err = s.room(m)
		}
	}
	if err != nil {
		return fmt.Errorf("computing moments of gradients: %w", err)
	}
	// All is read before anything is added: an error changes nothing.
	parts := [2][][]float64{make([][]float64, len(s.specs)), make([][]float64, len(s.specs))}
	err = s.chunks(callMoments, x, y, func(_, _ int, out results) error {
		for _, part := range parts {
			for i, t := range s.specs {
				if !t.Trainable {
					continue
				}
				values := make([]float32, t.Size())
				if err := out.read(values); err != nil {
					return err
				}
				if part[i] == nil {
					part[i] = make([]float64, t.Size())
				}
				for j, v := range values {
					part[i][j] += float64(v)
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("computing moments of gradients: %w", err)
	}
	for m, dst := range [][][]float64{sum, squares} {
		for i, part := range parts[m] {
			for j, v := range part {
				dst[i][j] += v
			}
		}
	}
	return nil
}

// room checks that moments have a value for each of the trainable tensors'.
func (s *session) room(m [][]float64) error {
	if len(m) != len(s.specs) {
		return fmt.Errorf("moments of %d tensors, the network has %d", len(m), len(s.specs))
	}
	for i, t := range s.specs {
		if t.Trainable && len(m[i]) != t.Size() {
			return fmt.Errorf("room for %d values of %s, which has %d", len(m[i]), t.Name, t.Size())
		}
	}
	return nil
}

// HessianVector computes H v.
func (s *session) HessianVector(dst, v models.State, x []float32, y []int32) error {
	n, err := s.labelled(x, y)
	if err == nil {
		err = errors.Join(dst.Fits(s.a), v.Fits(s.a))
	}
	if err == nil {
		err = s.run(callCurvature, n, inputs{direction: v, x: x, y: y, weight: 1 / float64(n)}, func(out results) error { return s.readTrainable(dst, out) })
	}
	if err != nil {
		return fmt.Errorf("computing a Hessian-vector product: %w", err)
	}
	return nil
}

// Begin sets the optimizer.
func (s *session) Begin(o models.Optimizer) error {
	err := o.Validate()
	if err == nil && s.programs == nil {
		err = errClosed
	}
	if err != nil {
		return fmt.Errorf("beginning to train: %w", err)
	}
	u := &upload{device: s.e.device}
	var moments []*pjrt.Array
	for _, t := range s.specs {
		for range ruleOf(o).moments() {
			if t.Trainable {
				moments = append(moments, put(u, make([]float32, t.Size()), append([]int{1}, t.Shape...)...))
			}
		}
	}
	values := hyperparameters(o)
	hyper := put(u, values[:], hypers, 1)
	if u.err != nil {
		u.free()
		return fmt.Errorf("beginning to train: %w", u.err)
	}
	free(s.moments)
	s.hyper.Free()
	s.optimizer, s.steps, s.moments, s.hyper = o, 0, moments, hyper
	return nil
}

// Step does one step of training.
func (s *session) Step(x []float32, y []int32, d models.Draw) (loss float64, err error) {
	if s.optimizer.Name == "" {
		return 0, errors.New("training step: the session has no optimizer; call Begin first")
	}
	n, err := s.labelled(x, y)
	if err == nil {
		err = s.enough(n)
	}
	if err == nil {
		err = s.run(callStep, n, inputs{x: x, y: y, draw: &d}, func(out results) error {
			if loss, err = out.scalar(); err != nil {
				return err
			}
			for _, arrays := range [][]*pjrt.Array{s.tensors, s.moments} {
				for i := range arrays {
					arrays[i].Free()
					arrays[i] = out.take()
				}
			}
			return nil
		})
	}
	if err != nil {
		return 0, fmt.Errorf("training step: %w", err)
	}
	s.steps++
	return loss, nil
}
