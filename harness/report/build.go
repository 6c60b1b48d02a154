package report

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/genbench/genbench/harness/rank"
)

// Build computes the leaderboard. It refuses input that cannot be meant: values
// that do not line up, a gap that is not finite, a network without a value on
// an axis, two measures of one name.
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
	notes       []string
}

func newBuilder(in Input) (*builder, error) {
	b := &builder{in: in}
	if len(in.Networks) == 0 {
		return nil, errors.New("no networks: train or import some first")
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

func (b *builder) options() error {
	in := &b.in
	if in.Bootstrap == 0 {
		in.Bootstrap = 1000
	}
	if in.Permute == 0 {
		in.Permute = in.Bootstrap
	}
	if in.Bootstrap < 20 || in.Permute < 1 {
		return fmt.Errorf("%d bootstrap replicates and %d permutations: at least 20 and 1 are needed", in.Bootstrap, in.Permute)
	}
	repeats := map[string]rank.Repeats{"": rank.Mean, "mean": rank.Mean, "pooled": rank.Pooled, "per-seed": rank.PerSeed}
	var ok bool
	if b.repeats, ok = repeats[in.Repeats]; !ok {
		return fmt.Errorf("repeats %q: it must be mean, pooled or per-seed", in.Repeats)
	}
	switch in.Compat {
	case "":
	case "fgm":
		b.tau = rank.A
		b.notes = append(b.notes, "compat fgm: Kendall's τ-a (ties count 0) in place of τ-b")
	default:
		return fmt.Errorf("compat %q: it must be fgm or left out", in.Compat)
	}
	switch in.Gap {
	case "":
		in.Gap = AccuracyGap
	case AccuracyGap:
	case LossGap:
		b.notes = append(b.notes, "gap: test loss minus train loss, in nats")
	default:
		return fmt.Errorf("gap %q: it must be accuracy or loss", in.Gap)
	}
	b.resampling = rank.Resampling{Replicates: in.Bootstrap, Seed: in.Seed}
	return nil
}

func (b *builder) readGaps() error {
	seen := map[string]bool{}
	b.gaps = make([]float64, len(b.in.Networks))
	for i, n := range b.in.Networks {
		if n.ID == "" || seen[n.ID] {
			return fmt.Errorf("network %d: the id %q is empty or taken", i, n.ID)
		}
		seen[n.ID] = true
		g := n.Gap
		if b.in.Gap == LossGap {
			g = n.LossGap
		}
		if math.IsNaN(g) || math.IsInf(g, 0) {
			return fmt.Errorf("network %s: its %s gap is %v: leave the network out and count it in dropped", n.ID, b.in.Gap, g)
		}
		if b.in.Gap == AccuracyGap {
			// 0.9-0.7 and 1-0.8 are one gap but two float64s.
			g = math.Round(g*1e12) / 1e12
		}
		b.gaps[i] = g
	}
	return nil
}

func (b *builder) readGrid() error {
	var levels [][]int
	for _, axis := range b.in.Axes {
		if axis == "seed" {
			return errors.New("axis seed: the seed is not a hyperparameter; give it as Network.Seed")
		}
		values := make([]string, len(b.in.Networks))
		for i, n := range b.in.Networks {
			v, ok := n.Config[axis]
			if !ok {
				return fmt.Errorf("network %s: no value for the axis %s", n.ID, axis)
			}
			values[i] = v
		}
		order := b.in.AxisLevels[axis]
		if order == nil {
			order = levelOrder(values)
		}
		at := make([]int, len(values))
		for i, v := range values {
			if at[i] = slices.Index(order, v); at[i] < 0 {
				return fmt.Errorf("network %s: %s is %q, which is not among the axis's levels %q", b.in.Networks[i].ID, axis, v, order)
			}
		}
		if slices.Max(at) == slices.Min(at) {
			b.notes = append(b.notes, fmt.Sprintf("axis %s does not vary over the networks scored and is left out", axis))
			continue
		}
		b.axes = append(b.axes, axis)
		levels = append(levels, at)
	}
	seeds := map[int64]int{}
	for _, n := range b.in.Networks {
		seeds[n.Seed] = 0
	}
	for k, s := range slices.Sorted(maps.Keys(seeds)) {
		seeds[s] = k
	}
	seed := make([]int, len(b.in.Networks))
	for i, n := range b.in.Networks {
		seed[i] = seeds[n.Seed]
	}
	var err error
	b.grid, err = rank.NewGrid(len(b.in.Networks), levels, seed)
	return err
}

// levelOrder sorts numbers by size, before text in its own order.
func levelOrder(values []string) []string {
	order := slices.Compact(slices.Sorted(slices.Values(values)))
	slices.SortStableFunc(order, func(a, c string) int {
		x, errX := strconv.ParseFloat(a, 64)
		y, errY := strconv.ParseFloat(c, 64)
		switch {
		case errX == nil && errY == nil:
			return cmp.Compare(x, y)
		case errX == nil:
			return -1
		case errY == nil:
			return 1
		}
		return 0
	})
	return order
}

func (b *builder) readMeasures() error {
	seen := map[string]bool{}
	for _, m := range b.in.Measures {
		switch {
		case m.Name == "":
			return errors.New("a measure without a name")
		case seen[m.Name]:
			return fmt.Errorf("measure %s: the name is taken", m.Name)
		case len(m.Values) != len(b.in.Networks):
			return fmt.Errorf("measure %s: %d values for %d networks", m.Name, len(m.Values), len(b.in.Networks))
		case !slices.Contains([]string{Train, Transductive}, m.Class):
			return fmt.Errorf("measure %s: class %q: it must be train or transductive", m.Name, m.Class)
		case math.IsNaN(m.Seconds) || math.IsInf(m.Seconds, 0) || m.Seconds < 0:
			return fmt.Errorf("measure %s: it took %v seconds", m.Name, m.Seconds)
		case !slices.Contains([]string{"larger", "smaller", "unknown"}, m.Direction):
			return fmt.Errorf("measure %s: direction %q: it must be larger, smaller or unknown", m.Name, m.Direction)
		}
		seen[m.Name] = true
		for i, c := range m.Values {
			if c.Defined && (math.IsNaN(c.Value) || math.IsInf(c.Value, 0)) {
				return fmt.Errorf("measure %s, network %s: the value is %v: mark it undefined", m.Name, b.in.Networks[i].ID, c.Value)
			}
		}
	}
	return nil
}

func (b *builder) readTestNoise() error {
	correct := make([][]bool, len(b.in.Networks))
	known := 0
	for i, n := range b.in.Networks {
		correct[i] = n.TestCorrect
		if len(n.TestCorrect) > 0 {
			known++
		}
	}
	b.testSize = b.in.TestSize
	if known == len(correct) && b.testSize == 0 {
		b.testSize = len(correct[0])
	}
	switch {
	case b.in.Gap == LossGap:
		return nil // correctness says nothing of the loss
	case known == 0:
		b.notes = append(b.notes, "the intervals leave out the draw of the test examples: per-example correctness is not known")
		return nil
	case known < len(correct):
		b.notes = append(b.notes, fmt.Sprintf("the intervals leave out the draw of the test examples: per-example correctness is known for %d of %d networks only", known, len(correct)))
		return nil
	}
	var err error
	b.resampling.Noise, err = rank.NewTestNoise(correct, b.in.Bootstrap, b.in.Seed)
	return err
}

// chooseEnvironment takes the published environments of the sign error where
// the grid has repeats enough for one of them, else the pooled ones: the choice
// is the board's, so that rows can be compared. It looks at gaps alone.
func (b *builder) chooseEnvironment() error {
	if b.testSize == 0 {
		b.testSize = 10000
	}
	s, err := b.grid.Sample(b.gaps, b.gaps, nil, b.repeats)
	if err != nil || len(b.axes) == 0 {
		return err
	}
	if s.SignErrors(b.testSize, rank.ConfigurationPair, rank.LeastESS).Err != nil {
		b.environment = rank.LevelPair
		b.notes = append(b.notes, fmt.Sprintf("sign error: no pair of configurations has the effective sample size %d that Dziugaite et al. 2020 ask for; an environment is here a pair of levels of one axis, over all other axes", rank.LeastESS))
	}
	return nil
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
	e, err := s.TauInterval(b.tau, b.resampling)
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
		r.Tau, r.TauCI = &e.Value, &Interval{e.Low, e.High}
		if len(b.axes) == 0 {
			r.estimate, r.sortable = e, true
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
	e, err := s.PsiInterval(b.tau, b.resampling)
	if err != nil {
		r.estimate, r.sortable, r.unsure = rank.Estimate{Value: g.Psi}, true, true
		return r.undefined("psi_ci", err)
	}
	r.PsiCI = &Interval{e.Low, e.High}
	r.estimate, r.sortable = e, true
	return nil
}

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
