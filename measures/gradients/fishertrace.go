package gradients

import (
	"context"

	"github.com/genbench/genbench/harness/measure"
)

// FisherTrace is the trace of a Fisher matrix.
type FisherTrace struct{}

// Info describes the measure.
func (FisherTrace) Info() measure.Info {
	return measure.Info{
		Name: "fisher-trace", Version: "1", Family: "gradient",
		Doc: "trace of the empirical Fisher matrix: mean squared norm of the examples' gradients",
		Citation: "Thomas, Pedregosa, van Merriënboer, Manzagol, Bengio and Le Roux, On the interplay between noise and curvature and its effect on " +
			"optimization and generalization, " +
			"2019, arXiv:1906.07774; Jastrzebski et al., Catastrophic Fisher explosion, 2020, arXiv:2012.14193",
		Formula: "1/N Σ_n ‖g_n‖². g_n: gradient of the cross-entropy of training example n with respect to all trainable values; N: number of training examples. " +
			"labels=given: with the label trained on, the empirical Fisher matrix (the second moment C of Thomas et al.); labels=sampled: with one label drawn " +
			"from the network's softmax, " +
			"an estimate for the Fisher matrix F; labels=expected: Σ_k p_k ‖g_n(k)‖² in place of ‖g_n‖², the expectation of that estimate, at K backward passes",
		Deviations: "Jastrzebski et al. trace the Fisher matrix in training, on batches; here it is that of the trained network, in evaluation mode, on the " +
			"whole training set.",
		Needs:      measure.Needs{measure.GradientNorms},
		Larger:     measure.PredictsLargerGap,
		Scale:      measure.Raw,
		Stochastic: true, // with labels=sampled
		Options: []measure.Option{{
			Name: "labels", Default: "given", Values: []string{"given", "sampled", "expected"},
			Doc: "those trained on, one drawn from the network's own distribution (the run's seed), or the expectation over that distribution",
		}},
	}
}

// Compute answers the measure.
func (FisherTrace) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	return secondMoment(ctx, net, net.Option("labels"))
}

// secondMoment is the mean squared norm of the examples' gradients.
func secondMoment(ctx context.Context, net *measure.Network, labels string) (float64, error) {
	norms, err := net.GradientNorms(ctx, labels)
	if err != nil {
		return 0, err
	}
	if len(norms) == 0 {
		return 0, measure.Undefined("there are no training examples")
	}
	return mean(norms), nil
}
