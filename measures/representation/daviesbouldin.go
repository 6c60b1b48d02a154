package representation

import (
	"context"
	"fmt"
	"math"

	"github.com/genbench/genbench/harness/measure"
)

// DaviesBouldin is the index of Davies and Bouldin of the classes in a hidden layer.
type DaviesBouldin struct{}

// Info describes the measure.
func (DaviesBouldin) Info() measure.Info {
	return measure.Info{
		Name: "davies-bouldin", Version: "1", Family: "representation",
		Doc:      "Davies-Bouldin index of the classes in a hidden layer: spread of the classes over the distance between them",
		Citation: "Davies and Bouldin, A cluster separation measure, 1979, doi:10.1109/TPAMI.1979.4766909; " + natekar + "; parthnatekar/pgdl, complexityDB",
		Formula: "mean over rounds of 1/K Σ_i max_{j≠i} (S_i + S_j)/‖c_i - c_j‖₂; c_i the mean of class i's representations x^l in the " +
			"round, S_i their mean Euclidean distance from c_i, K the classes in the round",
		Deviations: "The source takes the output of the first convolution or pooling layer among the first three, max-pooled 4 x 4; here it is " +
			"the output of the first hidden block, after its batch norm and ReLU, max-pooled 4 x 4 where it is a map (a side shorter than 4 as a whole), else as it is. Rounds of 120 are drawn without repeats from seeded " +
			"permutations (source: three batches of 40 of TensorFlow's shuffle). Where two classes have one mean the index is undefined; " +
			"the source and scikit-learn count 0 for the pair.",
		Aliases: []string{"DBI"},
		Needs:   measure.Needs{measure.LayerFeatures, measure.TrainLabels},
		Larger:  measure.PredictsLargerGap, // classes that overlap early
		Options: []measure.Option{layerOption("1"), roundsOption(),
			{Name: "examples", Default: "120", Doc: "training examples of a round; 0 is all of them, in one round"},
			{Name: "pool", Default: "4", Doc: "side of the windows that maps are max-pooled in; 1: not at all"}},
		Stochastic: true,
	}
}

// Compute answers the mean over rounds. It is undefined where a round has fewer than two classes, where two
// classes have the same mean, and for a network without that layer.
func (DaviesBouldin) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	examples, err := net.IntOption("examples")
	if err != nil {
		return 0, err
	}
	o, err := sample(net, examples)
	if err != nil {
		return 0, err
	}
	if o.Pool, err = net.IntOption("pool"); err != nil {
		return 0, err
	}
	if o.Pool < 1 {
		return 0, fmt.Errorf("option pool=%d is not positive", o.Pool)
	}
	f, err := net.LayerFeatures(ctx, net.Option("layer"), o)
	if err != nil {
		return 0, err
	}
	y, err := net.TrainLabels(ctx)
	if err != nil {
		return 0, err
	}
	var sum float64
	for r := range f.Rounds {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		x, index := f.Round(r)
		v, err := daviesBouldin(x, labelsOf(y, index))
		if err != nil {
			return 0, err
		}
		sum += v
	}
	return sum / float64(f.Rounds), nil
}

func labelsOf(y, index []int32) []int32 {
	of := make([]int32, len(index))
	for i, e := range index {
		of[i] = y[e]
	}
	return of
}

// cluster is one class: its mean and the mean distance from it.
type cluster struct {
	label  int32
	n      int
	centre []float64
	spread float64
}

// daviesBouldin is the index of x, [N, units], labelled y, [N].
func daviesBouldin(x measure.Matrix32, y []int32) (float64, error) {
	cs := clusters(x, y)
	if len(cs) < 2 {
		return 0, measure.Undefined("%d sampled examples are all of one class", x.Rows)
	}
	var sum float64
	for i, a := range cs {
		worst := 0.0
		for j, b := range cs {
			if i == j {
				continue
			}
			d := distance(a.centre, b.centre)
			if d == 0 {
				return 0, measure.Undefined("classes %d and %d have the same mean representation: their distance is 0", a.label, b.label)
			}
			worst = max(worst, (a.spread+b.spread)/d)
		}
		sum += worst
	}
	return finite("the index", sum/float64(len(cs)))
}

// finite is v, unless representations overflowed.
func finite(what string, v float64) (float64, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, measure.Undefined("%s is %v", what, v)
	}
	return v, nil
}

// clusters are the classes that occur, in the order in which they first do.
func clusters(x measure.Matrix32, y []int32) []*cluster {
	of := map[int32]*cluster{}
	var all []*cluster
	for i := range x.Rows {
		c := of[y[i]]
		if c == nil {
			c = &cluster{label: y[i], centre: make([]float64, x.Cols)}
			of[y[i]], all = c, append(all, c)
		}
		c.n++
		for u, v := range x.Row(i) {
			c.centre[u] += float64(v)
		}
	}
	for _, c := range all {
		for u := range c.centre {
			c.centre[u] /= float64(c.n)
		}
	}
	for i := range x.Rows {
		c := of[y[i]]
		var s float64
		for u, v := range x.Row(i) {
			d := float64(v) - c.centre[u]
			s += d * d
		}
		c.spread += math.Sqrt(s) / float64(c.n)
	}
	return all
}

func distance(a, b []float64) float64 {
	var s float64
	for i := range a {
		d := a[i] - b[i]
		s += d * d
	}
	return math.Sqrt(s)
}
