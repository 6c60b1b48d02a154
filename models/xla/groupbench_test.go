//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/genbench/genbench/models"
)

// BenchmarkAugmented trains 16 small CNNs for 3 epochs on augmented images of two sizes: in groups, in groups without the augmentation, and one at a time, all on one device, compiled before.
func BenchmarkAugmented(b *testing.B) {
	e := testEngine(b, Options{}).(*engine)
	for _, size := range []int{8, 16} {
		shape := models.Shape{C: 3, H: size, W: size}
		a, err := models.Build("free", shape, 10, []models.Layer{
			{Kind: models.Conv2D, Channels: 8, Kernel: 3, Padding: 1}, {Kind: models.ReLU}, {Kind: models.MaxPool, Kernel: 2},
			{Kind: models.Conv2D, Channels: 16, Kernel: 3, Padding: 1}, {Kind: models.ReLU}, {Kind: models.GlobalAvgPool}, {Kind: models.Dense},
		})
		if err != nil {
			b.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		ex := models.Examples{X: make([]float32, 512*shape.Size()), Y: make([]int32, 512)}
		for i := range ex.X {
			ex.X[i] = float32(rng.NormFloat64())
		}
		for i := range ex.Y {
			ex.Y[i] = int32(rng.IntN(10))
		}
		training := models.Training{Optimizer: models.Optimizer{Name: "sgd", LearningRate: 0.01, Momentum: 0.9}, BatchSize: 2 * size, MaxEpochs: 3, Init: "he"}
		for _, way := range []struct {
			name    string
			train   func(*testing.B, models.Engine, models.Architecture, models.Training, models.Examples)
			augment models.Augmentation
		}{
			{"together", trainTogether, models.Augmentation{Crop: 2, Flip: true}}, {"together-plain", trainTogether, models.Augmentation{}},
			{"alone", trainAlone, models.Augmentation{Crop: 2, Flip: true}}, {"alone-plain", trainAlone, models.Augmentation{}},
		} {
			training.Augment = way.augment
			way.train(b, e, a, training, ex) // compiles
			b.Run(fmt.Sprintf("%dx%d/%s", size, size, way.name), func(b *testing.B) {
				for b.Loop() {
					way.train(b, e, a, training, ex)
				}
			})
		}
	}
}

const benchNetworks = 16

func benchSeeds(i int) models.Seeds {
	return models.Seeds{Init: uint64(i), Order: uint64(i), Augment: uint64(i)}
}

func trainTogether(b *testing.B, e models.Engine, a models.Architecture, t models.Training, ex models.Examples) {
	var jobs []models.Job
	for i := range benchNetworks {
		jobs = append(jobs, models.Job{
			Training: t, Seeds: benchSeeds(i), Examples: func() (models.Examples, error) { return ex, nil },
			Done: func(_ *models.Trained, err error) {
				if err != nil {
					b.Error(err)
				}
			},
		})
	}
	if err := models.TrainGroup(context.Background(), e.(models.Grouping), models.ShapeOf(a, t, ex.Len()), jobs); err != nil {
		b.Fatal(err)
	}
}

func trainAlone(b *testing.B, e models.Engine, a models.Architecture, t models.Training, ex models.Examples) {
	for i := range benchNetworks {
		if _, err := models.Train(context.Background(), e, a, t, benchSeeds(i), ex, nil); err != nil {
			b.Fatal(err)
		}
	}
}
