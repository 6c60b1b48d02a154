package main

import (
	"fmt"

	"github.com/genbench/genbench/models"
)

// net is a convolutional network that both sides train.
type net struct {
	name  string
	batch int
	build func() (models.Architecture, error)
}

// nets lists them. CNN28 is two 3x3 convolutions of 32 and 64 channels without padding, a pool and two dense layers; the VGG-like one has
// six convolutions of 32 to 128 channels with batch norm. The others are the published sizes: ResNet-18 of width 64, and NiN of 2 blocks of 192 channels.
func nets() []net {
	gray, colour := models.Shape{C: 1, H: 28, W: 28}, models.Shape{C: 3, H: 32, W: 32}
	conv := func(name string, channels, padding int) models.Layer {
		return models.Layer{Name: name, Kind: models.Conv2D, Channels: channels, Kernel: 3, Padding: padding}
	}
	relu := func(name string) models.Layer { return models.Layer{Name: name, Kind: models.ReLU} }
	return []net{
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

// architecture builds the row's network.
func (r row) architecture() (models.Architecture, error) {
	for _, n := range nets() {
		if n.name == r.Net {
			return n.build()
		}
	}
	last := len(r.Widths) - 1
	return models.MLP(models.Shape{C: 1, H: 1, W: r.Widths[0]}, r.Widths[last], models.MLPOptions{Widths: r.Widths[1:last], BatchNorm: r.BatchNorm})
}
