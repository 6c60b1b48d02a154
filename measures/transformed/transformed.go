// Package transformed holds measures of what the network makes of changed training examples.
//
//	mixup-margin       -mean_i (f_y - f_j)/(‖∇_{x^l}(f_y - f_j)‖₂ + 1e-7) / (√v + 1e-7) on means of two examples of a class
//	augment-margin     the same on augmented images
//	always-generalize  -mean_i Σ_t (|p_i - p_i^t| where the answer to disturbance t is the same, else its penalty)
//
// y is the label trained on, j the largest other class, x^l what layer l with weights reads (x^1 is the output of the first
// hidden block after batch norm and ReLU), v the mean over units of the variance of x^l over the examples, less the smallest and
// the largest 5 % of the units; p is the largest softmax probability. Everything is in evaluation mode. What is random (which
// examples, which partner, how an image is changed) is drawn by genbench from the run's seed, alike for all networks and
// on every machine.
//
// Sources: Natekar and Sharma, "Representation based complexity measures for predicting generalization in deep learning", 2020,
// arXiv:2012.02775, and parthnatekar/pgdl (computecomplexityfinal.py, augment.py); Aithal and Kashyap, runner-up of the
// competition PGDL 2020, sumukhaithal6/pgdl (runner_up_solution/complexity.py). Names as the projects have them.
package transformed

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/genbench/genbench/harness/measure"
)

// All lists the folder's measures.
func All() []measure.Measure {
	return []measure.Measure{MixupMargin(), AugmentMargin(), AlwaysGeneralize{}}
}

// Margin is the mean margin of changed examples.
type Margin struct{ transform string }

// MixupMargin is of means of two training examples of a class.
func MixupMargin() Margin { return Margin{"mixup"} }

// AugmentMargin is of augmented training images.
func AugmentMargin() Margin { return Margin{"augment"} }

// Info describes the measure.
func (m Margin) Info() measure.Info {
	info := measure.Info{
		Name: m.transform + "-margin", Version: "1", Family: "margin",
		Doc:      "mean margin at the first hidden block of means of two training examples of a class, over the spread there, negative",
		Citation: "Natekar and Sharma, Representation based complexity measures for predicting generalization in deep learning, 2020, arXiv:2012.02775; parthnatekar/pgdl, complexityMargin",
		Formula: "-mean_i (f_y - f_j)/(‖∇_{x^l}(f_y - f_j)‖₂ + 1e-7)/(√v + 1e-7) at (x_a + x_b)/2, b the place of a in a random permutation of the examples of a's class in " +
			"the round; j the largest other class, v the trimmed mean (5 % of each end) over units of Var(x^l_u)",
		Deviations: "The layer is the output of the first hidden block after batch norm and ReLU (source: of the first Keras layer with filters or units). " +
			"Examples are drawn without repeats from seeded permutations. A spread of 0 makes it undefined (source: divides by 1e-7).",
		Needs:      measure.Needs{measure.TransformedMargins},
		Larger:     measure.PredictsLargerGap, // smaller margins, with the minus a larger value
		Stochastic: true,
		Options: []measure.Option{
			{Name: "layer", Default: "1", Doc: "l, counted in layers with weights from the input, 0 (the source's input_margin); or last"},
			{Name: "rounds", Default: "10", Doc: "batches of sampled training examples"},
			{Name: "examples", Default: "50", Doc: "training examples of a batch; 0 is all of them, in one batch"},
			{Name: "misclassified", Default: "keep", Values: []string{"keep", "drop"}, Doc: "keep them with their negative margins (the source's penalize=True), or not"},
		},
	}
	if m.transform == "augment" {
		info.Doc = "mean margin at the first hidden block of augmented training images, over the spread there, negative"
		info.Formula = "-mean_i (f_y - f_j)/(‖∇_{x^l}(f_y - f_j)‖₂ + 1e-7)/(√v + 1e-7) at images mirrored (probability 1/2), hue turned by U(-0.05, 0.05), saturation times U(0.6, 1.2), " +
			"brightness plus U(-0.05, 0.05), contrast times U(0.7, 1), central 0.85 to 1.00 enlarged (probability 1/2); j the largest other class, v the trimmed mean " +
			"(5 % of each end) over units of Var(x^l_u)"
		info.Deviations += " Images are changed as the network reads them, after any normalisation; hue and saturation leave grey images as they are " +
			"(the source's code takes three channels only)."
	}
	return info
}

// Compute answers the measure. It is undefined for a network without that layer, where the layer reads the same of
// all examples, without an example left, and for augmented inputs that are no images.
func (m Margin) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	rounds, err := net.IntOption("rounds")
	if err != nil {
		return 0, err
	}
	examples, err := net.IntOption("examples")
	if err != nil {
		return 0, err
	}
	if rounds < 1 || examples < 0 {
		return 0, fmt.Errorf("%d rounds of %d examples: at least 1 round is needed, and no negative size", rounds, examples)
	}
	c, err := net.TransformedMargins(ctx, m.transform, net.Option("layer"), measure.SampleOptions{Rounds: rounds, Examples: examples})
	if err != nil {
		return 0, err
	}
	return meanMargin(c, net.Option("misclassified") == "drop")
}

func meanMargin(c measure.ChangedMargins, drop bool) (float64, error) {
	const tiny = 1e-7 // the source's
	spread := math.Sqrt(trimmedMean(c.Variances, 0.05))
	if !(spread > 0) {
		return 0, measure.Undefined("the layer reads the same of all examples: the mean variance of its units is %v", spread)
	}
	var sum float64
	n := 0
	for i, f := range c.Difference {
		if drop && f <= 0 {
			continue
		}
		sum += f / (c.Norms[i] + tiny)
		n++
	}
	if n == 0 {
		return 0, measure.Undefined("none of the %d changed examples is classified correctly", len(c.Difference))
	}
	v := -sum / float64(n) / (spread + tiny)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, measure.Undefined("the mean margin is %v", v)
	}
	return v, nil
}

// trimmedMean is scipy.stats.trim_mean: the mean without the ⌊cut·n⌋ smallest and as many largest values.
func trimmedMean(v []float64, cut float64) float64 {
	s := slices.Sorted(slices.Values(v))
	k := int(cut * float64(len(s)))
	var sum float64
	for _, x := range s[k : len(s)-k] {
		sum += x
	}
	return sum / float64(len(s)-2*k)
}
