package quantity

import (
	"context"
	"math"

	"github.com/genbench/genbench/models"
)

// computeLayerMargins serves, for every training example with the label y trained on and the
// largest other class j = argmax_{k≠y} f_k (the first of equal ones), and every representation x^l (see view),
//
//	difference [N]     f_y - f_j
//	norms      [N, L]  ‖∇_{x^l}(f_y - f_j)‖₂
//	variances  [L]     Σ_u Var(x^l_u) over the training set, divisor N: the total variation squared
//
// in evaluation mode; sums are float64 of the engine's float32 values. difference/norms is the
// linear estimate of the distance to the decision boundary at layer l of Elsayed et al. 2018, arXiv:1803.05598, and
// Jiang et al. 2019, arXiv:1810.00113.
func computeLayerMargins(ctx context.Context, p *Provider, _ arguments) ([]payload, error) {
	s := p.subject
	x, n := s.inputs("train")
	m, err := p.layerMargins(ctx, x, s.Data.Train.Y)
	if err != nil {
		return nil, err
	}
	variances := make([]float64, len(m.views))
	for l := range variances {
		for _, v := range m.moments[l].variances() {
			variances[l] += v
		}
	}
	return m.checked([]payload{
		{name: "difference", shape: []int{n}, f64: m.difference},
		{name: "norms", shape: []int{n, len(m.views)}, f64: m.norms},
		{name: "variances", shape: []int{len(m.views)}, f64: variances},
	})
}

// margined is the margins of labelled inputs at every view.
type margined struct {
	views      []view
	difference []float64 // [N]
	norms      []float64 // [N, L]
	moments    []moments // [L]
}

// layerMargins runs inputs x, [N, D], of labels y through the network and back.
func (p *Provider) layerMargins(ctx context.Context, x []float32, y []int32) (*margined, error) {
	s := p.subject
	d, k, n, batch := s.Arch.Input.Size(), s.Arch.Classes, len(y), Batch(s.Arch)
	m := &margined{views: viewsOf(s.Arch), difference: make([]float64, n)}
	if err := s.gradientsKnown(m.views); err != nil {
		return nil, err
	}
	m.norms, m.moments = make([]float64, n*len(m.views)), make([]moments, len(m.views))
	parts := batchCount(n, batch)
	err := p.host.sessions.withSome(s.Arch, s.Final, parts, func(some []models.Session) error {
		seen, seeds := make([][][]float32, len(some)), make([][]float32, len(some))
		for worker := range some {
			seen[worker], seeds[worker] = make([][]float32, len(m.views)), make([]float32, batch*k)
		}
		see := func(worker, l int, v []float32) {
			if len(some) == 1 {
				m.moments[l].add(v, m.views[l].units)
				return
			}
			seen[worker][l] = append(seen[worker][l][:0], v...) // moments are summed in the examples' order
		}
		return ordered(len(some), parts, func(worker, part int) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			lo, hi := part*batch, min((part+1)*batch, n)
			return m.run(some[worker], s.Arch, lo, x[lo*d:hi*d], y[lo:hi], seeds[worker][:(hi-lo)*k], func(l int, v []float32) { see(worker, l, v) })
		}, func(worker, _ int) {
			for l, v := range seen[worker] {
				if len(v) > 0 {
					m.moments[l].add(v, m.views[l].units)
				}
			}
		})
	})
	return m, err
}

// run takes one batch, of which the first example is number first, and shows see its views.
func (m *margined) run(session models.Session, a models.Architecture, first int, x []float32, y []int32, seed []float32, see func(l int, v []float32)) error {
	err := visitViews(session, a, m.views, x, func(l int, v []float32) {
		if l < len(m.views) {
			see(l, v)
			return
		}
		m.compare(first, v, y, seed)
	})
	if err != nil {
		return err
	}
	return backwardToViews(session, m.views, x, seed, func(l int, g []float32) {
		units := len(g) / len(y)
		for i := range y {
			m.norms[(first+i)*len(m.views)+l] = math.Sqrt(sumSquares(g[i*units : (i+1)*units]))
		}
	})
}

// compare reads the logits of one batch, [N, K], and sets the seed of the way back: 1 for the
// label, -1 for the largest other class.
func (m *margined) compare(first int, logits []float32, y []int32, seed []float32) {
	k := len(logits) / len(y)
	clear(seed)
	for i, label := range y {
		row := logits[i*k : (i+1)*k]
		other := runnerUp(row, int(label))
		m.difference[first+i] = float64(row[label]) - float64(row[other])
		seed[i*k+int(label)], seed[i*k+other] = 1, -1
	}
}

// runnerUp is the first index of the largest value beside the label's.
func runnerUp(row []float32, label int) int {
	best := -1
	for j, v := range row {
		if j != label && (best < 0 || v > row[best]) {
			best = j
		}
	}
	return best
}

// checked passes the arrays on unless a value overflowed.
func (m *margined) checked(ps []payload) ([]payload, error) {
	for i, v := range m.difference {
		if notFinite(v) {
			return nil, undefined("the margin of example %d is %v", i, v)
		}
	}
	for i, v := range m.norms {
		if notFinite(v) {
			return nil, undefined("the gradient at layer %d for example %d has norm %v", i%len(m.views), i/len(m.views), v)
		}
	}
	for _, q := range ps {
		for _, v := range q.f64 {
			if notFinite(v) {
				return nil, undefined("%s holds %v", q.name, v)
			}
		}
	}
	return ps, nil
}

func sumSquares(v []float32) float64 {
	var s float64
	for _, x := range v {
		s += float64(x) * float64(x)
	}
	return s
}

// moments are sums over examples of each unit's value and its square, less that of the first
// example: where values lie far from 0 nothing is lost.
type moments struct {
	shift  []float64
	sum    []float64
	square []float64
	n      int
}

// add takes values, [N, units].
func (m *moments) add(v []float32, units int) {
	if m.shift == nil {
		m.shift, m.sum, m.square = make([]float64, units), make([]float64, units), make([]float64, units)
		for u := range units {
			m.shift[u] = float64(v[u])
		}
	}
	for lo := 0; lo < len(v); lo += units {
		for u, x := range v[lo : lo+units] {
			d := float64(x) - m.shift[u]
			m.sum[u] += d
			m.square[u] += float64(d * d)
		}
		m.n++
	}
}

// variances are each unit's, with divisor n.
func (m *moments) variances() []float64 {
	v := make([]float64, len(m.sum))
	for u := range v {
		mean := m.sum[u] / float64(m.n)
		v[u] = max(0, m.square[u]/float64(m.n)-float64(mean*mean))
	}
	return v
}
