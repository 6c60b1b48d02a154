package rewrite

import (
	"context"
	"fmt"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/models"
)

// Network is one that is transformed.
type Network struct {
	Title string
	pool  int // of the images, 28 x 28
	build func(input models.Shape, classes int) (models.Architecture, error)
}

// Networks are multi-layer perceptrons of 3 hidden layers of 24 units without and with batch norm, and a residual network of one block.
func Networks() []Network {
	return []Network{{"Without batch norm", 2, mlp(false)}, {"With batch norm", 2, mlp(true)}, {"Residual, with batch norm", 4, residual}}
}

func mlp(batchNorm bool) func(models.Shape, int) (models.Architecture, error) {
	return func(input models.Shape, classes int) (models.Architecture, error) {
		return models.MLP(input, classes, models.MLPOptions{Width: 24, Depth: 3, BatchNorm: batchNorm})
	}
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

// Train trains it on 300 images, to a cross-entropy of 0.01.
func (n Network) Train(ctx context.Context, e models.Engine) (*quantity.Subject, error) {
	s, stop, err := train(ctx, e, n.pool, n.build)
	if err != nil {
		return nil, err
	}
	if stop != models.StopTarget {
		return nil, fmt.Errorf("the network stopped at a loss above its target: %s", stop)
	}
	return s, nil
}

// Train makes the perceptron of [Networks].
func Train(ctx context.Context, e models.Engine, batchNorm bool) (*quantity.Subject, error) {
	return Network{pool: 2, build: mlp(batchNorm)}.Train(ctx, e)
}

// TrainMLP makes another network on the same images, as [Train] does, and says why training stopped.
func TrainMLP(ctx context.Context, e models.Engine, o models.MLPOptions) (*quantity.Subject, string, error) {
	return train(ctx, e, 2, func(input models.Shape, classes int) (models.Architecture, error) {
		return models.MLP(input, classes, o)
	})
}

func train(ctx context.Context, e models.Engine, pool int, build func(models.Shape, int) (models.Architecture, error)) (*quantity.Subject, string, error) {
	set, err := dataset.Open("fmnist-mini", "")
	if err != nil {
		return nil, "", err
	}
	data, err := dataset.Build(set, dataset.Transform{Pool: pool, Train: 300, Test: 200})
	if err != nil {
		return nil, "", err
	}
	a, err := build(models.Shape{C: data.Shape.C, H: data.Shape.H, W: data.Shape.W}, data.Classes)
	if err != nil {
		return nil, "", err
	}
	var trained [2]*models.Trained // the network and its sibling
	for i := range trained {
		trained[i], err = models.Train(ctx, e, a, models.Training{
			Optimizer: models.Optimizer{Name: "sgd", LearningRate: 0.05, Momentum: 0.9}, BatchSize: 32, TargetLoss: 0.01, MaxEpochs: 400, Init: "pytorch",
		}, models.Seeds{Init: uint64(i + 1), Order: 2, Dropout: 3}, models.Examples{X: data.Train.X, Y: data.Train.Y}, nil)
		if err != nil {
			return nil, "", err
		}
	}
	t, other := trained[0], trained[1].Final
	return &quantity.Subject{
		Key: t.Final.Hash(), Arch: a, Final: t.Final, Init: t.Init, Data: data, Facts: inprocess.FactsOf(t), Seed: 1,
		Sibling: &quantity.Twin{Hash: other.Hash(), Arch: a, Final: other},
	}, string(t.Stop), nil
}
