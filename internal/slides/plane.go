package slides

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/genbench/genbench/models"
)

// plane is the plane of the first two principal components of a way through the space of weights.
type plane struct {
	mean     []float64    // [P]
	axes     [2][]float64 // [P] orthonormal
	scores   [][2]float64 // [N] of the points
	variance [2]float64   // shares of the variance, in [0, 1]
}

// newPlane makes the plane of points, [N][P] with N >= 3. The components come from the eigenvectors of the N x N matrix of
// inner products of the centred points, which is the principal component analysis of their covariance. A component's sign is
// such that the last point's score is not negative.
func newPlane(points [][]float64) (*plane, error) {
	n := len(points)
	if n < 3 {
		return nil, fmt.Errorf("%d points span no plane", n)
	}
	p := &plane{mean: make([]float64, len(points[0])), scores: make([][2]float64, n)}
	for _, x := range points {
		for j, v := range x {
			p.mean[j] += v / float64(n)
		}
	}
	gram := mat.NewSymDense(n, nil)
	for a := range n {
		for b := a; b < n; b++ {
			var dot float64
			for j := range p.mean {
				dot += (points[a][j] - p.mean[j]) * (points[b][j] - p.mean[j])
			}
			gram.SetSym(a, b, dot)
		}
	}
	var e mat.EigenSym
	if !e.Factorize(gram, true) {
		return nil, errors.New("the principal components of the weights cannot be found")
	}
	var vectors mat.Dense
	e.VectorsTo(&vectors)
	values := e.Values(nil) // ascending
	var total float64
	for _, v := range values {
		total += max(v, 0)
	}
	for k := range p.axes {
		at := n - 1 - k
		if !(values[at] > 1e-12*total) {
			return nil, errors.New("the weights moved along a line, or not at all: they span no plane")
		}
		sigma, sign := math.Sqrt(values[at]), 1.0
		if vectors.At(n-1, at) < 0 {
			sign = -1
		}
		p.variance[k] = values[at] / total
		p.axes[k] = make([]float64, len(p.mean))
		for a := range n {
			v := sign * vectors.At(a, at)
			p.scores[a][k] = sigma * v
			for j := range p.mean {
				p.axes[k][j] += v / sigma * (points[a][j] - p.mean[j])
			}
		}
	}
	return p, nil
}

// at is the inverse of the projection: the point of the space at (u, v).
func (p *plane) at(u, v float64) []float64 {
	out := make([]float64, len(p.mean))
	for j := range out {
		out[j] = p.mean[j] + u*p.axes[0][j] + v*p.axes[1][j]
	}
	return out
}

// nearest is the point whose place in the plane is nearest to (u, v).
func (p *plane) nearest(u, v float64) int {
	best, at := math.Inf(1), 0
	for i, s := range p.scores {
		if d := math.Hypot(s[0]-u, s[1]-v); d < best {
			best, at = d, i
		}
	}
	return at
}

// flat is all trainable values of a network, one after another.
func flat(a models.Architecture, s models.State) []float64 {
	var out []float64
	for i, t := range a.Tensors() {
		if t.Trainable {
			for _, v := range s[i].Data {
				out = append(out, float64(v))
			}
		}
	}
	return out
}

// unflat is a network with those trainable values; what is not trained is that of like.
func unflat(a models.Architecture, values []float64, like models.State) models.State {
	out := like.Clone()
	for i, t := range a.Tensors() {
		if !t.Trainable {
			continue
		}
		for j := range out[i].Data {
			out[i].Data[j] = float32(values[j])
		}
		values = values[len(out[i].Data):]
	}
	return out
}
