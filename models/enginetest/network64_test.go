package enginetest

import (
	"slices"
	"testing"

	"github.com/genbench/genbench/models"
)

// TestOwnGradient checks derivatives of the suite's own network by central
// differences: every one of small tensors, a sample of larger ones and of networks with windows, which are slow.
func TestOwnGradient(t *testing.T) {
	for _, c := range networks(t) {
		for _, mode := range []models.Mode{models.Eval, models.Learn} {
			n := newNetwork64(c.arch, c.state)
			x := widen(c.x)
			p := n.forward(x, c.rows, mode, draw)
			grads := n.backward(p, c.y, mode)
			bound := 1e-8 * (1 + n.loss(p, c.y)) * c.scale * c.scale // the differences' own error, see difference
			for i, spec := range c.arch.Tensors() {
				if !spec.Trainable {
					continue
				}
				stride := 1
				switch windows := c.arch.Has(models.Conv2D); {
				case windows && c.arch.NumParameters() > 1000:
					stride = max(1, len(grads[i])/2)
				case windows || len(grads[i]) > 200:
					stride = max(1, len(grads[i])/7)
				}
				for j := 0; j < len(grads[i]); j += stride {
					g := grads[i][j]
					fd := n.difference(i, j, x, c.y, mode, draw)
					if !(abs(fd-g) <= bound+1e-6*abs(fd)) {
						t.Fatalf("%s, mode %d: gradient of %s[%d] is %v, its finite difference %v", c, mode, spec.Name, j, g, fd)
					}
				}
			}
		}
	}
}

// TestOwnBackward checks what layers' inputs get.
func TestOwnBackward(t *testing.T) {
	for _, c := range networks(t) {
		n, seed := newNetwork64(c.arch, c.state), widen(c.seedFor())
		p := n.forward(widen(c.x), c.rows, models.Eval, models.Draw{})
		_, want := n.backwardFrom(p, seed, models.Eval)
		checkInputDifferences(t, c, n, p, seed, want)
	}
}

// checkInputDifferences compares some of the suite's own derivatives by what a layer reads with central differences
// of the layers from there on. Steps stay between the kinks: values on one, as the zeros that a ReLU wrote, have no derivative.
func checkInputDifferences(t *testing.T, c network, n *network64, p *pass, seed []float64, want [][]float64) {
	t.Helper()
	checked := 0
	for l, layer := range c.arch.Layers {
		in := slices.Clone(p.input(l))
		at := func() (q *pass, sum float64) {
			q = n.resume(p, l, in, models.Eval, models.Draw{})
			for i, v := range q.outs[len(q.outs)-1] {
				sum += seed[i] * v
			}
			return q, sum
		}
		stride := max(1, len(in)/17)
		if c.arch.NumParameters() > 1000 {
			stride = max(1, len(in)/5)
		}
		for i := 0; i < len(in); i += stride {
			for h := 1e-6; h > 5e-8; h /= 2 {
				was := in[i]
				in[i] = was + h
				q, up := at()
				in[i] = was - h
				r, down := at()
				in[i] = was
				if !n.samePieces(p, q) || !n.samePieces(p, r) {
					continue
				}
				checked++
				// Sums of some hundred terms of order scale² lose 1e-13 of themselves to rounding.
				bound := 1e-14*float64(len(seed))*c.scale*c.scale/h + 1e-6*largest(want[l])
				if fd := (up - down) / (2 * h); !(abs(fd-want[l][i]) <= bound) {
					t.Fatalf("%s: the suite's own gradient by input %d of %s is %v, its finite difference %v", c, i, layer.Name, want[l][i], fd)
				}
				break
			}
		}
	}
	if checked < 2*len(c.arch.Layers) {
		t.Errorf("%s: %d inputs of layers could be checked only", c, checked)
	}
}

// TestOwnDots compares the mean inner product of all trainable values and the examples' gradients with the
// derivative of the loss by a common factor of all of them.
func TestOwnDots(t *testing.T) {
	for _, c := range networks(t) {
		n := newNetwork64(c.arch, c.state)
		var mean, size float64
		for _, grads := range c.exampleGradients() {
			for i, g := range grads {
				for j, v := range g { // 0 where a tensor is not trainable
					mean += v * n.tensors[i][j] / float64(c.rows)
					size += abs(v*n.tensors[i][j]) / float64(c.rows)
				}
			}
		}
		fd := n.lossAlong(n.trainable(n.tensors), widen(c.x), c.y)
		if !(abs(fd-mean) <= 1e-6*size) {
			t.Errorf("%s: the suite's own mean inner product is %v, the derivative of the loss by a common factor %v", c, mean, fd)
		}
	}
}

// lossAlong is the derivative of the evaluation loss along v by central differences.
func (n *network64) lossAlong(v [][]float64, x []float64, y []int32) float64 {
	h := n.stepAlong(v, x, len(y), 1e-6)
	at := func(h float64) float64 {
		m := n.shifted(v, h)
		return m.loss(m.forward(x, len(y), models.Eval, models.Draw{}), y)
	}
	return (at(h) - at(-h)) / (2 * h)
}

// TestKinksAreFar checks that no ReLU of the suite's networks reads a value
// that float32 rounding could carry over 0, and no max pool two values that it could swap.
func TestKinksAreFar(t *testing.T) {
	for _, c := range networks(t) {
		n := newNetwork64(c.arch, c.state)
		if near := n.kink(n.forward(widen(c.x), c.rows, models.Learn, draw)); near < c.margin() {
			t.Errorf("%s: a kink is %v away", c, near)
		}
	}
}
