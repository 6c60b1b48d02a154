package inprocess

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/models"
)

// Choice is a measure with options.
type Choice struct {
	Measure measure.Measure
	Options map[string]string // those that differ from the defaults, or all
}

// Asked says which quantities a choice takes.
type Asked struct {
	Needs []quantity.Request        // what the measure asked for
	All   map[quantity.Request]bool // and what that rests on
	Err   error                     // why the measure had no value; what it needs is then taken from its declaration
}

// Sizes are the numbers of examples of a corpus.
type Sizes struct{ Train, Test int }

// Ask computes the choices on a toy network and returns what each asked for, as it would of a
// network with that many examples: no declaration of a measure says with which arguments it asks.
func Ask(ctx context.Context, e models.Engine, choices []Choice, sizes Sizes) (_ []Asked, err error) {
	toy := Sizes{toyTrain, toyTrain + 100*cmp.Compare(sizes.Test, sizes.Train)} // the smaller split stays the smaller
	s, err := train(ctx, e, toy)
	if err != nil {
		return nil, fmt.Errorf("training a toy network: %w", err)
	}
	cache, err := os.MkdirTemp("", "genbench-toy-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(cache)
	h := quantity.NewHost(e, cache)
	defer h.Close()
	net, err := Open(h, s)
	if err != nil {
		return nil, err
	}
	defer net.Close()
	var all []Asked
	for _, c := range choices {
		a := net.Compute(ctx, c.Measure, c.Options, 1)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		asked := Asked{Needs: a.Asked, Err: a.Err}
		if a.Err != nil {
			asked.Needs = declared(a.Asked, c.Measure.Info().Needs)
		}
		asked.All = map[quantity.Request]bool{}
		for r := range net.provider.Rests(asked.Needs...) {
			asked.All[resized(r, toy, sizes)] = true
		}
		for i, r := range asked.Needs {
			asked.Needs[i] = resized(r, toy, sizes)
		}
		all = append(all, asked)
	}
	return all, nil
}

// resized is a request of the toy network as it would be of another: numbers of examples that are the
// size of a split are those of the other's, and all of a split is 0, as the host has it.
func resized(r quantity.Request, toy, sizes Sizes) quantity.Request {
	n, err := strconv.Atoi(r.Argument("examples"))
	if err != nil || n == 0 {
		return r
	}
	switch n {
	case toy.Train:
		n = sizes.Train
	case toy.Test:
		n = sizes.Test
	}
	all := sizes.Train
	if r.Argument("split") == "test" {
		all = sizes.Test
	}
	if n >= all {
		return r.With("examples", "0").With("rounds", "1")
	}
	return r.With("examples", strconv.Itoa(n))
}

// declared adds the needs that were not asked for, with default arguments.
func declared(asked []quantity.Request, needs measure.Needs) []quantity.Request {
	has := map[string]bool{}
	for _, r := range asked {
		has[r.Name] = true
	}
	for _, n := range needs {
		r, err := quantity.Canonical(string(n), nil)
		if err == nil && !has[r.Name] { // perturbed losses are no quantity
			asked = append(asked, r)
		}
	}
	return asked
}

// Declared is what a measure's needs take with default arguments: all that is known of a
// measure in another process.
func Declared(needs measure.Needs) []quantity.Request { return declared(nil, needs) }

// toyTrain is the number of training examples of the toy network; no measure asks for as many by itself.
const toyTrain = 300

// train trains a network in some milliseconds, to the point where searches and
// margins are defined.
func train(ctx context.Context, e models.Engine, toy Sizes) (*quantity.Subject, error) {
	set, err := dataset.Open("fmnist-mini", "")
	if err != nil {
		return nil, err
	}
	data, err := dataset.Build(set, dataset.Transform{Pool: 2, Train: toy.Train, Test: toy.Test})
	if err != nil {
		return nil, err
	}
	a, err := models.MLP(models.Shape{C: data.Shape.C, H: data.Shape.H, W: data.Shape.W}, data.Classes, models.MLPOptions{Width: 16, Depth: 2})
	if err != nil {
		return nil, err
	}
	var trained [2]*models.Trained // the network and its sibling
	for i := range trained {
		if trained[i], err = models.Train(ctx, e, a, models.Training{
			Optimizer: models.Optimizer{Name: "sgd", LearningRate: 0.05, Momentum: 0.9}, BatchSize: 32, TargetLoss: 0.01, MaxEpochs: 400, Init: "pytorch",
		}, models.Seeds{Init: uint64(i + 1), Order: 2, Dropout: 3}, models.Examples{X: data.Train.X, Y: data.Train.Y}, nil); err != nil {
			return nil, err
		}
	}
	t, other := trained[0], trained[1].Final
	return &quantity.Subject{
		Key: t.Final.Hash(), Arch: a, Final: t.Final, Init: t.Init, Data: data, Facts: FactsOf(t), Seed: 1,
		Sibling: &quantity.Twin{Hash: other.Hash(), Arch: a, Final: other},
	}, nil
}

// FactsOf is what a training recorded.
func FactsOf(t *models.Trained) quantity.Facts {
	f := quantity.Facts{
		Epochs: t.Epochs, Steps: t.Steps, StepsTo01: t.StepsTo01, StepsTo001: t.StepsTo001,
		GradientNoise1: t.GradientNoise1, GradientNoiseFinal: t.GradientNoiseFinal,
	}
	for _, e := range t.History {
		f.MeanLosses = append(f.MeanLosses, e.MeanLoss)
	}
	return f
}
