// Package margin reads γ, the margin of the training set that margin-normalized measures divide by.
package margin

import (
	"context"
	"math"
	"slices"

	"github.com/genbench/genbench/harness/measure"
)

// fewest is the number of examples below which a tenth of them is not one.
const fewest = 10

// Option is the setting that [Gamma] reads.
func Option() measure.Option {
	return measure.Option{Name: "margin", Default: "percentile", Values: []string{"percentile", "rgm"},
		Doc: "γ: the signed 10th percentile of the training margins, or the absolute value of the (m div 10)-th smallest as in nitarshan/robust-generalization-measures"}
}

// Deviations says how γ differs from the reference code, for the descriptions of measures.
const Deviations = "γ is the signed 10th percentile (linear interpolation) and the value is undefined where γ <= 0; the reference code takes the absolute value of the (m div 10)-th smallest margin (option margin=rgm)"

// Gamma is γ > 0 of the training margins f_y - max_{j≠y} f_j on the labels trained on, by the option margin:
//
//	percentile   the 10th percentile, numpy's linear interpolation (Jiang et al. 2019, arXiv:1912.02178)
//	rgm          |the k-th smallest|, k = m div 10 (nitarshan/robust-generalization-measures, measures.py)
//
// It is undefined with fewer than 10 examples and where it is not positive. Diagnostic: gamma.
func Gamma(ctx context.Context, net *measure.Network) (float64, error) {
	margins, err := net.TrainMargins(ctx)
	if err != nil {
		return 0, err
	}
	if len(margins) < fewest {
		return 0, measure.Undefined("the margin γ needs at least %d training examples, there are %d", fewest, len(margins))
	}
	gamma, err := measure.Percentile(margins, 10)
	if err != nil {
		return 0, err
	}
	if net.Option("margin") == "rgm" {
		gamma = math.Abs(slices.Sorted(slices.Values(margins))[len(margins)/10-1])
	}
	net.Diagnose("gamma", gamma)
	if !(gamma > 0) {
		return 0, measure.Undefined("the margin γ = %.4g is not positive", gamma)
	}
	return gamma, nil
}
