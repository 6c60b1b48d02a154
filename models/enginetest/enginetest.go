// Package enginetest is the conformance suite of the engine contract: what
// every implementation of models.Engine must compute and refuse.
//
// Values are held against a float64 implementation written here and checked by
// finite differences, and against numbers that PyTorch computed
// (testdata/torch.json, gradients.json, images.json). An engine's own test is one line:
//
//	func TestConformance(t *testing.T) { enginetest.Run(t, cpu.New("")) }
package enginetest

import (
	"math"
	"testing"

	"github.com/genbench/genbench/models"
)

// Tolerances. An engine computes in float32, whose unit roundoff is 6e-8. Sums
// of n products of random signs carry an error of about √n roundoffs of their
// largest term: 1e-6 for the widest layer here. Two layers and cancellation
// in differences cost at most another factor of ten.
const (
	tolerance = 1e-5

	// Where the true value is near 0 because large terms cancel (a bias before
	// batch norm has gradient 0 exactly), an error is measured against the
	// largest value of all, at ten times less.
	floor = 1e-6
)

// Allocations checks that after a warm-up call no method of a session
// allocates. It stands apart from Run because an engine on somebody else's
// library may not be able to promise it; models/cpu must pass it.
func Allocations(t *testing.T, e models.Engine) {
	t.Helper()
	for _, c := range networks(t) {
		t.Run(c.name, func(t *testing.T) {
			s := c.session(t, e, c.rows)
			logits := make([]float32, c.rows*c.arch.Classes)
			grad, norms := models.NewState(c.arch), make([]float64, c.rows)
			must(t, s.Begin(models.Optimizer{Name: "adam", LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}))
			visit := func(int, []float32) {}
			seed, sum, squares := c.seedFor(), moments(c.arch, 0), moments(c.arch, 0)
			step := uint64(0)
			calls := map[string]func() error{
				"Logits":          func() error { return s.Logits(logits, c.x) },
				"Outputs":         func() error { return s.Outputs(c.x, visit) },
				"Gradient":        func() error { _, err := s.Gradient(grad, c.x, c.y, models.Eval, draw); return err },
				"GradientLearn":   func() error { _, err := s.Gradient(grad, c.x, c.y, models.Learn, draw); return err },
				"GradientNorms":   func() error { return s.GradientNorms(norms, c.x, c.y) },
				"Backward":        func() error { return s.Backward(c.x, seed, visit) },
				"GradientDots":    func() error { return s.GradientDots(norms, c.x, c.y) },
				"GradientMoments": func() error { return s.GradientMoments(sum, squares, c.x, c.y) },
				"Step": func() error {
					step++
					_, err := s.Step(c.x, c.y, models.Draw{Seed: 1, Step: step})
					return err
				},
				"State":    func() error { return s.State(grad) },
				"SetState": func() error { return s.SetState(c.state) },
			}
			if second, ok := s.(models.SecondOrder); ok {
				calls["HessianVector"] = func() error { return second.HessianVector(grad, c.state, c.x, c.y) }
			}
			for name, call := range calls {
				var err error
				allocs := testing.AllocsPerRun(5, func() { // runs once before it counts
					if e := call(); e != nil {
						err = e
					}
				})
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if allocs > 0 {
					t.Errorf("%s allocates %v times a call, want 0", name, allocs)
				}
			}
		})
	}
}

// Agree checks that two engines compute the same within the bounds of float32:
// logits, losses, gradients and the tensors after a few steps of each optimizer.
func Agree(t *testing.T, a, b models.Engine) {
	t.Helper()
	for _, c := range networks(t) {
		t.Run(c.name, func(t *testing.T) { agree(t, a, b, c) })
	}
}

func agree(t *testing.T, a, b models.Engine, c network) {
	sa, sb := c.session(t, a, c.rows), c.session(t, b, c.rows)
	la, lb := make([]float32, c.rows*c.arch.Classes), make([]float32, c.rows*c.arch.Classes)
	must(t, sa.Logits(la, c.x))
	must(t, sb.Logits(lb, c.x))
	closeTo(t, "logits", la, widen(lb), 0)
	agreeGradients(t, c, sa, sb)
	for _, mode := range []models.Mode{models.Eval, models.Learn} {
		ga, gb := models.NewState(c.arch), models.NewState(c.arch)
		lossA, err := sa.Gradient(ga, c.x, c.y, mode, draw)
		must(t, err)
		lossB, err := sb.Gradient(gb, c.x, c.y, mode, draw)
		must(t, err)
		closeScalar(t, "loss", lossA, lossB, 1e-7)
		closeStates(t, "gradient", ga, wide(gb))
	}
	for _, o := range smoothOptimizers() {
		agreeSteps(t, c, sa, sb, o)
	}
}

// agreeGradients compares what two engines answer beyond Gradient; second derivatives where both have them.
func agreeGradients(t *testing.T, c network, a, b models.Session) {
	t.Helper()
	pa, pb := askGradients(t, c, a), askGradients(t, c, b)
	for i := range pa.norms {
		closeScalar(t, "squared gradient norm", pa.norms[i], pb.norms[i], 1e-7*largest(pb.norms))
		// <w, g> has terms of size |w| |g| that may cancel.
		closeScalar(t, "inner product of weights and gradient", pa.dots[i], pb.dots[i], floor*c.norm()*math.Sqrt(pb.norms[i]))
	}
	for l := range pa.inputs {
		closeTo(t, "gradient by the input of "+c.arch.Layers[l].Name, pa.inputs[l], widen(pb.inputs[l]), 0)
	}
	closeMoments(t, "sum of gradients", pa.sum, pb.sum, 0)
	closeMoments(t, "sum of squared gradients", pa.squares, pb.squares, 0)
	if pa.product != nil && pb.product != nil {
		closeStates(t, "Hessian times vector", pa.product, wide(pb.product))
	}
}

// agreeSteps trains both sessions for a few steps from the same tensors.
func agreeSteps(t *testing.T, c network, sa, sb models.Session, o models.Optimizer) {
	t.Helper()
	if c.jumpy() {
		return
	}
	for _, s := range []models.Session{sa, sb} {
		must(t, s.SetState(c.state))
		must(t, s.Begin(o))
		for step := range uint64(5) {
			_, err := s.Step(c.x, c.y, models.Draw{Seed: 3, Step: step})
			must(t, err)
		}
	}
	a, b := models.NewState(c.arch), models.NewState(c.arch)
	must(t, sa.State(a))
	must(t, sb.State(b))
	for i := range a {
		for j, v := range a[i].Data {
			if d := abs(float64(v) - float64(b[i].Data[j])); !(d <= stepTolerance*(1+abs(float64(v)))) {
				t.Errorf("after 5 steps of %s: %s[%d] = %v and %v", o.Name, a[i].Name, j, v, b[i].Data[j])
				return
			}
		}
	}
}

// smoothOptimizers has an ε at the gradients' size: with torch's 1e-8 a
// gradient that is nothing but rounding (a bias before batch norm) makes a
// whole step, in a direction that no two engines share.
func smoothOptimizers() []models.Optimizer {
	return []models.Optimizer{
		{Name: "sgd", LearningRate: 0.05},
		{Name: "sgd", LearningRate: 0.05, Momentum: 0.9, WeightDecay: 1e-3},
		{Name: "adam", LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-2, WeightDecay: 1e-3},
		{Name: "rmsprop", LearningRate: 1e-3, Alpha: 0.99, Momentum: 0.5, Epsilon: 1e-2},
	}
}

// stepTolerance is for tensors after steps: each step adds the gradient's error
// times the learning rate, well under this.
const stepTolerance = 2e-5
