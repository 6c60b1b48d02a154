package losssharpness

import (
	"context"
	"math"

	"github.com/genbench/genbench/harness/measure"
)

// Average is the mean rise of the loss under noise on the weights.
type Average struct{}

// Info describes the measure.
func (Average) Info() measure.Info {
	return measure.Info{
		Name: "average-sharpness", Version: "1", Family: "sharpness",
		Doc:      "mean rise of the training loss under random perturbations in units of each weight",
		Citation: andriushchenko,
		Formula: "1/T Σ_t L(w + ρ c z_t) - L(w). L: mean cross-entropy of the training set; w: all trainable values; z_t ~ N(0, 1) with norm=l2, U(-1, 1) with norm=linf; " +
			"c = |w|, element by element, or 1 with adaptive=false; T: draws; ρ: radius",
		Deviations: "Of the whole training set with the same draws for all examples, where the code tml-epfl/sharpness-vs-generalization (avg_l2, avg_linf) " +
			"takes others for each batch of 128 of 1,024 examples: the same expectation. " +
			"ρ is one of those that the paper tries; the code's own defaults are not adaptive.",
		Needs:      measure.Needs{measure.NoiseLoss},
		Larger:     measure.PredictsLargerGap,
		Scale:      measure.Raw,
		Stochastic: true,
		Options: []measure.Option{
			optionAdaptive, {Name: "norm", Default: "l2", Values: []string{"l2", "linf"}, Doc: "normal or uniform noise"}, optionNormalize,
			{Name: "rho", Default: "0.1", Doc: "radius, above 0"}, {Name: "draws", Default: "20", Doc: "of the noise, 1 to 1,000"},
		},
	}
}

// Compute answers the measure.
func (Average) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	o := measure.NoiseOptions{Norm: net.Option("norm"), Adaptive: net.Option("adaptive") == "true", Normalize: net.Option("normalize_logits") == "true"}
	var err error
	if o.Rho, err = positive(net, "rho"); err != nil {
		return 0, err
	}
	if o.Draws, err = atLeast(net, "draws", 1); err != nil {
		return 0, err
	}
	loss, losses, err := net.NoiseLoss(ctx, o)
	if err != nil {
		return 0, err
	}
	if len(losses) == 0 {
		return 0, measure.Undefined("there are no draws of the noise")
	}
	var mean, squares float64
	t := float64(len(losses))
	for _, l := range losses {
		mean += (l - loss) / t
	}
	for _, l := range losses {
		squares += (l - loss - mean) * (l - loss - mean)
	}
	net.Diagnose("loss", loss)
	if t > 1 {
		net.Diagnose("error", math.Sqrt(squares/(t-1)/t))
	}
	return mean, nil
}

// Worst is the largest rise of the loss found within a ball around the weights, batch by batch.
type Worst struct{}

// Info describes the measure.
func (Worst) Info() measure.Info {
	return measure.Info{
		Name: "worst-sharpness", Version: "1", Family: "sharpness",
		Doc:      "largest rise of the loss within a box in units of each weight, in the mean over batches of the training set",
		Citation: andriushchenko,
		Formula: "mean over batches B of m training examples of max_δ L_B(w + δ) - L_B(w), |δ| <= ρ c element by element with norm=linf, ‖δ / c‖₂ <= ρ with " +
			"norm=l2. L_B: mean cross-entropy of the batch; " +
			"w: all trainable values; c = |w|, or 1 with adaptive=false; ρ: radius. The maximum is sought by projected gradient ascent with momentum (APGD)",
		Deviations: "What ascent finds is a lower bound. Batches are of a seeded permutation of the training set, and the mean is over examples, so a last " +
			"short batch counts for as many as it has; the code tml-epfl/sharpness-vs-generalization " +
			"(m_apgd_linf, m_apgd_l2) takes the first 1,024 in order and asks that m divide them. The projection of norm=l2, adaptive, is exact, there to 1e-5 " +
			"of ρ. A start at random, which that code has but cannot run, is left out. " +
			"ρ is one of those that the paper tries; the code's own defaults are not adaptive.",
		Needs:      measure.Needs{measure.WorstLoss},
		Larger:     measure.PredictsLargerGap,
		Scale:      measure.Raw,
		Stochastic: true, // which examples make a batch
		Options: []measure.Option{
			optionAdaptive, {Name: "norm", Default: "linf", Values: []string{"linf", "l2"}, Doc: "of the ball"}, optionNormalize,
			{Name: "rho", Default: "0.002", Doc: "radius, above 0"}, {Name: "m", Default: "128", Doc: "training examples that share a perturbation, 1 to 256"},
			{Name: "iterations", Default: "20", Doc: "steps of ascent, 1 to 60: as many backward passes over the examples"},
			{Name: "examples", Default: "1024", Doc: "looked at: the first so many of a seeded permutation of the training set, all where there are fewer; 0: all"},
		},
	}
}

// Compute answers the measure.
func (Worst) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	o := measure.WorstOptions{Norm: net.Option("norm"), Adaptive: net.Option("adaptive") == "true", Normalize: net.Option("normalize_logits") == "true"}
	var err error
	if o.Rho, err = positive(net, "rho"); err != nil {
		return 0, err
	}
	for _, n := range []struct {
		name  string
		least int
		value *int
	}{{"m", 1, &o.Batch}, {"iterations", 1, &o.Iterations}, {"examples", 0, &o.Examples}} {
		if *n.value, err = atLeast(net, n.name, n.least); err != nil {
			return 0, err
		}
	}
	l, err := net.WorstLoss(ctx, o)
	if err != nil {
		return 0, err
	}
	net.Diagnose("loss", l.Loss)
	return l.Perturbed - l.Loss, nil
}
