// Package cna is the measure CNA, complexity of a network's answer against the complexity of its
// input:
//
//	CNA = corr(α(x), β(x) | x in the training set)
//
// α(x) is the complexity of an input: the entropy of the histogram of its pixels, of the original
// image, in bits. β(x) is the slope of the least-squares line through (d, z_d(x)), d = 1..L, where
// z_d(x) is the sum of the activations of layer d. It is in [-1, 1].
//
// Source: Gain and Siegelmann, "Abstraction mechanisms predict generalization in deep neural
// networks", 2019, arXiv:1905.11515, and the authors' code, alexgain/cna-icml2020, of which there
// are two versions that disagree: usage/cna_utils.py (option values called "released" here) and
// legacy_code (called "paper").
//
// The claim is that CNA predicts test accuracy, so a larger value predicts a smaller gap. It is
// unmoved by a positive factor on all layers together, and moved by factors on single layers,
// although a ReLU network can hide those: that is the paper's definition.
//
// Differs from the authors' code: the network is in evaluation mode (there batch norm stays in
// training mode, so β depends on the batch); slopes below 1e-7 are kept; the pixels are not those
// after noise and normalisation; examples are the first 10,000 of a seeded permutation of the training
// set, not a mini-batch of 128. 256 bins give the entropy that the code's 1000 give, since 8-bit
// values fall into bins of their own either way. The code's values are 1000·(H - log2 1000),
// which changes no correlation; scale=published reproduces them.
package cna

import (
	"context"
	"slices"

	"github.com/genbench/genbench/harness/measure"
)

// CNA is the correlation between the complexity of inputs and the slope of activations over depth.
type CNA struct{}

// Info describes the measure.
func (CNA) Info() measure.Info {
	return measure.Info{
		Name: "cna", Version: "1", Family: "cna", Aliases: []string{"CNA"},
		Doc:        "correlation between the entropy of an input and the slope of the network's layer sums over depth",
		Citation:   "Gain and Siegelmann, Abstraction mechanisms predict generalization in deep neural networks, 2019, arXiv:1905.11515",
		Formula:    "corr(α(x), β(x)) over training examples x; α(x) = -Σ_b p_b log2 p_b, p_b the share of x's pixel values in bin b of its histogram; β(x) = slope of the least-squares line through (d, z_d(x)), d = 1..L, z_d(x) the sum of the activations of layer d. Undefined with fewer than 2 layers or 3 examples, and where all α or all β are equal",
		Deviations: "evaluation mode (the authors' code leaves batch norm in training mode, so that β depends on the batch); original pixels, not those after noise and normalisation (option noised); up to 10,000 examples, not a mini-batch of 128; 256 bins, which give 8-bit pixels the entropy that the code's 1000 do (option bins); slopes below 1e-7 are kept. The authors' two programs disagree: layers=released is one, layers=paper with reduce=mean_channel_sum_space the other",
		Needs:      measure.Needs{measure.LayerSums, measure.Complexity},
		Larger:     measure.PredictsSmallerGap, // it is claimed to rise with test accuracy
		Scale:      measure.Raw,
		Stochastic: true, // where there are more examples than are taken
		Options: []measure.Option{
			{Name: "layers", Default: "released", Values: []string{"released", "paper", "post_relu"}, Doc: "outputs of dense layers and convolutions without the classifier's; those of no shortcut, after batch norm, and the logits; outputs of the ReLUs"},
			{Name: "reduce", Default: "sum", Values: []string{"sum", "mean", "abs_sum", "mean_channel_sum_space"}, Doc: "how a layer's units become one number; mean takes the width out; mean_channel_sum_space averages the channels of a map and sums its places, and sums the units of a vector"},
			{Name: "include_logits", Default: "false", Values: []string{"false", "true"}, Doc: "count the logits as a layer (layers=paper always does)"},
			{Name: "corr", Default: "pearson", Values: []string{"pearson", "spearman", "kendall"}, Doc: "which correlation; kendall is τ-b"},
			{Name: "complexity", Default: "entropy", Values: []string{"entropy", "gzip", "png"}, Doc: "of the input: bits of its histogram, or bytes of its compressed file"},
			{Name: "bins", Default: "256", Doc: "of the histogram; 1000 in the authors' code"},
			{Name: "range", Default: "0:1", Doc: "of the histogram, LOW:HIGH; wider where noised inputs are to be counted as they are"},
			{Name: "noised", Default: "false", Values: []string{"false", "true"}, Doc: "measure the input as the network sees it instead of the original image"},
			{Name: "out_of_range", Default: "clip", Values: []string{"clip", "drop", "error"}, Doc: "what to do with values outside the range; drop is the authors' code"},
			{Name: "scale", Default: "bits", Values: []string{"bits", "published"}, Doc: "published is the authors' density entropy"},
			{Name: "examples", Default: "10000", Doc: "how many training examples to look at; 0 is all"},
		},
	}
}

// Compute answers the correlation. It is undefined with fewer than two layers or three
// examples, and where all complexities or all slopes are equal.
func (CNA) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	bins, err := net.IntOption("bins")
	if err != nil {
		return 0, err
	}
	examples, err := net.IntOption("examples")
	if err != nil {
		return 0, err
	}
	sums, rows, err := net.LayerSums(ctx, measure.LayerSumsOptions{
		Split: "train", Layers: net.Option("layers"), Reduce: net.Option("reduce"),
		IncludeLogits: net.Option("include_logits") == "true", Examples: examples,
	})
	if err != nil {
		return 0, err
	}
	alpha, index, err := net.Complexity(ctx, measure.ComplexityOptions{
		Split: "train", Complexity: net.Option("complexity"), OutOfRange: net.Option("out_of_range"),
		Scale: net.Option("scale"), Bins: bins, Range: net.Option("range"), Noised: net.Option("noised") == "true", Examples: examples,
	})
	if err != nil {
		return 0, err
	}
	if !slices.Equal(rows, index) {
		return 0, errDifferent
	}
	beta, err := slopes(sums)
	if err != nil {
		return 0, err
	}
	net.Diagnose("examples", float64(sums.Rows))
	net.Diagnose("layers", float64(sums.Cols))
	return correlate(net.Option("corr"), alpha, beta)
}
