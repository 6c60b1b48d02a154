package models

import "fmt"

// Stems: how VGG and ResNet begin.
const (
	StemCIFAR = "cifar" // a 3x3 convolution with padding 1; a ResNet has a ReLU behind it and a global mean at its end
	StemCNA   = "cna"   // Gain and Siegelmann's: padding that makes 28 and 32 pixels 36; a ResNet has no ReLU behind it and at its end the mean of the first 4x4 of 5x5 places
)

// Stems lists the names of the stems.
func Stems() []string { return []string{StemCIFAR, StemCNA} }

// VGGOptions are what VGG networks vary in.
type VGGOptions struct {
	Width     int     // channels of the first stage, at least 1: 64 in VGG-16
	Depth     int     // stages, 1 to 5: 5 in VGG-16
	Dense     int     // hidden dense layers behind the stages, as wide as the last stage; 0 in CNA's VGG-18
	Dropout   float64 // probability of zeroing a value behind each pool and each hidden dense layer, in [0, 1); 0: no dropout layers
	BatchNorm bool    // batch norm behind every convolution
	Stem      string  // one of [Stems]; "": [StemCIFAR]
}

// vggStages has the convolutions of each stage, and its channels in multiples of the first stage's (Simonyan and
// Zisserman 2014, arXiv 1409.1556, table 1, D).
var vggStages = []struct{ convolutions, channels int }{{2, 1}, {2, 2}, {3, 4}, {3, 8}, {3, 8}}

// VGG builds a VGG network. Convolution i, counted through from 1, is
//
//	convI (3x3, padding 1), bnI (batch norm), reluI
//
// each stage ends with poolS (max, 2x2) and dropS; behind the last stand hidden dense layers denseJ, denseReluJ,
// denseDropJ and the classifier, the last dense. bn and drop are present where asked. With width 64, depth 5, batch norm and no hidden
// dense layer it is what Gain and Siegelmann call VGG-18, the 13 convolutions of VGG-16 and one dense layer (alexgain/cna-icml2020,
// legacy_code/models.py; layers have its names), to which [StemCNA] adds their padding. With dropout and dense layers it is
// like those of PGDL (NeurIPS 2020), whose layers in detail are not known here.
func VGG(input Shape, classes int, o VGGOptions) (Architecture, error) {
	switch {
	case o.Depth < 1 || o.Depth > len(vggStages):
		return Architecture{}, fmt.Errorf("building vgg: %d stages: 1 to %d are possible", o.Depth, len(vggStages))
	case o.Width < 1 || o.Dense < 0:
		return Architecture{}, fmt.Errorf("building vgg: %d channels and %d hidden dense layers: at least 1 and 0 are needed", o.Width, o.Dense)
	case !(o.Dropout >= 0 && o.Dropout < 1):
		return Architecture{}, fmt.Errorf("building vgg: dropout %v is not in [0, 1)", o.Dropout)
	}
	padding, err := stemPadding(o.Stem, input)
	if err != nil {
		return Architecture{}, fmt.Errorf("building vgg: %w", err)
	}
	var layers []Layer
	add := func(l Layer) { layers = append(layers, l) }
	drop := func(name string) {
		if o.Dropout > 0 {
			add(Layer{Name: name, Kind: Dropout, Rate: o.Dropout})
		}
	}
	i := 0
	for s, stage := range vggStages[:o.Depth] {
		for range stage.convolutions {
			i++
			add(Layer{Name: fmt.Sprint("conv", i), Kind: Conv2D, Channels: o.Width * stage.channels, Kernel: 3, Padding: padding})
			padding = 1
			if o.BatchNorm {
				add(Layer{Name: fmt.Sprint("bn", i), Kind: BatchNorm})
			}
			add(Layer{Name: fmt.Sprint("relu", i), Kind: ReLU})
		}
		add(Layer{Name: fmt.Sprint("pool", s+1), Kind: MaxPool, Kernel: 2})
		drop(fmt.Sprint("drop", s+1))
	}
	for j := range o.Dense {
		add(Layer{Name: fmt.Sprint("dense", j+1), Kind: Dense, Out: o.Width * vggStages[o.Depth-1].channels})
		add(Layer{Name: fmt.Sprint("denseRelu", j+1), Kind: ReLU})
		drop(fmt.Sprint("denseDrop", j+1))
	}
	add(Layer{Name: fmt.Sprint("dense", o.Dense+1), Kind: Dense})
	return built("vgg", input, classes, layers)
}

// stemPadding is the padding of the first convolution, 3x3.
func stemPadding(stem string, input Shape) (int, error) {
	switch {
	case stem == "" || stem == StemCIFAR:
		return 1, nil
	case stem != StemCNA:
		return 0, fmt.Errorf("unknown stem %q (known: %s, %s)", stem, StemCIFAR, StemCNA)
	case input.H == 32 && input.W == 32:
		return 3, nil
	case input.H == 28 && input.W == 28:
		return 5, nil
	}
	return 0, fmt.Errorf("the stem %s is for images of 28 x 28 and 32 x 32, not %d x %d", StemCNA, input.H, input.W)
}
