package rank

import (
	"fmt"
	"math"
	"slices"
)

// Null says what a permutation keeps.
type Null int

// The nulls.
const (
	// WholeGrid permutes the measure over whole configurations, all axes at once. Where
	// the measure has nothing to do with the gap its p-values are exact.
	WholeGrid Null = iota
	// WithinCells permutes the measure inside each cell of each axis on its own. Cells of
	// different axes share networks, which this ignores: with four axes of
	// random values its p-values come out too small (below 0.05 in 14 % of
	// simulations, TestNull).
	WithinCells
)

// PsiPValue is the two-sided permutation p-value of Ψ, (b+1)/(B+1), where b
// counts the permutations whose |Ψ| is at least the observed one. Ψ is here the
// mean over the axes on which it is defined for the sample itself. Permutations in
// which none of them is defined count neither in b nor in B: counted as less
// extreme they would make p too small.
func (s *Sample) PsiPValue(kind Tau, null Null, permutations int, seed uint64) (float64, error) {
	g := s.Granulated(kind)
	if g.Err != nil {
		return 0, g.Err
	}
	var k knight
	f := func(points []point) (float64, bool) { return s.psi(kind, g, points, &k) }
	if null == WithinCells {
		return s.withinCells(kind, g, permutations, seed)
	}
	return s.permute(g.Psi, permutations, seed, f)
}

// TauPValue is the two-sided permutation p-value of the overall τ.
func (s *Sample) TauPValue(kind Tau, permutations int, seed uint64) (float64, error) {
	tau := s.TauB
	if kind == A {
		tau = s.TauA
	}
	v, err := tau()
	if err != nil {
		return 0, err
	}
	var k knight
	return s.permute(v, permutations, seed, func(points []point) (float64, bool) {
		var sum float64
		defined := 0
		for _, stratum := range s.strata {
			if tau, ok := tieCount(points, stratum, &k).tau(kind); ok {
				sum += tau
				defined++
			}
		}
		return sum / float64(defined), defined > 0
	})
}

// slack keeps rounding from telling a permutation that restores the observed
// value apart from it.
const slack = 1e-12

func (s *Sample) permute(observed float64, permutations int, seed uint64, f func([]point) (float64, bool)) (float64, error) {
	if permutations < 1 {
		return 0, fmt.Errorf("%d permutations: at least 1 is needed", permutations)
	}
	var blocks [][]int // points of each configuration
	for p, pt := range s.points {
		if p > 0 && s.points[p-1].config == pt.config {
			blocks[len(blocks)-1] = append(blocks[len(blocks)-1], p)
			continue
		}
		blocks = append(blocks, []int{p})
	}
	points := slices.Clone(s.points)
	order := make([]int, len(blocks))
	extreme, counted := 0, 0
	for b := range permutations {
		shuffle(order, seed, forPermutation, b)
		for k, block := range blocks {
			from := blocks[order[k]]
			for r, p := range block {
				points[p].x = s.points[from[r%len(from)]].x
			}
		}
		v, ok := f(points)
		if !ok {
			continue
		}
		counted++
		if math.Abs(v) >= math.Abs(observed)-slack {
			extreme++
		}
	}
	return float64(extreme+1) / float64(counted+1), nil
}

// shuffle fills order with a random permutation (Fisher and Yates).
func shuffle(order []int, seed uint64, p purpose, b int) {
	g := stream(seed, p, b)
	for i := range order {
		order[i] = i
	}
	for i := len(order) - 1; i > 0; i-- {
		j := below(g, i+1)
		order[i], order[j] = order[j], order[i]
	}
}

func (s *Sample) withinCells(kind Tau, observed Granulated, permutations int, seed uint64) (float64, error) {
	if permutations < 1 {
		return 0, fmt.Errorf("%d permutations: at least 1 is needed", permutations)
	}
	points := slices.Clone(s.points)
	extreme := 0
	var k knight
	for b := range permutations {
		g := stream(seed, forPermutation, b)
		var sum float64
		axes := 0
		for i := range s.cells {
			if observed.Axes[i].Err != nil {
				continue
			}
			for _, c := range s.cells[i] {
				for _, p := range c {
					points[p].x = s.points[p].x
				}
				for m := len(c) - 1; m > 0; m-- {
					j := below(g, m+1)
					points[c[m]].x, points[c[j]].x = points[c[j]].x, points[c[m]].x
				}
			}
			if a := s.axis(i, kind, points, &k); a.Err == nil {
				sum += a.Psi
				axes++
			}
		}
		if axes > 0 && math.Abs(sum/float64(axes)) >= math.Abs(observed.Psi)-slack {
			extreme++
		}
	}
	return float64(extreme+1) / float64(permutations+1), nil
}
