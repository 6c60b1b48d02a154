package enginetest

import (
	"math"
	"testing"

	"github.com/genbench/genbench/models"
)

// TestOwnPyTorch holds the suite's own network against PyTorch's numbers.
func TestOwnPyTorch(t *testing.T) {
	t.Run("Training", func(t *testing.T) { testPyTorch(t, engine64{}) })
	t.Run("Gradients", func(t *testing.T) { testPyTorchGradients(t, engine64{}) })
	t.Run("Images", func(t *testing.T) { testPyTorchImages(t, engine64{}) })
}

// engine64 is the suite's own network as an engine, with what PyTorch's numbers ask for and no checks.
type engine64 struct{}

func (engine64) Name() string { return "float64" }

func (engine64) NewSession(a models.Architecture, _ int) (models.Session, error) {
	return &session64{network64: newNetwork64(a, models.NewState(a))}, nil
}

type session64 struct {
	models.Session // nil: what is not written here is not asked for
	*network64
	rule          models.Optimizer
	steps         int
	first, second [][]float64 // momentum, or Adam's moments
}

func (s *session64) SetState(st models.State) error {
	s.network64 = newNetwork64(s.arch, st)
	return nil
}

func (s *session64) State(dst models.State) error { return narrow(dst, s.tensors) }

func narrow(dst models.State, from [][]float64) error {
	for i, t := range dst {
		for j := range t.Data {
			t.Data[j] = float32(from[i][j])
		}
	}
	return nil
}

func narrowed(from []float64) []float32 {
	to := make([]float32, len(from))
	for i, v := range from {
		to[i] = float32(v)
	}
	return to
}

func (s *session64) evaluate(x []float32) *pass {
	return s.forward(widen(x), len(x)/s.arch.Input.Size(), models.Eval, models.Draw{})
}

func (s *session64) Logits(dst, x []float32) error {
	copy(dst, narrowed(s.evaluate(x).value(len(s.arch.Layers)-1)))
	return nil
}

func (s *session64) Outputs(x []float32, visit func(int, []float32)) error {
	for l, out := range s.evaluate(x).outs {
		visit(l, narrowed(out))
	}
	return nil
}

func (s *session64) Gradient(dst models.State, x []float32, y []int32, mode models.Mode, d models.Draw) (float64, error) {
	loss, grads := s.gradient(x, y, mode, d)
	return loss, narrow(dst, grads)
}

func (s *session64) Backward(x, seed []float32, visit func(int, []float32)) error {
	_, inputs := s.backwardFrom(s.evaluate(x), widen(seed), models.Eval)
	for l := len(inputs) - 1; l >= 0; l-- {
		visit(l, narrowed(inputs[l]))
	}
	return nil
}

func (s *session64) examples(x []float32, y []int32) [][][]float64 {
	st := models.NewState(s.arch)
	_ = narrow(st, s.tensors)
	return network{arch: s.arch, state: st, x: x, y: y, rows: len(y)}.exampleGradients()
}

func (s *session64) GradientDots(dst []float64, x []float32, y []int32) error {
	for n, grads := range s.examples(x, y) {
		dst[n] = 0
		for i, g := range grads {
			for j, v := range g {
				dst[n] += v * s.tensors[i][j]
			}
		}
	}
	return nil
}

func (s *session64) GradientMoments(sum, squares [][]float64, x []float32, y []int32) error {
	for _, grads := range s.examples(x, y) {
		for i := range sum {
			for j := range sum[i] {
				sum[i][j] += grads[i][j]
				squares[i][j] += grads[i][j] * grads[i][j]
			}
		}
	}
	return nil
}

func (s *session64) HessianVector(dst, v models.State, x []float32, y []int32) error {
	product, _ := s.gradientAlong(s.trainable(wide(v)), widen(x), y)
	return narrow(dst, product)
}

func (s *session64) Begin(o models.Optimizer) error {
	s.rule, s.steps, s.first, s.second = o, 0, s.shifted(s.tensors, -1).tensors, s.shifted(s.tensors, -1).tensors // zeros
	return nil
}

func (s *session64) Step(x []float32, y []int32, d models.Draw) (float64, error) {
	loss, grads := s.gradient(x, y, models.Learn, d)
	s.steps++
	for i, spec := range s.arch.Tensors() {
		if !spec.Trainable {
			continue
		}
		for j, g := range grads[i] {
			w, m, v := &s.tensors[i][j], &s.first[i][j], &s.second[i][j]
			g += s.rule.WeightDecay * *w
			switch s.rule.Name {
			case "sgd":
				*m = s.rule.Momentum**m + g
				*w -= s.rule.LearningRate * *m
			case "adam":
				*m += (1 - s.rule.Beta1) * (g - *m)
				*v += (1 - s.rule.Beta2) * (g*g - *v)
				n := float64(s.steps)
				*w -= s.rule.LearningRate * *m / (1 - math.Pow(s.rule.Beta1, n)) / (math.Sqrt(*v/(1-math.Pow(s.rule.Beta2, n))) + s.rule.Epsilon)
			case "rmsprop":
				*v += (1 - s.rule.Alpha) * (g*g - *v)
				*m = s.rule.Momentum**m + g/(math.Sqrt(*v)+s.rule.Epsilon)
				*w -= s.rule.LearningRate * *m
			}
		}
	}
	return loss, nil
}

func (s *session64) Close() error { return nil }
