package quantity

import (
	"context"

	"github.com/genbench/genbench/models"
)

const (
	draws      = 10 // of the noise
	roughDraws = 3  // in the search's first stage
)

// computePACBayes finds the σ at which Gaussian noise on the weights costs the
// training accuracy 0.1 in the mean over 10 draws:
//
//	kind=plain      w_i + u_i, u_i ~ N(0, σ²)
//	kind=magnitude  w_i + u_i, u_i ~ N(0, σ'² w_i² + ε²), ε = 1e-3
//
// over every weight and bias of the network with its batch norms folded in, in
// evaluation mode, on the whole training set with the labels trained on. The
// draws are directions in weight space that stay the same at every σ, so only the scale
// moves; they depend on the run's seed, not on the network, so networks of one
// architecture share them; over run seeds σ varies by 3 to 4 % (standard deviation) on networks of the
// quick corpus. It is undefined when the training accuracy is less
// than 0.1 above 1/K, or when no scale costs 0.1, or when ε alone costs more.
//
// Source: Jiang, Neyshabur, Mobahi, Krishnan and Bengio 2019, arXiv:1912.02178,
// sections on PAC-Bayes bounds; the procedure is that of
// nitarshan/robust-generalization-measures with these differences: the standard deviation is σ (there it
// is σ², since torch.normal takes a deviation and is given a variance); noise is
// fixed over the search; the bracket is found, not [0, 2]; the answer is
// interpolated to a drop of exactly 0.1; no batch norm is left to be perturbed. With rgm_compat=true all but
// the last are as there: deviation σ² (magnitude: σ² w_i² + ε²), other noise at every σ, 15 bisections of [0, 2], the last
// scale tried.
func computePACBayes(ctx context.Context, p *Provider, a arguments) ([]payload, error) {
	w, err := newPerturber(p)
	if err != nil {
		return nil, err
	}
	magnitude := a["kind"] == "magnitude"
	var f found
	err = p.host.sessions.with(w.arch, w.weights, func(session models.Session) (err error) {
		sample := w.rough(p.subject.Seed)
		if err := w.measureBase(ctx, session, &w.all, &sample); err != nil {
			return err
		}
		if a.flag("rgm_compat") {
			f, err = bisect(newCompat(w, p.subject, magnitude).drop(ctx, session))
			return err
		}
		drop := func(ex *labelled, n int) evaluate {
			return func(sigma float64) (float64, error) {
				w.spread(magnitude, sigma, epsilon)
				d, err := w.meanDrop(ctx, session, p.host.noise, p.subject.Seed, *ex, n)
				if err != nil {
					return 0, whatFailed("sigma", sigma, err)
				}
				return d, nil
			}
		}
		start, smallest := w.size(), 1e-9*w.size()
		if magnitude {
			start, smallest = 0.5, 1e-6
		}
		f, err = search(start, smallest, "the smallest noise, whose deviation is the constant 0.001 of the magnitude-aware form, costs more than 0.1 of the training accuracy",
			drop(&sample, roughDraws), drop(&w.all, draws))
		return err
	})
	if err != nil {
		return nil, err
	}
	return f.payloads("sigma"), nil
}

// meanDrop is the unperturbed accuracy less the mean accuracy over the first n draws.
func (w *perturber) meanDrop(ctx context.Context, session models.Session, g *noise, seed uint64, ex labelled, n int) (float64, error) {
	var sum float64
	for draw := range n {
		w.move(g.like(w.weights, normal, seed, draw))
		a, err := w.accuracy(ctx, session, ex)
		if err != nil {
			return 0, err
		}
		sum += a
	}
	return ex.base - sum/float64(n), nil
}
