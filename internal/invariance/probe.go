package main

import (
	"context"
	"fmt"
	"math"
	"os"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/models"
)

// network is one that is transformed.
type network struct {
	title string
	pool  int // of the images, 28 x 28
	build func(input models.Shape, classes int) (models.Architecture, error)
}

// networks are a multi-layer perceptron of 3 hidden layers of 24 units without and with batch norm, and a residual network of one block.
func networks() []network {
	mlp := func(batchNorm bool) func(models.Shape, int) (models.Architecture, error) {
		return func(input models.Shape, classes int) (models.Architecture, error) {
			return models.MLP(input, classes, models.MLPOptions{Width: 24, Depth: 3, BatchNorm: batchNorm})
		}
	}
	return []network{{"Without batch norm", 2, mlp(false)}, {"With batch norm", 2, mlp(true)}, {"Residual, with batch norm", 4, residual}}
}

// residual is a convolution of stride 2, a block of two whose sum with what it reads is rectified, and a mean over places.
func residual(input models.Shape, classes int) (models.Architecture, error) {
	conv := func(name string, stride int) models.Layer {
		return models.Layer{Name: name, Kind: models.Conv2D, Channels: 8, Kernel: 3, Stride: stride, Padding: 1, NoBias: true}
	}
	norm := func(name string) models.Layer { return models.Layer{Name: name, Kind: models.BatchNorm} }
	relu := func(name string) models.Layer { return models.Layer{Name: name, Kind: models.ReLU} }
	return models.Build("custom", input, classes, []models.Layer{
		conv("conv", 2), norm("bn"), relu("relu"),
		conv("block.conv1", 1), norm("block.bn1"), relu("block.relu1"), conv("block.conv2", 1), norm("block.bn2"),
		{Name: "block.add", Kind: models.Add, With: "relu"}, relu("block.relu"),
		{Name: "pool", Kind: models.GlobalAvgPool}, {Name: "linear", Kind: models.Dense},
	})
}

// train makes the network that is transformed: on 300 images, to a cross-entropy of 0.01.
func train(ctx context.Context, e models.Engine, n network) (*quantity.Subject, error) {
	set, err := dataset.Open("fmnist-mini", "")
	if err != nil {
		return nil, err
	}
	data, err := dataset.Build(set, dataset.Transform{Pool: n.pool, Train: 300, Test: 200})
	if err != nil {
		return nil, err
	}
	a, err := n.build(models.Shape{C: data.Shape.C, H: data.Shape.H, W: data.Shape.W}, data.Classes)
	if err != nil {
		return nil, err
	}
	var trained [2]*models.Trained // the network and its sibling
	for i := range trained {
		trained[i], err = models.Train(ctx, e, a, models.Training{
			Optimizer: models.Optimizer{Name: "sgd", LearningRate: 0.05, Momentum: 0.9}, BatchSize: 32, TargetLoss: 0.01, MaxEpochs: 400, Init: "pytorch",
		}, models.Seeds{Init: uint64(i + 1), Order: 2, Dropout: 3}, models.Examples{X: data.Train.X, Y: data.Train.Y}, nil)
		if err == nil && trained[i].Stop != models.StopTarget {
			err = fmt.Errorf("the network stopped at a loss above its target: %s", trained[i].Stop)
		}
		if err != nil {
			return nil, err
		}
	}
	t, other := trained[0], trained[1].Final
	return &quantity.Subject{
		Key: t.Final.Hash(), Arch: a, Final: t.Final, Init: t.Init, Data: data, Facts: inprocess.FactsOf(t), Seed: 1,
		Sibling: &quantity.Twin{Hash: other.Hash(), Arch: a, Final: other},
	}, nil
}

// logits of the training and then the test inputs, [N, K].
func logits(e models.Engine, s *quantity.Subject) ([]float32, error) {
	x := append(append([]float32{}, s.Data.Train.X...), s.Data.Test.X...)
	d, k := s.Arch.Input.Size(), s.Arch.Classes
	n := len(x) / d
	session, err := e.NewSession(s.Arch, n)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	if err := session.SetState(s.Final); err != nil {
		return nil, err
	}
	out := make([]float32, n*k)
	return out, session.Logits(out, x)
}

// functionMoved is the largest difference of logits over the largest logit, once the classes of b are
// put back: class i of b is classes[i] of a.
func functionMoved(a, b []float32, k int, classes []int) float64 {
	var largest, difference float64
	for i, v := range b {
		from := i
		if classes != nil {
			from = i/k*k + classes[i%k]
		}
		largest = max(largest, math.Abs(float64(a[from])))
		difference = max(difference, math.Abs(float64(v)-float64(a[from])))
	}
	return difference / largest
}

// seeds beside the first whose values show the noise of a stochastic measure.
const seeds = 9

// probed is one network: what each transformation does to its function and to the measures.
type probed struct {
	title    string
	function []float64   // [transformations]; NaN where one does not apply
	values   [][]outcome // [measures][1 + transformations]; the first is the network's own
	noise    []float64   // [measures], the largest change with another seed; 0 of what is not stochastic
}

// outcome is a measure's value, or why it has none.
type outcome struct {
	value   float64
	err     error
	applies bool
}

// probe computes every measure of the network and of its transformations.
func probe(ctx context.Context, e models.Engine, n network, ms []measure.Measure) (*probed, error) {
	s, err := train(ctx, e, n)
	if err != nil {
		return nil, err
	}
	p := &probed{title: n.title, values: make([][]outcome, len(ms)), noise: make([]float64, len(ms))}
	cache, err := os.MkdirTemp("", "genbench-invariance-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(cache)
	h := quantity.NewHost(e, cache)
	defer h.Close()
	before, err := logits(e, s)
	if err != nil {
		return nil, err
	}
	if err := p.add(ctx, h, s, ms); err != nil {
		return nil, err
	}
	for _, t := range transformations() {
		changed, classes, ok := t.apply(s)
		if !ok {
			p.function = append(p.function, math.NaN())
			for m := range ms {
				p.values[m] = append(p.values[m], outcome{})
			}
			continue
		}
		after, err := logits(e, changed)
		if err != nil {
			return nil, err
		}
		p.function = append(p.function, functionMoved(before, after, s.Arch.Classes, classes))
		if err := p.add(ctx, h, changed, ms); err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return p, p.listen(ctx, h, s, ms)
}

// add computes the measures of one network.
func (p *probed) add(ctx context.Context, h *quantity.Host, s *quantity.Subject, ms []measure.Measure) error {
	answers, err := compute(ctx, h, s, ms, 1)
	for m := range answers {
		p.values[m] = append(p.values[m], answers[m])
	}
	return err
}

// listen finds the noise of the stochastic measures.
func (p *probed) listen(ctx context.Context, h *quantity.Host, s *quantity.Subject, ms []measure.Measure) error {
	var drawn []measure.Measure
	var places []int
	for i, m := range ms {
		if m.Info().Stochastic {
			drawn, places = append(drawn, m), append(places, i)
		}
	}
	for seed := range uint64(seeds) {
		other := *s
		other.Seed = seed + 2
		answers, err := compute(ctx, h, &other, drawn, seed+2)
		if err != nil {
			return err
		}
		for k, i := range places {
			own := p.values[i][0]
			if own.err == nil && answers[k].err == nil {
				p.noise[i] = max(p.noise[i], change(drawn[k].Info().Scale, own.value, answers[k].value))
			}
		}
	}
	return nil
}

func compute(ctx context.Context, h *quantity.Host, s *quantity.Subject, ms []measure.Measure, seed uint64) ([]outcome, error) {
	net, err := inprocess.Open(h, s)
	if err != nil {
		return nil, err
	}
	defer net.Close()
	var out []outcome
	for _, m := range ms {
		a := net.Compute(ctx, m, nil, seed)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		out = append(out, outcome{a.Value, a.Err, true})
	}
	return out, nil
}

// change is the relative change of a value; of a logarithm's, that of what it is the logarithm of, as a
// difference of logarithms.
func change(scale measure.Scale, a, b float64) float64 {
	d := math.Abs(b - a)
	if scale == measure.Log || d == 0 {
		return d
	}
	return d / math.Abs(a)
}
