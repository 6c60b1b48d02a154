package quantity

import (
	"context"
	"math"
	"slices"

	"github.com/genbench/genbench/models"
)

const (
	restarts    = 3
	ascentSteps = 20
	roughSteps  = 5 // in the search's first stage
	ascentBatch = 64

	// roughGain is how much more the full ascent costs than the rough one, about, on
	// the quick corpus (1.3 to 1.45). It only decides where the exact stage begins.
	roughGain = 1.35
)

// computeSharpness finds the α at which the worst perturbation of the weights
// within a box costs the training accuracy 0.1:
//
//	kind=plain      |u_i| <= α
//	kind=magnitude  |u_i| <= α'·|w_i| + ε, ε = 1e-3
//
// over every weight and bias of the network with its batch norms folded in, in
// evaluation mode, with the labels trained on. The worst perturbation is sought by ascent of the
// cross-entropy: 20 steps of u ← clip(u + 2r/20·sign ∇), r the box's half width, on mini-batches
// of 64 from a seeded permutation of the training set, from three starts: u = 0 and two
// uniformly random points of the box. The drop at the end of each ascent is
// measured on the whole training set, and the largest counts. What ascent finds
// is a lower bound of the worst case, so α is an upper bound of its definition. Where
// a network is so sure of its training set that the gradient is 0 in float32 (margins beyond about 16), only the
// random starts move.
//
// Starts and batches stay the same at every α, and depend on the run's seed, not
// on the network. Over run seeds α varies by 3 to 7 % (standard deviation), α' by 6 to 17 %, on networks
// of the quick corpus: which mini-batches come last matters. Networks of one run share them. It is
// undefined as PAC-Bayes's σ is.
//
// Source: Jiang et al. 2019, arXiv:1912.02178, sharpness measures; Keskar et
// al. 2016, arXiv:1609.04836. The numbers of steps, restarts and the signed gradient are
// genbench's (FGM's appendix was not at hand): deviations are to be expected in α, less in its order.
func computeSharpness(ctx context.Context, p *Provider, a arguments) ([]payload, error) {
	w, err := newPerturber(p)
	if err != nil {
		return nil, err
	}
	magnitude := a["kind"] == "magnitude"
	c := newClimber(w, p.host.noise, p.subject.Seed)
	var f found
	err = p.host.sessions.withSome(w.arch, w.weights, restarts, func(some []models.Session) error {
		sample := w.rough(p.subject.Seed)
		defer p.host.keep(sample.x)()
		if err := w.measureBase(ctx, some[0], &w.all, &sample); err != nil {
			return err
		}
		drop := func(ex *labelled, starts, steps int) evaluate {
			return func(alpha float64) (float64, error) {
				c.box(magnitude, alpha)
				drops, crew := make([]float64, starts), c.crew(min(len(some), starts))
				err := several(len(crew), starts, func(worker, start int) error {
					own, session := crew[worker], some[worker]
					if err := own.climb(ctx, session, start, steps); err != nil {
						return err
					}
					a, err := own.accuracy(ctx, session, *ex)
					drops[start] = ex.base - a
					return err
				})
				if err != nil {
					return 0, whatFailed("alpha", alpha, err)
				}
				return slices.Max(drops), nil
			}
		}
		start, smallest := w.size()/32, 1e-9*w.size()
		if magnitude {
			start, smallest = 1.0/32, 1e-6
		}
		var err error
		f, err = search(start, smallest, "the smallest box, whose half width is the constant 0.001 of the magnitude-aware form, costs more than 0.1 of the training accuracy",
			func(alpha float64) (float64, error) {
				d, err := drop(&sample, 1, roughSteps)(alpha)
				return roughGain * d, err
			}, drop(&w.all, restarts, ascentSteps))
		return err
	})
	if err != nil {
		return nil, err
	}
	return f.payloads("alpha"), nil
}

// climber ascends the loss within a box around the weights.
type climber struct {
	*perturber
	noise *noise
	seed  uint64
	grad  models.State
	low   [][]float32 // the box
	high  [][]float32
	order [][]int32 // of the examples, one a start
	x     []float32 // one mini-batch
	y     []int32
	mates []*climber // see crew
}

// crew are c and others that climb in the same box, each in memory of its own: one a worker.
func (c *climber) crew(n int) []*climber {
	own := c.perturber.crew(n)
	for i := len(c.mates); i < n-1; i++ {
		c.mates = append(c.mates, &climber{
			perturber: own[i+1], noise: c.noise, seed: c.seed, grad: c.weights.Clone(), low: c.low, high: c.high, order: c.order,
			x: make([]float32, 0, cap(c.x)), y: make([]int32, len(c.y)),
		})
	}
	return append([]*climber{c}, c.mates[:n-1]...)
}

func newClimber(w *perturber, g *noise, seed uint64) *climber {
	c := &climber{perturber: w, noise: g, seed: seed, grad: w.weights.Clone()}
	for _, t := range w.weights {
		c.low = append(c.low, make([]float32, len(t.Data)))
		c.high = append(c.high, make([]float32, len(t.Data)))
	}
	for start := range restarts {
		c.order = append(c.order, permutation(w.all.n, seed, streamBatches|uint64(start)<<32))
	}
	size := min(ascentBatch, w.all.n)
	c.x, c.y = make([]float32, 0, size*w.d), make([]int32, size)
	return c
}

// box sets radius, low and high.
func (c *climber) box(magnitude bool, alpha float64) {
	for t, tensor := range c.weights {
		r, low, high := c.radius[t], c.low[t], c.high[t]
		for i, v := range tensor.Data {
			r[i] = float32(alpha)
			if magnitude {
				r[i] = float32(alpha*math.Abs(float64(v)) + epsilon)
			}
			low[i], high[i] = v-r[i], v+r[i]
		}
	}
}

// climb leaves the end of an ascent in state.
func (c *climber) climb(ctx context.Context, session models.Session, start, steps int) error {
	if start == 0 {
		for t, tensor := range c.weights {
			copy(c.state[t].Data, tensor.Data)
		}
	} else {
		c.move(c.noise.like(c.weights, uniform, c.seed, start))
	}
	order := c.order[start]
	at := 0
	for range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows := order[at : at+len(c.y)]
		if at += len(c.y); at+len(c.y) > len(order) {
			at = 0 // the short rest of the permutation is left out
		}
		c.x = gather(c.x, c.all.x, rows, c.d)
		for i, r := range rows {
			c.y[i] = c.all.y[r]
		}
		if err := session.SetState(c.state); err != nil {
			return err
		}
		if _, err := c.meanGradient(session, c.grad, labelled{x: c.x, y: c.y, n: len(c.y)}); err != nil {
			return err
		}
		for t := range c.state {
			stepUp(c.state[t].Data, c.grad[t].Data, c.radius[t], c.low[t], c.high[t], float32(2/float64(steps)))
		}
	}
	return nil
}

// stepUp moves each value by rate·radius in the direction of its gradient's
// sign, and back into the box. A gradient of 0 or NaN moves nothing.
func stepUp(w, grad, radius, low, high []float32, rate float32) {
	grad, radius, low, high = grad[:len(w)], radius[:len(w)], low[:len(w)], high[:len(w)]
	for i, g := range grad {
		w[i] = min(max(w[i]+along(radius[i]*rate, g), low[i]), high[i])
	}
}

// along is size >= 0 with the sign of g, and 0 where g is 0 or NaN. It has no branches, since no processor can
// guess which gradients are 0: a search takes a sixth longer with one (width 256, depth 4).
func along(size, g float32) float32 {
	const infinity = 0x7f800000
	sign := math.Float32bits(g) & (1 << 31)
	magnitude := int32(math.Float32bits(g) &^ (1 << 31))
	still := uint32((magnitude-1)>>31 | (infinity-magnitude)>>31) // all ones for 0 and NaN
	return math.Float32frombits((math.Float32bits(size) | sign) &^ still)
}
