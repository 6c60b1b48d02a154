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
	err = p.host.sessions.withSome(w.arch, w.weights, draws, func(some []models.Session) (err error) {
		sample := w.rough(p.subject.Seed)
		defer p.host.keep(sample.x)()
		if err := w.measureBase(ctx, some[0], &w.all, &sample); err != nil {
			return err
		}
		if a.flag("rgm_compat") {
			f, err = bisect(newCompat(w, p.subject, magnitude).drop(ctx, some))
			return err
		}
		drop := func(ex *labelled, n int) evaluate {
			return func(sigma float64) (float64, error) {
				w.spread(magnitude, sigma, epsilon)
				d, err := w.meanDrop(ctx, some, p.host.noise, p.subject.Seed, *ex, n)
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
func (w *perturber) meanDrop(ctx context.Context, some []models.Session, g *noise, seed uint64, ex labelled, n int) (float64, error) {
	return w.dropOf(n, ex, some, func(own *perturber, session models.Session, draw int) (float64, error) {
		own.move(g.like(w.weights, normal, seed, draw))
		return own.accuracy(ctx, session, ex)
	})
}

// dropOf is the unperturbed accuracy less the mean of n accuracies, each measured by a perturber and a session of a worker's own.
func (w *perturber) dropOf(n int, ex labelled, some []models.Session, accuracy func(own *perturber, session models.Session, draw int) (float64, error)) (float64, error) {
	accuracies, crew := make([]float64, n), w.crew(min(len(some), n))
	err := several(len(crew), n, func(worker, draw int) (err error) {
		accuracies[draw], err = accuracy(crew[worker], some[worker], draw)
		return err
	})
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, a := range accuracies {
		sum += a
	}
	return ex.base - sum/float64(n), nil
}
