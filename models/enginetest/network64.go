package enginetest

import (
	"math"

	"github.com/genbench/genbench/models"
)

// network64 is the suite's own network, in float64 throughout and in the
// plainest loops: what engines are held against. It shares with them the
// architecture, the tensors' order and models.DropoutMask, nothing else.
type network64 struct {
	arch    models.Architecture
	tensors [][]float64 // in the order of Architecture.Tensors
	first   []int       // index of each layer's first tensor
}

func newNetwork64(a models.Architecture, s models.State) *network64 {
	n := &network64{arch: a, first: make([]int, len(a.Layers))}
	for _, t := range s {
		n.tensors = append(n.tensors, widen(t.Data))
	}
	at := 0
	for l, layer := range a.Layers {
		n.first[l] = at
		switch layer.Kind {
		case models.Dense:
			at += 2
		case models.BatchNorm:
			at += 4
		}
	}
	return n
}

// pass is one forward run: what each layer wrote and what its derivative needs.
type pass struct {
	n    int
	x    []float64   // [N, D]
	outs [][]float64 // of layer l, [N, Out]
	keep [][]float64 // dropout: [N, Out], 0 or 1/(1-rate)
	xhat [][]float64 // batch norm: normalised inputs [N, Out]
	mean [][]float64 // batch norm: the batch's mean [Out]
	vari [][]float64 // batch norm: the batch's biased variance [Out]
	inv  [][]float64 // batch norm: 1/√(variance used + ε) [Out]
}

// input is what layer l read.
func (p *pass) input(l int) []float64 {
	if l == 0 {
		return p.x
	}
	return p.outs[l-1]
}

// forward runs x through the network. It changes nothing in the network.
func (n *network64) forward(x []float64, rows int, mode models.Mode, d models.Draw) *pass {
	layers := len(n.arch.Layers)
	p := &pass{n: rows, x: x, outs: make([][]float64, layers), keep: make([][]float64, layers),
		xhat: make([][]float64, layers), mean: make([][]float64, layers), vari: make([][]float64, layers), inv: make([][]float64, layers)}
	for l, layer := range n.arch.Layers {
		in := p.input(l)
		out := make([]float64, rows*layer.Out)
		p.outs[l] = out
		switch layer.Kind {
		case models.Dense:
			w, b := n.tensors[n.first[l]], n.tensors[n.first[l]+1]
			for i := range rows {
				for o := range layer.Out {
					sum := b[o]
					for j := range layer.In {
						sum += in[i*layer.In+j] * w[o*layer.In+j]
					}
					out[i*layer.Out+o] = sum
				}
			}
		case models.ReLU:
			for i, v := range in {
				if v > 0 {
					out[i] = v
				}
			}
		case models.Dropout:
			copy(out, in)
			if mode == models.Learn {
				keep := make([]float32, len(in))
				models.DropoutMask(keep, layer.Rate, d, l)
				p.keep[l] = widen(keep)
				for i := range out {
					out[i] *= p.keep[l][i]
				}
			}
		case models.BatchNorm:
			n.forwardBatchNorm(p, l, layer, mode)
		}
	}
	return p
}

func (n *network64) forwardBatchNorm(p *pass, l int, layer models.Layer, mode models.Mode) {
	in, out := p.input(l), p.outs[l]
	t := n.tensors[n.first[l]:]
	mean, variance := t[2], t[3]
	if mode == models.Learn {
		mean, variance = make([]float64, layer.Out), make([]float64, layer.Out)
		for o := range layer.Out {
			for i := range p.n {
				mean[o] += in[i*layer.Out+o] / float64(p.n)
			}
			for i := range p.n {
				c := in[i*layer.Out+o] - mean[o]
				variance[o] += c * c / float64(p.n)
			}
		}
		p.mean[l], p.vari[l] = mean, variance
	}
	p.inv[l] = make([]float64, layer.Out)
	p.xhat[l] = make([]float64, len(in))
	for o := range layer.Out {
		p.inv[l][o] = 1 / math.Sqrt(variance[o]+layer.Epsilon)
	}
	for i := range in {
		o := i % layer.Out
		p.xhat[l][i] = (in[i] - mean[o]) * p.inv[l][o]
		out[i] = t[0][o]*p.xhat[l][i] + t[1][o]
	}
}

// loss is the mean cross-entropy of a pass, in nats.
func (n *network64) loss(p *pass, y []int32) float64 {
	k := n.arch.Classes
	logits := p.outs[len(p.outs)-1]
	var sum float64
	for i := range p.n {
		row := logits[i*k:][:k]
		sum += logSumExp(row) - row[y[i]]
	}
	return sum / float64(p.n)
}

// backward is the gradient of the loss of a pass with respect to every tensor;
// running statistics get 0.
func (n *network64) backward(p *pass, y []int32, mode models.Mode) [][]float64 {
	k := n.arch.Classes
	logits := p.outs[len(p.outs)-1]
	seed := make([]float64, len(logits))
	for i := range p.n {
		row := logits[i*k:][:k]
		norm := logSumExp(row)
		for c := range k {
			seed[i*k+c] = math.Exp(row[c]-norm) / float64(p.n)
		}
		seed[i*k+int(y[i])] -= 1 / float64(p.n)
	}
	grads, _ := n.backwardFrom(p, seed, mode)
	return grads
}

// backwardFrom takes a gradient with respect to the logits, [N, K], down: to every tensor, and to
// what every layer reads, [N, In].
func (n *network64) backwardFrom(p *pass, seed []float64, mode models.Mode) (grads, inputs [][]float64) {
	grads, inputs = make([][]float64, len(n.tensors)), make([][]float64, len(n.arch.Layers))
	for i, t := range n.tensors {
		grads[i] = make([]float64, len(t))
	}
	delta := seed // with respect to what layer l wrote
	for l := len(n.arch.Layers) - 1; l >= 0; l-- {
		layer, in := n.arch.Layers[l], p.input(l)
		below := make([]float64, p.n*layer.In)
		switch layer.Kind {
		case models.Dense:
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
		case models.ReLU:
			for i, v := range in {
				if v > 0 {
					below[i] = delta[i]
				}
			}
		case models.Dropout:
			copy(below, delta)
			if mode == models.Learn {
				for i := range below {
					below[i] *= p.keep[l][i]
				}
			}
		case models.BatchNorm:
			n.backwardBatchNorm(p, l, layer, mode, delta, below, grads)
		}
		delta, inputs[l] = below, below
	}
	return grads, inputs
}

func (n *network64) backwardBatchNorm(p *pass, l int, layer models.Layer, mode models.Mode, delta, below []float64, grads [][]float64) {
	gamma := n.tensors[n.first[l]]
	ggamma, gbeta := grads[n.first[l]], grads[n.first[l]+1]
	for i, d := range delta {
		ggamma[i%layer.Out] += d * p.xhat[l][i]
		gbeta[i%layer.Out] += d
	}
	for i, d := range delta {
		o := i % layer.Out
		below[i] = gamma[o] * p.inv[l][o] * d
		if mode == models.Learn {
			below[i] -= gamma[o] * p.inv[l][o] * (gbeta[o] + p.xhat[l][i]*ggamma[o]) / float64(p.n)
		}
	}
}

// gradient is loss and gradient on a batch; a Learn pass updates the running
// statistics of the network, with the unbiased variance as PyTorch does.
func (n *network64) gradient(x []float32, y []int32, mode models.Mode, d models.Draw) (float64, [][]float64) {
	p := n.forward(widen(x), len(y), mode, d)
	grads := n.backward(p, y, mode)
	for l, layer := range n.arch.Layers {
		if layer.Kind != models.BatchNorm || mode != models.Learn {
			continue
		}
		t := n.tensors[n.first[l]:]
		for o := range layer.Out {
			unbiased := p.vari[l][o] * float64(p.n) / float64(p.n-1)
			t[2][o] += layer.Momentum * (p.mean[l][o] - t[2][o])
			t[3][o] += layer.Momentum * (unbiased - t[3][o])
		}
	}
	return n.loss(p, y), grads
}

// difference is the central finite difference of the loss with respect to one value.
func (n *network64) difference(tensor, index int, x []float64, y []int32, mode models.Mode, d models.Draw) float64 {
	// The error is about h² f‴/6 + 1e-16 f/h: 1e-10 at this h for losses and
	// third derivatives of order 1.
	const h = 1e-6
	v := &n.tensors[tensor][index]
	was := *v
	*v = was + h
	up := n.loss(n.forward(x, len(y), mode, d), y)
	*v = was - h
	down := n.loss(n.forward(x, len(y), mode, d), y)
	*v = was
	return (up - down) / (2 * h)
}

// kink is the smallest |value| that any ReLU reads in a pass: below it a
// difference of that size in the inputs could change the derivative.
func (n *network64) kink(p *pass) float64 {
	least := math.Inf(1)
	for l, layer := range n.arch.Layers {
		if layer.Kind != models.ReLU || l > 0 && n.arch.Layers[l-1].Kind == models.ReLU {
			continue
		}
		for _, v := range p.input(l) {
			least = math.Min(least, math.Abs(v))
		}
	}
	return least
}

func logSumExp(row []float64) float64 {
	top := math.Inf(-1)
	for _, v := range row {
		top = math.Max(top, v)
	}
	var sum float64
	for _, v := range row {
		sum += math.Exp(v - top)
	}
	return top + math.Log(sum)
}

func widen(x []float32) []float64 {
	w := make([]float64, len(x))
	for i, v := range x {
		w[i] = float64(v)
	}
	return w
}
