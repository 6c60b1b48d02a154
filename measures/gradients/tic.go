package gradients

import (
	"context"

	"github.com/genbench/genbench/harness/measure"
)

// TIC is a trace form of Takeuchi's information criterion.
type TIC struct{}

// Info describes the measure.
func (TIC) Info() measure.Info {
	return measure.Info{
		Name: "tic", Version: "1", Family: "gradient",
		Doc: "Takeuchi's information criterion by traces: second moment of the gradients over the curvature of the training loss",
		Citation: "Thomas, Pedregosa, van Merriënboer, Manzagol, Bengio and Le Roux, On the interplay between noise and curvature and its effect on " +
			"optimization and generalization, " +
			"2019, arXiv:1906.07774; Takeuchi 1976",
		Formula: "Tr C / Tr H, or Tr C / Tr F with over=fisher. C = 1/N Σ_n g_n g_nᵀ: second moment of the gradients of the training examples' " +
			"cross-entropies, labels as trained on, mean not subtracted; " +
			"H: Hessian of the mean cross-entropy, its trace by Hutchinson's estimate with 30 vectors; F: Fisher matrix, its trace the exact expectation over " +
			"the network's own labels; N: number of training examples",
		Deviations: "The criterion is Tr(H⁻¹C)/N. H⁻¹ is left out: H has more rows than there are examples and is singular, so an inverse rests on what is added to it. " +
			"The division by N is left out, as in f-dangel/cockpit (TICTrace, which adds 1e-7 to Tr H): divide where the size of the training set varies. " +
			"For networks of weights, batch norm in evaluation mode, rectifiers and pooling Tr H = Tr F, so both options estimate one number and over=fisher " +
			"has no error of sampling.",
		Needs:      measure.Needs{measure.GradientNorms, measure.HessianTrace},
		Larger:     measure.PredictsLargerGap,
		Scale:      measure.Raw,
		Stochastic: true, // the vectors of Hutchinson's estimate
		Options: []measure.Option{
			{Name: "over", Default: "hessian", Values: []string{"hessian", "fisher"}, Doc: "whose trace it is divided by"},
			{Name: "examples", Default: "2048", Doc: "of the Hessian: the first so many of a seeded permutation of the training set, all where there are fewer; 0: all"},
		},
	}
}

// Compute answers the measure. It is undefined where the curvature's trace is not positive.
func (TIC) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	c, err := secondMoment(ctx, net, "given")
	if err != nil {
		return 0, err
	}
	net.Diagnose("second-moment", c)
	if net.Option("over") == "fisher" {
		f, err := secondMoment(ctx, net, "expected")
		if err != nil {
			return 0, err
		}
		net.Diagnose("fisher-trace", f)
		if !(f > 0) {
			return 0, measure.Undefined("the trace of the Fisher matrix is %.4g", f)
		}
		return c / f, nil
	}
	examples, err := net.IntOption("examples")
	if err != nil {
		return 0, err
	}
	h, err := net.HessianTrace(ctx, examples)
	if err != nil {
		return 0, err
	}
	net.Diagnose("hessian-trace", h.Value)
	net.Diagnose("error", h.Error)
	if !(h.Value > 0) {
		return 0, measure.Undefined("the trace of the Hessian is estimated as %.4g ± %.2g, not above 0", h.Value, h.Error)
	}
	if h.Value < 4*h.Error {
		net.Warn("the trace of the Hessian, %.4g, has a standard error of %.2g", h.Value, h.Error)
	}
	return c / h.Value, nil
}
