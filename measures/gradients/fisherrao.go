package gradients

import (
	"context"
	"math"

	"github.com/genbench/genbench/harness/measure"
)

// FisherRao is the squared Fisher-Rao norm of the weights.
type FisherRao struct{}

// Info describes the measure.
func (FisherRao) Info() measure.Info {
	return measure.Info{
		Name: "fisher-rao", Version: "1", Family: "gradient",
		Doc: "squared Fisher-Rao norm of the weights, with the empirical Fisher matrix",
		Citation: "Liang, Poggio, Rakhlin and Stokes, Fisher-Rao metric, geometry, and complexity of neural networks, 2017, arXiv:1711.01530; Jiang et al. " +
			"2019, arXiv:1912.02178, eq. 45 (unverified)",
		Formula: "form=a: 1/N Σ_n <w, g_n>²; form=b: d²/N Σ_n <∂l_n/∂f, f(x_n)>²; form=fgm: (d+1)²/N Σ_n <w, g_n>². " +
			"w: all weights and biases, batch norm folded in; g_n: gradient with respect to w of the cross-entropy l_n of training example n with the label trained on; " +
			"f(x_n): its logits; d: number of layers with weights; N: number of training examples",
		Deviations: "The expectation over labels is over those trained on (the paper's empirical norm), not over the network's own. " +
			"The paper's networks have no biases: forms a and b are then equal, for <w, ∇f> = d·f; with biases, as here, they are not. " +
			"In residual networks they are undefined, as paths have different d. form=fgm is the formula as printed by Jiang et al., from memory: the factor is there twice, since <w, ∇f> holds it already, and orders depths " +
			"differently. The norm is not rooted.",
		Needs:   measure.Needs{measure.GradientDots, measure.FusedWeights, measure.TrainLogits, measure.TrainLabels},
		Larger:  measure.PredictsLargerGap,
		Scale:   measure.Raw,
		Options: []measure.Option{{Name: "form", Default: "a", Values: []string{"a", "b", "fgm"}, Doc: "see the formula"}},
	}
}

// Compute answers the measure. It is undefined where the gradients are, and forms b and fgm in a residual network.
func (m FisherRao) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	form := net.Option("form")
	factor := 1.0
	if form != "a" {
		for _, l := range net.Layers() {
			if l.Kind == "add" {
				return 0, measure.Undefined("form=%s rests on <w, ∇f> = d·f, d the number of layers with weights on every path: in a residual network (layer %s) paths differ in theirs", form, l.Name)
			}
		}
		ts, err := net.FusedWeights(ctx)
		if err != nil {
			return 0, err
		}
		for _, t := range ts {
			if len(t.Shape) > 1 {
				factor++
			}
		}
		if form == "b" {
			factor--
		}
	}
	var products []float64
	var err error
	if form == "b" {
		products, err = logitProducts(ctx, net)
	} else {
		products, err = net.GradientDots(ctx)
	}
	if err != nil {
		return 0, err
	}
	if len(products) == 0 {
		return 0, measure.Undefined("there are no training examples")
	}
	var squares float64
	for _, v := range products {
		squares += v * v
	}
	return factor * factor * squares / float64(len(products)), nil
}

// logitProducts is <∂l_n/∂f, f> = Σ_k (p_k - 1[k = y]) f_k of every training example, [N].
func logitProducts(ctx context.Context, net *measure.Network) ([]float64, error) {
	logits, err := net.TrainLogits(ctx)
	if err != nil {
		return nil, err
	}
	y, err := net.TrainLabels(ctx)
	if err != nil {
		return nil, err
	}
	if len(y) != logits.Rows {
		return nil, measure.Undefined("%d labels for the logits of %d examples", len(y), logits.Rows)
	}
	out := make([]float64, logits.Rows)
	for n := range out {
		row := logits.Row(n)
		top := math.Inf(-1)
		for _, f := range row {
			top = math.Max(top, float64(f))
		}
		var sum, weighted float64
		for _, f := range row {
			p := math.Exp(float64(f) - top)
			sum += p
			weighted += p * float64(f)
		}
		out[n] = weighted/sum - float64(row[y[n]])
	}
	return out, nil
}
