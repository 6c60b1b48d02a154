package enginetest

import (
	"math"
	"slices"

	"github.com/genbench/genbench/models"
)

func (n *network64) forwardDense(p *pass, l int) {
	layer, in, out := n.arch.Layers[l], p.input(l), p.outs[l]
	w, b := n.tensors[n.first[l]], n.tensors[n.first[l]+1]
	for i := range p.n {
		for o := range layer.Out {
			sum := b[o]
			for j := range layer.In {
				sum += in[i*layer.In+j] * w[o*layer.In+j]
			}
			out[i*layer.Out+o] = sum
		}
	}
}

func (n *network64) backwardDense(p *pass, l int, delta, below []float64, grads [][]float64) {
	layer, in := n.arch.Layers[l], p.input(l)
	w, gw, gb := n.tensors[n.first[l]], grads[n.first[l]], grads[n.first[l]+1]
	for i := range p.n {
		for o := range layer.Out {
			d := delta[i*layer.Out+o]
			gb[o] += d
			for j := range layer.In {
				gw[o*layer.In+j] += d * in[i*layer.In+j]
				below[i*layer.In+j] += d * w[o*layer.In+j]
			}
		}
	}
}

// taps calls visit for every window of layer l and every place of it inside the image: place is the window's index in
// [H', W'] of what the layer writes, offset the index in the [Kernel, Kernel] window, pixel the index in [H, W] of what it reads.
func (n *network64) taps(l int, visit func(place, offset, pixel int)) {
	layer, in, out := n.arch.Layers[l], n.reads[l], n.writes[l]
	for oh := range out.H {
		for ow := range out.W {
			for kh := range layer.Kernel {
				for kw := range layer.Kernel {
					h, w := oh*layer.Stride+kh-layer.Padding, ow*layer.Stride+kw-layer.Padding
					if h >= 0 && h < in.H && w >= 0 && w < in.W {
						visit(oh*out.W+ow, kh*layer.Kernel+kw, h*in.W+w)
					}
				}
			}
		}
	}
}

// convTaps calls visit for every product of a convolution: indices into what the layer reads, its weight and what it writes.
func (n *network64) convTaps(l, rows int, visit func(from, weight, to int)) {
	in, out, k := n.reads[l], n.writes[l], n.arch.Layers[l].Kernel
	n.taps(l, func(place, offset, pixel int) {
		for i := range rows {
			for o := range out.C {
				for c := range in.C {
					visit((i*in.C+c)*in.H*in.W+pixel, (o*in.C+c)*k*k+offset, (i*out.C+o)*out.H*out.W+place)
				}
			}
		}
	})
}

func (n *network64) forwardConv(p *pass, l int) {
	in, out, w := p.input(l), p.outs[l], n.tensors[n.first[l]]
	n.convTaps(l, p.n, func(from, weight, to int) { out[to] += in[from] * w[weight] })
	if n.arch.Layers[l].NoBias {
		return
	}
	b, shape := n.tensors[n.first[l]+1], n.writes[l]
	for i := range out {
		out[i] += b[i/(shape.H*shape.W)%shape.C]
	}
}

func (n *network64) backwardConv(p *pass, l int, delta, below []float64, grads [][]float64) {
	in, w, gw := p.input(l), n.tensors[n.first[l]], grads[n.first[l]]
	n.convTaps(l, p.n, func(from, weight, to int) {
		gw[weight] += delta[to] * in[from]
		below[from] += delta[to] * w[weight]
	})
	if n.arch.Layers[l].NoBias {
		return
	}
	gb, shape := grads[n.first[l]+1], n.writes[l]
	for i, d := range delta {
		gb[i/(shape.H*shape.W)%shape.C] += d
	}
}

// forwardMaxPool visits a window in row order and keeps the first of equal values, as PyTorch does.
func (n *network64) forwardMaxPool(p *pass, l int) {
	in, out, from, to := p.input(l), p.outs[l], n.reads[l], n.writes[l]
	wins := make([]int, len(out))
	p.wins[l] = wins
	for i := range out {
		out[i], wins[i] = math.Inf(-1), -1
	}
	n.taps(l, func(place, _, pixel int) {
		for map2d := range p.n * from.C { // of example map2d/C, channel map2d%C
			at, i := map2d*from.H*from.W+pixel, map2d*to.H*to.W+place
			if v := in[at]; v > out[i] || wins[i] < 0 || math.IsNaN(v) {
				out[i], wins[i] = v, at
			}
		}
	})
}

// averages calls visit for every value that an average pooling reads, with its weight in what it writes.
func (n *network64) averages(l, rows int, visit func(from, to int, weight float64)) {
	layer, in, out := n.arch.Layers[l], n.reads[l], n.writes[l]
	if layer.Kind == models.GlobalAvgPool {
		for i := range rows * in.Size() {
			visit(i, i/(in.H*in.W), 1/float64(in.H*in.W))
		}
		return
	}
	n.taps(l, func(place, _, pixel int) {
		for map2d := range rows * in.C {
			visit(map2d*in.H*in.W+pixel, map2d*out.H*out.W+place, 1/float64(layer.Kernel*layer.Kernel))
		}
	})
}

func (n *network64) forwardBatchNorm(p *pass, l int, mode models.Mode) {
	layer, shape, in, out := n.arch.Layers[l], n.reads[l], p.input(l), p.outs[l]
	t := n.tensors[n.first[l]:]
	channel := func(i int) int { return i / (shape.H * shape.W) % shape.C }
	mean, variance := t[2], t[3]
	if mode == models.Learn {
		count := float64(p.n * shape.H * shape.W)
		mean, variance = make([]float64, shape.C), make([]float64, shape.C)
		for i, v := range in {
			mean[channel(i)] += v / count
		}
		for i, v := range in {
			c := v - mean[channel(i)]
			variance[channel(i)] += c * c / count
		}
		p.mean[l], p.vari[l] = mean, variance
	}
	p.inv[l] = make([]float64, shape.C)
	p.xhat[l] = make([]float64, len(in))
	for c := range shape.C {
		p.inv[l][c] = 1 / math.Sqrt(variance[c]+layer.Epsilon)
	}
	for i, v := range in {
		c := channel(i)
		p.xhat[l][i] = (v - mean[c]) * p.inv[l][c]
		out[i] = t[0][c]*p.xhat[l][i] + t[1][c]
	}
}

func (n *network64) backwardBatchNorm(p *pass, l int, mode models.Mode, delta, below []float64, grads [][]float64) {
	shape := n.reads[l]
	channel := func(i int) int { return i / (shape.H * shape.W) % shape.C }
	gamma := n.tensors[n.first[l]]
	ggamma, gbeta := make([]float64, shape.C), make([]float64, shape.C)
	for i, d := range delta {
		ggamma[channel(i)] += d * p.xhat[l][i]
		gbeta[channel(i)] += d
	}
	count := float64(p.n * shape.H * shape.W)
	for i, d := range delta {
		c := channel(i)
		below[i] = gamma[c] * p.inv[l][c] * d
		if mode == models.Learn {
			below[i] -= gamma[c] * p.inv[l][c] * (gbeta[c] + p.xhat[l][i]*ggamma[c]) / count
		}
	}
	for c := range shape.C {
		grads[n.first[l]][c] += ggamma[c]
		grads[n.first[l]+1][c] += gbeta[c]
	}
}

// kink is the least change of a value somewhere inside a pass that may change a derivative: the smallest |value| that a
// ReLU reads, and how far the largest value of a max pool's window is above the others. A ReLU's input of exactly 0 and
// values that are exactly equal do not count: they come from ReLUs, dropout and coarse inputs, and are so in float32 too.
func (n *network64) kink(p *pass) float64 {
	least := math.Inf(1)
	closer := func(d float64) {
		if d > 0 {
			least = math.Min(least, d)
		}
	}
	for l, layer := range n.arch.Layers {
		in, out, from, to := p.input(l), p.outs[l], n.reads[l], n.writes[l]
		switch layer.Kind {
		case models.ReLU:
			for _, v := range in {
				closer(math.Abs(v))
			}
		case models.MaxPool:
			n.taps(l, func(place, _, pixel int) {
				for map2d := range p.n * from.C {
					closer(out[map2d*to.H*to.W+place] - in[map2d*from.H*from.W+pixel])
				}
			})
		}
	}
	return least
}

// samePieces tells whether two passes take the same side of every ReLU's 0 and the same value from every max pool's
// window: between them the network is smooth.
func (n *network64) samePieces(p, q *pass) bool {
	for l, layer := range n.arch.Layers {
		switch layer.Kind {
		case models.ReLU:
			for i, v := range p.outs[l] {
				if (v > 0) != (q.outs[l][i] > 0) {
					return false
				}
			}
		case models.MaxPool:
			if !slices.Equal(p.wins[l], q.wins[l]) {
				return false
			}
		}
	}
	return true
}
