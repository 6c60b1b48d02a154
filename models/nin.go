package models

import "fmt"

// NiNOptions are what networks in network vary in.
type NiNOptions struct {
	Width     int     // channels of every block, at least 1; FGM: 2·96, 4·96, 8·96
	Depth     int     // blocks, at least 1; FGM: 2, 4, 8
	Dropout   float64 // probability of zeroing a value at the end of a block, in [0, 1); 0: no dropout layers
	BatchNorm bool    // batch norm behind every convolution
}

// NiN builds the network in network of Jiang et al. 2019 (arXiv 1912.02178, appendix A), as its follow-up publishes it
// (nitarshan/robust-generalization-measures, data/generation/models.py; layers have its names). Block i, from 0, is
//
//	blocks.i.conv1 (3x3, stride 2, padding 1), .bn1, .relu1, .conv2 (1x1), .bn2, .relu2, .conv3 (1x1), .bn3, .relu3, .drop
//
// and behind the blocks stand
//
//	conv (1x1, one channel a class), bn, relu, avgpool (global)
//
// whose means are the logits; bn and drop are present where asked. Convolutions have biases. The published code always
// has batch norm and no dropout; where dropout stands, at the end of a block, is as FGM's text has it, from memory. The
// logits of a ReLU are never negative: that is the published network, and original NiN's (arXiv 1312.4400).
func NiN(input Shape, classes int, o NiNOptions) (Architecture, error) {
	if o.Depth < 1 || o.Width < 1 {
		return Architecture{}, fmt.Errorf("building nin: %d blocks of %d channels: at least 1 of each is needed", o.Depth, o.Width)
	}
	if !(o.Dropout >= 0 && o.Dropout < 1) {
		return Architecture{}, fmt.Errorf("building nin: dropout %v is not in [0, 1)", o.Dropout)
	}
	var layers []Layer
	conv := func(prefix, number string, c Layer) {
		c.Name, c.Kind = prefix+"conv"+number, Conv2D
		layers = append(layers, c)
		if o.BatchNorm {
			layers = append(layers, Layer{Name: prefix + "bn" + number, Kind: BatchNorm})
		}
		layers = append(layers, Layer{Name: prefix + "relu" + number, Kind: ReLU})
	}
	for i := range o.Depth {
		prefix := fmt.Sprintf("blocks.%d.", i)
		conv(prefix, "1", Layer{Channels: o.Width, Kernel: 3, Stride: 2, Padding: 1})
		conv(prefix, "2", Layer{Channels: o.Width, Kernel: 1})
		conv(prefix, "3", Layer{Channels: o.Width, Kernel: 1})
		if o.Dropout > 0 {
			layers = append(layers, Layer{Name: prefix + "drop", Kind: Dropout, Rate: o.Dropout})
		}
	}
	conv("", "", Layer{Kernel: 1})
	layers = append(layers, Layer{Name: "avgpool", Kind: GlobalAvgPool})
	return built("nin", input, classes, layers)
}

// built is Build for the architectures of this package.
func built(family string, input Shape, classes int, layers []Layer) (Architecture, error) {
	a, err := Build(family, input, classes, layers)
	if err != nil {
		return Architecture{}, fmt.Errorf("building %s: %w", family, err)
	}
	return a, nil
}
