package report

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/genbench/genbench/harness/rank"
)

// Build computes the leaderboard. It refuses input that cannot be meant: values
// that do not line up, a gap that is not finite, a network without a value on
// an axis, two measures of one name, a measure by the name of a control (see
// [ControlNames]).
func Build(in Input) (*Board, error) {
	b, err := newBuilder(in)
	if err != nil {
		return nil, fmt.Errorf("building the leaderboard: %w", err)
	}
	candidates := append(slices.Clone(in.Measures), b.controls()...)
	rows := make([]scored, len(candidates))
	jobs := in.Jobs
	if jobs < 1 {
		jobs = runtime.GOMAXPROCS(0)
	}
	var wg sync.WaitGroup
	next := make(chan int)
	failed := make([]error, len(candidates))
	for range min(jobs, len(candidates)) {
		wg.Go(func() {
			for i := range next {
				rows[i], failed[i] = b.score(&candidates[i])
			}
		})
	}
	for i := range candidates {
		next <- i
	}
	close(next)
	wg.Wait()
	if err := errors.Join(failed...); err != nil {
		return nil, fmt.Errorf("building the leaderboard: %w", err)
	}
	return b.board(rows), nil
}

// builder holds what the rows share.
type builder struct {
	in          Input
	axes        []string // the axes that vary
	grid        *rank.Grid
	gaps        []float64
	repeats     rank.Repeats
	tau         rank.Tau
	resampling  rank.Resampling
	environment rank.Environment
	testSize    int
	unresampled bool // no intervals were asked for
	notes       []string
}

func newBuilder(in Input) (*builder, error) {
	b := &builder{in: in}
	switch len(in.Networks) {
	case 0:
		return nil, errors.New("no networks: train or import some first")
	case 1:
		b.notes = append(b.notes, "one network alone is scored: every statistic compares networks, so that none is defined")
	}
	if err := b.options(); err != nil {
		return nil, err
	}
	if err := b.readGaps(); err != nil {
		return nil, err
	}
	if err := b.readGrid(); err != nil {
		return nil, err
	}
	if err := b.readMeasures(); err != nil {
		return nil, err
	}
	if err := b.readTestNoise(); err != nil {
		return nil, err
	}
	return b, b.chooseEnvironment()
}

// scored is a row with what ranking it needs.
type scored struct {
	Row
	estimate rank.Estimate // Ψ, or τ without axes; the key of the order
	sortable bool
	unsure   bool // the estimate has no interval: it cannot be told from others
}

func (b *builder) score(m *Measure) (scored, error) {
	n := len(b.in.Networks)
	x, defined := make([]float64, n), make([]bool, n)
	for i, c := range m.Values {
		defined[i] = c.Defined
		x[i] = c.Value
		if m.Direction == "smaller" {
			x[i] = -c.Value
		}
	}
	s, err := b.grid.Sample(x, b.gaps, defined, b.repeats)
	if err != nil {
		return scored{}, fmt.Errorf("measure %s: %w", m.Name, err)
	}
	r := scored{Row: Row{
		Measure: m.Name, Class: m.Class, Direction: m.Direction, Seconds: m.Seconds,
		N: s.N(), Coverage: float64(s.N()) / float64(n),
		PsiByAxis: map[string]*float64{}, Notes: map[string]string{},
	}}
	if s.N() < n {
		r.Notes["coverage"] = b.missing(m)
	}
	steps := []func(*scored, *rank.Sample) error{b.overall, b.granulated, b.information, b.signErrors, b.pValue}
	for _, step := range steps {
		if err := step(&r, s); err != nil {
			return scored{}, fmt.Errorf("measure %s: %w", m.Name, err)
		}
	}
	return r, nil
}

// missing counts why values are not defined, the most frequent reasons first.
func (b *builder) missing(m *Measure) string {
	counts := map[string]int{}
	for _, c := range m.Values {
		if !c.Defined {
			counts[cmp.Or(strings.TrimSpace(c.Reason), c.Status, "not measured")]++
		}
	}
	reasons := slices.Sorted(maps.Keys(counts))
	slices.SortStableFunc(reasons, func(a, c string) int { return counts[c] - counts[a] })
	var parts []string
	for i, reason := range reasons {
		if i == 3 {
			parts = append(parts, fmt.Sprintf("and %d other reasons", len(reasons)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%d: %s", counts[reason], reason))
	}
	return strings.Join(parts, "; ")
}

func (b *builder) overall(r *scored, s *rank.Sample) error {
	e, err := b.interval(s.TauInterval)
	if err != nil {
		// The value may exist where its interval does not.
		value := s.TauB
		if b.tau == rank.A {
			value = s.TauA
		}
		if v, err := value(); err == nil {
			r.Tau = &v
			if len(b.axes) == 0 {
				r.estimate, r.sortable, r.unsure = rank.Estimate{Value: v}, true, true
			}
		} else if err := r.undefined("tau", err); err != nil {
			return err
		}
		if err := r.undefined("tau_ci", err); err != nil {
			return err
		}
	} else {
		r.Tau = &e.Value
		if len(b.axes) == 0 {
			r.estimate, r.sortable = e, true
		}
		if e.Err == nil {
			r.TauCI = &Interval{e.Low, e.High}
		} else if err := r.undefined("tau_ci", e.Err); err != nil {
			return err
		}
	}
	if v, err := s.Spearman(); err == nil {
		r.Spearman = &v
	} else if err := r.undefined("spearman", err); err != nil {
		return err
	}
	if v, err := s.Pearson(); err == nil {
		r.Pearson = &v
	} else if err := r.undefined("pearson", err); err != nil {
		return err
	}
	return nil
}

func (b *builder) granulated(r *scored, s *rank.Sample) error {
	g := s.Granulated(b.tau)
	for i, a := range g.Axes {
		name := b.axes[i]
		if a.Err != nil {
			r.PsiByAxis[name] = nil
			if err := r.undefined("psi_by_axis."+name, a.Err); err != nil {
				return err
			}
			continue
		}
		r.PsiByAxis[name] = &g.Axes[i].Psi
		if a.Small+a.Tied > 0 {
			r.Notes["psi_by_axis."+name] = leftOut(a)
		}
	}
	if g.Err != nil {
		if err := r.undefined("psi", g.Err); err != nil {
			return err
		}
		return r.undefined("psi_ci", g.Err)
	}
	r.Psi = &g.Psi
	e, err := b.interval(s.PsiInterval)
	if err != nil {
		r.estimate, r.sortable, r.unsure = rank.Estimate{Value: g.Psi}, true, true
		return r.undefined("psi_ci", err)
	}
	r.estimate, r.sortable = e, true
	if e.Err != nil {
		return r.undefined("psi_ci", e.Err)
	}
	r.PsiCI = &Interval{e.Low, e.High}
	return nil
}

// interval resamples as the board does, or not at all.
func (b *builder) interval(f func(rank.Tau, rank.Resampling) (rank.Estimate, error)) (rank.Estimate, error) {
	if b.unresampled {
		return rank.Estimate{}, &rank.UndefinedError{Reason: noBootstrap}
	}
	return f(b.tau, b.resampling)
}

const noBootstrap = "no bootstrap was asked for"

// leftOut says which cells of a defined axis have no τ.
func leftOut(a rank.Axis) string {
	var parts []string
	if a.Small > 0 {
		parts = append(parts, fmt.Sprintf("%d with fewer than two networks", a.Small))
	}
	if a.Tied > 0 {
		parts = append(parts, fmt.Sprintf("%d where the measure or the gap is constant", a.Tied))
	}
	return fmt.Sprintf("%d of %d cells left out: %s", a.Small+a.Tied, a.Cells, strings.Join(parts, ", "))
}

func (b *builder) information(r *scored, s *rank.Sample) error {
	k := s.Information()
	if k.Err != nil {
		for _, field := range []string{"cmi", "cmi_set", "cmi_min_cell"} {
			if err := r.undefined(field, k.Err); err != nil {
				return err
			}
		}
		return nil
	}
	r.CMI, r.CMIMinCell = &k.K, &k.MinCell
	r.CMISet = []string{}
	for _, a := range k.Set {
		r.CMISet = append(r.CMISet, b.axes[a])
	}
	if len(b.axes) == 0 {
		r.Notes["cmi_set"] = "there are no axes: only the empty set S is tried"
	}
	return nil
}

func (b *builder) signErrors(r *scored, s *rank.Sample) error {
	e := s.SignErrors(b.testSize, b.environment, rank.LeastESS)
	if e.Err != nil {
		return r.undefined("sign_error", e.Err)
	}
	r.SignError = &SignError{Mean: e.Mean, P90: e.P90, Max: e.Max}
	return nil
}

func (b *builder) pValue(r *scored, s *rank.Sample) error {
	var p float64
	var err error
	if len(b.axes) == 0 {
		p, err = s.TauPValue(b.tau, b.in.Permute, b.in.Seed)
	} else {
		p, err = s.PsiPValue(b.tau, rank.WholeGrid, b.in.Permute, b.in.Seed)
	}
	if err != nil {
		return r.undefined("p_value", err)
	}
	r.PValue = &p
	return nil
}

// undefined notes why a field has no value; other errors are handed back.
func (r *scored) undefined(field string, err error) error {
	var u *rank.UndefinedError
	if !errors.As(err, &u) {
		return fmt.Errorf("%s: %w", field, err)
	}
	r.Notes[field] = r.reason(u)
	return nil
}

func (r *scored) reason(u *rank.UndefinedError) string {
	switch {
	case r.N == 0:
		return "the measure is defined for no network"
	case r.N == 1:
		return "the measure is defined for one network only"
	}
	return strings.NewReplacer("all x are equal", "the measure has the same value for every network",
		"all y are equal", "the gap is the same for every network",
		"x or y is constant", "the measure or the gap is constant",
		"x is constant", "the measure is constant",
		"y is constant", "the gap is constant",
		"order of y", "order of the gaps").Replace(u.Reason)
}
