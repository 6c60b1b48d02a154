// Package margins holds the signature of the margin distribution at hidden layers, DEMOGEN.
//
//	demogen-q1, demogen-median, demogen-q3     quartiles
//	demogen-lower-fence, demogen-upper-fence   farthest margins within 1.5 interquartile ranges of the quartiles
//
// of the normalised margins of the training set at layer l,
//
//	d_i = (f_y - f_j) / √(ε + ‖∇_{x^l}(f_y - f_j)‖₂²) / √(Σ_u Var(x^l_u))
//
// y is the label trained on, j the largest other class, x^l what layer l with weights reads (x^0 the input, x^1 the output
// of the first hidden block after batch norm and ReLU), Var the variance of unit u over the training set (divisor N),
// ε = 1e-6. Everything is in evaluation mode.
//
// Source: Jiang, Krishnan, Mobahi and Bengio, "Predicting the generalization gap in deep networks with margin
// distributions", 2019, arXiv:1810.00113; google-research/google-research, demogen/margin_utils.py and
// total_variation_util.py. The paper makes no measure of a signature: it fits a linear regression on the gap to the five
// numbers at the input and three hidden layers of many networks. Here each of the five is a measure, a row of its own, so that a reader
// sees which part of the distribution tells something; the layer is an option. Its default is the first hidden block: every network with a hidden
// layer has one, its depth does not change with the network's, and unlike the input it is learned.
//
// Differs from the source: the code divides the total variation by N, a constant of the data set; the regression is left out. The
// code keeps misclassified examples, whose margins are negative, the paper leaves them out, as here (option misclassified).
// The definition of the fences is from memory (after McGill, Tukey and Larsen 1978): the released code has
// none. Option fence=computed takes Q1 - 1.5 IQR and Q3 + 1.5 IQR themselves.
package margins

import (
	"context"
	"math"
	"slices"

	"github.com/genbench/genbench/harness/measure"
)

// epsilon is added to the squared norm of the gradient, as in the source's code.
const epsilon = 1e-6

// Statistic is one number of the signature.
type Statistic struct {
	name, doc, formula string
	of                 func(sorted []float64, computed bool) float64
}

// All lists the folder's measures.
func All() []measure.Measure {
	quartile := func(q float64) func([]float64, bool) float64 {
		return func(s []float64, _ bool) float64 { return percentile(s, q) }
	}
	return []measure.Measure{
		Statistic{"demogen-q1", "first quartile", "Q1", quartile(25)},
		Statistic{"demogen-median", "median", "Q2", quartile(50)},
		Statistic{"demogen-q3", "third quartile", "Q3", quartile(75)},
		Statistic{"demogen-lower-fence", "lower fence", "min{d_i: d_i >= Q1 - 1.5 IQR}, IQR = Q3 - Q1", lowerFence},
		Statistic{"demogen-upper-fence", "upper fence", "max{d_i: d_i <= Q3 + 1.5 IQR}, IQR = Q3 - Q1", upperFence},
	}
}

func (m Statistic) isFence() bool {
	return m.name == "demogen-lower-fence" || m.name == "demogen-upper-fence"
}

// Info describes the measure.
func (m Statistic) Info() measure.Info {
	info := measure.Info{
		Name: m.name, Version: "1", Family: "margin",
		Doc:      m.doc + " of the training margins at a hidden layer, over the total variation of that layer",
		Citation: "Jiang, Krishnan, Mobahi and Bengio, Predicting the generalization gap in deep networks with margin distributions, 2019, arXiv:1810.00113; google-research/google-research, demogen",
		Formula: m.formula + " of d_i = (f_y - f_j)/√(1e-6 + ‖∇_{x^l}(f_y - f_j)‖₂²)/√(Σ_u Var(x^l_u)) over the training examples that are classified " +
			"correctly; j the largest other class, x^l what layer l reads, quartiles with numpy's linear interpolation",
		Deviations: "The paper regresses the gap on twenty such numbers; here each is a measure. Its code divides the variation by N too, a constant.",
		Needs:      measure.Needs{measure.LayerMargins},
		Larger:     measure.PredictsSmallerGap, // large margins are said to generalize
		Options: []measure.Option{
			{Name: "layer", Default: "1", Doc: "l, counted in layers with weights from the input, 0; last; or all, the mean over l"},
			{Name: "log", Default: "false", Values: []string{"false", "true"}, Doc: "answer the natural logarithm, as the paper's regression does; a number that is not positive has none"},
			{Name: "misclassified", Default: "drop", Values: []string{"drop", "keep"}, Doc: "training examples with a margin that is not positive"},
		},
	}
	if m.isFence() {
		info.Deviations += " The paper's definition of the fences is from memory."
		info.Options = append(info.Options, measure.Option{Name: "fence", Default: "observed", Values: []string{"observed", "computed"}, Doc: "the farthest margin within 1.5 IQR of the quartile, or that bound itself"})
	}
	return info
}

// Compute answers the statistic. It is undefined for a network without that layer, where the layer reads
// the same of all examples, without a correct example, and for the logarithm of what is not positive.
func (m Statistic) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	margins, err := net.LayerMargins(ctx)
	if err != nil {
		return 0, err
	}
	layers := make([]int, margins.Norms.Cols)
	for l := range layers {
		layers[l] = l
	}
	if name := net.Option("layer"); name != "all" {
		l, err := margins.Layer(name)
		if err != nil {
			return 0, err
		}
		layers = []int{l}
	}
	var sum float64
	for _, l := range layers {
		d, err := normalized(margins, l, net.Option("misclassified") == "drop")
		if err != nil {
			return 0, err
		}
		v := m.of(d, net.Option("fence") == "computed")
		if net.Option("log") == "true" {
			if !(v > 0) {
				return 0, measure.Undefined("the %s at layer %d is %.4g: it has no logarithm", m.doc, l, v)
			}
			v = math.Log(v)
		}
		sum += v
		net.Diagnose("examples", float64(len(d)))
	}
	return sum / float64(len(layers)), nil
}

// normalized are the margins at layer l over its total variation, sorted.
func normalized(m measure.Margins, l int, drop bool) ([]float64, error) {
	variation := math.Sqrt(m.Variances[l])
	if !(variation > 0) || math.IsInf(variation, 0) {
		return nil, measure.Undefined("the total variation of what layer %d reads is %v", l, variation)
	}
	var d []float64
	for i, f := range m.Difference {
		if drop && f <= 0 {
			continue
		}
		g := m.Norms.At(i, l)
		v := f / math.Sqrt(epsilon+g*g) / variation
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, measure.Undefined("the margin of training example %d at layer %d is %v", i, l, v)
		}
		d = append(d, v)
	}
	if len(d) == 0 {
		return nil, measure.Undefined("none of the %d training examples has a positive margin", len(m.Difference))
	}
	slices.Sort(d)
	return d, nil
}

// percentile is numpy.percentile(s, q) of sorted values with its default linear interpolation.
func percentile(s []float64, q float64) float64 {
	k := float64(len(s)-1) * q / 100
	i := min(int(k), len(s)-1)
	j := min(i+1, len(s)-1)
	return s[i] + (s[j]-s[i])*(k-float64(i))
}

// lowerFence is the smallest value not below Q1 - 1.5 IQR, or that bound.
func lowerFence(s []float64, computed bool) float64 {
	q1, q3 := percentile(s, 25), percentile(s, 75)
	bound := q1 - 1.5*(q3-q1)
	if computed {
		return bound
	}
	return s[slices.IndexFunc(s, func(v float64) bool { return v >= bound })] // the largest is, being no less than Q1
}

// upperFence is the largest value not above Q3 + 1.5 IQR, or that bound.
func upperFence(s []float64, computed bool) float64 {
	q1, q3 := percentile(s, 25), percentile(s, 75)
	bound := q3 + 1.5*(q3-q1)
	if computed {
		return bound
	}
	best := s[0] // it is no more than Q3
	for _, v := range s {
		if v <= bound {
			best = v
		}
	}
	return best
}
