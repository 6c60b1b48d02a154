package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/models"
)

// rate is what passes of one network take.
type rate struct {
	size                       float64 // multiplications of a forward pass, [models.Architecture.MultiplyAdds]
	values                     float64 // of its tensors
	svds                       float64 // multiplications of a decomposition of every weight
	forward, gradient, product float64 // seconds an example
	svd, move                  float64 // seconds for all weights
}

// rates are those of the smallest and the largest network.
type rates []rate

// seconds is what a cost takes on a network: by the probe nearest in size, passes in proportion to their multiplications, moves to the
// number of values, decompositions to theirs.
func (rs rates) seconds(c quantity.Cost, j job) float64 {
	size, values := float64(j.arch.MultiplyAdds()), float64(j.arch.NumParameters())
	svds, circular := decompositions(j.arch)
	best := rs[0]
	for _, r := range rs {
		if math.Abs(math.Log(r.size/size)) < math.Abs(math.Log(best.size/size)) {
			best = r
		}
	}
	train := c.Forwards*best.forward + c.Gradients*best.gradient + c.Products*best.product
	return size/best.size*(train*float64(j.train)+c.TestForwards*best.forward*float64(j.test)) + values/best.values*c.Moves*best.move +
		(c.SVDs*svds+c.Circular*circular)/best.svds*best.svd
}

// decompositions counts the multiplications, about, of a singular value decomposition of every weight matrix, [Out, rest], without
// vectors, and of the spectral norms of all kernels as circular convolutions: for half of the frequencies, 90 steps of two products with a complex matrix: what it took in a VGG of 13 convolutions.
func decompositions(a models.Architecture) (svds, circular float64) {
	svds = 1 // never 0: it is divided by
	for _, t := range a.Tensors() {
		if len(t.Shape) < 2 {
			continue
		}
		rows, cols := float64(t.Shape[0]), float64(t.Size()/t.Shape[0])
		svds += 2 * rows * cols * min(rows, cols)
		if len(t.Shape) == 4 && t.Shape[2]*t.Shape[3] > 1 {
			circular += float64(a.Input.H*a.Input.W) / 2 * 90 * 2 * 4 * rows * float64(t.Shape[1])
		}
	}
	return svds, circular
}

// probeExamples bounds a probe's pass; the batches are the host's, of forward passes and of the gradients of
// its searches.
const (
	probeExamples = 1024
	probeWork     = 2e10 // multiplications of a pass that a probe takes, unless 32 examples take more
	gradientBatch = 64
)

// probePasses times a forward pass, and what else the requests take, on the smallest and the largest
// network, with initial weights and random inputs: the time depends on neither.
func probePasses(ctx context.Context, e models.Engine, jobs []job, requests map[quantity.Request]bool) (rates, error) {
	if len(jobs) == 0 {
		return rates{{size: 1, values: 1, svds: 1}}, nil
	}
	smallest, largest := jobs[0], jobs[0]
	for _, j := range jobs {
		if j.arch.MultiplyAdds() < smallest.arch.MultiplyAdds() {
			smallest = j
		}
		if j.arch.MultiplyAdds() > largest.arch.MultiplyAdds() {
			largest = j
		}
	}
	total, _, err := quantity.Total(requests, costSize)
	if err != nil {
		return nil, err
	}
	var rs rates
	for _, j := range []job{smallest, largest} {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		r, err := probeNetwork(e, j, total)
		if err != nil {
			return nil, fmt.Errorf("timing a pass: %w", err)
		}
		rs = append(rs, r)
		if smallest.arch.MultiplyAdds() == largest.arch.MultiplyAdds() {
			break
		}
	}
	return rs, nil
}

func probeNetwork(e models.Engine, j job, total quantity.Cost) (_ rate, err error) {
	r := rate{size: float64(j.arch.MultiplyAdds()), values: float64(j.arch.NumParameters())}
	r.svds, _ = decompositions(j.arch)
	forwardBatch := quantity.Batch(j.arch)
	state, err := models.InitialState(j.arch, "pytorch", 1)
	if err != nil {
		return r, err
	}
	session, err := e.NewSession(j.arch, forwardBatch)
	if err != nil {
		return r, err
	}
	defer session.Close()
	moved := state.Clone()
	if r.move, err = timed(func() error {
		for t := range state { // as a search does: a step of every weight, then into the session
			for i, v := range state[t].Data {
				moved[t].Data[i] = v + 1e-3*v
			}
		}
		return session.SetState(moved)
	}, 1); err != nil {
		return r, err
	}
	n, d, k := min(j.train, probeExamples, max(32, int(probeWork/r.size))), j.arch.Input.Size(), j.arch.Classes
	x, y := randomExamples(n, d, k)
	pass := func(size int, batch func(x []float32, y []int32) error) (float64, error) {
		return timed(func() error {
			for lo := 0; lo < n; lo += size {
				hi := min(lo+size, n)
				if err := batch(x[lo*d:hi*d], y[lo:hi]); err != nil {
					return err
				}
			}
			return nil
		}, float64(n))
	}
	logits := make([]float32, forwardBatch*k)
	if r.forward, err = pass(forwardBatch, func(x []float32, y []int32) error { return session.Logits(logits[:len(y)*k], x) }); err != nil {
		return r, err
	}
	if total.Gradients > 0 || total.Products > 0 {
		if r.gradient, err = pass(min(gradientBatch, forwardBatch), func(x []float32, y []int32) error {
			_, err := session.Gradient(moved, x, y, models.Eval, models.Draw{})
			return err
		}); err != nil {
			return r, err
		}
		r.product = 2 * r.gradient // where the engine has none of its own
	}
	if second, ok := session.(models.SecondOrder); ok && total.Products > 0 {
		if r.product, err = pass(forwardBatch, func(x []float32, y []int32) error { return second.HessianVector(moved, state, x, y) }); err != nil {
			return r, err
		}
	}
	if total.SVDs > 0 {
		r.svd, err = timed(func() error { return decompose(state) }, 1)
	}
	return r, err
}

// randomExamples are n inputs of d values, and labels of k classes.
func randomExamples(n, d, k int) (x []float32, y []int32) {
	rng := rand.New(rand.NewPCG(1, 1))
	x, y = make([]float32, n*d), make([]int32, n)
	for i := range x {
		x[i] = rng.Float32()
	}
	for i := range y {
		y[i] = rng.Int32N(int32(k))
	}
	return x, y
}

// timed is the shortest of three runs, or of one that takes long, after a first that is not
// counted; over what.
func timed(run func() error, over float64) (float64, error) {
	if err := run(); err != nil {
		return 0, err
	}
	best := math.Inf(1)
	for range 3 {
		start := time.Now()
		if err := run(); err != nil {
			return 0, err
		}
		took := time.Since(start).Seconds()
		if best = min(best, took/over); took > 0.3 {
			break
		}
	}
	return best, nil
}

// decompose takes the singular values of every weight matrix, [Out, rest].
func decompose(s models.State) error {
	for _, t := range s {
		if len(t.Shape) < 2 {
			continue
		}
		rows, values := t.Shape[0], make([]float64, len(t.Data))
		for i, v := range t.Data {
			values[i] = float64(v)
		}
		var svd mat.SVD
		if !svd.Factorize(mat.NewDense(rows, len(values)/rows, values), mat.SVDNone) {
			return fmt.Errorf("the singular values of %s did not converge", t.Name)
		}
	}
	return nil
}
