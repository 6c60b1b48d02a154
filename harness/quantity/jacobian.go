package quantity

import (
	"context"

	"github.com/genbench/genbench/models"
)

// computeJacobianNorms serves, for sampled training examples and every representation x^l (see view), the
// squared Frobenius norm of the Jacobian of the K outputs with respect to it,
//
//	squares [N, L]  Σ_k ‖∂o_k/∂x^l‖²
//	units   [L]     values of x^l
//	index   [N]     the examples
//
// in evaluation mode. Outputs are the logits (of=logits) or their softmax (of=probabilities). It costs K
// backward passes of the sample.
func computeJacobianNorms(ctx context.Context, p *Provider, a arguments) ([]payload, error) {
	s := p.subject
	views := viewsOf(s.Arch)
	if err := s.gradientsKnown(views); err != nil {
		return nil, err
	}
	index := s.examples("train", a.number("examples"))
	x, _ := s.inputs("train")
	d, k, n := s.Arch.Input.Size(), s.Arch.Classes, len(index)
	squares := make([]float64, n*len(views))
	err := p.host.sessions.batches(ctx, s.Arch, s.Final, n, func(_ int, session models.Session, lo, hi int) error {
		rows, seed := gather(make([]float32, 0, (hi-lo)*d), x, index[lo:hi], d), make([]float32, (hi-lo)*k)
		defer p.host.keep(rows)()
		var probabilities []float32
		if a["of"] == "probabilities" {
			probabilities = make([]float32, len(seed))
			if err := session.Logits(probabilities, rows); err != nil {
				return err
			}
			softmaxRows(probabilities, k)
		}
		for c := range k {
			if err := ctx.Err(); err != nil {
				return err
			}
			seedOf(seed, probabilities, c, k)
			if err := addSquares(session, views, rows, seed, squares[lo*len(views):hi*len(views)]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	units := make([]int32, len(views))
	for l, v := range views {
		units[l] = int32(v.units)
	}
	for i, v := range squares {
		if notFinite(v) {
			return nil, undefined("the Jacobian at layer %d for training example %d has squared norm %v", i%len(views), index[i/len(views)], v)
		}
	}
	return []payload{
		{name: "squares", shape: []int{n, len(views)}, f64: squares}, {name: "units", shape: []int{len(views)}, i32: units},
		{name: "index", shape: []int{n}, i32: index},
	}, nil
}

// seedOf sets the gradient of output c with respect to the logits: 1 at c, or p_c(1_c - p) for the
// softmax.
func seedOf(seed, probabilities []float32, c, k int) {
	clear(seed)
	for i := 0; i < len(seed); i += k {
		if len(probabilities) == 0 {
			seed[i+c] = 1
			continue
		}
		p := probabilities[i : i+k]
		for j := range p {
			seed[i+j] = -p[c] * p[j]
		}
		seed[i+c] = float32(float64(p[c]) * (1 - float64(p[c])))
	}
}

// softmaxRows turns logits, [N, K], into probabilities in place.
func softmaxRows(logits []float32, k int) {
	p := make([]float64, k)
	for lo := 0; lo < len(logits); lo += k {
		row := logits[lo : lo+k]
		softmax(p, row)
		for j, v := range p {
			row[j] = float32(v)
		}
	}
}

// addSquares adds each example's squared gradient norm at every view to squares, [N, L].
func addSquares(session models.Session, views []view, x, seed []float32, squares []float64) error {
	n := len(squares) / len(views)
	return backwardToViews(session, views, x, seed, func(l int, g []float32) {
		units := len(g) / n
		for i := range n {
			squares[i*len(views)+l] += sumSquares(g[i*units : (i+1)*units])
		}
	})
}
