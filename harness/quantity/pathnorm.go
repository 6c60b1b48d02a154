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
// over all paths of the product of the squared weights (and the squared biases, each a path that begins at it); a max pool
// lets the largest of its window through, and a mean has weights of its own, which are not squared. It is
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
	ones := pathSums{values: make([]float64, arch.Input.Size())}
	for i := range ones.values {
		ones.values[i] = 1
	}
	paths := squaredForward(arch, state, ones)
	var sum float64
	for _, v := range paths.values {
		sum += v
	}
	if sum == 0 {
		return nil, undefined("no path from the input or a bias to a logit has weights that are not 0: the path norm has no logarithm")
	}
	return []payload{scalar("log_path_norm", paths.log+math.Log(sum))}, nil
}

// squaredForward runs an input through the network of squared weights and answers the logits.
func squaredForward(arch models.Architecture, state models.State, input pathSums) pathSums {
	from, shapes := arch.Sources(), arch.Shapes()
	outs := make([]pathSums, len(arch.Layers))
	read := func(l int) pathSums {
		if l == models.Input {
			return input
		}
		return outs[l]
	}
	next := 0
	for l, layer := range arch.Layers {
		in, shape := read(from[l]), arch.Input
		if from[l] >= 0 {
			shape = shapes[from[l]]
		}
		switch layer.Kind {
		case models.Dense:
			outs[l] = in.dense(state[next], state[next+1])
			next += 2
		case models.Conv2D:
			var bias []float32
			weight := state[next].Data
			if next++; !layer.NoBias {
				bias = state[next].Data
				next++
			}
			outs[l] = in.convolve(layer, shape, shapes[l], weight, bias)
		case models.MaxPool, models.AvgPool, models.GlobalAvgPool:
			outs[l] = in.pool(layer, shape, shapes[l])
		case models.Add:
			with, _ := arch.Summand(l)
			outs[l] = in.plus(read(with))
		default: // nothing is below 0, nothing is dropped when evaluating, a flatten moves nothing, and batch norm is folded in
			outs[l] = in
		}
	}
	return outs[len(outs)-1]
}

// pathSums are the squared network's outputs of one layer, exp(log)·values; the largest value is 1, or all are 0.
type pathSums struct {
	values []float64
	log    float64
}

// dense applies W² and b². Squares of float32 are at most 1e77, and sums of 2^20 of them are far from overflow.
func (p pathSums) dense(weight, bias models.Tensor) pathSums {
	in := len(p.values)
	out := make([]float64, len(bias.Data))
	scale, inputs, biases := p.units()
	for o := range out {
		var sum float64
		for i, w := range weight.Data[o*in : (o+1)*in] {
			sum += float64(w) * float64(w) * p.values[i]
		}
		b := float64(bias.Data[o])
		out[o] = inputs*sum + biases*b*b
	}
	return scaled(out, scale)
}

// units are those of outputs, exp(scale): the inputs', or 1 where that is smaller; and what inputs and biases are multiplied with for it.
func (p pathSums) units() (scale, inputs, biases float64) {
	scale = math.Max(p.log, 0)
	return scale, math.Exp(p.log - scale), math.Exp(-scale)
}

// scaled makes the largest value 1.
func scaled(values []float64, log float64) pathSums {
	largest := 0.0
	for _, v := range values {
		largest = math.Max(largest, v)
	}
	if largest > 0 {
		for o := range values {
			values[o] /= largest
		}
		log += math.Log(largest)
	}
	return pathSums{values, log}
}

// convolve applies squared kernels, [Channels, C, Kernel, Kernel], and biases, nil or [Channels].
func (p pathSums) convolve(l models.Layer, in, to models.Shape, weight, bias []float32) pathSums {
	out := make([]float64, to.Size())
	scale, inputs, biases := p.units()
	window := l.Kernel * l.Kernel
	squares := make([]float64, len(weight))
	for i, w := range weight {
		squares[i] = float64(w) * float64(w)
	}
	for o := range out {
		channel, y, x := o/(to.H*to.W), o/to.W%to.H, o%to.W
		var sum float64
		for c := range in.C {
			kernel := squares[(channel*in.C+c)*window:][:window]
			inWindow(l, in, y, x, func(k, at int) { sum += kernel[k] * p.values[c*in.H*in.W+at] })
		}
		out[o] = inputs * sum
		if bias != nil {
			b := float64(bias[channel])
			out[o] += biases * b * b
		}
	}
	return scaled(out, scale)
}

// pool takes the largest or the mean of windows.
func (p pathSums) pool(l models.Layer, in, to models.Shape) pathSums {
	out := make([]float64, to.Size())
	for o := range out {
		channel, y, x := o/(to.H*to.W), o/to.W%to.H, o%to.W
		image := p.values[channel*in.H*in.W:][:in.H*in.W]
		if l.Kind == models.GlobalAvgPool {
			for _, v := range image {
				out[o] += v / float64(len(image))
			}
			continue
		}
		inWindow(l, in, y, x, func(_, at int) {
			if l.Kind == models.MaxPool {
				out[o] = math.Max(out[o], image[at])
			} else {
				out[o] += image[at] / float64(l.Kernel*l.Kernel)
			}
		})
	}
	return scaled(out, p.log)
}

// plus adds two layers' sums.
func (p pathSums) plus(q pathSums) pathSums {
	scale := math.Max(p.log, q.log)
	one, two := math.Exp(p.log-scale), math.Exp(q.log-scale)
	out := make([]float64, len(p.values))
	for i := range out {
		out[i] = one*p.values[i] + two*q.values[i]
	}
	return scaled(out, scale)
}

// inWindow visits the pixels, [H, W] row by row, that the window of output y, x covers, with their place in the kernel.
func inWindow(l models.Layer, in models.Shape, y, x int, visit func(k, at int)) {
	for i := range l.Kernel {
		row := y*l.Stride - l.Padding + i
		if row < 0 || row >= in.H {
			continue
		}
		for j := range l.Kernel {
			if column := x*l.Stride - l.Padding + j; column >= 0 && column < in.W {
				visit(i*l.Kernel+j, row*in.W+column)
			}
		}
	}
}
