package enginetest

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/genbench/genbench/models"
)

// normals are n standard normal numbers.
func normals(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// seedFor draws a gradient with respect to the network's logits.
func (c network) seedFor() []float32 {
	return normals(rand.New(rand.NewPCG(uint64(c.rows), 41)), c.rows*c.arch.Classes)
}

// testBackward checks the gradients with respect to what layers read.
func testBackward(t *testing.T, e models.Engine, c network) {
	s := c.session(t, e, c.rows+3)
	n, seed := newNetwork64(c.arch, c.state), c.seedFor()
	p := n.forward(widen(c.x), c.rows, models.Eval, models.Draw{})
	_, want := n.backwardFrom(p, widen(seed), models.Eval)
	next := len(c.arch.Layers) - 1
	must(t, s.Backward(c.x, seed, func(layer int, gradient []float32) {
		if layer != next {
			t.Fatalf("layer %d visited, want %d", layer, next)
		}
		next--
		closeTo(t, "gradient by the input of "+c.arch.Layers[layer].Name, gradient, want[layer], 0)
	}))
	if next != -1 {
		t.Errorf("%d layers were not visited", next+1)
	}
	after := models.NewState(c.arch)
	must(t, s.State(after))
	sameBits(t, "state after Backward", after, c.state)
}

// exampleGradients are the gradients of the examples' own cross-entropies in evaluation mode, by the float64 network.
func (c network) exampleGradients() [][][]float64 {
	n, d := newNetwork64(c.arch, c.state), c.arch.Input.Size()
	grads := make([][][]float64, c.rows)
	for i := range grads {
		_, grads[i] = n.gradient(c.x[i*d:][:d], c.y[i:i+1], models.Eval, models.Draw{})
	}
	return grads
}

// testGradientDots compares with the sum over all trainable values.
func testGradientDots(t *testing.T, e models.Engine, c network) {
	s := c.session(t, e, c.rows)
	got := make([]float64, c.rows)
	for i := range got {
		got[i] = math.NaN()
	}
	must(t, s.GradientDots(got, c.x, c.y))
	n := newNetwork64(c.arch, c.state)
	for i, grads := range c.exampleGradients() {
		var want, size float64
		for t, g := range grads {
			for j, v := range g { // 0 where a tensor is not trainable
				want += v * n.tensors[t][j]
				size += abs(v * n.tensors[t][j])
			}
		}
		closeScalar(t, "inner product of weights and gradient", got[i], want, floor*size)
	}
	after := models.NewState(c.arch)
	must(t, s.State(after))
	sameBits(t, "state after GradientDots", after, c.state)
}

// moments makes room for the moments of a network's gradients, every value start; nil where
// a tensor is not trainable.
func moments(a models.Architecture, start float64) [][]float64 {
	var m [][]float64
	for _, spec := range a.Tensors() {
		var values []float64
		if spec.Trainable {
			values = make([]float64, spec.Size())
			for i := range values {
				values[i] = start
			}
		}
		m = append(m, values)
	}
	return m
}

// testGradientMoments adds the batch to sums that are not 0, in one part and in two.
func testGradientMoments(t *testing.T, e models.Engine, c network) {
	s := c.session(t, e, c.rows)
	wantSum, wantSquares := moments(c.arch, 0), moments(c.arch, 0)
	for _, grads := range c.exampleGradients() {
		for i := range wantSum {
			for j := range wantSum[i] {
				wantSum[i][j] += grads[i][j]
				wantSquares[i][j] += grads[i][j] * grads[i][j]
			}
		}
	}
	const start = 3
	d := c.arch.Input.Size()
	for _, cut := range []int{c.rows, (c.rows + 1) / 2} {
		sum, squares := moments(c.arch, start), moments(c.arch, start)
		for lo := 0; lo < c.rows; lo += cut {
			hi := min(lo+cut, c.rows)
			must(t, s.GradientMoments(sum, squares, c.x[lo*d:hi*d], c.y[lo:hi]))
		}
		closeMoments(t, "sum of gradients", sum, wantSum, start)
		closeMoments(t, "sum of squared gradients", squares, wantSquares, start)
	}
	after := models.NewState(c.arch)
	must(t, s.State(after))
	sameBits(t, "state after GradientMoments", after, c.state)
}

// closeMoments compares moments that were added to start.
func closeMoments(t *testing.T, what string, got, want [][]float64, start float64) {
	t.Helper()
	var top float64
	for _, w := range want {
		top = math.Max(top, largest(w))
	}
	for i := range want {
		bound := tolerance*largest(want[i]) + floor*top + 1e-15*start
		for j, w := range want[i] {
			if off := abs(got[i][j] - start - w); !(off <= bound) {
				t.Errorf("%s: tensor %d, value %d is %v, want %v: off by %.2g, allowed %.2g", what, i, j, got[i][j]-start, w, off, bound)
				break
			}
		}
	}
}

// gradients is what a session answers about the gradients of a batch.
type gradients struct {
	norms, dots  []float64
	inputs       [][]float32
	sum, squares [][]float64
	product      models.State // nil: the engine has no second derivatives
}

// askGradients asks for everything, the Hessian's product with the weights.
func askGradients(t *testing.T, c network, s models.Session) gradients {
	t.Helper()
	g := gradients{
		norms: make([]float64, c.rows), dots: make([]float64, c.rows), inputs: make([][]float32, len(c.arch.Layers)),
		sum: moments(c.arch, 0), squares: moments(c.arch, 0),
	}
	must(t, s.GradientNorms(g.norms, c.x, c.y))
	must(t, s.GradientDots(g.dots, c.x, c.y))
	must(t, s.Backward(c.x, c.seedFor(), func(l int, gradient []float32) { g.inputs[l] = slices.Clone(gradient) }))
	must(t, s.GradientMoments(g.sum, g.squares, c.x, c.y))
	if second, ok := s.(models.SecondOrder); ok {
		g.product = nanState(c.arch)
		must(t, second.HessianVector(g.product, c.state, c.x, c.y))
	}
	return g
}

// norm is the L2 norm of all trainable values.
func (c network) norm() float64 {
	var sum float64
	for i, spec := range c.arch.Tensors() {
		for _, v := range c.state[i].Data {
			if spec.Trainable {
				sum += float64(v) * float64(v)
			}
		}
	}
	return math.Sqrt(sum)
}
