// Package losssharpness holds the measures of how much the training loss L rises near the weights w, at a
// radius ρ that is given (those of package sharpness give the rise of the error, and seek the radius):
//
//	sam-sharpness      L(w + ε) - L(w), ε = ρ ∇L / ‖∇L‖                        Foret et al. 2020
//	asam-sharpness     the same with ε = ρ T² ∇L / ‖T ∇L‖, T = |w| + η         Kwon et al. 2021
//	average-sharpness  mean of L(w + ρ c z) - L(w) over random z               Andriushchenko et al. 2023
//	worst-sharpness    max of L_B(w + δ) - L_B(w) over δ within ρ, mean over batches B of m examples    the same
//
// L is the mean cross-entropy (nats) of the training set with the labels trained on, in evaluation mode; w are
// all trainable values of the network as it is stored, as in the sources' code: batch norm's scale and shift
// are among them.
//
// # What each parametrization is blind to
//
// A rectifier network computes the same function when one unit's incoming weights and bias are multiplied by c
// > 0 and its outgoing weights by 1/c, or, where batch norm follows, the incoming ones and the running
// statistics. Balls of one radius for all values (sam-sharpness, and adaptive=false) see that, and any value
// can be had by such scalings (Dinh et al. 2017, arXiv:1703.04933). Balls in units of each value
// (adaptive=true) do not, up to batch norm's ε: |w| scales with w, so the perturbed networks are the same too.
// In worst-sharpness[norm=l2] that is true of the ball, not of the ascent, whose direction and projection are
// Euclidean: its value moves by fractions of a per cent. asam-sharpness does not see the scaling up to η, and
// in networks without biases: the radius of a bias does not scale.
//
// normalize_logits makes the loss, and so the value, blind to the scale of the logits. All four measures see it
// otherwise: confident networks have small losses and gradients. One ρ is another amount in networks of other
// sizes: it bounds all values together in sam-sharpness, asam-sharpness and worst-sharpness[norm=l2], and each
// by itself in average-sharpness and worst-sharpness[norm=linf].
//
// Every measure here is larger for networks at sharper minima, which are said to generalize worse;
// Andriushchenko et al. find that to fail often.
package losssharpness

import (
	"context"
	"fmt"

	"github.com/genbench/genbench/harness/measure"
)

// All lists the folder's measures.
func All() []measure.Measure {
	return []measure.Measure{Step{}, Step{adaptive: true}, Average{}, Worst{}}
}

const andriushchenko = "Andriushchenko, Croce, Müller, Hein and Flammarion, A modern look at the relationship between sharpness and generalization, " +
	"2023, arXiv:2302.07011"

var (
	optionAdaptive  = measure.Option{Name: "adaptive", Default: "true", Values: []string{"true", "false"}, Doc: "in units of each weight"}
	optionNormalize = measure.Option{
		Name: "normalize_logits", Default: "false", Values: []string{"false", "true"},
		Doc: "the loss of logits that are centred and divided by their norm, example by example",
	}
)

// positive reads an option that is a radius.
func positive(net *measure.Network, name string) (float64, error) {
	v, err := net.FloatOption(name)
	if err == nil && !(v > 0) {
		err = fmt.Errorf("option %s=%v is not above 0", name, v)
	}
	return v, err
}

// atLeast reads an option that is a whole number.
func atLeast(net *measure.Network, name string, least int) (int, error) {
	v, err := net.IntOption(name)
	if err == nil && v < least {
		err = fmt.Errorf("option %s=%d is below %d", name, v, least)
	}
	return v, err
}

// Step is the rise of the loss by one step of ascent: SAM's, or ASAM's.
type Step struct{ adaptive bool }

// Info describes the measure.
func (m Step) Info() measure.Info {
	info := measure.Info{
		Name: "sam-sharpness", Version: "1", Family: "sharpness",
		Doc:      "rise of the training loss by one step of sharpness-aware minimization",
		Citation: "Foret, Kleiner, Mobahi and Neyshabur, Sharpness-aware minimization for efficiently improving generalization, 2020, arXiv:2010.01412, eq. 2",
		Formula: "L(w + ε) - L(w), ε = ρ ∇L(w) / ‖∇L(w)‖₂. L: mean cross-entropy of the training set; w: all trainable values; ρ: radius. " +
			"With m > 0: the mean over batches of m training examples, L and ε those of the batch (m-sharpness)",
		Deviations: "In evaluation mode; the paper's step is one of training.",
		Needs:      measure.Needs{measure.StepLoss},
		Larger:     measure.PredictsLargerGap,
		Scale:      measure.Raw,
		Stochastic: true, // which examples make a batch
		Options: []measure.Option{
			{Name: "rho", Default: "0.05", Doc: "radius, above 0"},
			{Name: "m", Default: "0", Doc: "training examples that share a step; 0: all"},
		},
	}
	if m.adaptive {
		info.Name, info.Doc = "asam-sharpness", "rise of the training loss by one step of adaptive sharpness-aware minimization"
		info.Citation = "Kwon, Kim, Park and Choi, ASAM: adaptive sharpness-aware minimization for scale-invariant learning of deep neural networks, 2021, arXiv:2102.11600"
		info.Formula = "L(w + ε) - L(w), ε = ρ T² ∇L(w) / ‖T ∇L(w)‖₂, T = |w| + η for weights, batch norm's scale among them, 1 for biases. " +
			"L: mean cross-entropy of the training set; w: all trainable values; ρ: radius. With m > 0: the mean over batches of m training examples, L and ε those of the batch"
		info.Deviations = "In evaluation mode; the paper's step is one of training. T = 1 for biases is that of the code SamsungLabs/ASAM."
		info.Options[0].Default = "0.5"
		info.Options = append(info.Options, measure.Option{Name: "eta", Default: "0.01", Doc: "added to |w|, at least 0"})
	}
	return info
}

// Compute answers the measure. It is undefined where the gradient is 0 in float32.
func (m Step) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	o := measure.StepOptions{Adaptive: m.adaptive}
	var err error
	if o.Rho, err = positive(net, "rho"); err != nil {
		return 0, err
	}
	if o.Batch, err = atLeast(net, "m", 0); err != nil {
		return 0, err
	}
	if m.adaptive {
		if o.Eta, err = net.FloatOption("eta"); err != nil {
			return 0, err
		}
		if o.Eta < 0 {
			return 0, fmt.Errorf("option eta=%v is below 0", o.Eta)
		}
	}
	l, err := net.StepLoss(ctx, o)
	if err != nil {
		return 0, err
	}
	net.Diagnose("loss", l.Loss)
	return l.Perturbed - l.Loss, nil
}
