package quantity

import (
	"context"
	"math"

	"github.com/genbench/genbench/models"
)

// computeNoiseLoss answers the mean cross-entropy (nats) of the training set at the weights, and at each draw
// of weights near them, [draws]:
//
//	norm=l2    w + ρ c z, z ~ N(0, 1)
//	norm=linf  w + ρ c z, z ~ U(-1, 1)
//	adaptive=true  c = |w|, element by element; adaptive=false  c = 1
//
// over all trainable values of the network as it is stored, in evaluation mode, with the labels trained on.
// With normalize_logits the cross-entropy is of logits that are centred and divided by their Euclidean norm,
// example by example. The draws are those of the run's seed, so networks of one architecture share them. It
// costs one forward pass a draw, and one more.
//
// Source: Andriushchenko, Croce, Müller, Hein and Flammarion 2023, arXiv:2302.07011, and their code
// tml-epfl/sharpness-vs-generalization (sharpness.py, eval_average_sharpness). There each batch of 128 of the
// first 1,024 training examples meets other draws; here all training examples meet the same ones: the
// expectation is the same.
func computeNoiseLoss(ctx context.Context, p *Provider, a arguments) ([]payload, error) {
	w := perturberOf(p.subject, p.subject.Arch, p.subject.Final)
	w.scales(a.flag("adaptive"), a.real("rho"))
	l := normal
	if a["norm"] == "linf" {
		l = uniform
	}
	losses := make([]float64, a.number("draws"))
	var loss float64
	err := p.host.sessions.withSome(w.arch, w.weights, 1+len(losses), func(some []models.Session) error {
		crew := w.crew(len(some))
		return several(len(crew), 1+len(losses), func(worker, part int) (err error) {
			own, at := crew[worker], &loss
			if part > 0 { // the first is at the weights themselves
				own.move(p.host.noise.like(w.weights, l, p.subject.Seed, part-1))
				at = &losses[part-1]
			}
			*at, err = own.loss(ctx, some[worker], w.all, a.flag("normalize_logits"))
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	for _, v := range append([]float64{loss}, losses...) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, undefined("a training loss at or near the weights is %v", v)
		}
	}
	return []payload{scalar("loss", loss), {name: "losses", shape: []int{len(losses)}, f64: losses}}, nil
}

// scales sets radius = scale·|w|, or scale, of what is trained; batch norm's running statistics stay.
func (w *perturber) scales(adaptive bool, scale float64) {
	for t, spec := range w.arch.Tensors() {
		r := w.radius[t]
		for i, v := range w.weights[t].Data {
			switch {
			case !spec.Trainable:
				r[i] = 0
			case adaptive:
				r[i] = float32(scale * math.Abs(float64(v)))
			default:
				r[i] = float32(scale)
			}
		}
	}
}

// loss is the mean cross-entropy of the examples at state, of logits as they are or normalized.
func (w *perturber) loss(ctx context.Context, session models.Session, ex labelled, normalize bool) (float64, error) {
	if err := w.run(ctx, session, ex); err != nil {
		return 0, err
	}
	logits := w.logits[:ex.n*w.k]
	if !normalize {
		sum, _ := score(logits, ex.y, w.k)
		return sum / float64(ex.n), nil
	}
	var sum float64
	for i, y := range ex.y {
		sum += normalizedLoss(nil, logits[i*w.k:(i+1)*w.k], int(y))
	}
	return sum / float64(ex.n), nil
}

// smallestNorm bounds the norm that logits are divided by from below, as in the reference code.
const smallestNorm = 1e-10

// normalizedLoss is the cross-entropy (nats) of one example's logits f, [K], after
//
//	h = f - mean f,  q = h / max(‖h‖, 1e-10)
//
// and, where gradient is not nil, its derivative with respect to f, [K]: (r - <r, q> q) / ‖h‖ with r =
// softmax(q) - e_y. Where the norm is at its bound the logits are all the same, and the derivative is taken to
// be 0.
func normalizedLoss(gradient []float64, f []float32, y int) float64 {
	var room [16]float64
	q := append(room[:0], make([]float64, len(f))...)
	var mean, squares float64
	for _, v := range f {
		mean += float64(v) / float64(len(f))
	}
	for i, v := range f {
		q[i] = float64(v) - mean
		squares += q[i] * q[i]
	}
	size := math.Max(math.Sqrt(squares), smallestNorm)
	top := math.Inf(-1)
	for i := range q {
		q[i] /= size
		top = math.Max(top, q[i])
	}
	var sum float64
	for _, v := range q {
		sum += math.Exp(v - top)
	}
	if gradient != nil {
		var radial float64
		for i, v := range q {
			gradient[i] = math.Exp(v-top) / sum
			if i == y {
				gradient[i]--
			}
			radial += gradient[i] * v
		}
		for i, v := range q {
			gradient[i] = (gradient[i] - radial*v) / size
			if size == smallestNorm {
				gradient[i] = 0
			}
		}
	}
	return math.Log(sum) + top - q[y]
}
