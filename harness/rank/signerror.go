package rank

import (
	"math"
	"slices"
)

// HoeffdingWeight is the confidence that two gaps measured on n test examples
// each and delta apart are ordered as they seem:
//
//	w(Δ) = max(0, 1 − 2 exp(−2n(|Δ|/2)²))²
//
// in [0, 1) (Dziugaite et al. 2020, arXiv:2010.11924, and the authors' code).
func HoeffdingWeight(delta float64, n int) float64 {
	half := math.Abs(delta) / 2
	w := max(0, 1-2*math.Exp(-2*float64(n)*half*half))
	return w * w
}

// SignError is 0 where the measure orders two networks as their gaps do, 1
// where it orders them oppositely, and 1/2 where either ties.
func SignError(x1, x2, y1, y2 float64) float64 {
	return float64(1-sign(x1, x2)*sign(y1, y2)) / 2
}

// Environment says which comparisons one environment of the sign error holds.
type Environment int

// The environments.
const (
	// ConfigurationPair is Dziugaite et al.'s: all pairs of repeats of two
	// configurations that differ in one axis. It needs many repeats: with two
	// an environment holds 4 pairs.
	ConfigurationPair Environment = iota
	// LevelPair pools the configuration pairs that change one axis between the
	// same two levels, whatever the other axes: for grids with few repeats.
	LevelPair
)

// SignErrors summarises the sign errors over environments. An environment's
// error is Σ w·e / Σ w over its pairs, with weights (HoeffdingWeight − 0.5)₊;
// it is kept when the effective sample size (Σ w)² / Σ w² reaches the least.
// The 90th percentile is numpy's linear one. All are in [0, 1].
type SignErrors struct {
	Mean, P90, Max float64
	Err            error // an [ErrUndefined] when no environment is kept
	Environments   int   // kept
	Rejected       int   // below the least effective sample size
}

// LeastESS is the effective sample size that Dziugaite et al. ask of an environment.
const LeastESS = 12

// SignErrors computes the sign errors over single networks, whatever the
// sample's repeats. testSize is the number of test examples behind each gap.
func (s *Sample) SignErrors(testSize int, kind Environment, leastESS float64) SignErrors {
	type sums struct{ w, w2, loss float64 }
	environments := map[[4]int]*sums{}
	var order [][4]int // maps have no order and sums of floats need one
	s.neighbours(func(axis, c, d int) {
		levels := s.grid.levels[axis]
		key := [4]int{axis, c, d, 0}
		if kind == LevelPair {
			lc, ld := levels[s.member[c][0]], levels[s.member[d][0]]
			key = [4]int{axis, min(lc, ld), max(lc, ld), 1}
		}
		e, ok := environments[key]
		if !ok {
			e = &sums{}
			environments[key] = e
			order = append(order, key)
		}
		for _, i := range s.member[c] {
			for _, j := range s.member[d] {
				w := max(0, HoeffdingWeight(s.netY[i]-s.netY[j], testSize)-0.5)
				e.w += w
				e.w2 += w * w
				e.loss += w * SignError(s.netX[i], s.netX[j], s.netY[i], s.netY[j])
			}
		}
	})
	var out SignErrors
	var errs []float64
	for _, key := range order {
		e := environments[key]
		if e.w2 == 0 || e.w*e.w/e.w2 < leastESS {
			out.Rejected++
			continue
		}
		errs = append(errs, e.loss/e.w)
	}
	out.Environments = len(errs)
	switch {
	case s.grid.Axes() == 0:
		out.Err = undefined(Other, "the grid has no axes")
	case len(errs) == 0:
		out.Err = undefined(TooFew, "none of %d environments reaches the effective sample size %g: more seeds or more test examples are needed", out.Rejected, leastESS)
	default:
		slices.Sort(errs)
		for _, e := range errs {
			out.Mean += e / float64(len(errs))
		}
		out.P90 = quantile(errs, 0.9)
		out.Max = errs[len(errs)-1]
	}
	return out
}

// neighbours visits each pair of configurations that differ in one axis alone
// and have a network where x is defined.
func (s *Sample) neighbours(visit func(axis, c, d int)) {
	for a := range s.grid.levels {
		cells := make([][]int, s.grid.places[a])
		for c, nets := range s.member {
			if len(nets) > 0 {
				place := s.grid.others[a][c]
				cells[place] = append(cells[place], c)
			}
		}
		for _, cell := range cells {
			for i, c := range cell {
				for _, d := range cell[:i] {
					visit(a, d, c)
				}
			}
		}
	}
}

// quantile is numpy's linear quantile of ascending values.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	below := int(at)
	if below+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[below] + (at-float64(below))*(sorted[below+1]-sorted[below])
}
