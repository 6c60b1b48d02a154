package gradients

import (
	"context"
	"fmt"

	"github.com/genbench/genbench/harness/measure"
)

// Variance is the variance of the examples' gradients, per parameter.
type Variance struct{}

// Info describes the measure.
func (Variance) Info() measure.Info {
	return measure.Info{
		Name: "gradient-variance", Version: "1", Family: "gradient",
		Doc:      "variance over training examples of their gradients, in the mean over parameters",
		Citation: "Jiang, Neyshabur, Mobahi, Krishnan and Bengio, Fantastic generalization measures and where to find them, 2019, arXiv:1912.02178, eq. 66 (unverified)",
		Formula: "1/P Σ_j (1/N Σ_n g_nj² - (1/N Σ_n g_nj)²). g_nj: derivative of the cross-entropy of training example n with respect to trainable value j " +
			"at the end of training; " +
			"P, N: numbers of trainable values and of training examples",
		Deviations: "Divided by P: times P it is the trace of the covariance, the gradient noise of the training record. " +
			"facebookresearch/decodable_information_bottleneck takes gradients " +
			"of mini-batches over an epoch of training instead, which depend on the batch size and on weights that move.",
		Needs:  measure.Needs{measure.GradientMoments},
		Larger: measure.PredictsLargerGap,
		Scale:  measure.Raw,
	}
}

// Compute answers the measure.
func (Variance) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	_, variance, err := moments(ctx, net)
	if err != nil {
		return 0, err
	}
	v := mean(variance)
	net.Diagnose("covariance-trace", v*float64(len(variance)))
	return v, nil
}

// roundoff is the share of the mean square below which float32 sums cannot tell a variance from 0.
const roundoff = 1e-5

// SignalToNoise is the gradient signal-to-noise ratio.
type SignalToNoise struct{}

// Info describes the measure.
func (SignalToNoise) Info() measure.Info {
	return measure.Info{
		Name: "gsnr", Version: "1", Family: "gradient",
		Doc:      "gradient signal-to-noise ratio over the training examples, in the mean over parameters",
		Citation: "Liu, Jiang, Bai, Chen and Wang, Understanding why neural networks generalize well through GSNR of parameters, 2020, arXiv:2001.07384",
		Formula: "mean over j of r_j, r_j = (1/N Σ_n g_nj)² / Var_n g_nj. g_nj: derivative of the cross-entropy of training example n with respect to trainable value j; " +
			"Var_n: population variance over the N training examples",
		Deviations: "Values j without variance are left out of the mean, for r_j is 0/0 or infinite: those whose variance is at most 1e-5 of their mean " +
			"square, which float32 " +
			"cannot tell from 0. The weights of units that are off for every example are among them. Their share is told beside the value. " +
			"f-dangel/cockpit adds 1e-5 to every variance instead, which decides the value where gradients are small. The paper's ratio is over the data's " +
			"distribution; the training set stands for it.",
		Needs:  measure.Needs{measure.GradientMoments},
		Larger: measure.PredictsSmallerGap,
		Scale:  measure.Raw,
	}
}

// Compute answers the measure. It is undefined where no derivative varies over the examples: a single example,
// or gradients that are all 0.
func (SignalToNoise) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	mean, variance, err := moments(ctx, net)
	if err != nil {
		return 0, err
	}
	var sum float64
	count := 0
	for j, v := range variance {
		signal := mean[j] * mean[j]
		if v <= roundoff*(signal+v) {
			continue
		}
		sum += signal / v
		count++
	}
	net.Diagnose("left-out", 1-float64(count)/float64(len(variance)))
	if count == 0 {
		return 0, measure.Undefined("of the gradients' %d coordinates none varies over the training examples", len(variance))
	}
	return sum / float64(count), nil
}

// moments reads mean and variance of every coordinate, at least one.
func moments(ctx context.Context, net *measure.Network) (mean, variance []float64, err error) {
	mean, variance, err = net.GradientMoments(ctx)
	switch {
	case err != nil:
		return nil, nil, err
	case len(mean) != len(variance):
		return nil, nil, fmt.Errorf("%d means and %d variances of gradients", len(mean), len(variance))
	case len(mean) == 0:
		return nil, nil, measure.Undefined("the network has no trainable values")
	}
	return mean, variance, nil
}
