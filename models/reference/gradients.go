package reference

import (
	"fmt"

	"github.com/genbench/genbench/models"
)

// eachExample calls visit with the gradient of every example's own cross-entropy, in the shapes of the state.
func (s *session) eachExample(x []float32, y []int32, visit func(i int, grads [][]float64)) error {
	d := s.arch.Input.Size()
	for i := range y {
		_, grads, err := s.gradient(x[i*d:][:d], y[i:i+1], models.Eval, models.Draw{})
		if err != nil {
			return err
		}
		visit(i, grads)
	}
	return nil
}

// Backward differentiates the sum over seed ⊙ logits.
func (s *session) Backward(x, seed []float32, visit func(layer int, gradient []float32)) error {
	rows, err := s.rowsOf(x)
	if err != nil {
		return err
	}
	if len(seed) != rows*s.arch.Classes {
		return fmt.Errorf("reference: a seed of %d values for the logits of %d examples in %d classes", len(seed), rows, s.arch.Classes)
	}
	grads, err := s.inputGradients(x, seed, rows)
	if err != nil {
		return err
	}
	for l := len(grads) - 1; l >= 0; l-- { // outside: a panic of visit is the caller's
		visit(l, grads[l])
	}
	return nil
}

// inputGradients are the gradients with respect to what each layer reads, [N, In].
func (s *session) inputGradients(x, seed []float32, rows int) (grads [][]float32, err error) {
	defer caught(&err)
	p, err := s.program(x, rows, models.Eval, backward)
	if err != nil {
		return nil, err
	}
	clear(p.seed)
	for i, v := range seed {
		p.seed[i] = float64(v)
	}
	if err := p.run(); err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	grads = make([][]float32, len(s.arch.Layers))
	for l, layer := range s.arch.Layers {
		grads[l] = make([]float32, rows*layer.In)
		if err := p.read(grads[l], p.grads[l]); err != nil {
			return nil, err
		}
	}
	return grads, nil
}

// GradientDots runs one example at a time, as GradientNorms does.
func (s *session) GradientDots(dst []float64, x []float32, y []int32) (err error) {
	defer caught(&err)
	if err := s.check(x, y); err != nil {
		return err
	}
	if len(dst) != len(y) {
		return fmt.Errorf("reference: %d values for the inner products of %d examples", len(dst), len(y))
	}
	return s.eachExample(x, y, func(i int, grads [][]float64) {
		var sum float64
		for t, g := range grads {
			for j, v := range g { // 0 where a tensor is not trainable
				sum += v * s.tensors[t][j]
			}
		}
		dst[i] = sum
	})
}

// GradientMoments runs one example at a time, as GradientNorms does.
func (s *session) GradientMoments(sum, squares [][]float64, x []float32, y []int32) (err error) {
	defer caught(&err)
	if err := s.check(x, y); err != nil {
		return err
	}
	for what, m := range map[string][][]float64{"sums": sum, "sums of squares": squares} {
		if len(m) != len(s.specs) {
			return fmt.Errorf("reference: %s of %d tensors, the architecture has %d", what, len(m), len(s.specs))
		}
		for i, t := range s.specs {
			if t.Trainable && len(m[i]) != t.Size() {
				return fmt.Errorf("reference: %d %s for tensor %q of %d values", len(m[i]), what, t.Name, t.Size())
			}
		}
	}
	// An example that fails must leave nothing behind: the sums are made first and added at the end.
	part := [2][][]float64{}
	for i := range part {
		for _, t := range s.specs {
			part[i] = append(part[i], make([]float64, t.Size()))
		}
	}
	err = s.eachExample(x, y, func(_ int, grads [][]float64) {
		for t, g := range grads {
			for j, v := range g {
				part[0][t][j] += v
				part[1][t][j] += v * v
			}
		}
	})
	if err != nil {
		return err
	}
	for i, t := range s.specs {
		if !t.Trainable {
			continue
		}
		for j := range sum[i] {
			sum[i][j] += part[0][i][j]
			squares[i][j] += part[1][i][j]
		}
	}
	return nil
}
