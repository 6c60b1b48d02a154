package rank

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Resampling says how to put an interval on a statistic.
type Resampling struct {
	Replicates int        // B; at least 20
	Seed       uint64     // equal seeds pair the replicates of different measures
	Noise      *TestNoise // nil: the test examples are taken as given
}

const level = 0.95

func (o Resampling) check(n int) error {
	if o.Replicates < 20 {
		return fmt.Errorf("resampling: %d replicates: at least 20 are needed for a 95 %% interval", o.Replicates)
	}
	if o.Noise == nil {
		return nil
	}
	if len(o.Noise.shift) < o.Replicates || len(o.Noise.shift[0]) != n {
		return fmt.Errorf("resampling: test noise of %d replicates for %d networks, but %d for %d are needed", len(o.Noise.shift), len(o.Noise.shift[0]), o.Replicates, n)
	}
	return nil
}

func (o Resampling) shift(b int) []float64 {
	if o.Noise == nil {
		return nil
	}
	return o.Noise.shift[b]
}

// LeastConfigurations is the number of configurations below which Ψ and the
// overall correlations get no interval. In simulations with 4 configurations,
// 9 to 43 % of the intervals have no width at all; from 8 on those that have one
// cover 87 to 100 % (TestCoverage has the smallest grid).
const LeastConfigurations = 8

// Estimate is a statistic with its 95 % interval.
type Estimate struct {
	Value     float64
	Low, High float64 // both Value where Err is not nil
	Err       error   // an [ErrUndefined] where resampling tells too little for an interval: see [Sample.PsiInterval]

	// The two standard errors that the interval is the wider of; GridError is 0
	// for the overall correlations.
	DrawError float64 // of resampling
	GridError float64 // of the jackknife over configurations

	StandardError float64 // of [Sample.Intervals]; 0 where no resample changes the value
	Degrees       float64 // of freedom of StandardError

	estimand Estimand
	draws    []optional // [B] the statistic of each replicate
	without  []optional // [groups] the statistic without each group of configurations

	replicates []float64 // [B], NaN where undefined
	influence  *influence
	degrees    float64 // of freedom of GridError
}

// interval fills in the limits. Replicates carry noise once more than the value
// does, which pulls them towards 0; so they are moved to have the value for
// their mean (a bias correction) before their quantiles are read.
func (e *Estimate) interval(lowest, highest, grid, degrees float64) error {
	defined := make([]float64, 0, len(e.replicates))
	var mean float64
	for _, r := range e.replicates {
		if !math.IsNaN(r) {
			defined = append(defined, r)
			mean += r
		}
	}
	if 2*len(defined) < len(e.replicates) {
		return undefined(Other, "%d of %d replicates are undefined", len(e.replicates)-len(defined), len(e.replicates))
	}
	var down, up float64
	if len(defined) > 1 {
		mean /= float64(len(defined))
		slices.Sort(defined)
		down, up = quantile(defined, (1-level)/2)-mean, quantile(defined, (1+level)/2)-mean
		var ss float64
		for _, r := range defined {
			ss += (r - mean) * (r - mean)
		}
		e.DrawError = math.Sqrt(ss / float64(len(defined)-1))
	}
	e.degrees = max(1, degrees)
	if grid > 0 {
		e.GridError = grid
		half := tQuantile(degrees) * grid
		down, up = min(down, -half), max(up, half)
	}
	e.Low = max(lowest, min(e.Value, e.Value+down))
	e.High = min(highest, max(e.Value, e.Value+up))
	if e.Low == e.High {
		e.Err = undefined(TooFew, "no resample changes the value: an interval would have no width, and say that there is no doubt")
	}
	return nil
}

func tQuantile(degrees float64) float64 {
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: max(1, degrees)}.Quantile((1 + level) / 2)
}

// fewConfigurations returns the error of intervals from too little.
func fewConfigurations(n int) error {
	if n >= LeastConfigurations {
		return nil
	}
	return undefined(TooFew, "%s: an interval needs at least %d", plural(n, "configuration"), LeastConfigurations)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Resolved tells which of two estimates of the same statistic over the same grid
// is surely the larger: 1 for a, -1 for b, 0 where their paired difference is
// within its error. alpha is the two-sided error rate. The error is built as the
// intervals are: the wider of normal quantiles of the paired replicates and
// Student's t quantiles of the paired jackknife.
func Resolved(a, b Estimate, alpha float64) int {
	d := a.Value - b.Value
	if d == 0 {
		return 0
	}
	draw, grid := drawDifference(a, b), a.influence.differenceError(b.influence)
	half := draw * distuv.UnitNormal.Quantile(1-alpha/2)
	if grid > 0 && math.Abs(d) > half {
		t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: max(1, min(a.degrees, b.degrees))}
		half = max(half, grid*t.Quantile(1-alpha/2))
	}
	switch {
	case math.Abs(d) <= half:
		return 0
	case d > 0:
		return 1
	}
	return -1
}

// Difference returns the difference of two estimates of the same statistic over
// the same grid, and its standard error: the larger of what the paired
// replicates and the paired jackknife say. Estimates of different sets of
// networks cannot be paired by the jackknife; their grid errors are added.
func Difference(a, b Estimate) (d, standardError float64) {
	return a.Value - b.Value, max(drawDifference(a, b), a.influence.differenceError(b.influence))
}

// drawDifference is the standard deviation of the paired replicates' difference.
func drawDifference(a, b Estimate) float64 {
	var sum, ss float64
	n := 0
	for i := range min(len(a.replicates), len(b.replicates)) {
		if r := a.replicates[i] - b.replicates[i]; !math.IsNaN(r) {
			n++
			sum += r
		}
	}
	for i := range min(len(a.replicates), len(b.replicates)) {
		if r := a.replicates[i] - b.replicates[i] - sum/float64(n); !math.IsNaN(r) {
			ss += r * r
		}
	}
	if n < 2 {
		return 0
	}
	return math.Sqrt(ss / float64(n-1))
}

// PsiInterval puts an interval on Ψ. What it stands for: the Ψ to be expected
// on this grid with new seeds and new test examples. It is the wider of two.
//
//   - A bootstrap of seeds within configurations, all axes at once: each
//     configuration's networks are drawn with replacement, and the deviation of
//     the resampled mean is multiplied by √(R/(R−1)), since the mean of R drawn
//     values varies that much less than the mean of R new ones. With noise, the
//     test examples are resampled in the same replicate, jointly for all
//     networks.
//   - A jackknife over configurations (GridError): Ψ is a mean over pairs of
//     networks; each pair's deviation from its axis is charged to both its
//     configurations, over all axes at once, so that cells sharing a network
//     are not taken for independent (the variance for dyadic data of Aronow,
//     Samii and Assenova 2015, doi:10.1093/pan/mpv018). It does not need
//     repeats. Disagreement between cells that training noise does not cause
//     widens it, so it errs on the wide side. Its quantile is Student's t with
//     C/2 − 1 degrees, C configurations holding C/2 disjoint pairs.
//
// In simulations (TestCoverage) it covers 90 to 98 %. Fewer than
// [LeastConfigurations] configurations have no interval and an error instead.
// The estimate's Err is set, and there is no interval but still an estimate to
// compare others with, where no resample changes the value, and where neither
// half shows the noise of training: the cells agree so well that the jackknife
// gives 0, and fewer than half of the configurations have repeats.
func (s *Sample) PsiInterval(kind Tau, o Resampling) (Estimate, error) {
	if err := o.check(s.grid.n); err != nil {
		return Estimate{}, err
	}
	g := s.Granulated(kind)
	if g.Err != nil {
		return Estimate{}, g.Err
	}
	if err := fewConfigurations(s.occupied()); err != nil {
		return Estimate{}, err
	}
	e := Estimate{Value: g.Psi, influence: s.influence(kind, g)}
	var k knight
	e.replicates = s.redraw(o, o.Replicates, func(points []point) (float64, bool) {
		return s.psi(kind, g, points, &k)
	})
	if e.replicates == nil && e.influence.disjoint < 2 {
		return Estimate{}, undefined(TooFew, "the axes hold one pair of networks and no repeats: there is nothing to resample")
	}
	if err := e.interval(-1, 1, e.influence.standardError(), float64(s.occupied())/2-1); err != nil {
		return Estimate{}, err
	}
	if repeated := s.repeated(); e.GridError == 0 && 2*repeated < s.occupied() {
		e.Low, e.High = e.Value, e.Value
		e.Err = undefined(TooFew, "every cell says the same and %d of %d configurations have repeats (other seeds): nothing shows the noise of training", repeated, s.occupied())
	}
	return e, nil
}

// psi is Ψ of resampled points, over the axes on which it is defined for the
// sample itself: else a replicate would be another statistic.
func (s *Sample) psi(kind Tau, observed Granulated, points []point, k *knight) (float64, bool) {
	var sum float64
	axes := 0
	for i := range s.cells {
		if observed.Axes[i].Err != nil {
			continue
		}
		var axis float64
		cells := 0
		for _, c := range s.cells[i] {
			if len(c) < 2 {
				continue
			}
			if tau, ok := tieCount(points, c, k).tau(kind); ok {
				axis += tau
				cells++
			}
		}
		if cells > 0 {
			sum += axis / float64(cells)
			axes++
		}
	}
	return sum / float64(axes), axes > 0
}

// InformationInterval puts an interval on K: the wider of the bootstrap of
// [Sample.PsiInterval] and the delete-one-configuration jackknife. K is a
// minimum and not smooth, so both are approximate.
func (s *Sample) InformationInterval(o Resampling) (Estimate, error) {
	if err := o.check(s.grid.n); err != nil {
		return Estimate{}, err
	}
	t := s.newTables()
	k := func(points []point, leftOut int) (float64, bool) {
		t.compare(points, leftOut)
		return t.minimum()
	}
	v, ok := k(s.points, -1)
	if !ok {
		return Estimate{}, s.Information().Err
	}
	e := Estimate{Value: v}
	e.replicates = s.redraw(o, o.Replicates, func(p []point) (float64, bool) { return k(p, -1) })
	var without []float64
	var mean float64
	for c, nets := range s.member {
		if len(nets) == 0 {
			continue
		}
		if v, ok := k(s.points, c); ok {
			without = append(without, v)
			mean += v
		}
	}
	mean /= float64(len(without))
	var ss float64
	for _, v := range without {
		ss += (v - mean) * (v - mean)
	}
	n := float64(len(without))
	err := e.interval(0, 1, math.Sqrt(ss*(n-1)/n), n-1)
	return e, err
}

// redraw computes a statistic over replicates of the seed bootstrap, NaN where
// it is undefined; nil when nothing can vary.
func (s *Sample) redraw(o Resampling, replicates int, f func([]point) (float64, bool)) []float64 {
	if o.Noise == nil && s.grid.most == 1 {
		return nil
	}
	points := slices.Clone(s.points)
	out := make([]float64, replicates)
	for b := range out {
		s.drawSeeds(points, o, b)
		v, ok := f(points)
		if !ok {
			v = math.NaN()
		}
		out[b] = v
	}
	return out
}

// drawSeeds writes replicate b of the points.
func (s *Sample) drawSeeds(points []point, o Resampling, b int) {
	g := stream(o.Seed, forSeeds, b)
	shift := o.shift(b)
	at := 0
	var picks [64]int
	for c, nets := range s.member {
		drawn := picks[:0]
		// As many numbers are drawn as the grid has repeats, so that measures
		// that lack a network still share the rest of the stream.
		for r := range s.grid.repeats[c] {
			pick := 0
			if s.grid.repeats[c] > 1 {
				pick = below(g, max(1, len(nets)))
			}
			if r < len(nets) {
				drawn = append(drawn, nets[pick])
			}
		}
		if len(nets) == 0 {
			continue
		}
		if s.repeats == Mean {
			s.redrawMean(&points[at], &s.points[at], drawn, shift)
			at++
			continue
		}
		for _, n := range drawn {
			p := &points[at]
			p.x, p.y, p.network = s.netX[n], s.netY[n], n
			if shift != nil {
				p.y += shift[n]
			}
			at++
		}
	}
}

func (s *Sample) redrawMean(dst, src *point, drawn []int, shift []float64) {
	r := float64(len(drawn))
	dst.x, dst.y = src.x, src.y
	if len(drawn) > 1 {
		mx, my := s.means(drawn)
		inflate := math.Sqrt(r / (r - 1))
		dst.x = round40(src.x + inflate*(mx-src.x))
		dst.y = round40(src.y + inflate*(my-src.y))
		if mx == src.x { // keep ties between configurations exact
			dst.x = src.x
		}
		if my == src.y {
			dst.y = src.y
		}
	}
	if shift != nil {
		var d float64
		for _, n := range drawn {
			d += shift[n] / r
		}
		dst.y = round40(dst.y + d)
	}
}

func (s *Sample) occupied() int {
	n := 0
	for _, nets := range s.member {
		if len(nets) > 0 {
			n++
		}
	}
	return n
}

// repeated counts the configurations with two or more networks.
func (s *Sample) repeated() int {
	n := 0
	for _, nets := range s.member {
		if len(nets) > 1 {
			n++
		}
	}
	return n
}

// TauInterval puts an interval on the overall τ by drawing configurations with
// their networks, with replacement. Copies of one configuration are not pairs:
// they would tie with themselves. Fewer than [LeastConfigurations] have no
// interval; where no draw changes the value the estimate's Err is set.
func (s *Sample) TauInterval(kind Tau, o Resampling) (Estimate, error) {
	value := s.TauB
	if kind == A {
		value = s.TauA
	}
	var w weighted
	return s.byConfiguration(o, value, func(points []point) (float64, bool) {
		t := w.ties(points)
		if kind == A {
			return t.s / t.pairs, t.pairs > 0
		}
		if t.x <= 0 || t.y <= 0 {
			return 0, false
		}
		return ratio(t.s, t.x, t.y), true
	})
}

// SpearmanInterval puts an interval on the Spearman correlation as
// [Sample.TauInterval] does on τ; copies of a network share their mean rank.
func (s *Sample) SpearmanInterval(o Resampling) (Estimate, error) {
	return s.byConfiguration(o, s.Spearman, weightedSpearman)
}

// byConfiguration resamples configurations; f gets the points with their
// multiplicity in weight, zeros left out.
func (s *Sample) byConfiguration(o Resampling, value func() (float64, error), f func([]point) (float64, bool)) (Estimate, error) {
	if err := o.check(s.grid.n); err != nil {
		return Estimate{}, err
	}
	v, err := value()
	if err != nil {
		return Estimate{}, err
	}
	if err := fewConfigurations(s.occupied()); err != nil {
		return Estimate{}, err
	}
	e := Estimate{Value: v, replicates: make([]float64, o.Replicates)}
	weights := make([]int, s.grid.configs)
	drawn := make([]point, 0, len(s.points))
	for b := range e.replicates {
		clear(weights)
		g := stream(o.Seed, forConfigurations, b)
		for range weights {
			weights[below(g, len(weights))]++
		}
		var sum float64
		defined := 0
		for _, stratum := range s.strata {
			drawn = s.weigh(drawn[:0], stratum, weights, o.shift(b))
			if v, ok := f(drawn); ok {
				sum += v
				defined++
			}
		}
		e.replicates[b] = sum / float64(defined) // NaN when none is
	}
	err = e.interval(-1, 1, 0, 1)
	return e, err
}

// weigh appends the drawn points of a stratum, by ascending x and y.
func (s *Sample) weigh(dst []point, stratum, weights []int, shift []float64) []point {
	for _, p := range stratum {
		pt := s.points[p]
		pt.weight = weights[pt.config]
		if pt.weight == 0 {
			continue
		}
		if shift != nil {
			pt.y = s.shifted(pt, shift)
		}
		dst = append(dst, pt)
	}
	return dst
}

func (s *Sample) shifted(pt point, shift []float64) float64 {
	if s.repeats != Mean {
		return pt.y + shift[pt.network]
	}
	nets := s.member[pt.config]
	var d float64
	for _, n := range nets {
		d += shift[n] / float64(len(nets))
	}
	return round40(pt.y + d)
}

func byX(a, b point) int {
	if c := cmp.Compare(a.x, b.x); c != 0 {
		return c
	}
	return cmp.Compare(a.y, b.y)
}
