// Package cnam holds CNA-Area and CNA-Margin: how far the complexity curves of training and test
// inputs lie apart.
//
// A curve is β(x), the slope of a network's layer sums over depth, against α(x), the complexity of the
// input (both as in measure cna), over a split. Both splits give equally many examples. A curve is made
// from examples in the order of their α by a moving average over K = 25 of both coordinates; then both
// curves are scaled together so that α and β of the two run from 0 to 1. cna-area is the area between
// them, and
//
//	cna-margin = γ · area
//
// with γ the 5th percentile (numpy's linear interpolation) of the training margins
// f_y - max_{j≠y} f_j on the labels trained on.
//
// Source: Gain and Siegelmann, "Abstraction mechanisms predict generalization in deep neural networks",
// 2019, arXiv:1905.11515, and the authors' code, alexgain/cna-icml2020. They need test inputs, without
// labels, and are ranked with the transductive measures. A larger area, and a larger product, is
// claimed to go with a larger gap.
//
// The paper's "largest polygon inscribed between the curves" has no published algorithm and is not
// implemented. The code has one polygon: entropy interpolated as a function of slope at 100 points of
// each curve's own range, training points forward and test points backward, and its signed area, in
// which parts cancel where the curves cross. That is axis=published. The default, axis=alpha, is what the
// paper's figure shows: ∫|β_train - β_test| over the range of α that both curves have.
//
// Differs from the authors' code further: the margin is that of training examples (there of test
// examples with their labels, an oracle, in most scripts; that is not offered, because no measure here sees
// test labels), computed correctly. bug_compat=true computes it as the released code does, which
// overwrites the logit it reads.
package cnam

import (
	"context"
	"fmt"
	"math"

	"github.com/genbench/genbench/harness/measure"
)

// window is K, points that a moving average joins; grid is how many points a
// curve is resampled at. Both are the authors'.
const (
	window = 25
	grid   = 100
)

// Area is cna-area, or cna-margin where it is multiplied by the margin.
type Area struct{ margin bool }

// CNAArea is the area between the complexity curves of training and test inputs.
func CNAArea() Area { return Area{} }

// CNAMargin is that area times the training margin.
func CNAMargin() Area { return Area{margin: true} }

// Info describes the measure.
func (m Area) Info() measure.Info {
	info := measure.Info{
		Name: "cna-area", Version: "1", Family: "cna", Aliases: []string{"CNA-A"},
		Doc:        "area between the complexity curves of training and test inputs",
		Citation:   "Gain and Siegelmann, Abstraction mechanisms predict generalization in deep neural networks, 2019, arXiv:1905.11515",
		Formula:    "∫ |β_train(α) - β_test(α)| dα over the complexities α that both curves have; a curve is β(x) against α(x) as in cna over a split, equally many examples of both, in the order of α, both coordinates averaged over 25 neighbours, then scaled so that α and β of the two curves run from 0 to 1; 100 points, trapezoid rule. Undefined with fewer than 2 layers or 25 examples a split, and where the curves have no α in common",
		Deviations: "the paper's largest polygon inscribed between the curves has no published algorithm; the authors' code has one polygon, of α over β, in which areas cancel where curves cross (axis=published). As in cna otherwise: evaluation mode, original pixels",
		Needs:      measure.Needs{measure.LayerSums, measure.Complexity, measure.TestInputs},
		Larger:     measure.PredictsLargerGap,
		Scale:      measure.Raw,
		Stochastic: true, // which examples of the larger split are taken
		Options: []measure.Option{
			{Name: "axis", Default: "alpha", Values: []string{"alpha", "published"}, Doc: "area over the complexities that both curves have, or the authors' polygon with the axes swapped"},
			{Name: "layers", Default: "released", Values: []string{"released", "paper", "post_relu"}, Doc: "as in cna"},
			{Name: "reduce", Default: "sum", Values: []string{"sum", "mean", "abs_sum", "mean_channel_sum_space"}, Doc: "as in cna"},
			{Name: "include_logits", Default: "false", Values: []string{"false", "true"}, Doc: "as in cna"},
			{Name: "complexity", Default: "entropy", Values: []string{"entropy", "gzip", "png"}, Doc: "as in cna"},
			{Name: "bins", Default: "256", Doc: "as in cna"},
			{Name: "range", Default: "0:1", Doc: "as in cna"},
			{Name: "noised", Default: "false", Values: []string{"false", "true"}, Doc: "as in cna"},
			{Name: "out_of_range", Default: "clip", Values: []string{"clip", "drop", "error"}, Doc: "as in cna"},
			{Name: "scale", Default: "bits", Values: []string{"bits", "published"}, Doc: "as in cna; both curves are scaled together, so it changes no area"},
			{Name: "examples", Default: "0", Doc: "how many examples of each split to look at; 0 is as many as the smaller split has"},
		},
	}
	if m.margin {
		info.Name, info.Aliases = "cna-margin", []string{"CNA-M"}
		info.Doc = "area between the complexity curves of training and test inputs, times the training margin"
		info.Formula = "γ^power · A; A is cna-area, γ the 5th percentile (linear between order statistics) of the training margins f_y - max_{j≠y} f_j with the labels trained on. Undefined where A is, and for γ = 0 with a negative power"
		info.Deviations += "; margins of training examples (most of the authors' scripts take test examples with their labels, an oracle), computed as they are defined (the released code overwrites the logit that it reads: bug_compat)"
		info.Needs = append(info.Needs, measure.TrainMargins, measure.TrainLogits, measure.TrainLabels)
		info.Options = append(info.Options,
			measure.Option{Name: "percentile", Default: "5", Values: []string{"5", "10"}, Doc: "of the training margins"},
			measure.Option{Name: "power", Default: "1", Values: []string{"1", "2", "-1", "-2"}, Doc: "of the margin; the authors' code has these commented out"},
			measure.Option{Name: "bug_compat", Default: "false", Values: []string{"false", "true"}, Doc: "the margin as the released code computes it, in batches of 128"},
		)
	}
	return info
}

// Compute answers the area, or the product. It is undefined with fewer than two layers or 25 examples
// a split, where all complexities or all slopes are equal, and where the curves have no
// complexity in common.
//
// Diagnostics: area; gamma; split-half-area, the area between two random halves of the training
// examples in the same units, which is what the noise of smoothing alone gives.
func (m Area) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	train, test, err := m.splits(ctx, net)
	if err != nil {
		return 0, err
	}
	area, halves, err := areas(train, test, net.Option("axis"), net.Seed())
	if err != nil {
		return 0, err
	}
	net.Diagnose("area", area)
	net.Diagnose("examples", float64(len(train.alpha)))
	if !math.IsNaN(halves) {
		net.Diagnose("split-half-area", halves)
	}
	if !m.margin {
		return area, nil
	}
	gamma, err := m.gamma(ctx, net)
	if err != nil {
		return 0, err
	}
	net.Diagnose("gamma", gamma)
	power, err := net.IntOption("power")
	if err != nil {
		return 0, err
	}
	if gamma == 0 && power < 0 {
		return 0, measure.Undefined("the margin is 0 and is divided by")
	}
	return math.Pow(gamma, float64(power)) * area, nil
}

// areas smooths and scales the samples and answers the area between the splits,
// and between halves of the first, NaN where that does not exist.
func areas(train, test sample, axis string, seed uint64) (area, halves float64, err error) {
	if err := longEnough(train, test); err != nil {
		return 0, 0, err
	}
	a, b := train.curve(), test.curve()
	scale, err := jointly(a, b)
	if err != nil {
		return 0, 0, err
	}
	between := overlapArea
	if axis == "published" {
		between = polygonArea
	}
	if area, err = between(scale.apply(a), scale.apply(b)); err != nil {
		return 0, 0, err
	}
	halves = math.NaN()
	if one, other := train.halves(seed); len(one.alpha) >= window && len(other.alpha) >= window {
		v, err := between(scale.apply(one.curve()), scale.apply(other.curve()))
		if err == nil {
			halves = v
		}
	}
	return area, halves, nil
}

// splits reads both samples, equally many examples of each: the smaller split
// whole, and as many of the other, first in the host's seeded permutation; or fewer
// of both, where that is asked for.
func (m Area) splits(ctx context.Context, net *measure.Network) (train, test sample, err error) {
	most, err := net.IntOption("examples")
	if err != nil {
		return sample{}, sample{}, err
	}
	if most < 0 {
		return sample{}, sample{}, fmt.Errorf("option examples=%d is below 0", most)
	}
	if most == 0 || most > net.TrainSize() {
		most = net.TrainSize()
	}
	test, err = m.sample(ctx, net, "test", most)
	if err != nil {
		return sample{}, sample{}, err
	}
	train, err = m.sample(ctx, net, "train", len(test.alpha))
	return train, test, err
}

func (m Area) sample(ctx context.Context, net *measure.Network, split string, examples int) (sample, error) {
	bins, err := net.IntOption("bins")
	if err != nil {
		return sample{}, err
	}
	sums, rows, err := net.LayerSums(ctx, measure.LayerSumsOptions{
		Split: split, Layers: net.Option("layers"), Reduce: net.Option("reduce"),
		IncludeLogits: net.Option("include_logits") == "true", Examples: examples,
	})
	if err != nil {
		return sample{}, err
	}
	alpha, index, err := net.Complexity(ctx, measure.ComplexityOptions{
		Split: split, Complexity: net.Option("complexity"), OutOfRange: net.Option("out_of_range"), Scale: net.Option("scale"),
		Bins: bins, Range: net.Option("range"), Noised: net.Option("noised") == "true", Examples: examples,
	})
	if err != nil {
		return sample{}, err
	}
	return newSample(alpha, index, sums, rows)
}
