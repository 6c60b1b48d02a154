// Package agreement holds measures of how far two runs of one configuration agree.
//
//	disagreement  P(argmax f(x) ≠ argmax f'(x)), x an unlabelled test input
//
// f' is the sibling: the network of the same configuration with the next seed of the corpus, the first after the last. It estimates
// the test error, and so, of a network that fits its training set, the gap. It reads test inputs, no labels:
// it is transductive.
//
// Source: Jiang, Nagarajan, Baek and Kolter, "Assessing generalization of SGD via disagreement", 2021, arXiv:2106.13799.
package agreement

import (
	"context"
	"fmt"

	"github.com/genbench/genbench/harness/measure"
)

// All lists the folder's measures.
func All() []measure.Measure { return []measure.Measure{Disagreement{}} }

// Disagreement is the rate at which the network and its sibling disagree.
type Disagreement struct{}

// Info describes the measure.
func (Disagreement) Info() measure.Info {
	return measure.Info{
		Name: "disagreement", Version: "1", Family: "agreement",
		Doc:      "fraction of the unlabelled test inputs on which the network and the one of the next seed answer different classes",
		Citation: "Jiang, Nagarajan, Baek and Kolter, Assessing generalization of SGD via disagreement, 2021, arXiv:2106.13799",
		Formula:  "1/n Σ_i [argmax f(x_i) ≠ argmax f'(x_i)] over the n test inputs; f' has the same configuration and the next seed",
		Deviations: "The paper's two runs share the training set. Here a seed also draws which labels are corrupted and the noise of the training " +
			"inputs, so only networks without either share it with their sibling.",
		Needs:  measure.Needs{measure.TestPredictions, measure.Sibling, measure.TestInputs},
		Larger: measure.PredictsLargerGap,
	}
}

// Compute answers a fraction in [0, 1]. Without a sibling it is skipped.
func (Disagreement) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	other, err := net.SiblingPredictions(ctx)
	if err != nil {
		return 0, err
	}
	own, err := net.TestPredictions(ctx)
	if err != nil {
		return 0, err
	}
	if len(own) != len(other) {
		return 0, fmt.Errorf("%d predictions of the network, %d of its sibling", len(own), len(other))
	}
	if len(own) == 0 {
		return 0, measure.Undefined("there are no test inputs")
	}
	differ := 0
	for i, c := range own {
		if c != other[i] {
			differ++
		}
	}
	net.Diagnose("test-inputs", float64(len(own)))
	return float64(differ) / float64(len(own)), nil
}
