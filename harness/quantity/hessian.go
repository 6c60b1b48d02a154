package quantity

import (
	"context"
	"math"

	"github.com/genbench/genbench/models"
)

const (
	topLeast          = 10 // products of the Hessian's largest eigenvalue
	topMost           = 30
	topStop           = 1e-3 // relative residual that ends the iteration
	topTolerance      = 1e-2 // and that counts as converged
	traceVectors      = 30
	curvatureExamples = 2048 // of the training set, unless more are asked for
)

// computeHessianTop answers the largest eigenvalue of the Hessian H of the mean cross-entropy (nats) of the
// training set, in evaluation mode, with respect to all trainable values of the network as it is stored, with
// the labels trained on; see [lanczos]. The start is normal and depends on the run's seed, so networks of one
// architecture share it.
//
// What is looked at is the first examples of a seeded permutation of the training set, 2,048 unless asked
// otherwise; 0 or as many as there are is all of it. It takes 10 to 30 products with H, each about two backward
// passes, until the residual is 1e-3 of the value; up to 1e-2 it counts as converged. On networks of the quick
// corpus's kind the value is then within 1e-5 of the true one, untrained ones included.
//
// Source: Yao, Gholami, Keutzer and Mahoney 2020, arXiv:1912.07145 (PyHessian), who look at the same Hessian of
// one or all batches. There power iteration ends when two estimates in a row differ by 1e-3, relative, or after
// 100 products, and answers the eigenvalue of largest magnitude, be it negative. Here the largest is sought,
// and the smallest seen is told beside it.
func computeHessianTop(ctx context.Context, p *Provider, a arguments) ([]payload, error) {
	var r ritz
	examples := 0
	err := p.withCurvature("hessian-top", a.number("examples"), 0, func(c *curvature) error {
		examples = c.n
		start := make([]float64, c.size)
		c.direction(start, normal, 0)
		var err error
		r, err = lanczos(start, topLeast, topMost, topStop, func(dst, v []float64) error { return c.product(ctx, dst, v) })
		return err
	})
	if err != nil {
		return nil, err
	}
	return []payload{
		scalar("eigenvalue", r.top), scalar("smallest", r.bottom), scalar("residual", r.residual), scalar("products", float64(r.products)),
		scalar("converged", oneIf(r.residual <= topTolerance*math.Abs(r.top))), scalar("examples", float64(examples)),
	}, nil
}

// computeHessianTrace estimates the trace of the H of [computeHessianTop], on the same examples: the mean of
// v·Hv over 30 vectors v of independent signs, whose expectation is the trace and whose variance is twice the
// sum of squares off the diagonal of H (Hutchinson 1990, doi:10.1080/03610919008812866). The standard error is
// that of the mean, from the samples' own spread. The vectors depend on the run's seed, so networks of one
// architecture share them.
//
// Source: as of computeHessianTop; PyHessian stops when another vector moves the mean by less than 1e-3,
// relative, which ends early by chance, and gives no error.
func computeHessianTrace(ctx context.Context, p *Provider, a arguments) ([]payload, error) {
	samples := make([]float64, traceVectors)
	examples := 0
	err := p.withCurvature("hessian-trace", a.number("examples"), traceVectors, func(c *curvature) error {
		examples = c.n
		crew := c.crew()
		v, hv := make([][]float64, len(crew)), make([][]float64, len(crew))
		return several(len(crew), traceVectors, func(worker, i int) error {
			own := crew[worker]
			if v[worker] == nil {
				v[worker], hv[worker] = make([]float64, c.size), make([]float64, c.size)
			}
			own.direction(v[worker], rademacher, i)
			if err := own.product(ctx, hv[worker], v[worker]); err != nil {
				return err
			}
			samples[i] = dot(v[worker], hv[worker])
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	var mean, squares float64
	for _, v := range samples {
		mean += v / traceVectors
	}
	for _, v := range samples {
		squares += (v - mean) * (v - mean)
	}
	return []payload{
		scalar("trace", mean), scalar("error", math.Sqrt(squares/(traceVectors-1)/traceVectors)), scalar("examples", float64(examples)),
		{name: "samples", shape: []int{traceVectors}, f64: samples},
	}, nil
}

// curvature multiplies vectors over the trainable values, [P], with a network's Hessian. It is for one goroutine.
type curvature struct {
	some      []models.SecondOrder // sessions for batches at the same time
	labelled                       // the examples looked at
	seed      uint64
	d, size   int            // features; P
	batch     int            // examples of a product
	trainable []bool         // of each tensor
	v         models.State   // of one product
	hv        []models.State // of one product with one batch, one a session
}

// crew are multipliers with one of c's sessions each, for products at the same time.
func (c *curvature) crew() []*curvature {
	if len(c.some) == 1 {
		return []*curvature{c}
	}
	crew := make([]*curvature, len(c.some))
	for i := range crew {
		own := *c
		own.some, own.v, own.hv = c.some[i:i+1], c.v.Clone(), c.hv[i:i+1]
		crew[i] = &own
	}
	return crew
}

// withCurvature calls f with the Hessian's products over so many examples, of which so many are independent, or whose batches are where that is 0. An engine without second derivatives
// makes the quantity missing.
func (p *Provider) withCurvature(need string, examples, products int, f func(*curvature) error) error {
	s := p.subject
	x, _ := s.inputs("train")
	rows := s.examples("train", examples)
	c := &curvature{seed: s.Seed, d: s.Arch.Input.Size(), size: s.Arch.NumParameters(), batch: Batch(s.Arch), v: models.NewState(s.Arch)}
	c.labelled = labelled{x: gather(make([]float32, 0, len(rows)*c.d), x, rows, c.d), y: make([]int32, len(rows)), n: len(rows)}
	for i, r := range rows {
		c.y[i] = s.Data.Train.Y[r]
	}
	for _, t := range s.Arch.Tensors() {
		c.trainable = append(c.trainable, t.Trainable)
	}
	if products == 0 {
		products = batchCount(c.n, c.batch)
	}
	defer p.host.keep(c.x)()
	return p.host.sessions.withSome(s.Arch, s.Final, products, func(some []models.Session) error {
		for _, session := range some {
			second, ok := session.(models.SecondOrder)
			if !ok {
				return &Missing{Need: need, Reason: "the engine " + p.host.engine.Name() + " has no second derivatives"}
			}
			c.some, c.hv = append(c.some, second), append(c.hv, models.NewState(s.Arch))
		}
		return f(c)
	})
}

// direction fills v, [P], with random values that are not kept: there are many.
func (c *curvature) direction(v []float64, l law, draw int) {
	at := 0
	for t, tensor := range c.v {
		if !c.trainable[t] {
			continue
		}
		for i, z := range (direction{l, c.seed, draw, t}).generate(len(tensor.Data)) {
			v[at+i] = float64(z)
		}
		at += len(tensor.Data)
	}
}

// product writes H v into dst, both [P]; v is rounded to float32, sums over batches are float64.
func (c *curvature) product(ctx context.Context, dst, v []float64) error {
	at := 0
	for t, tensor := range c.v {
		if c.trainable[t] {
			for i := range tensor.Data {
				tensor.Data[i] = float32(v[at+i])
			}
			at += len(tensor.Data)
		}
	}
	clear(dst)
	bounds := func(part int) (lo, hi int) { return part * c.batch, min((part+1)*c.batch, c.n) }
	err := ordered(len(c.some), batchCount(c.n, c.batch), func(worker, part int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		lo, hi := bounds(part)
		return c.some[worker].HessianVector(c.hv[worker], c.v, c.x[lo*c.d:hi*c.d], c.y[lo:hi])
	}, func(worker, part int) {
		lo, hi := bounds(part)
		at, weight := 0, float64(hi-lo)/float64(c.n)
		for t, tensor := range c.hv[worker] {
			if c.trainable[t] {
				for i, h := range tensor.Data {
					dst[at+i] += weight * float64(h)
				}
				at += len(tensor.Data)
			}
		}
	})
	if err != nil {
		return err
	}
	if s := norm(dst); math.IsNaN(s) || math.IsInf(s, 0) {
		return undefined("a product with the Hessian of the training loss has norm %v", s)
	}
	return nil
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
