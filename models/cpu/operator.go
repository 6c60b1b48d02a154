package cpu

import "github.com/genbench/genbench/models"

// operator is what one kind of layer computes. A session's methods walk over the
// layers and know no kind; each kind is a type in a file of its own, dense.go, convolution.go, batchnorm.go, relu.go,
// dropout.go, pool.go, reshape.go, that holds all of its passes. To add a kind: write its file, name it in operatorOf,
// give its tensors their places in plan.go, and run the suite (models/enginetest).
//
// Layer i reads inputOf(i) and writes outputOf(i, r). Its gradients come in the first
// delta: on entry of a backward pass the gradient with respect to what the layer writes, [panel][Out][w], and on return
// the one with respect to what it reads, [panel][In][w]. The tangents (tangent.go) have the same
// buffers once more. Spare columns of a delta are zero.
//
// A kind with trainable tensors writes an output that is linear in them all, which GradientDots uses (reductions.go).
type operator interface {
	// evaluate runs one panel in evaluation mode, the layer's tail included, and keeps nothing. dst may be src where plan.go (inPlace) says so.
	evaluate(s *session, i int, at span, dst, src []float32)

	// forward runs the batch and keeps what backward needs.
	forward(s *session, i int, r run) error

	// backward takes the delta below the layer if told, and with r.tensors writes the gradients of its tensors, with
	// r.squares also their per-example squares. It says whether it already did
	// the backward pass of the layer below, too.
	backward(s *session, i int, r run, below bool) (both bool)

	// norms adds, for each example of a batch of one panel, the squared norm of the
	// gradient of the layer's tensors to dst.
	norms(s *session, i int, dst []float64)

	// tangent runs the derivative of forward along the direction of the tensors, r.fuse as in forward.
	tangent(s *session, i int, r run)

	// tangentBackward does what backward does for the delta and its derivative along the
	// direction, and writes the derivative of the tensors' gradients.
	tangentBackward(s *session, i int, r run, below bool) (both bool)
}

// untrained is the part of a kind without trainable tensors.
type untrained struct{}

func (untrained) norms(*session, int, []float64) {}

// operatorOf finds the operator of a kind; nil: the engine has none.
func operatorOf(k models.Kind) operator {
	switch k {
	case models.Dense:
		return dense{}
	case models.BatchNorm:
		return batchNorm{}
	case models.ReLU:
		return relu{}
	case models.Dropout:
		return dropout{}
	case models.Conv2D:
		return convolution{}
	case models.MaxPool:
		return maxPool{}
	case models.AvgPool, models.GlobalAvgPool:
		return averagePool{}
	case models.Flatten:
		return flatten{}
	case models.Add:
		return sum{}
	}
	return nil
}

// run is one batch on its way through the network.
type run struct {
	x       []float32 // [n, D]
	n       int
	mode    models.Mode
	draw    models.Draw
	fuse    bool // a dense layer or convolution followed by a ReLU is one with it: its own output and delta are not kept
	tensors bool // backward: compute the gradients of tensors
	squares bool // backward: compute the per-example sums of squares, too; needs tensors
	update  bool // backward: the kernels that compute gradients of weights do SGD's update at once; needs tensors
}

// inputOf is what layer i reads, [panel][In][w].
func (s *session) inputOf(i int) []float32 {
	if from := s.p.layers[i].source; from >= 0 {
		return s.b.out[from]
	}
	return s.b.input
}

// outputOf is where layer i writes, [panel][Out][w].
func (s *session) outputOf(i int, r run) []float32 {
	return s.b.out[s.p.last(i, r)]
}

// last is the last of the layers that run together with layer i.
func (p *plan) last(i int, r run) int {
	if r.fuse && p.layers[i].fuse {
		return i + 1
	}
	return i
}

// forward runs the batch and keeps what the layers write.
func (s *session) forward(r run) error {
	if err := s.enoughExamples(r); err != nil {
		return err
	}
	b := s.b
	for p := range panels(r.n) {
		at := spanOf(r.n, p)
		s.load(at.of(b.input, s.p.input), at, r.x, s.p.form)
	}
	if r.mode == models.Eval {
		s.prepareNorms(b.inverse)
	}
	for i := 0; i < len(s.p.layers); i++ {
		if err := s.p.layers[i].op.forward(s, i, r); err != nil {
			return err
		}
		i = s.p.last(i, r)
	}
	return nil
}

// backward takes the gradient with respect to the logits, in the first delta, down
// to the lowest layer with tensors and leaves the gradient of every trainable tensor in grads;
// with r.update it updates the weights of the dense layers instead.
func (s *session) backward(r run) {
	for i := len(s.p.layers) - 1; i >= s.p.bottom; i-- {
		s.arrive(&s.b.delta, s.b.stash, i)
		if s.p.layers[i].op.backward(s, i, r, s.p.below(i)) {
			i--
		}
		s.leave(&s.b.delta, s.b.stash, i, r.n)
	}
}

// swap makes the second delta the first.
func swap(delta *[2][]float32) { delta[0], delta[1] = delta[1], delta[0] }
