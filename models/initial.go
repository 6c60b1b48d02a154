package models

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// Schemes lists the names of the initial-weight schemes of [InitialState].
func Schemes() []string { return []string{"pytorch", "glorot", "he"} }

// initialStream separates the streams of initial weights from others that may
// be given the same seed.
const initialStream = 0x696e6974 << 32 // "init"

// InitialState draws the tensors of an untrained network.
//
//	pytorch  weight and bias of a dense or conv2d layer ~ U(-b, b), b = 1/√In: what
//	         torch.nn.Linear and Conv2d do (kaiming_uniform_ with a = √5; PyTorch 1.13)
//	glorot   weight ~ U(-b, b), b = √(6 / (In + Out)); bias 0 (Glorot and
//	         Bengio 2010, eq. 16; torch.nn.init.xavier_uniform_)
//	he       weight ~ N(0, 2 / In); bias 0 (He et al. 2015, arXiv 1502.01852,
//	         eq. 10; torch.nn.init.kaiming_normal_, fan_in, relu)
//
// In and Out of a conv2d are torch's fan_in and fan_out: input and output channels times Kernel².
// Batch norm starts at weight 1, bias 0, running mean 0, running variance 1 in
// every scheme. The distributions are PyTorch's, the random numbers are not:
// tensor i of [Architecture.Tensors] is drawn in float64 from its own stream,
// PCG(seed, "init" + i), so it depends on the seed, its place and its size
// alone, and rounded to float32.
func InitialState(a Architecture, scheme string, seed uint64) (State, error) {
	if err := a.Validate(); err != nil {
		return nil, fmt.Errorf("drawing initial weights: %w", err)
	}
	if err := checkScheme(scheme); err != nil {
		return nil, fmt.Errorf("drawing initial weights: %w", err)
	}
	s := NewState(a)
	var src rand.PCG
	for i, t := range a.Tensors() {
		layer := a.Layers[t.Layer]
		src.Seed(seed, initialStream+uint64(i))
		switch layer.Kind {
		case Dense:
			drawWeights(s[i].Data, layer.In, layer.Out, scheme, len(t.Shape) == 1, &src)
		case Conv2D:
			window := layer.Kernel * layer.Kernel
			drawWeights(s[i].Data, a.Reads(t.Layer).C*window, layer.Channels*window, scheme, len(t.Shape) == 1, &src)
		case BatchNorm:
			if strings.HasSuffix(t.Name, ".weight") || strings.HasSuffix(t.Name, ".running_var") {
				fill(s[i].Data, 1)
			}
		}
	}
	return s, nil
}

func checkScheme(scheme string) error {
	for _, known := range Schemes() {
		if scheme == known {
			return nil
		}
	}
	return fmt.Errorf("unknown init %q (known: %s)", scheme, strings.Join(Schemes(), ", "))
}

// drawWeights fills the weight or bias of a layer of these fans.
func drawWeights(dst []float32, fanIn, fanOut int, scheme string, bias bool, src *rand.PCG) {
	in, out := float64(fanIn), float64(fanOut)
	switch {
	case scheme == "pytorch":
		drawUniform(dst, 1/math.Sqrt(in), src)
	case bias: // zero
	case scheme == "glorot":
		drawUniform(dst, math.Sqrt(6/(in+out)), src)
	case scheme == "he":
		drawNormal(dst, math.Sqrt(2/in), src)
	}
}

// drawUniform fills dst with U(-bound, bound).
func drawUniform(dst []float32, bound float64, src *rand.PCG) {
	for i := range dst {
		dst[i] = float32((2*unit(src) - 1) * bound)
	}
}

// drawNormal fills dst with N(0, std²) by the inverse of the distribution
// function: rand/v2's own normal draw may change its method with a Go release,
// and every corpus would change with it.
func drawNormal(dst []float32, std float64, src *rand.PCG) {
	for i := range dst {
		dst[i] = float32(std * math.Sqrt2 * math.Erfinv(2*unit(src)-1))
	}
}

// unit is uniform on the 2⁵² midpoints of equal intervals of (0, 1): never 0
// or 1, and 2·unit - 1 is exact and symmetric about 0.
func unit(src *rand.PCG) float64 {
	return (float64(src.Uint64()>>12) + 0.5) / (1 << 52)
}

func fill(dst []float32, v float32) {
	for i := range dst {
		dst[i] = v
	}
}
