package quantity

import (
	"context"
	"math"

	"github.com/genbench/genbench/models"
)

// computePathNorm serves the natural logarithm of
//
//	Σ_j f_{w²}(1)_j
//
// the sum of the logits of the network with batch norm folded in whose weights and biases are all squared, at an
// input of ones, in evaluation mode. Every value in it is >= 0, so that ReLU does nothing and the sum is that
// over all paths of the product of the squared weights (and the squared biases, each a path that begins at it). It is
// computed in float64 with one scale per layer, so that no depth and no size overflows; the relative error
// of the sum is below 1e-12.
//
// Source: Jiang et al. 2019, arXiv:1912.02178, eq. 44; procedure of bneyshabur/generalization-bounds and
// nitarshan/robust-generalization-measures, measures.py. There a neutral batch norm stays behind and
// leaves a factor 1/√(1+ε) after every layer that had one, 5e-6 of the value.
func computePathNorm(_ context.Context, p *Provider, _ arguments) ([]payload, error) {
	arch, state, err := models.Fuse(p.subject.Arch, p.subject.Final)
	if err != nil {
		return nil, undefined("%s", err)
	}
	paths := pathSums{values: make([]float64, arch.Input.Size())}
	for i := range paths.values {
		paths.values[i] = 1
	}
	next := 0
	for _, layer := range arch.Layers {
		switch layer.Kind {
		case models.Dense:
			paths.dense(state[next], state[next+1])
			next += 2
		case models.ReLU, models.Dropout: // nothing below 0, nothing dropped when evaluating
		default:
			return nil, undefined("the path norm of a layer of kind %s is not defined here", layer.Kind)
		}
	}
	var sum float64
	for _, v := range paths.values {
		sum += v
	}
	if sum == 0 {
		return nil, undefined("no path from the input or a bias to a logit has weights that are not 0: the path norm has no logarithm")
	}
	return []payload{scalar("log_path_norm", paths.log+math.Log(sum))}, nil
}

// pathSums are the squared network's outputs of one layer, exp(log)·values; the largest value is 1, or all are 0.
type pathSums struct {
	values []float64
	log    float64
}

// dense applies W² and b². Squares of float32 are at most 1e77, and sums of 2^20 of them are far from overflow.
func (p *pathSums) dense(weight, bias models.Tensor) {
	in := len(p.values)
	out := make([]float64, len(bias.Data))
	// Outputs in units of exp(scale): the inputs' unit, or 1 where that is smaller.
	scale := math.Max(p.log, 0)
	inputs, biases := math.Exp(p.log-scale), math.Exp(-scale)
	largest := 0.0
	for o := range out {
		var sum float64
		for i, w := range weight.Data[o*in : (o+1)*in] {
			sum += float64(w) * float64(w) * p.values[i]
		}
		b := float64(bias.Data[o])
		out[o] = inputs*sum + biases*b*b
		largest = math.Max(largest, out[o])
	}
	if largest > 0 {
		for o := range out {
			out[o] /= largest
		}
		scale += math.Log(largest)
	}
	p.values, p.log = out, scale
}
