package enginetest

import (
	"math"
	"slices"

	"github.com/genbench/genbench/models"
)

// network64 is the suite's own network, in float64 throughout and in the
// plainest loops: what engines are held against. It shares with them the
// architecture, the tensors' order and models.DropoutMask, nothing else.
type network64 struct {
	arch    models.Architecture
	tensors [][]float64    // in the order of Architecture.Tensors
	first   []int          // index of each layer's first tensor
	from    []int          // the layer whose output each layer reads, or models.Input
	with    []int          // the second summand of an add; -1 of other kinds
	reads   []models.Shape // of each layer
	writes  []models.Shape
}

func newNetwork64(a models.Architecture, s models.State) *network64 {
	n := &network64{arch: a, first: make([]int, len(a.Layers)), from: a.Sources(), writes: a.Shapes()}
	for i, t := range a.Tensors() {
		n.tensors = append(n.tensors, widen(s[i].Data))
		if i == 0 || a.Tensors()[i-1].Layer != t.Layer {
			n.first[t.Layer] = i
		}
	}
	for l := range a.Layers {
		n.reads = append(n.reads, a.Reads(l))
		with, ok := a.Summand(l)
		if !ok {
			with = -1
		}
		n.with = append(n.with, with)
	}
	return n
}

// pass is one forward run: what each layer wrote and what its derivative needs.
type pass struct {
	n    int
	from []int       // of the network
	x    []float64   // [N, D]
	outs [][]float64 // of layer l, [N, Out]
	keep [][]float64 // dropout: [N, Out], 0 or 1/(1-rate)
	xhat [][]float64 // batch norm: normalised inputs [N, Out]
	mean [][]float64 // batch norm: the batch's mean [C]
	vari [][]float64 // batch norm: the batch's biased variance [C]
	inv  [][]float64 // batch norm: 1/√(variance used + ε) [C]
	wins [][]int     // max pooling: the index of each window's largest value in what the layer reads [N, Out]
}

// value is what layer l wrote, the input for models.Input.
func (p *pass) value(l int) []float64 {
	if l == models.Input {
		return p.x
	}
	return p.outs[l]
}

// input is what layer l read.
func (p *pass) input(l int) []float64 { return p.value(p.from[l]) }

// forward runs x through the network. It changes nothing in the network.
func (n *network64) forward(x []float64, rows int, mode models.Mode, d models.Draw) *pass {
	layers := len(n.arch.Layers)
	p := &pass{n: rows, from: n.from, x: x, outs: make([][]float64, layers), keep: make([][]float64, layers), xhat: make([][]float64, layers),
		mean: make([][]float64, layers), vari: make([][]float64, layers), inv: make([][]float64, layers), wins: make([][]int, layers)}
	n.run(p, 0, mode, d)
	return p
}

// resume is the pass with in, [N, In], as what layer l reads, for it and for all readers of the same value behind it.
func (n *network64) resume(p *pass, l int, in []float64, mode models.Mode, d models.Draw) *pass {
	q := &pass{n: p.n, from: p.from, x: p.x, outs: slices.Clone(p.outs), keep: slices.Clone(p.keep), xhat: slices.Clone(p.xhat),
		mean: slices.Clone(p.mean), vari: slices.Clone(p.vari), inv: slices.Clone(p.inv), wins: slices.Clone(p.wins)}
	if from := n.from[l]; from == models.Input {
		q.x = in
	} else {
		q.outs[from] = in
	}
	n.run(q, l, mode, d)
	return q
}

// run computes the layers from l on.
func (n *network64) run(p *pass, l int, mode models.Mode, d models.Draw) {
	for ; l < len(n.arch.Layers); l++ {
		layer, in := n.arch.Layers[l], p.input(l)
		out := make([]float64, p.n*layer.Out)
		p.outs[l] = out
		switch layer.Kind {
		case models.Dense:
			n.forwardDense(p, l)
		case models.Conv2D:
			n.forwardConv(p, l)
		case models.MaxPool:
			n.forwardMaxPool(p, l)
		case models.AvgPool, models.GlobalAvgPool:
			n.averages(l, p.n, func(from, to int, weight float64) { out[to] += weight * in[from] })
		case models.BatchNorm:
			n.forwardBatchNorm(p, l, mode)
		case models.Flatten:
			copy(out, in)
		case models.Add:
			for i, v := range p.value(n.with[l]) {
				out[i] = in[i] + v
			}
		case models.ReLU:
			for i, v := range in {
				if !(v <= 0) { // a NaN stays one
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
		default:
			panic("the suite has no " + string(layer.Kind))
		}
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
// what every layer reads, [N, In]: the sum of its own part and those of the readers of the same value behind it.
func (n *network64) backwardFrom(p *pass, seed []float64, mode models.Mode) (grads, inputs [][]float64) {
	layers := len(n.arch.Layers)
	grads, inputs = make([][]float64, len(n.tensors)), make([][]float64, layers)
	for i, t := range n.tensors {
		grads[i] = make([]float64, len(t))
	}
	sums := make([][]float64, layers+1) // with respect to what layer l-1 wrote, by its readers so far; 0 is the input
	sums[0] = make([]float64, len(p.x))
	for l, out := range p.outs {
		sums[l+1] = make([]float64, len(out))
	}
	copy(sums[layers], seed)
	for l := layers - 1; l >= 0; l-- {
		delta := sums[l+1]
		below := n.backwardLayer(p, l, mode, delta, grads)
		sum := sums[n.from[l]+1]
		for i, v := range below {
			sum[i] += v
		}
		if n.with[l] >= 0 {
			for i, v := range delta {
				sums[n.with[l]+1][i] += v
			}
		}
		inputs[l] = slices.Clone(sum)
	}
	return grads, inputs
}

// backwardLayer takes delta, [N, Out], through one layer: it adds to the gradients of its tensors and answers that of
// what it reads, [N, In].
func (n *network64) backwardLayer(p *pass, l int, mode models.Mode, delta []float64, grads [][]float64) []float64 {
	layer, in := n.arch.Layers[l], p.input(l)
	below := make([]float64, len(in))
	switch layer.Kind {
	case models.Dense:
		n.backwardDense(p, l, delta, below, grads)
	case models.Conv2D:
		n.backwardConv(p, l, delta, below, grads)
	case models.MaxPool:
		for i, d := range delta {
			below[p.wins[l][i]] += d
		}
	case models.AvgPool, models.GlobalAvgPool:
		n.averages(l, p.n, func(from, to int, weight float64) { below[from] += weight * delta[to] })
	case models.BatchNorm:
		n.backwardBatchNorm(p, l, mode, delta, below, grads)
	case models.Flatten, models.Add:
		copy(below, delta)
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
	}
	return below
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
		count := float64(p.n * n.reads[l].H * n.reads[l].W)
		for c := range n.reads[l].C {
			unbiased := p.vari[l][c] * count / (count - 1)
			t[2][c] += layer.Momentum * (p.mean[l][c] - t[2][c])
			t[3][c] += layer.Momentum * (unbiased - t[3][c])
		}
	}
	return n.loss(p, y), grads
}

// difference is the central finite difference of the loss with respect to one value.
func (n *network64) difference(tensor, index int, x []float64, y []int32, mode models.Mode, d models.Draw) float64 {
	// The error is about h² f‴/6 + 1e-16 f/h: 1e-10 at the first h for losses and
	// third derivatives of order 1. A smaller h stays on the same side of ReLUs' and pools' kinks.
	v := &n.tensors[tensor][index]
	was := *v
	var fd float64
	for h := 1e-6; h > 2e-8; h /= 2 {
		*v = was + h
		up := n.forward(x, len(y), mode, d)
		*v = was - h
		down := n.forward(x, len(y), mode, d)
		*v = was
		fd = (n.loss(up, y) - n.loss(down, y)) / (2 * h)
		if n.samePieces(up, down) {
			break
		}
	}
	return fd
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
