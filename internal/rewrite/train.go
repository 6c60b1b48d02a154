package rewrite

import (
	"context"
	"fmt"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/models"
)

// Train makes the network that is transformed: 3 hidden layers of 24 units on 300 images, to a cross-entropy
// of 0.01.
func Train(ctx context.Context, e models.Engine, batchNorm bool) (*quantity.Subject, error) {
	set, err := dataset.Open("fmnist-mini", "")
	if err != nil {
		return nil, err
	}
	data, err := dataset.Build(set, dataset.Transform{Pool: 2, Train: 300, Test: 200})
	if err != nil {
		return nil, err
	}
	a, err := models.MLP(models.Shape{C: data.Shape.C, H: data.Shape.H, W: data.Shape.W}, data.Classes, models.MLPOptions{Width: 24, Depth: 3, BatchNorm: batchNorm})
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
