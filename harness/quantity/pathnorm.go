package quantity

import (
	"context"
	"math"
	"slices"

	"github.com/genbench/genbench/models"
)

// computePathNorm serves the natural logarithm of
//
//	Σ_j f_{w²}(1)_j
//
// the sum of the logits of the network with batch norm folded in whose weights and biases are all squared, at an
// input of ones, in evaluation mode. Every value in it is >= 0, so that ReLU does nothing and the sum is that
// over all paths of the product of the squared weights (and the squared biases, each a path that begins at it); a mean over places is a weight of one over their number on
// each, a residual sum joins the paths of both branches, and of a window of a max-pool the paths through its largest value count. It is
// computed in float64 with one scale per layer, so that no depth and no size overflows; the relative error
// of the sum is below 1e-12.
//
// Source: Jiang et al. 2019, arXiv:1912.02178, eq. 44; procedure of bneyshabur/generalization-bounds and
// nitarshan/robust-generalization-measures, measures.py. There a neutral batch norm stays behind and
// leaves a factor 1/√(1+ε) after every layer that had one, 5e-6 of the value.
func computePathNorm(ctx context.Context, p *Provider, _ arguments) ([]payload, error) {
	arch, state, err := models.Fuse(p.subject.Arch, p.subject.Final)
	if err != nil {
		return nil, undefined("%s", err)
	}
	from, shapes := arch.Sources(), arch.Shapes()
	ones := make([]float64, arch.Input.Size())
	for i := range ones {
		ones[i] = 1
	}
	written := make([]pathSums, len(arch.Layers))
	last := lastReaders(arch, from)
	for l, layer := range arch.Layers {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in, read := pathSums{values: ones}, arch.Input
		if from[l] != models.Input {
			in, read = written[from[l]], shapes[from[l]]
		}
		switch layer.Kind {
		case models.Dense:
			written[l] = in.dense(*state.Find(layer.Name + ".weight"), state.Find(layer.Name+".bias"))
		case models.Conv2D:
			written[l] = in.convolution(*state.Find(layer.Name + ".weight"), state.Find(layer.Name+".bias"), layer, read, shapes[l])
		case models.MaxPool, models.AvgPool, models.GlobalAvgPool:
			written[l] = in.pool(layer, read, shapes[l])
		case models.Add:
			with, _ := arch.Summand(l)
			written[l] = in.plus(written[with])
		case models.ReLU, models.Dropout, models.Flatten: // nothing below 0, nothing dropped when evaluating, the same order
			written[l] = in
		default:
			return nil, undefined("the path norm of a layer of kind %s is not defined here", layer.Kind)
		}
		for earlier := range l {
			if last[earlier] == l {
				written[earlier].values = nil
			}
		}
	}
	logits := written[len(written)-1]
	var sum float64
	for _, v := range logits.values {
		sum += v
	}
	if sum == 0 {
		return nil, undefined("no path from the input or a bias to a logit has weights that are not 0: the path norm has no logarithm")
	}
	return []payload{scalar("log_path_norm", logits.log+math.Log(sum))}, nil
}

// lastReaders answers, for each layer, the last that reads it.
func lastReaders(a models.Architecture, from []int) []int {
	last := make([]int, len(a.Layers))
	for l := range a.Layers {
		if from[l] != models.Input {
			last[from[l]] = l
		}
		if with, ok := a.Summand(l); ok {
			last[with] = l
		}
	}
	return last
}

// pathSums are what one layer of the squared network writes, exp(log)·values; the largest value is 1, or all are 0. They are not changed once made.
type pathSums struct {
	values []float64
	log    float64
}

// biased answers exp(log)·out + b², where out[o·spots..] are the values of output o. bias may be nil.
func (p pathSums) biased(out []float64, bias *models.Tensor, spots int) pathSums {
	// Outputs in units of exp(scale): the inputs' unit, or 1 where that is smaller.
	scale := p.log
	inputs, biases := 1.0, 0.0
	if bias != nil {
		scale = math.Max(p.log, 0)
		inputs, biases = math.Exp(p.log-scale), math.Exp(-scale)
	}
	for i := range out {
		out[i] *= inputs
		if bias != nil {
			b := float64(bias.Data[i/spots])
			out[i] += biases * b * b
		}
	}
	return scaled(out, scale)
}

// scaled are exp(log)·values with the largest of them 1.
func scaled(values []float64, log float64) pathSums {
	if largest := slices.Max(values); largest > 0 {
		for i := range values {
			values[i] /= largest
		}
		log += math.Log(largest)
	}
	return pathSums{values, log}
}

// dense applies W² and b². Squares of float32 are at most 1e77, and sums of 2^20 of them are far from overflow.
func (p pathSums) dense(weight models.Tensor, bias *models.Tensor) pathSums {
	in := len(p.values)
	out := make([]float64, weight.Shape[0])
	for o := range out {
		var sum float64
		for i, w := range weight.Data[o*in : (o+1)*in] {
			sum += float64(w) * float64(w) * p.values[i]
		}
		out[o] = sum
	}
	return p.biased(out, bias, 1)
}

// convolution applies the kernel's squares to a map of shape read, and b².
func (p pathSums) convolution(weight models.Tensor, bias *models.Tensor, l models.Layer, read, write models.Shape) pathSums {
	out := make([]float64, write.Size())
	area, taps := write.H*write.W, l.Kernel*l.Kernel
	for o := range write.C {
		kernel := weight.Data[o*read.C*taps:][:read.C*taps]
		places := out[o*area:][:area]
		for c := range read.C {
			image := p.values[c*read.H*read.W:][:read.H*read.W]
			for t := range taps {
				w := float64(kernel[c*taps+t])
				if w == 0 {
					continue
				}
				w *= w
				for y := range write.H {
					sy := y*l.Stride + t/l.Kernel - l.Padding
					if sy < 0 || sy >= read.H {
						continue
					}
					row, line := places[y*write.W:][:write.W], image[sy*read.W:][:read.W]
					for x := range row {
						if sx := x*l.Stride + t%l.Kernel - l.Padding; sx >= 0 && sx < read.W {
							row[x] += w * line[sx]
						}
					}
				}
			}
		}
	}
	return p.biased(out, bias, area)
}

// pool takes the largest value or the mean of each window; a global mean's window is the map.
func (p pathSums) pool(l models.Layer, read, write models.Shape) pathSums {
	height, width := l.Kernel, l.Kernel
	if l.Kind == models.GlobalAvgPool {
		height, width = read.H, read.W
	}
	out := make([]float64, 0, write.Size())
	for c := range write.C {
		image := p.values[c*read.H*read.W:][:read.H*read.W]
		for y := range write.H {
			for x := range write.W {
				var sum, largest float64
				for sy := max(0, y*l.Stride-l.Padding); sy < min(read.H, y*l.Stride-l.Padding+height); sy++ {
					for sx := max(0, x*l.Stride-l.Padding); sx < min(read.W, x*l.Stride-l.Padding+width); sx++ {
						v := image[sy*read.W+sx]
						sum, largest = sum+v, math.Max(largest, v)
					}
				}
				if l.Kind == models.MaxPool {
					out = append(out, largest)
				} else {
					out = append(out, sum/float64(height*width))
				}
			}
		}
	}
	return scaled(out, p.log)
}

// plus adds what two branches write.
func (p pathSums) plus(q pathSums) pathSums {
	log := math.Max(p.log, q.log)
	if slices.Max(p.values) == 0 { // whose scale says nothing
		log = q.log
	} else if slices.Max(q.values) == 0 {
		log = p.log
	}
	a, b := math.Exp(math.Min(p.log-log, 0)), math.Exp(math.Min(q.log-log, 0))
	out := make([]float64, len(p.values))
	for i := range out {
		out[i] = a*p.values[i] + b*q.values[i]
	}
	return scaled(out, log)
}
