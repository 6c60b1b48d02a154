// Command margin-variance is a third-party measure: the variance of the training
// margins over the square of their mean. It is a program of its own and imports
// nothing of genbench but the package measure.
//
//	go build -o genbench-measure-margin-variance ./examples/margin-variance
//	genbench run --plugin margin-variance=./genbench-measure-margin-variance
package main

import (
	"context"
	"math"

	"github.com/genbench/genbench/harness/measure"
)

// MarginVariance is Var(m)/E(m)² over the margins m = f_y - max_{j≠y} f_j of the
// training set.
type MarginVariance struct{}

// Info describes the measure.
func (MarginVariance) Info() measure.Info {
	return measure.Info{
		Name: "margin-variance", Version: "1", Family: "margin", Doc: "squared coefficient of variation of the training margins",
		Citation: "an example, of no paper",
		Needs:    measure.Needs{measure.TrainMargins},
		Larger:   measure.PredictsLargerGap, // margins that differ much are margins of which some are small
	}
}

// Compute answers the measure; undefined where the mean margin is zero or the
// network overflows.
func (MarginVariance) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	margins, err := net.TrainMargins(ctx) // [N]
	if err != nil {
		return 0, err
	}
	var mean, spread float64
	for _, m := range margins {
		mean += m / float64(len(margins))
	}
	for _, m := range margins {
		spread += (m - mean) * (m - mean) / float64(len(margins))
	}
	value := spread / (mean * mean)
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return 0, measure.Undefined("the margins have mean %v and variance %v", mean, spread)
	}
	return value, nil
}

func main() { measure.Serve(MarginVariance{}) }
