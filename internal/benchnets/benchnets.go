// Package benchnets are the networks whose speed is measured beside PyTorch's.
package benchnets

import (
	"fmt"

	"github.com/genbench/genbench/models"
)

// Net is a network and the batch that it is trained in.
type Net struct {
	Name  string
	Batch int
	Build func() (models.Architecture, error)
}

// Convolutional lists the convolutional ones. CNN28 is two 3x3 convolutions of 32 and 64 channels without padding, a pool and two dense layers; the VGG-like one has
// six convolutions of 32 to 128 channels with batch norm. The others are the published sizes: ResNet-18 of width 64, and NiN of 2 blocks of 192 channels.
func Convolutional() []Net {
	gray, colour := models.Shape{C: 1, H: 28, W: 28}, models.Shape{C: 3, H: 32, W: 32}
	conv := func(name string, channels, padding int) models.Layer {
		return models.Layer{Name: name, Kind: models.Conv2D, Channels: channels, Kernel: 3, Padding: padding}
	}
	relu := func(name string) models.Layer { return models.Layer{Name: name, Kind: models.ReLU} }
	return []Net{
		{"cnn28", 64, func() (models.Architecture, error) {
			return models.Build("cnn", gray, 10, []models.Layer{
				conv("conv1", 32, 0), relu("relu1"), conv("conv2", 64, 0), relu("relu2"),
				{Name: "pool", Kind: models.MaxPool, Kernel: 2, Stride: 2}, {Name: "flat", Kind: models.Flatten},
				{Name: "fc1", Kind: models.Dense, Out: 128}, relu("relu3"), {Name: "fc2", Kind: models.Dense},
			})
		}},
		{"vgg-like", 64, func() (models.Architecture, error) {
			var layers []models.Layer
			for i, channels := range []int{32, 32, 64, 64, 128, 128} {
				n := fmt.Sprint(i + 1)
				layers = append(layers, conv("conv"+n, channels, 1), models.Layer{Name: "bn" + n, Kind: models.BatchNorm}, relu("relu"+n))
				if i%2 == 1 {
					layers = append(layers, models.Layer{Name: "pool" + n, Kind: models.MaxPool, Kernel: 2, Stride: 2})
				}
			}
			return models.Build("vgg", colour, 10, append(layers, models.Layer{Name: "flat", Kind: models.Flatten}, models.Layer{Name: "fc", Kind: models.Dense}))
		}},
		{"resnet18", 64, func() (models.Architecture, error) {
			return models.ResNet(colour, 10, models.ResNetOptions{Layers: 18, Width: 64})
		}},
		{"nin", 64, func() (models.Architecture, error) {
			return models.NiN(colour, 10, models.NiNOptions{Width: 192, Depth: 2, BatchNorm: true})
		}},
	}
}

// MLPs are the small networks of dense layers.
func MLPs() []Net {
	mlp := func(in, out int, widths ...int) func() (models.Architecture, error) {
		return func() (models.Architecture, error) {
			return models.MLP(models.Shape{C: 1, H: 1, W: in}, out, models.MLPOptions{Widths: widths})
		}
	}
	return []Net{
		{"mlp784", 128, mlp(784, 10, 256, 256)},
		{"mlp64", 32, mlp(64, 10, 128, 128)},
	}
}
