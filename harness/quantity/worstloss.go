package quantity

import (
	"context"
	"math"
	"slices"

	"github.com/genbench/genbench/models"
)

// Constants of the ascent, of the reference code.
const (
	apgdStep     = 2    // first step, in radii
	apgdMomentum = 0.75 // weight of the new point against the one before the last
	apgdShrink   = 0.5  // of the step
	apgdProgress = 0.75 // share of steps since the last check that have to find a higher loss
)

// computeWorstLoss answers the mean cross-entropy (nats) of some of the training set at the weights, and the
// largest that projected gradient ascent with momentum (APGD) finds within
//
//	norm=linf  |δ_i| <= ρ c_i
//	norm=l2    ‖δ / c‖_2 <= ρ
//	adaptive=true  c = |w|, element by element: a value of 0 cannot move; adaptive=false  c = 1
//
// for each batch of m examples by itself, in the mean over examples. δ is over all trainable values of the
// network as it is stored, in evaluation mode, with the labels trained on; normalize_logits as in
// [computeNoiseLoss].
//
// The ascent begins at δ = 0 and takes iterations steps: z = P(δ + η u), δ ← ¾ z + ¼ δ', with P the Euclidean
// projection onto the ball, δ' what δ was a step before, u = c sign(g) or c g / ‖g‖, g the gradient of the
// batch's loss, and η = 2ρ. At about 0.22, 0.41, 0.57, ... of the steps η is halved if fewer than ¾ of the
// steps since the last such check raised the highest loss, or neither η nor that loss has changed since; the
// next gradient is then the one at the highest loss. The batch's answer is the highest loss seen. What ascent
// finds is a lower bound of the worst case.
//
// Batches are consecutive parts, the last may be short, of the first examples of a seeded permutation of the
// training set, 1,024 of them unless asked otherwise; 0 is all. It costs iterations backward passes over those
// examples, and a forward pass.
//
// Source: Andriushchenko, Croce, Müller, Hein and Flammarion 2023, arXiv:2302.07011, and their code
// tml-epfl/sharpness-vs-generalization (sharpness.py, eval_APGD_sharpness, eval_sharpness.py), whose batches
// are of 128 of the first 1,024 training examples, 20 steps from δ = 0. Differs: the projection of norm=l2,
// adaptive, is exact to 1e-9 (there a bisection ends within 1e-5 of ρ, absolute, and a weight of 0 makes its
// norm NaN, so that nothing is projected); a random start is left out, since that code raises a TypeError when
// asked for one. As there, momentum mixes z with δ', where APGD (Croce and Hein 2020, arXiv:2003.01690) adds
// ¼(δ - δ') to δ + ¾(z - δ); and δ stays where it was when η is halved.
func computeWorstLoss(ctx context.Context, p *Provider, a arguments) ([]payload, error) {
	s := p.subject
	w := perturberOf(s, s.Arch, s.Final)
	n := a.number("examples")
	if n == 0 || n > w.all.n {
		n = w.all.n
	}
	rows, m := permutation(w.all.n, s.Seed, streamLosses)[:n], min(a.number("m"), n)
	climbs := make([]climbed, batchCount(n, m))
	err := p.host.sessions.withSome(w.arch, w.weights, len(climbs), func(some []models.Session) error {
		w.scales(a.flag("adaptive"), 1)
		var crew []*ascent
		for i, own := range w.crew(len(some)) {
			c, err := newAscent(own, some[i], a)
			if err != nil {
				return err
			}
			crew = append(crew, c)
		}
		return several(len(crew), len(climbs), func(worker, part int) (err error) {
			c := crew[worker]
			return c.batchesOf(rows[part*m:min((part+1)*m, n)], m, func(ex labelled) error {
				defer p.host.keep(ex.x)()
				climbs[part].start, climbs[part].highest, err = c.climb(ctx, ex)
				climbs[part].n, climbs[part].shrunk = ex.n, c.shrunk
				return err
			})
		})
	})
	if err != nil {
		return nil, err
	}
	var loss, worst float64
	shrunk := 0
	for _, c := range climbs {
		loss += c.start * float64(c.n) / float64(n)
		worst += c.highest * float64(c.n) / float64(n)
		shrunk += c.shrunk
	}
	ps, err := perturbedLosses(loss, worst)
	if err != nil {
		return nil, err
	}
	return append(ps, scalar("examples", float64(n)), scalar("shrunk", float64(shrunk))), nil
}

// climbed is what became of one batch of n examples.
type climbed struct {
	start, highest float64
	n, shrunk      int
}

// ascent seeks the highest loss of one batch after another.
type ascent struct {
	*perturber // radius is c, set by scales
	session    models.Session
	seeded     models.Seeded // for the gradient of normalized logits' loss; nil: of the logits as they are
	euclidean  bool
	rho        float64
	iterations int
	shrunk     int // times that the last climb halved its step

	delta, before [][]float32 // one slice a tensor
	grad, best    models.State
	seed          []float32 // [m, K]
	row           []float64 // [K]
}

func newAscent(w *perturber, session models.Session, a arguments) (*ascent, error) {
	c := &ascent{
		perturber: w, session: session, euclidean: a["norm"] == "l2", rho: a.real("rho"), iterations: a.number("iterations"),
		grad: models.NewState(w.arch), best: models.NewState(w.arch), seed: make([]float32, a.number("m")*w.k), row: make([]float64, w.k),
	}
	if a.flag("normalize_logits") {
		var ok bool
		if c.seeded, ok = session.(models.Seeded); !ok {
			return nil, &Missing{Need: "worst-loss", Reason: "the engine has no gradients of losses other than the cross-entropy of its logits"}
		}
	}
	for _, t := range w.weights {
		c.delta = append(c.delta, make([]float32, len(t.Data)))
		c.before = append(c.before, make([]float32, len(t.Data)))
	}
	return c, nil
}

// climb answers the batch's loss at the weights and the highest found.
func (c *ascent) climb(ctx context.Context, ex labelled) (start, highest float64, err error) {
	for t, tensor := range c.weights {
		clear(c.delta[t])
		clear(c.before[t])
		copy(c.state[t].Data, tensor.Data)
	}
	c.shrunk = 0
	if start, err = c.gradient(ctx, ex); err != nil {
		return 0, 0, err
	}
	checks := checkpoints(c.iterations)
	step, highest, from := apgdStep*c.rho, start, c.best
	copyState(c.best, c.grad)
	stepAtCheck, highestAtCheck, lastCheck, gains := step, highest, 0, 0
	for i := range c.iterations {
		c.move(step, from)
		from = c.grad
		var loss float64
		if i < c.iterations-1 {
			loss, err = c.gradient(ctx, ex)
		} else {
			loss, err = c.loss(ctx, c.session, ex, c.seeded != nil)
		}
		if err != nil {
			return 0, 0, err
		}
		if loss > highest {
			highest = loss
			gains++
			copyState(c.best, c.grad)
		}
		if !slices.Contains(checks, i) {
			continue
		}
		slow := float64(gains) < apgdProgress*float64(i-lastCheck)
		stuck := step == stepAtCheck && highest == highestAtCheck
		stepAtCheck, highestAtCheck, lastCheck, gains = step, highest, i, 0
		if slow || stuck {
			step *= apgdShrink
			from = c.best
			c.shrunk++
		}
	}
	return start, highest, nil
}

func copyState(dst, src models.State) {
	for t := range dst {
		copy(dst[t].Data, src[t].Data)
	}
}

// checkpoints are the steps, of n, after which progress is checked.
func checkpoints(n int) []int {
	last, p := 0.0, 0.22
	at := []int{int(math.Ceil(p * float64(n)))}
	for before := 0; at[len(at)-1] < n && at[len(at)-1] != before; {
		before = at[len(at)-1]
		last, p = p, p+math.Max(p-last-0.03, 0.06)
		at = append(at, int(math.Ceil(p*float64(n))))
	}
	return at
}

// gradient writes the gradient of the examples' mean loss at state to grad, and answers that loss.
func (c *ascent) gradient(ctx context.Context, ex labelled) (float64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if c.seeded == nil {
		if err := c.session.SetState(c.state); err != nil {
			return 0, err
		}
		return c.meanGradient(c.session, c.grad, ex)
	}
	if err := c.run(ctx, c.session, ex); err != nil {
		return 0, err
	}
	var loss float64
	for i, y := range ex.y {
		loss += normalizedLoss(c.row, c.logits[i*c.k:(i+1)*c.k], int(y)) / float64(ex.n)
		for j, g := range c.row {
			c.seed[i*c.k+j] = float32(g / float64(ex.n))
		}
	}
	return loss, c.inBatches(c.grad, ex.n, func(lo, hi int) (float64, error) {
		return 1, c.seeded.GradientFrom(c.grad, ex.x[lo*c.d:hi*c.d], c.seed[lo*c.k:hi*c.k])
	})
}

// move takes one step of the ascent along the gradient g.
func (c *ascent) move(step float64, g models.State) {
	if c.euclidean {
		c.moveWithinEllipsoid(step, g)
	} else {
		c.moveWithinBox(step, g)
	}
}

func (c *ascent) moveWithinBox(step float64, g models.State) {
	for t, tensor := range c.weights {
		state := c.state[t].Data
		scale, delta, before, grad, weights := c.radius[t][:len(state)], c.delta[t][:len(state)], c.before[t][:len(state)], g[t].Data[:len(state)], tensor.Data[:len(state)]
		rate, rho := float32(step), float32(c.rho)
		for i, s := range scale {
			z := max(min(delta[i]+along(rate*s, grad[i]), rho*s), -rho*s)
			z = apgdMomentum*z + (1-apgdMomentum)*before[i]
			before[i], delta[i] = delta[i], z
			state[i] = weights[i] + z
		}
	}
}

func (c *ascent) moveWithinEllipsoid(step float64, g models.State) {
	var squares float64
	for _, t := range g {
		for _, v := range t.Data {
			squares += float64(v) * float64(v)
		}
	}
	rate := step / (math.Sqrt(squares) + 1e-12)
	for t := range c.weights {
		z, delta := c.state[t].Data, c.delta[t] // state holds z until the end
		for i, s := range c.radius[t] {
			z[i] = float32(float64(delta[i]) + rate*float64(g[t].Data[i])*float64(s))
		}
	}
	pull := c.multiplier()
	for t, tensor := range c.weights {
		delta, before, state := c.delta[t], c.before[t], c.state[t].Data
		for i, w := range tensor.Data {
			z := float64(state[i])
			if s := float64(c.radius[t][i]); pull > 0 && s > 0 {
				z *= s * s / (s*s + pull)
			}
			d := float32(apgdMomentum*z + (1-apgdMomentum)*float64(before[i]))
			before[i], delta[i] = delta[i], d
			state[i] = w + d
		}
	}
}

// multiplier is the Lagrange multiplier t >= 0 of the projection of z, which lies in state, onto ‖z / c‖ <= ρ:
// the nearest point is z c² / (c² + t). It solves 1/‖z c / (c² + t)‖ = 1/ρ, whose left side is concave, by
// Newton's method from 0, which comes near from below without a safeguard (Conn, Gould and Toint 2000,
// Trust-Region Methods, section 7.3).
func (c *ascent) multiplier() float64 {
	t := 0.0
	for range 50 {
		var q, slope float64 // ‖z c / (c² + t)‖², and half of its derivative's negative
		for k := range c.weights {
			for i, z := range c.state[k].Data {
				s := float64(c.radius[k][i])
				if s == 0 {
					continue
				}
				e := s*s + t
				r := float64(z) * s / e
				q += r * r
				slope += r * r / e
			}
		}
		over := math.Sqrt(q)/c.rho - 1
		if !(over > 1e-9) { // within the ball, or NaN
			return t
		}
		t += over * q / slope
	}
	return t
}
