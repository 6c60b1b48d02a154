package cpu

import (
	"fmt"

	"github.com/genbench/genbench/models"
)

var _ models.SecondOrder = (*session)(nil)

// tangents is the buffers of a forward and backward pass of derivatives along one
// direction of the tensors. Only HessianVector makes it.
type tangents struct {
	panels    int         // how many there is room for
	direction []float32   // arena like params
	gradient  []float32   // arena like params: the derivative of the gradient
	out       [][]float32 // per layer: the derivative of what it wrote
	delta     [2][]float32
	stash     [][]float32
	zeros     []float32
}

func newTangents(p *plan, examples int) *tangents {
	n := panels(examples) * panel
	t := &tangents{
		panels:    panels(examples),
		direction: aligned(p.params), gradient: aligned(p.params),
		out:   make([][]float32, len(p.layers)),
		delta: [2][]float32{aligned(n * p.widest), aligned(n * p.widest)},
		zeros: aligned(p.widest),
	}
	for range p.stashes {
		t.stash = append(t.stash, aligned(n*p.widest))
	}
	for i := range p.layers { // below the lowest with tensors they stay zero
		t.out[i] = aligned(n * roundUp(p.layers[i].out, 16))
	}
	return t
}

// HessianVector is Pearlmutter's R-operator (1994, doi:10.1162/neco.1994.6.1.147): with R{f} the
// derivative of f along v, H v = R{gradient}, and R is applied to each step of the forward and backward pass.
func (s *session) HessianVector(dst, v models.State, x []float32, y []int32) error {
	n, err := s.labelled(x, y)
	if err == nil && !s.p.fits(dst) {
		err = fmt.Errorf("the product: %w", dst.Fits(s.a))
	}
	if err == nil && !s.p.fits(v) {
		err = fmt.Errorf("the vector: %w", v.Fits(s.a))
	}
	if err != nil {
		return fmt.Errorf("computing a Hessian-vector product: %w", err)
	}
	s.pass(n)
	if s.t == nil || panels(n) > s.t.panels {
		s.t = newTangents(s.p, n)
	}
	for i, t := range s.p.tensors {
		if t.trainable {
			t.put(s.t.direction, v[i].Data)
		}
	}
	r := run{x: x, n: n, mode: models.Eval, fuse: true}
	if err := s.forward(r); err != nil {
		return fmt.Errorf("computing a Hessian-vector product: %w", err)
	}
	for i := s.p.bottom; i < len(s.p.layers); i++ {
		s.p.layers[i].op.tangent(s, i, r)
		i = s.p.last(i, r)
	}
	s.loss(y, n, 1/float64(n))
	s.curvature(n, 1/float64(n))
	for i := len(s.p.layers) - 1; i >= s.p.bottom; i-- {
		s.arrive(&s.b.delta, s.b.stash, i)
		s.arrive(&s.t.delta, s.t.stash, i)
		if s.p.layers[i].op.tangentBackward(s, i, r, s.p.below(i)) {
			i--
		}
		s.leave(&s.b.delta, s.b.stash, i, n)
		s.leave(&s.t.delta, s.t.stash, i, n)
	}
	for i, t := range s.p.tensors {
		if t.trainable {
			t.get(dst[i].Data, s.t.gradient)
		} else {
			clear(dst[i].Data)
		}
	}
	return nil
}
