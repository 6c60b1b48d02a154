package report

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
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
	candidates := append(slices.Clone(b.in.Measures), b.controls()...)
	rows := make([]scored, len(candidates))
	jobs := in.Jobs
	if jobs < 1 {
		jobs = runtime.GOMAXPROCS(0)
	}
	var wg sync.WaitGroup
	next := make(chan int)
	const floor = -1
	var floorErr error
	failed := make([]error, len(candidates))
	for range min(jobs, len(candidates)) {
		wg.Go(func() {
			for i := range next {
				if i == floor {
					floorErr = b.noiseFloor()
				} else {
					rows[i], failed[i] = b.score(&candidates[i])
				}
			}
		})
	}
	next <- floor // first, since it takes as long as several rows
	for i := range candidates {
		next <- i
	}
	close(next)
	wg.Wait()
	if err := errors.Join(append(failed, floorErr)...); err != nil {
		return nil, fmt.Errorf("building the leaderboard: %w", err)
	}
	return b.board(rows), nil
}

// builder holds what the rows share.
type builder struct {
	in          Input
	axes        []string   // [A] the axes that vary
	levels      [][]int    // [A][N] each network's place among the levels that occur
	names       [][]string // [A] those levels
	possible    []int      // [A] levels of the full grid
	beliefs     []int      // [A] see canonicalDirections
	grid        *rank.Grid
	gaps        []float64
	base        *rank.Sample // the gap against itself, for what does not depend on a measure
	repeats     rank.Repeats
	resampling  rank.Resampling
	environment rank.Environment
	testSize    int
	unresampled bool // no intervals were asked for
	floor       NoiseFloor
	floorNote   string // why there is no floor of K
	notes       []string
}

func newBuilder(in Input) (*builder, error) {
	b := &builder{in: in}
	if len(in.Networks) == 0 {
		return nil, errors.New("no networks: train or import some first")
	}
	for _, step := range []func() error{b.options, b.dropUnconverged, b.adjustSize, b.readGaps, b.readGrid, b.readMeasures, b.readTestNoise, b.chooseEnvironment} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if len(b.in.Networks) == 1 {
		b.notes = append(b.notes, "one network alone is scored: every statistic compares networks, so that none is defined")
	} else {
		b.noteGrid()
	}
	return b, nil
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
	for i := range m.Values {
		c := m.cell(i)
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
		Measure: m.Name, Class: m.Class, Direction: m.Direction, Transform: m.Transform,
		N: s.N(), Coverage: float64(s.N()) / float64(n),
		PsiByAxis: map[string]*float64{}, Notes: map[string]string{},
	}}
	if m.Seconds > 0 {
		r.Seconds = &m.Seconds
	} else {
		r.Notes["seconds"] = "not measured here"
	}
	if s.N() < n {
		r.Notes["coverage"] = b.missing(m)
	}
	steps := []func() error{
		func() error { return b.overall(&r, s) },
		func() error { return b.granulated(&r, s) },
		func() error { return b.information(&r, s) },
		func() error { return b.signErrors(&r, s) },
		func() error { return b.intervals(&r, s) },
		func() error { return b.pValues(&r, s) },
		func() error { return b.published(&r, s, x, defined) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return scored{}, fmt.Errorf("measure %s: %w", m.Name, err)
		}
	}
	return r, nil
}

// logarithm is the one transformation of Measure.Transform.
const logarithm = "log"

// cell is what is scored of a network.
func (m *Measure) cell(i int) Cell {
	const largest = 1e300 // differences and sums of larger ones are infinite
	c := m.Values[i]
	if c.Defined && math.Abs(c.Value) > largest {
		return Cell{Reason: "the value is beyond 1e300", Status: c.Status}
	}
	if m.Transform != logarithm || !c.Defined {
		return c
	}
	if c.Value <= 0 {
		return Cell{Reason: "the value is 0 or less and has no logarithm", Status: c.Status}
	}
	c.Value = math.Log(c.Value)
	return c
}

// missing counts why values are not defined, the most frequent reasons first.
func (b *builder) missing(m *Measure) string {
	counts := map[string]int{}
	for i := range m.Values {
		if c := m.cell(i); !c.Defined {
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
