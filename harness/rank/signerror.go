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

// SignErrorOptions say how to compute sign errors.
type SignErrorOptions struct {
	TestSize    int         // test examples behind each gap
	Environment Environment // what is compared
	LeastESS    float64     // effective sample size that an environment needs
	Unfiltered  bool        // every pair weighs 1, however near its gaps
	// Doubled lets each environment count twice, from a to b and from b to a, as
	// in the authors' code. It moves the 90th percentile only.
	Doubled bool

	isclose bool // sizes that numpy's isclose takes for the least are enough
}

// SignErrorSummary summarises environments. An environment's error is
// Σ w·e / Σ w over its pairs, with weights (HoeffdingWeight − 0.5)₊; it is kept
// when the effective sample size (Σ w)² / Σ w² reaches the least. The 90th
// percentile is numpy's linear one. All are in [0, 1].
type SignErrorSummary struct {
	Mean, P90, Max float64
	Err            error // an [ErrUndefined] when no environment is kept; the three are 0 then
	Environments   int   // kept
	Rejected       int   // below the least effective sample size
}

// SignErrors summarises all environments, and those of each axis.
type SignErrors struct {
	SignErrorSummary
	Worst  EnvironmentAt      // where Max is: of several the one of the largest ESS, of these the first
	ByAxis []SignErrorSummary // [A]
}

// EnvironmentAt is one environment. Only where Err is nil does it mean anything.
type EnvironmentAt struct {
	Axis       int
	From, To   int     // levels on Axis as NewGrid was given them, From < To
	Network    int     // a network at From, which gives the levels of the other axes; -1 for LevelPair
	Error, ESS float64 // its sign error in [0, 1] and effective sample size
}

// LeastESS is the effective sample size that Dziugaite et al. ask of an environment.
const LeastESS = 12

// SignErrorsOf computes the sign errors over single networks, whatever the
// sample's repeats.
func (s *Sample) SignErrorsOf(o SignErrorOptions) SignErrors {
	out := SignErrors{ByAxis: make([]SignErrorSummary, s.grid.Axes())}
	var all []float64
	for axis := range out.ByAxis {
		var errs []float64
		of := &out.ByAxis[axis]
		for _, e := range s.environments(axis, o) {
			ess, ok := e.size(o)
			if !ok {
				of.Rejected++
				continue
			}
			errs = append(errs, e.loss/e.w)
			at := e.at
			at.Error, at.ESS = e.loss/e.w, ess
			if len(all)+len(errs) == 1 || at.Error > out.Worst.Error || at.Error == out.Worst.Error && at.ESS > out.Worst.ESS {
				out.Worst = at
			}
		}
		of.summarise(errs, o)
		all = append(all, errs...)
		out.Rejected += of.Rejected
	}
	out.summarise(all, o)
	if s.grid.Axes() == 0 {
		out.Err = undefined(Other, "the grid has no axes")
	}
	return out
}

// summarise sorts errs.
func (out *SignErrorSummary) summarise(errs []float64, o SignErrorOptions) {
	out.Environments = len(errs)
	if len(errs) == 0 {
		out.Err = undefined(TooFew, "none of %d environments reaches the effective sample size %g: more seeds or more test examples are needed", out.Rejected, o.LeastESS)
		return
	}
	slices.Sort(errs)
	for _, e := range errs {
		out.Mean += e / float64(len(errs))
	}
	out.Max = errs[len(errs)-1]
	if !o.Doubled {
		out.P90 = quantile(errs, 0.9)
		return
	}
	twice := make([]float64, 0, 2*len(errs))
	for _, e := range errs {
		twice = append(twice, e, e)
	}
	out.P90 = quantile(twice, 0.9)
}

// environment sums over the pairs of one environment.
type environment struct {
	at          EnvironmentAt
	w, w2, loss float64
}

// size is the effective sample size and whether it is enough.
func (e *environment) size(o SignErrorOptions) (ess float64, ok bool) {
	if e.w2 == 0 {
		return 0, false
	}
	ess = e.w * e.w / e.w2
	if !o.isclose {
		return ess, ess >= o.LeastESS
	}
	const absolute, relative = 1e-8, 1e-5 // numpy's
	if e.w <= absolute {                  // to the authors the sum of weights is 0 then
		return e.w * e.w, false
	}
	return ess, ess > o.LeastESS || math.Abs(ess-o.LeastESS) <= absolute+relative*o.LeastESS
}

// environments gathers the environments of one axis, in the grid's order.
func (s *Sample) environments(axis int, o SignErrorOptions) []environment {
	var out []environment
	levels, given := s.grid.levels[axis], s.grid.given[axis]
	pooled := map[[2]int]int{} // for LevelPair: by levels, the place in out
	s.neighbours(axis, func(c, d int) {
		from, to := levels[s.member[c][0]], levels[s.member[d][0]]
		if from > to {
			c, d, from, to = d, c, to, from
		}
		at, ok := pooled[[2]int{from, to}]
		if !ok || o.Environment == ConfigurationPair {
			at = len(out)
			out = append(out, environment{at: EnvironmentAt{Axis: axis, From: given[from], To: given[to], Network: s.member[c][0]}})
			if o.Environment == LevelPair {
				pooled[[2]int{from, to}] = at
				out[at].at.Network = -1
			}
		}
		out[at].add(s, s.member[c], s.member[d], o)
	})
	return out
}

// add compares all networks of two configurations.
func (e *environment) add(s *Sample, from, to []int, o SignErrorOptions) {
	for _, i := range from {
		for _, j := range to {
			w := 1.0
			if !o.Unfiltered {
				w = max(0, HoeffdingWeight(s.netY[i]-s.netY[j], o.TestSize)-0.5)
			}
			e.w += w
			e.w2 += w * w
			e.loss += w * SignError(s.netX[i], s.netX[j], s.netY[i], s.netY[j])
		}
	}
}

// neighbours visits each pair of configurations that differ in one axis alone
// and have a network where x is defined.
func (s *Sample) neighbours(axis int, visit func(c, d int)) {
	cells := make([][]int, s.grid.places[axis])
	for c, nets := range s.member {
		if len(nets) > 0 {
			place := s.grid.others[axis][c]
			cells[place] = append(cells[place], c)
		}
	}
	for _, cell := range cells {
		for i, c := range cell {
			for _, d := range cell[:i] {
				visit(d, c)
			}
		}
	}
}

// quantile is numpy's linear quantile of ascending values, with its rounding.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	below := int(at)
	if below+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	a, b, t := sorted[below], sorted[below+1], at-float64(below)
	if t >= 0.5 {
		return b - (b-a)*(1-t)
	}
	return a + (b-a)*t
}
