package enginetest

import (
	"math"
	"testing"

	"github.com/genbench/genbench/models"
)

// TestOwnGradient checks every derivative of the suite's own network by central
// differences, on all networks but the two large ones (Run samples those).
func TestOwnGradient(t *testing.T) {
	for _, c := range networks(t) {
		if c.arch.NumParameters() > 2000 {
			continue
		}
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
				for j, g := range grads[i] {
					fd := n.difference(i, j, x, c.y, mode, draw)
					if math.Abs(fd-g) > bound+1e-6*math.Abs(fd) {
						t.Fatalf("%s, mode %d: gradient of %s[%d] is %v, its finite difference %v", c, mode, spec.Name, j, g, fd)
					}
				}
			}
		}
	}
}

// TestKinksAreFar checks that no ReLU of the suite's networks reads a value
// that float32 rounding could carry over 0.
func TestKinksAreFar(t *testing.T) {
	for _, c := range networks(t) {
		n := newNetwork64(c.arch, c.state)
		if near := n.kink(n.forward(widen(c.x), c.rows, models.Learn, draw)); near < 2e-6*c.scale {
			t.Errorf("%s: a ReLU reads %v", c, near)
		}
	}
}
