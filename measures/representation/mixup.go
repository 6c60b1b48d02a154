package representation

import (
	"context"
	"fmt"

	"github.com/genbench/genbench/harness/measure"
)

// MixupAccuracy is the accuracy on means of two examples of one class.
type MixupAccuracy struct{}

// Info describes the measure.
func (MixupAccuracy) Info() measure.Info {
	return measure.Info{
		Name: "mixup-accuracy", Version: "1", Family: "representation",
		Doc:      "label-wise mixup accuracy: how often the mean of two training examples of a class is given that class",
		Citation: natekar + "; parthnatekar/pgdl, complexityMixup",
		Formula: "mean over classes c of the mean over rounds of #{pairs a < b of class c in the round: argmax f((x_a + x_b)/2) = c} / #pairs; " +
			"labels are those trained on",
		Deviations: "A round has per_class examples for each class in the mean, drawn from seeded permutations (source: consecutive batches of the " +
			"file). A class with fewer than two examples in a round does not count there; in the source one example makes the whole value NaN.",
		Needs:      measure.Needs{measure.MixupPredictions},
		Larger:     measure.PredictsSmallerGap,
		Stochastic: true,
		Options: []measure.Option{roundsOption(),
			{Name: "per_class", Default: "10", Doc: "a round has so many training examples times the number of classes"}},
	}
}

// Compute answers a fraction in [0, 1]. It is undefined where no round has two examples of a class.
func (MixupAccuracy) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	size, err := net.IntOption("per_class")
	if err != nil {
		return 0, err
	}
	if size < 1 {
		return 0, fmt.Errorf("option per_class=%d is not positive", size)
	}
	o, err := sample(net, size*net.Classes())
	if err != nil {
		return 0, err
	}
	p, err := net.MixupPredictions(ctx, o)
	if err != nil {
		return 0, err
	}
	net.Diagnose("pairs", float64(len(p.Class)))
	return mixupAccuracy(p)
}

// share counts the pairs of a class in a round.
type share struct{ correct, pairs int }

func mixupAccuracy(p measure.Pairs) (float64, error) {
	type cell struct{ class, round int32 }
	counts := map[cell]share{}
	var order []cell // of first appearance, so that sums do not depend on the map
	for i, c := range p.Class {
		at := cell{c, p.Round[i]}
		s, ok := counts[at]
		if !ok {
			order = append(order, at)
		}
		s.pairs++
		if p.Predicted[i] == c {
			s.correct++
		}
		counts[at] = s
	}
	if len(order) == 0 {
		return 0, measure.Undefined("no round has two examples of a class")
	}
	sums, rounds := map[int32]float64{}, map[int32]int{}
	var classes []int32
	for _, at := range order {
		if rounds[at.class] == 0 {
			classes = append(classes, at.class)
		}
		s := counts[at]
		sums[at.class] += float64(s.correct) / float64(s.pairs)
		rounds[at.class]++
	}
	var mean float64
	for _, c := range classes {
		mean += sums[c] / float64(rounds[c])
	}
	return mean / float64(len(classes)), nil
}
