package quantity

import (
	"context"
	"fmt"
	"math"

	"github.com/genbench/genbench/models"
)

// Kinds of [Perturbation].
const (
	Gaussian          = "gaussian"           // w + Scale·z
	GaussianMagnitude = "gaussian-magnitude" // w + Scale·|w|·z
)

// epsilon is the ε of the magnitude-aware bounds: the noise that a weight of 0 still gets. FGM and its
// reference code (nitarshan/robust-generalization-measures) use 1e-3.
const epsilon = 1e-3

// Perturbation is Gaussian noise on every weight and bias of the network with
// its batch norms folded in.
type Perturbation struct {
	Kind  string  // [Gaussian] or [GaussianMagnitude]
	Scale float64 // >= 0
	Seed  uint64  // of z ~ N(0, 1): the same seed is the same z at every scale
}

// Evaluated is the training set, with the labels trained on, seen by perturbed weights.
type Evaluated struct {
	Loss     float64 // mean cross-entropy, nats; +Inf or NaN where the network overflows
	Accuracy float64 // fraction; an example with a logit that is NaN is wrong
}

// Evaluate answers loss and accuracy at each perturbation, in order. It is not
// cached.
func (p *Provider) Evaluate(ctx context.Context, ps []Perturbation) ([]Evaluated, error) {
	for i, q := range ps {
		if q.Kind != Gaussian && q.Kind != GaussianMagnitude {
			return nil, fmt.Errorf("perturbation %d: no kind %q (%s)", i, q.Kind, known([]string{Gaussian, GaussianMagnitude}))
		}
		if !(q.Scale >= 0) || math.IsInf(q.Scale, 0) {
			return nil, fmt.Errorf("perturbation %d: scale %v is not finite and >= 0", i, q.Scale)
		}
	}
	if p.unfit != nil {
		return nil, undefined("%s", p.unfit)
	}
	w, err := newPerturber(p)
	if err != nil {
		return nil, err
	}
	out := make([]Evaluated, len(ps))
	err = p.host.sessions.withSome(w.arch, w.weights, len(ps), func(some []models.Session) error {
		crew := w.crew(len(some))
		for _, other := range crew[1:] {
			other.radius = radiusOf(w.weights) // scales differ
		}
		return several(len(crew), len(ps), func(worker, i int) error {
			own, q := crew[worker], ps[i]
			z := own.directions(q.Seed)
			own.spread(q.Kind == GaussianMagnitude, q.Scale, 0)
			own.move(z)
			if err := own.run(ctx, some[worker], w.all); err != nil {
				return err
			}
			loss, correct := score(own.logits[:w.all.n*w.k], w.all.y, w.k)
			out[i] = Evaluated{Loss: loss / float64(w.all.n), Accuracy: float64(correct) / float64(w.all.n)}
			return nil
		})
	})
	return out, err
}

// labelled is a set of examples to count correct ones among.
type labelled struct {
	x    []float32 // [N, D]
	y    []int32   // [N]
	n    int
	base float64 // accuracy of the unperturbed network
}

// perturber evaluates a network at weights near its own: those of the searches are fused. It is for one goroutine.
type perturber struct {
	arch    models.Architecture
	weights models.State // as trained
	state   models.State // as perturbed
	radius  [][]float32  // how far each weight may or does move, one slice a tensor
	all     labelled     // the training set
	logits  []float32    // [N, K]
	k, d    int
	batch   int          // examples of a pass
	sum     [][]float64  // see inBatches; made when first needed
	others  []*perturber // see crew
}

// crew are w and others that move and evaluate the same weights by the same radius, each in memory of its own: one a worker.
func (w *perturber) crew(n int) []*perturber {
	for len(w.others) < n-1 {
		w.others = append(w.others, &perturber{
			arch: w.arch, weights: w.weights, state: w.weights.Clone(), radius: w.radius, all: w.all, logits: make([]float32, len(w.logits)), k: w.k, d: w.d, batch: w.batch,
		})
	}
	return append([]*perturber{w}, w.others[:n-1]...)
}

func newPerturber(p *Provider) (*perturber, error) {
	arch, fused, err := models.Fuse(p.subject.Arch, p.subject.Final)
	if err != nil {
		return nil, undefined("%s", err)
	}
	return perturberOf(p.subject, arch, fused), nil
}

// perturberOf is for a network of the subject's function in a parametrization of one's choice.
func perturberOf(s *Subject, arch models.Architecture, weights models.State) *perturber {
	x, n := s.inputs("train")
	w := &perturber{
		arch: arch, weights: weights, state: weights.Clone(), k: arch.Classes, d: arch.Input.Size(), batch: Batch(arch),
		all: labelled{x: x, y: s.Data.Train.Y, n: n},
	}
	w.logits = make([]float32, n*w.k)
	w.radius = radiusOf(weights)
	return w
}

// radiusOf is room for how far each weight moves.
func radiusOf(weights models.State) [][]float32 {
	radius := make([][]float32, len(weights))
	for t := range weights {
		radius[t] = make([]float32, len(weights[t].Data))
	}
	return radius
}

// directions are normal and not kept: their seeds are the caller's, and may be many.
func (w *perturber) directions(seed uint64) [][]float32 {
	z := make([][]float32, len(w.weights))
	for t, tensor := range w.weights {
		z[t] = direction{normal, seed, 0, t}.generate(len(tensor.Data))
	}
	return z
}

// spread sets the standard deviation of each weight's noise: scale, or
// √(scale²·w² + ε²) when it goes by magnitude.
func (w *perturber) spread(magnitude bool, scale, eps float64) {
	for t, tensor := range w.weights {
		r := w.radius[t]
		for i, v := range tensor.Data {
			if !magnitude {
				r[i] = float32(scale)
				continue
			}
			a := scale * float64(v)
			r[i] = float32(math.Sqrt(a*a + eps*eps))
		}
	}
}

// move sets state = weights + radius·z.
func (w *perturber) move(z [][]float32) {
	for t, tensor := range w.weights {
		dst, r, z := w.state[t].Data, w.radius[t], z[t]
		for i, v := range tensor.Data {
			dst[i] = v + r[i]*z[i]
		}
	}
}

// run fills logits with the examples at state.
func (w *perturber) run(ctx context.Context, session models.Session, ex labelled) error {
	if err := session.SetState(w.state); err != nil {
		return err
	}
	return forward(ctx, session, w.logits[:ex.n*w.k], ex.x, ex.n, w.k, w.batch)
}

// accuracy at state.
func (w *perturber) accuracy(ctx context.Context, session models.Session, ex labelled) (float64, error) {
	if err := w.run(ctx, session, ex); err != nil {
		return 0, err
	}
	return float64(countCorrect(w.logits[:ex.n*w.k], ex.y, w.k)) / float64(ex.n), nil
}

// roughExamples is the size of the sample that a search's first stage looks at.
const roughExamples = 256

// rough is a sample of the training set for a search's first stage, in a
// seeded order since examples may be sorted by class.
func (w *perturber) rough(seed uint64) labelled {
	const size = roughExamples
	if w.all.n <= 2*size {
		return w.all
	}
	rows := permutation(w.all.n, seed, streamCoarse)[:size]
	ex := labelled{x: gather(make([]float32, 0, size*w.d), w.all.x, rows, w.d), y: make([]int32, size), n: size}
	for i, r := range rows {
		ex.y[i] = w.all.y[r]
	}
	return ex
}

// measureBase fills in the unperturbed accuracy; it says why there is nothing to search for when
// the network is hardly better than chance, 1/K: then no perturbation costs it 0.1.
func (w *perturber) measureBase(ctx context.Context, session models.Session, sets ...*labelled) error {
	for t, tensor := range w.weights {
		copy(w.state[t].Data, tensor.Data)
	}
	for _, ex := range sets {
		a, err := w.accuracy(ctx, session, *ex)
		if err != nil {
			return err
		}
		ex.base = a
	}
	chance := 1 / float64(w.k)
	if base := sets[0].base; base-chance < targetDrop {
		return undefined("the training accuracy %.4g is less than %g above chance (%.4g): it cannot fall by that much", base, targetDrop, chance)
	}
	return nil
}

// size is the root mean square of the weights, biases left out: the unit in
// which the searches guess where to begin.
func (w *perturber) size() float64 {
	var sum float64
	n := 0
	for _, tensor := range w.weights {
		if len(tensor.Shape) < 2 {
			continue
		}
		for _, v := range tensor.Data {
			sum += float64(v) * float64(v)
		}
		n += len(tensor.Data)
	}
	if sum == 0 {
		return 1
	}
	return math.Sqrt(sum / float64(n))
}
