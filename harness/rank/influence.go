package rank

import (
	"math"
	"slices"
)

// influence is what each pair of configurations contributes to Ψ's deviation
// from its axes' means.
type influence struct {
	configs int
	ends    [][2]int  // [pairs] configurations; equal ends for repeats in one cell
	share   []float64 // [pairs]
}

// influence writes Ψ − Σ_i ψ_i/A, over the axes given, as a sum over pairs of
// configurations: Ψ is a mean over pairs of networks; each pair's deviation from
// its axis is charged to both its configurations, over all axes at once, so that
// cells sharing a network are not taken for independent (the variance for dyadic
// data of Aronow, Samii and Assenova 2015, doi:10.1093/pan/mpv018). A cell's τ-b is
// s/√(x·y) over its pairs; pair p deviates by
//
//	[s_p/√(x·y) − ψ_i (x_p/x + y_p/y)/2] / (A m_i),
//
// which sums to (τ − ψ_i)/(A m_i) over the cell. Under τ-a it is
// (s_p − ψ_i)/(pairs · A m_i). Centring at an estimated ψ_i costs one of the k
// disjoint pairs that the axis holds, hence the factor √(k/(k−1)).
func (s *Sample) influence(kind Tau, g Granulated, axes []int) *influence {
	inf := &influence{configs: s.grid.configs}
	index := map[[2]int]int{}
	defined := len(axes)
	for _, i := range axes {
		a := g.Axes[i]
		disjoint := 0
		for _, c := range s.cells[i] {
			disjoint += len(c) / 2
		}
		factor := 1 / float64(defined*a.Defined())
		if disjoint > 1 {
			factor *= math.Sqrt(float64(disjoint) / float64(disjoint-1))
		}
		for _, c := range s.cells[i] {
			t := tieCount(s.points, c, nil)
			if _, ok := t.tau(kind); !ok {
				continue
			}
			s.shareOut(inf, index, c, t, kind, a.Psi, factor)
		}
	}
	return inf
}

func (s *Sample) shareOut(inf *influence, index map[[2]int]int, c cell, t ties, kind Tau, psi, factor float64) {
	norm := float64(t.x)
	if t.x != t.y {
		norm = math.Sqrt(float64(t.x)) * math.Sqrt(float64(t.y))
	}
	for i, p := range c {
		for _, q := range c[:i] {
			a, b := &s.points[q], &s.points[p]
			sx, sy := float64(sign(a.x, b.x)), float64(sign(a.y, b.y))
			e := (sx*sy - psi) / float64(t.pairs)
			if kind == B {
				e = sx*sy/norm - psi*(sx*sx/float64(t.x)+sy*sy/float64(t.y))/2
			}
			ends := [2]int{min(a.config, b.config), max(a.config, b.config)}
			id, ok := index[ends]
			if !ok {
				id = len(inf.ends)
				index[ends] = id
				inf.ends = append(inf.ends, ends)
				inf.share = append(inf.share, 0)
			}
			inf.share[id] += e * factor
		}
	}
}

// standardError is √(Σ_c (Σ_{p∋c} e_p)² − Σ_p e_p²): pairs that share a
// configuration covary, and each pair was counted at both its ends. Where
// negative covariances leave less than half of what independent pairs would
// give, that half stands.
func (f *influence) standardError() float64 {
	if f == nil {
		return 0
	}
	return f.errorOf(f.share)
}

func (f *influence) errorOf(share []float64) float64 {
	at := make([]float64, f.configs)
	var own, squares float64
	for i, e := range share {
		a, b := f.ends[i][0], f.ends[i][1]
		squares += e * e
		at[a] += e
		if a != b {
			at[b] += e
			own += e * e
		}
	}
	var sum float64
	for _, v := range at {
		sum += v * v
	}
	return math.Sqrt(max(sum-own, squares/2))
}

// differenceError is the standard error of the difference of two Ψ.
func (f *influence) differenceError(o *influence) float64 {
	if f == nil || o == nil {
		return 0
	}
	if !slices.Equal(f.ends, o.ends) {
		return math.Hypot(f.standardError(), o.standardError())
	}
	d := make([]float64, len(f.share))
	for i := range d {
		d[i] = f.share[i] - o.share[i]
	}
	return f.errorOf(d)
}
