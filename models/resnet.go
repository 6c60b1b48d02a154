package models

import "fmt"

// ResNetOptions are what ResNets vary in.
type ResNetOptions struct {
	Layers int    // 18, 34, 50 or 101
	Width  int    // channels of the stem and the first stage, at least 1: 64 in the published ones
	Stem   string // one of [Stems]; "": [StemCIFAR]
}

// resNets has the blocks of each stage by the number of layers (He et al. 2015, arXiv 1512.03385, table 1).
var resNets = map[int]struct {
	blocks     [4]int
	bottleneck bool
}{
	18:  {[4]int{2, 2, 2, 2}, false},
	34:  {[4]int{3, 4, 6, 3}, false},
	50:  {[4]int{3, 4, 6, 3}, true},
	101: {[4]int{3, 4, 23, 3}, true},
}

// ResNet builds a residual network for small images: the stem is one 3x3 convolution of stride 1 without a pool, and four
// stages follow, of width, 2, 4 and 8 times as many channels, the last three halving the image. Convolutions have no bias
// and a batch norm behind them. Layers have the names of kuangliu/pytorch-cifar, which Gain and Siegelmann's code has, too (alexgain/cna-icml2020,
// legacy_code/models.py): conv1, bn1, relu; block b of stage s is
//
//	layerS.B.conv1 (3x3), .bn1, .relu1, .conv2 (3x3), .bn2                                     18 and 34 layers
//	layerS.B.conv1 (1x1), .bn1, .relu1, .conv2 (3x3), .bn2, .relu2, .conv3 (1x1, 4 times as many channels), .bn3   50 and 101
//	layerS.B.shortcut.0 (1x1), .shortcut.1 (batch norm)                                        where the shape changes
//	layerS.B.add, .relu
//
// and then avgpool (global) and linear. The stride is that of conv1 in a basic block and of conv2 in a bottleneck. [StemCNA] says in what Gain
// and Siegelmann's differ.
func ResNet(input Shape, classes int, o ResNetOptions) (Architecture, error) {
	family := fmt.Sprint("resnet", o.Layers)
	net, ok := resNets[o.Layers]
	switch {
	case !ok:
		return Architecture{}, fmt.Errorf("building resnet: %d layers: 18, 34, 50 and 101 are possible", o.Layers)
	case o.Width < 1:
		return Architecture{}, fmt.Errorf("building %s: %d channels: at least 1 is needed", family, o.Width)
	}
	padding, err := stemPadding(o.Stem, input)
	if err != nil {
		return Architecture{}, fmt.Errorf("building %s: %w", family, err)
	}
	b := residualBuilder{channels: o.Width}
	b.conv("conv1", Layer{Channels: o.Width, Kernel: 3, Padding: padding})
	b.add(Layer{Name: "bn1", Kind: BatchNorm})
	if o.Stem != StemCNA {
		b.add(Layer{Name: "relu", Kind: ReLU})
	}
	for s, blocks := range net.blocks {
		for i := range blocks {
			stride := 1
			if s > 0 && i == 0 {
				stride = 2
			}
			b.block(fmt.Sprintf("layer%d.%d.", s+1, i), o.Width<<s, stride, net.bottleneck)
		}
	}
	pool := Layer{Name: "avgpool", Kind: GlobalAvgPool}
	if o.Stem == StemCNA {
		pool = Layer{Name: "avgpool", Kind: AvgPool, Kernel: 4}
	}
	b.add(pool)
	b.add(Layer{Name: "linear", Kind: Dense})
	return built(family, input, classes, b.layers)
}

// residualBuilder collects layers; channels is the number that the last one writes.
type residualBuilder struct {
	layers   []Layer
	channels int
}

func (b *residualBuilder) add(l Layer) { b.layers = append(b.layers, l) }

func (b *residualBuilder) conv(name string, l Layer) {
	l.Name, l.Kind, l.NoBias = name, Conv2D, true
	b.add(l)
}

// block is one residual block of that many inner channels.
func (b *residualBuilder) block(prefix string, channels, stride int, bottleneck bool) {
	input := b.layers[len(b.layers)-1].Name
	convs := []Layer{{Channels: channels, Kernel: 3, Stride: stride, Padding: 1}, {Channels: channels, Kernel: 3, Padding: 1}}
	if bottleneck {
		convs = []Layer{{Channels: channels, Kernel: 1}, {Channels: channels, Kernel: 3, Stride: stride, Padding: 1}, {Channels: 4 * channels, Kernel: 1}}
	}
	for i, c := range convs {
		b.conv(fmt.Sprint(prefix, "conv", i+1), c)
		b.add(Layer{Name: fmt.Sprint(prefix, "bn", i+1), Kind: BatchNorm})
		if i < len(convs)-1 {
			b.add(Layer{Name: fmt.Sprint(prefix, "relu", i+1), Kind: ReLU})
		}
	}
	out := convs[len(convs)-1].Channels
	with := input
	if stride != 1 || b.channels != out {
		with = b.layers[len(b.layers)-1].Name
		shortcut := Layer{From: input, Channels: out, Kernel: 1, Stride: stride}
		b.conv(prefix+"shortcut.0", shortcut)
		b.add(Layer{Name: prefix + "shortcut.1", Kind: BatchNorm})
	}
	b.add(Layer{Name: prefix + "add", Kind: Add, With: with})
	b.add(Layer{Name: prefix + "relu", Kind: ReLU})
	b.channels = out
}
