package slides

import "github.com/genbench/genbench/harness/figure"

// What the slides show, read off their bitmaps (cna_slides.pdf of alexgain/cna-icml2020): bars to ±0.002, curves to
// about ±0.02.

// publishedEpoch0 are the test losses before training of the most complex 20, 40, 60, 80 and 100 % of MNIST's test images. They are
// to each other as 1/fraction, and the last is ln(10)/128: whole losses of batches of 128 over the size of a part.
var publishedEpoch0 = []float64{0.0911, 0.0455, 0.0303, 0.0228, 0.0183}

// publishedBatch is the size of the batches in that normalisation.
const publishedBatch = 128

// publishedBatchCNA is the CNA of batches of 128 of an MLP 784-500-500-500-10 on MNIST, against the mini-batch:
// the beginning, the dip, where it bends, and where it stays.
var publishedBatchCNA = [2]figure.Values{{0, 320, 450, 600, 2345}, {0.2, -0.7, 0, 0.7, 0.7}}

// publishedBatchLoss is the training loss beside it.
var publishedBatchLoss = [2]figure.Values{{0, 2345}, {2.30, 0.2}}

// publishedAccuracy is the moving average of CNA against test accuracy, in percent, of close to 200 networks and
// checkpoints; its band is about ±0.2 below 75 %.
var publishedAccuracy = [2]figure.Values{{28, 40, 57, 70, 80, 89, 96}, {0.20, 0.20, 0.06, 0.17, 0.42, 0.63, 0.87}}

// bars are the columns of a published figure of correlations, for All and the architectures: CNA-Margin, L2, L2-path, spectral norm, the 2018 bound.
type bars map[string][5]float64

var (
	publishedNoise = bars{
		"all": {.878, .221, .264, .220, .220}, "mlp": {.946, .208, .203, .203, .207}, "vgg": {.902, .539, .544, .543, .544},
		"resnet": {.923, .446, .451, .447, .447}, "resnet101": {.885, .422, .460, .421, .421},
	}
	publishedShuffled = bars{
		"all": {.481, .129, .054, .106, .104}, "mlp": {.707, .030, .030, .030, .030}, "vgg": {.657, .318, .184, .274, .276},
		"resnet": {.574, .275, .253, .221, .219},
	}
	publishedStandard = bars{
		"all": {.796, .356, .423, .356, .356}, "mlp": {.720, .649, .646, .606, .619}, "vgg": {.843, .734, .741, .740, .741},
		"resnet": {.876, .726, .734, .728, .728}, "resnet101": {.772, .663, .726, .662, .662},
	}
)
