package rank

import (
	"math"
)

// Estimand says what the intervals of a grid are about.
type Estimand int

// The estimands.
const (
	// GridFixed is the statistic to be expected on this very grid, with as many
	// new seeds and a new test set of the same size.
	GridFixed Estimand = iota
	// GridSampled is the statistic to be expected of as many other configurations
	// like these, one seed each where these have one: where seeds hardly repeat,
	// nothing else shows how far a number can move.
	GridSampled
)

func (e Estimand) String() string {
	if e == GridSampled {
		return "intervals are about other configurations drawn like these and new test examples: the seeds hardly repeat, so that nothing shows what new seeds do to this grid"
	}
	return "intervals are about this very grid with new seeds and new test examples"
}

// LeastDegrees is the number of degrees of freedom, networks less
// configurations, from which the noise of training can be told from the repeats.
const LeastDegrees = 8

// Estimand is what the intervals of the grid are about.
func (g *Grid) Estimand() Estimand {
	if len(g.levels) > 0 && g.n-g.configs >= LeastDegrees {
		return GridFixed
	}
	return GridSampled
}

// Intervals are the statistics of a sample with their 95 % intervals. An
// [Estimate] whose Err is set has no interval; its value is 0 where the
// statistic is undefined.
type Intervals struct {
	Estimand                                 Estimand
	Psi, Tau, Spearman, Pearson, Information Estimate
	Axes                                     []Estimate // [A] ψ
}

// informationDraws is the number of replicates that K gets at most: it costs as
// much as all else together several times over, and a standard deviation of 100
// draws is known to 7 %.
const informationDraws = 100

// Intervals puts 95 % intervals on all statistics, from one joint resample.
func (s *Sample) Intervals(kind Tau, o Resampling) (Intervals, error) {
	if err := o.check(s.grid.n); err != nil {
		return Intervals{}, err
	}
	g := s.Granulated(kind)
	out := s.estimates(kind, g)
	if out.Estimand == GridFixed {
		s.fixed(&out, kind, g, o)
	} else {
		s.sampled(&out, kind, g, o)
	}
	return out, nil
}

// estimates fills in the values.
func (s *Sample) estimates(kind Tau, g Granulated) Intervals {
	out := Intervals{Estimand: s.grid.Estimand(), Axes: make([]Estimate, len(g.Axes))}
	estimate := func(v float64, err error) Estimate {
		if err != nil {
			v = 0
		}
		return Estimate{Value: v, Low: v, High: v, Err: err, estimand: out.Estimand}
	}
	tau := s.TauB
	if kind == A {
		tau = s.TauA
	}
	k := s.Information()
	out.Psi, out.Tau = estimate(g.Psi, g.Err), estimate(tau())
	out.Spearman, out.Pearson, out.Information = estimate(s.Spearman()), estimate(s.Pearson()), estimate(k.K, k.Err)
	for a, axis := range g.Axes {
		out.Axes[a] = estimate(axis.Psi, axis.Err)
	}
	return out
}

// each visits the estimates that replicates have the statistics of.
func (i *Intervals) each(visit func(e *Estimate, of func(*scores) optional)) {
	visit(&i.Psi, func(s *scores) optional { return s.psi })
	visit(&i.Tau, func(s *scores) optional { return s.tau })
	visit(&i.Spearman, func(s *scores) optional { return s.spearman })
	visit(&i.Pearson, func(s *scores) optional { return s.pearson })
	for a := range i.Axes {
		visit(&i.Axes[a], func(s *scores) optional { return s.axes[a] })
	}
}

// fixed makes the intervals of [GridFixed].
func (s *Sample) fixed(out *Intervals, kind Tau, g Granulated, o Resampling) {
	degrees := float64(s.n - s.occupied())
	if degrees < LeastDegrees {
		few := undefined(TooFew, "repeats leave %s of freedom for the noise of training: an interval needs at least %d", plural(s.n-s.occupied(), "degree"), LeastDegrees)
		out.refuse(few)
		return
	}
	m := s.newModel(o.Noise)
	f := s.newScorer(kind, g)
	s.replicate(out, f, o, func(b int) { m.draw(f, o.Seed, b) })
	out.each(func(e *Estimate, _ func(*scores) optional) { e.limit(-1, deviation(e.draws), degrees) })
	out.Information.limit(0, deviation(out.Information.draws), degrees)
}

// refuse gives every estimate a reason to have no interval.
func (i *Intervals) refuse(err error) {
	set := func(e *Estimate) {
		if e.Err == nil {
			e.Err = err
		}
	}
	i.each(func(e *Estimate, _ func(*scores) optional) { set(e) })
	set(&i.Information)
}

// replicate fills the draws of all estimates.
func (s *Sample) replicate(out *Intervals, f *scorer, o Resampling, draw func(b int)) {
	out.each(func(e *Estimate, _ func(*scores) optional) { e.draws = make([]optional, o.Replicates) })
	out.Information.draws = make([]optional, min(o.Replicates, informationDraws))
	var r scores
	for b := range o.Replicates {
		draw(b)
		f.score(&r)
		out.each(func(e *Estimate, of func(*scores) optional) { e.draws[b] = of(&r) })
		if b < len(out.Information.draws) && out.Information.Err == nil {
			out.Information.draws[b] = f.information()
		}
	}
}

// sampled makes the intervals of [GridSampled].
func (s *Sample) sampled(out *Intervals, kind Tau, g Granulated, o Resampling) {
	occupied := s.occupied()
	if err := fewConfigurations(occupied); err != nil {
		out.refuse(err)
		return
	}
	if o.Noise != nil {
		f := s.newScorer(kind, g)
		s.replicate(out, f, o, func(b int) { s.shiftTests(f, o.Noise.of(b)) })
	}
	values, information := s.leaveOut(kind, o.Seed)
	for _, e := range []struct {
		*Estimate
		of func(*scores) optional
	}{
		{&out.Tau, func(s *scores) optional { return s.tau }},
		{&out.Spearman, func(s *scores) optional { return s.spearman }},
		{&out.Pearson, func(s *scores) optional { return s.pearson }},
	} {
		e.without = make([]optional, len(values))
		for k := range values {
			e.without[k] = e.of(&values[k])
		}
		se, degrees := jackknife(e.without)
		e.limit(-1, max(se, deviation(e.draws)), degrees)
	}
	out.Information.without = information
	se, degrees := jackknife(information)
	out.Information.limit(0, max(se, deviation(out.Information.draws)), degrees)
	pairs := float64(occupied)/2 - 1
	if out.Psi.Err == nil {
		out.Psi.influence = s.influence(kind, g)
		out.Psi.limit(-1, max(out.Psi.influence.standardError(), deviation(out.Psi.draws)), pairs)
	}
	for a := range out.Axes {
		e := &out.Axes[a]
		if e.Err == nil {
			e.influence = s.influenceOfAxis(kind, g, a)
			e.limit(-1, max(e.influence.standardError(), deviation(e.draws)), pairs)
		}
	}
}

// shiftTests writes the points with other test examples.
func (s *Sample) shiftTests(f *scorer, shift []float64) {
	for p, pt := range s.points {
		f.x[p] = pt.x
		f.y[p] = s.shifted(pt, shift)
	}
}

// limit puts the interval around the value; lowest and 1 bound the statistic.
func (e *Estimate) limit(lowest, standardError, degrees float64) {
	if e.Err != nil {
		return
	}
	e.Degrees = max(1, degrees)
	if !(standardError > 0) {
		e.Err = undefined(TooFew, "no resample changes the value: an interval would have no width, and say that there is no doubt")
		return
	}
	e.StandardError = standardError
	half := tQuantile(e.Degrees) * standardError
	e.Low, e.High = max(lowest, e.Value-half), min(1, e.Value+half)
}

// errorOfDifference is the standard error of the paired difference.
func (e *Estimate) errorOfDifference(o Estimate) float64 {
	if e.estimand != o.estimand {
		return math.Hypot(e.StandardError, o.StandardError)
	}
	of := deviation(subtract(e.draws, o.draws))
	switch {
	case e.estimand == GridFixed:
		return of
	case e.influence != nil && o.influence != nil:
		return max(of, e.influence.differenceError(o.influence))
	}
	se, _ := jackknife(subtract(e.without, o.without))
	return max(of, se)
}
