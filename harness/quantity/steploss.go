package quantity

import (
	"context"
	"math"
	"strings"

	"github.com/genbench/genbench/models"
)

// computeStepLoss answers the mean cross-entropy (nats) of the training set before and after one step of
// steepest ascent to the edge of a ball around the weights, the step that sharpness-aware minimization takes:
//
//	adaptive=false  ε = ρ g / ‖g‖                                         (SAM)
//	adaptive=true   ε = ρ T² g / ‖T g‖, T = |w| + η on weights, 1 elsewhere (ASAM)
//
// g is the gradient of the mean cross-entropy with the labels trained on, in evaluation mode, with respect to
// all trainable values of the network as it is stored. "Weights" are the tensors named so: of dense layers, of
// convolutions, and batch norm's scale. With m = 0 the ball's step is that of the whole training set; else of
// each batch of m examples of a seeded permutation (the last may be short), and losses are of the batch that
// gave the gradient, in the mean over examples. It costs one backward pass and two forward passes over the
// training set.
//
// It is undefined where every gradient is 0 in float32, or a loss overflows. A batch whose gradient is 0 stays
// where it is.
//
// Source: Foret, Kleiner, Mobahi and Neyshabur 2020, arXiv:2010.01412, eq. 2; Kwon, Kim, Park and Choi 2021,
// arXiv:2102.11600, with the details of its code (SamsungLabs/ASAM, asam.py): T and η on parameters named
// "weight" alone, and 1e-16 added to the norm. Both take the step in training mode while they train; here the
// network is trained, and in evaluation mode.
func computeStepLoss(ctx context.Context, p *Provider, a arguments) ([]payload, error) {
	w := perturberOf(p.subject, p.subject.Arch, p.subject.Final)
	step := newLossStep(w, a)
	var loss, perturbed float64
	moved, n := 0, float64(w.all.n)
	err := p.host.sessions.with(w.arch, w.weights, func(session models.Session) error {
		return w.batches(p.subject.Seed, a.number("m"), func(ex labelled) error {
			for t, tensor := range w.weights {
				copy(w.state[t].Data, tensor.Data)
			}
			before, err := step.gradient(ctx, session, ex)
			if err != nil {
				return err
			}
			if step.move() {
				moved++
			}
			if err := w.run(ctx, session, ex); err != nil {
				return err
			}
			after, _ := score(w.logits[:ex.n*w.k], ex.y, w.k)
			loss += float64(ex.n) / n * before
			perturbed += after / n
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	if moved == 0 {
		return nil, undefined("the gradient of the training loss (%.3g) is 0 in float32: no direction is upward", loss)
	}
	return perturbedLosses(loss, perturbed)
}

func perturbedLosses(loss, perturbed float64) ([]payload, error) {
	for _, v := range []float64{loss, perturbed} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, undefined("the training loss is %v at the weights and %v at the perturbed ones", loss, perturbed)
		}
	}
	return []payload{scalar("loss", loss), scalar("perturbed", perturbed)}, nil
}

// batches calls f with m examples at a time of a seeded permutation of the training set, or with all of it, in
// its order, for m = 0.
func (w *perturber) batches(seed uint64, m int, f func(labelled) error) error {
	if m == 0 || m >= w.all.n {
		return f(w.all)
	}
	return w.batchesOf(permutation(w.all.n, seed, streamLosses), m, f)
}

// batchesOf is batches of the examples of these rows. What f sees is valid during the call only.
func (w *perturber) batchesOf(rows []int32, m int, f func(labelled) error) error {
	x, y := make([]float32, 0, m*w.d), make([]int32, m)
	for lo := 0; lo < len(rows); lo += m {
		part := rows[lo:min(lo+m, len(rows))]
		x = gather(x, w.all.x, part, w.d)
		for i, r := range part {
			y[i] = w.all.y[r]
		}
		if err := f(labelled{x: x, y: y[:len(part)], n: len(part)}); err != nil {
			return err
		}
	}
	return nil
}

// lossStep is one step of steepest ascent of the loss within a ball.
type lossStep struct {
	*perturber
	adaptive bool
	rho, eta float64
	grad     models.State // of one call to the session
	total    [][]float64  // of a batch, one slice a tensor
	scaled   []bool       // which tensors T scales
}

func newLossStep(w *perturber, a arguments) *lossStep {
	s := &lossStep{perturber: w, adaptive: a.flag("adaptive"), rho: a.real("rho"), eta: a.real("eta"), grad: models.NewState(w.arch)}
	for _, t := range w.weights {
		s.total = append(s.total, make([]float64, len(t.Data)))
		s.scaled = append(s.scaled, strings.HasSuffix(t.Name, ".weight"))
	}
	return s
}

// gradient leaves the gradient at state of the mean cross-entropy of the examples in total, and answers that
// cross-entropy.
func (s *lossStep) gradient(ctx context.Context, session models.Session, ex labelled) (float64, error) {
	if err := session.SetState(s.state); err != nil {
		return 0, err
	}
	for _, t := range s.total {
		clear(t)
	}
	var loss float64
	for lo := 0; lo < ex.n; lo += s.batch {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		hi := min(lo+s.batch, ex.n)
		l, err := session.Gradient(s.grad, ex.x[lo*s.d:hi*s.d], ex.y[lo:hi], models.Eval, models.Draw{})
		if err != nil {
			return 0, err
		}
		share := float64(hi-lo) / float64(ex.n)
		loss += share * l
		for t, tensor := range s.grad {
			for i, g := range tensor.Data {
				s.total[t][i] += share * float64(g)
			}
		}
	}
	return loss, nil
}

// tiny is what the reference code adds to the gradient's norm.
const tiny = 1e-16

// move sets state = weights + ε, and reports whether that is anywhere else: a gradient of 0 has no direction.
func (s *lossStep) move() bool {
	var squares float64
	for t, tensor := range s.weights {
		for i, g := range s.total[t] {
			v := g * s.stretch(t, tensor.Data[i])
			squares += v * v
		}
	}
	if squares == 0 {
		return false
	}
	f := s.rho / (math.Sqrt(squares) + tiny)
	for t, tensor := range s.weights {
		for i, g := range s.total[t] {
			c := s.stretch(t, tensor.Data[i])
			s.state[t].Data[i] = float32(float64(tensor.Data[i]) + f*c*c*g)
		}
	}
	return true
}

// stretch is T of one value of tensor t.
func (s *lossStep) stretch(t int, w float32) float64 {
	if !s.adaptive || !s.scaled[t] {
		return 1
	}
	return math.Abs(float64(w)) + s.eta
}
