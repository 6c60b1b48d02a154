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
	size, passes               float64 // values of its tensors, and multiply-adds of an example
	forward, gradient, product float64 // seconds an example
	svd, move                  float64 // seconds for all weights
	decompositions             float64 // [decompositionCost] of its weights
}

// rates are those of the smallest and the largest network.
type rates []rate

// seconds is what a cost takes on a network: by the probe nearest in size, passes in proportion to the multiply-adds of an
// example, moves to the number of values, and decompositions to their own count.
func (rs rates) seconds(c quantity.Cost, j job) float64 {
	passes := float64(j.arch.MultiplyAdds())
	best := rs[0]
	for _, r := range rs {
		if math.Abs(math.Log(r.passes/passes)) < math.Abs(math.Log(best.passes/passes)) {
			best = r
		}
	}
	train := c.Forwards*best.forward + c.Gradients*best.gradient + c.Products*best.product
	total := passes / best.passes * (train*float64(j.train) + c.TestForwards*best.forward*float64(j.test))
	if c.Moves > 0 {
		total += float64(j.arch.NumParameters()) / best.size * c.Moves * best.move
	}
	if c.SVDs > 0 {
		total += decompositionCost(j.arch) / best.decompositions * c.SVDs * best.svd
	}
	if c.Circular > 0 {
		total += circularCost(j.arch) / best.decompositions * c.Circular * best.svd
	}
	return total
}

// probeExamples bounds a probe's pass; the batches are the host's, of forward passes and of the gradients of
// its searches.
const (
	probeExamples       = 1024
	probeMultiplyAdds   = 4e9 // of the examples of one pass
	probeDecompositions = 5e8 // of the weights decomposed; see decompositionCost
	gradientBatch       = 64
)

// probePasses times a forward pass, and what else the requests take, on the smallest and the largest
// network, with initial weights and random inputs: the time depends on neither.
func probePasses(ctx context.Context, e models.Engine, jobs []job, requests map[quantity.Request]bool) (rates, error) {
	if len(jobs) == 0 {
		return rates{{size: 1, passes: 1, decompositions: 1}}, nil
	}
	smallest, largest := jobs[0], jobs[0]
	least, most := smallest.arch.MultiplyAdds(), largest.arch.MultiplyAdds()
	for _, j := range jobs {
		n := j.arch.MultiplyAdds()
		if n < least {
			smallest, least = j, n
		}
		if n > most {
			largest, most = j, n
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
		if least == most {
			break
		}
	}
	return rs, nil
}

func probeNetwork(e models.Engine, j job, total quantity.Cost) (_ rate, err error) {
	r := rate{size: float64(j.arch.NumParameters()), passes: float64(j.arch.MultiplyAdds()), decompositions: decompositionCost(j.arch)}
	state, err := models.InitialState(j.arch, "pytorch", 1)
	if err != nil {
		return r, err
	}
	// Large networks are timed on few examples: a probe is a second or a few.
	n, d, k := max(2, min(j.train, probeExamples, int(probeMultiplyAdds/r.passes))), j.arch.Input.Size(), j.arch.Classes
	forwardBatch := quantity.Batch(j.arch)
	session, err := e.NewSession(j.arch, min(forwardBatch, n))
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
		r.svd, err = probeDecomposition(state, r.decompositions)
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

// decompositionCost is what the singular values of all weight matrices, [Out, rest], take relative to others': rows times columns times the smaller.
func decompositionCost(a models.Architecture) float64 {
	var sum float64
	for _, t := range a.Tensors() {
		sum += matrixCost(t.Shape)
	}
	return sum
}

// circularCost is what the spectral norms of all kernels as circular convolutions take on the same scale: for half of the frequencies 180 products
// with a complex matrix [Out, In], as counted by time in a VGG of 13 convolutions. A kernel of one place costs nothing more than its matrix.
func circularCost(a models.Architecture) float64 {
	var sum float64
	for _, t := range a.Tensors() {
		if len(t.Shape) == 4 && t.Shape[2]*t.Shape[3] > 1 {
			sum += float64(a.Input.H*a.Input.W) / 2 * 180 * float64(t.Shape[0]*t.Shape[1])
		}
	}
	return sum
}

// matrixCost is a tensor's part; 0 of what is no matrix.
func matrixCost(shape []int) float64 {
	if len(shape) < 2 {
		return 0
	}
	rows, columns := float64(shape[0]), 1.
	for _, n := range shape[1:] {
		columns *= float64(n)
	}
	return rows * columns * min(rows, columns)
}

// probeDecomposition times the singular values of the weights, of as many of them, from the first, as are soon done, and answers the seconds of
// all by their cost.
func probeDecomposition(s models.State, all float64) (float64, error) {
	var some models.State
	var cost float64
	for _, t := range s {
		c := matrixCost(t.Shape)
		if c > 0 && (cost == 0 || cost+c <= probeDecompositions) {
			some, cost = append(some, t), cost+c
		}
	}
	took, err := timed(func() error { return decompose(some) }, 1)
	return took * all / cost, err
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
