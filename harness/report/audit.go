package report

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/genbench/genbench/harness/rank"
)

// When a change counts.
const (
	// beyondHalfWidths is how many half widths of the score's own 95 % interval a
	// change has to move the score by: what moves less is within the doubt that
	// the board already prints.
	beyondHalfWidths = 1.0
	// signless is the score below which a sign is that of rounding.
	signless = 1e-9
)

// Audited tells how much each measure's score depends on choices that could have
// been others, and its JSON form.
type Audited struct {
	Schema    int      `json:"schema"`
	Corpus    string   `json:"corpus"`
	Models    int      `json:"models"` // networks scored
	Statistic string   `json:"statistic"`
	Axes      []string `json:"axes"`
	Repeats   string   `json:"repeats"`
	Gap       GapKind  `json:"gap"`
	Adjust    string   `json:"adjust,omitempty"` // as of a board
	Common    int      `json:"common"`           // networks where every ranked measure is defined
	Summary   string   `json:"summary"`
	// Notes say which changes were not tried, and why.
	Notes []string   `json:"notes"`
	Rows  []AuditRow `json:"rows"` // in the board's order
}

// The statistics that an audit and a comparison look at.
const (
	psiStatistic = "psi"
	tauStatistic = "tau"
)

// AuditRow is one measure's audit. What does not exist is nil.
type AuditRow struct {
	Measure   string    `json:"measure"`
	Class     string    `json:"class"`
	Coverage  float64   `json:"coverage"`
	Score     *float64  `json:"score"` // Ψ, or τ without axes
	Interval  *Interval `json:"score_ci"`
	HalfWidth *float64  `json:"half_width"` // of the interval: what a change is held against
	Strongest *AxisPsi  `json:"strongest"`  // the axis with the largest ψ, the smallest where the score is negative
	Weakest   *AxisPsi  `json:"weakest"`    // the other end
	SignError *float64  `json:"sign_error"` // mean, with the noise filter
	Changes   []Change  `json:"changes"`
	Robust    bool      `json:"robust"` // there is a score, and no change counts
	Verdict   string    `json:"verdict"`
}

// AxisPsi is ψ of one axis.
type AxisPsi struct {
	Axis string  `json:"axis"`
	Psi  float64 `json:"psi"`
}

// ChangeKind names what is done otherwise.
type ChangeKind string

// The changes, in the order of a row.
const (
	WithoutAxis     ChangeKind = "without-axis"  // Ψ is the mean over the axes but the strongest
	WithoutLevel    ChangeKind = "without-level" // the networks of one level of one axis are left out
	OtherGap        ChangeKind = "other-gap"     // the loss gap in place of the accuracy gap, or the reverse
	WithoutFilter   ChangeKind = "no-filter"     // the sign error over all pairs, whatever noise they carry
	WithUnconverged ChangeKind = "unconverged"   // networks that missed the target loss are scored too, or left out
	OtherRepeats    ChangeKind = "repeats"       // seed by seed in place of seed means, or the reverse
	CommonNetworks  ChangeKind = "common"        // on the networks where every ranked measure is defined
)

// Change is the score after one change.
type Change struct {
	Kind  ChangeKind `json:"kind"`
	What  string     `json:"what"`            // the change in words: "without width 64"
	Axis  string     `json:"axis,omitempty"`  // of the axis or the level left out
	Level string     `json:"level,omitempty"` // left out
	// Score after the change: Ψ or τ, the mean sign error where the kind is no-filter.
	Score *float64 `json:"score"`
	// Shift from the row's score (sign error). Nil where the change has no score.
	Shift  *float64 `json:"shift"`
	Turns  bool     `json:"turns"`            // the sign is another; a sign error passes 0.5
	Counts bool     `json:"counts"`           // see [Audit]
	Kept   []string `json:"kept,omitempty"`   // axes that keep their ψ, for the change leaves none
	Reason string   `json:"reason,omitempty"` // why there is no score
}

// Audit recomputes each measure's score with one choice changed at a time. A
// change counts where it moves the score by more than the half width of the
// score's own 95 % interval, or turns a sign that is known: one whose interval
// leaves out 0, or that has no interval. (Inside an interval around 0 the sign
// is not the change's doing.)
//
//   - The axis with the largest ψ left out of the mean (the smallest, where the
//     score is negative). A score that rests on one axis alone counts.
//   - Each level of each axis left out, with all its networks.
//   - The other gap: accuracy or loss.
//   - The sign error of Dziugaite et al. 2020 over all pairs, each weighing 1, in
//     place of Hoeffding weights. Without the filter every sign error moves
//     towards 0.5, for noise orders the pairs that come back: so this counts only
//     where it also passes 0.5. An error is (1-τ)/2, so twice its shift is what
//     is held against the half width.
//   - The networks that missed the target training loss with the others.
//   - Seed by seed in place of means over seeds.
//   - The networks where every ranked measure is defined.
//
// An axis whose ψ a change leaves without any cell (an axis of two levels, one
// of which is left out) keeps the ψ that it had, and an axis without ψ stays
// without: else Ψ would be a mean over other axes, another quantity. So a level
// of a two-level axis moves Ψ by the other axes' ψ only.
//
// Changes are point values: only the score itself is resampled, by [Build].
func Audit(in Input) (*Audited, error) {
	in.Permute, in.Compat = 1, nil // p-values and published scores are not looked at
	board, err := Build(in)
	if err != nil {
		return nil, fmt.Errorf("auditing: %w", err)
	}
	a, err := newAuditor(in, board)
	if err != nil {
		return nil, fmt.Errorf("auditing: %w", err)
	}
	out := &Audited{
		Schema: Schema, Corpus: board.Corpus, Models: board.Models, Statistic: a.statistic, Axes: board.Axes, Repeats: board.Repeats,
		Gap: a.b.in.Gap, Adjust: board.Adjust, Common: a.commonSize, Notes: a.notes, Rows: make([]AuditRow, len(board.Rows)),
	}
	jobs := in.Jobs
	if jobs < 1 {
		jobs = runtime.GOMAXPROCS(0)
	}
	var wg sync.WaitGroup
	next := make(chan int)
	failed := make([]error, len(board.Rows))
	for range min(jobs, len(board.Rows)) {
		wg.Go(func() {
			for i := range next {
				out.Rows[i], failed[i] = a.row(&board.Rows[i])
			}
		})
	}
	for i := range board.Rows {
		next <- i
	}
	close(next)
	wg.Wait()
	if err := errors.Join(failed...); err != nil {
		return nil, fmt.Errorf("auditing: %w", err)
	}
	out.Summary = out.summarise()
	return out, nil
}

// auditor holds what the rows share.
type auditor struct {
	b         *builder // of the networks scored, without intervals
	measures  map[string]*Measure
	statistic string
	levels    []levelOut
	otherGap  []float64 // [networks]; nil where it is not tried
	repeats   rank.Repeats
	reseeded  bool // repeats is another treatment, and tried
	common    *part
	// Of the networks with (or without) the unconverged; nil where there are none.
	converged         *builder
	convergedMeasures map[string]*Measure
	commonSize        int
	notes             []string
}

// levelOut is one level left out.
type levelOut struct {
	axis, level string
	rest        *part
}

// part is some of the networks scored.
type part struct {
	keep   []bool // [networks]
	varies []bool // [axes] whether the part has two levels of it
}

func (b *builder) part(keep []bool) *part {
	p := &part{keep: keep, varies: make([]bool, len(b.axes))}
	for a, at := range b.levels {
		first := slices.Index(keep, true)
		for i, k := range keep {
			if k && at[i] != at[first] {
				p.varies[a] = true
				break
			}
		}
	}
	return p
}

func newAuditor(in Input, board *Board) (*auditor, error) {
	in.Bootstrap = -1
	b, err := newBuilder(in)
	if err != nil {
		return nil, err
	}
	a := &auditor{b: b, measures: b.byName(), statistic: psiStatistic, notes: []string{}}
	if len(b.axes) == 0 {
		a.statistic = tauStatistic
		a.note("there are no axes: the score is τ, no axis and no level can be left out, and there are no sign errors")
	}
	a.leaveLevels()
	a.changeGap()
	a.changeRepeats(board)
	a.commonNetworks()
	return a, a.changeConverged(in)
}

func (a *auditor) note(format string, args ...any) {
	a.notes = append(a.notes, fmt.Sprintf(format, args...))
}

// byName are the measures and the controls.
func (b *builder) byName() map[string]*Measure {
	all := append(slices.Clone(b.in.Measures), b.controls()...)
	names := make(map[string]*Measure, len(all))
	for i := range all {
		names[all[i].Name] = &all[i]
	}
	return names
}

func (a *auditor) leaveLevels() {
	for i, axis := range a.b.axes {
		for place, level := range a.b.names[i] {
			keep := make([]bool, len(a.b.levels[i]))
			for k, at := range a.b.levels[i] {
				keep[k] = at != place
			}
			a.levels = append(a.levels, levelOut{axis, level, a.b.part(keep)})
		}
	}
}

// changeGap reads the other gap, where every network has one.
func (a *auditor) changeGap() {
	gaps := make([]float64, len(a.b.in.Networks))
	known := 0
	for i, n := range a.b.in.Networks {
		gaps[i] = n.LossGap
		if a.b.in.Gap == LossGap {
			gaps[i] = roundedGap(n.Gap)
		}
		if !math.IsNaN(gaps[i]) && !math.IsInf(gaps[i], 0) {
			known++
		}
	}
	other := otherGap(a.b.in.Gap)
	switch {
	case known == 0:
		a.note("the %s gap is not tried: no network has one", other)
	case known < len(gaps):
		a.note("the %s gap is not tried: %d of %d networks have one, and on those alone the score would be another for that reason too", other, known, len(gaps))
	default:
		a.otherGap = gaps
	}
}

// roundedGap takes the last bits off an accuracy gap: 0.9-0.7 and 1-0.8 are one
// gap but two float64s.
func roundedGap(g float64) float64 { return math.Round(g*1e12) / 1e12 }

func otherGap(g GapKind) GapKind {
	if g == LossGap {
		return AccuracyGap
	}
	return LossGap
}

func (a *auditor) changeRepeats(board *Board) {
	switch {
	case len(a.b.axes) == 0:
	case board.Seeds[1] < 2:
		a.note("no configuration has two networks: means over seeds and single seeds are the same")
	default:
		a.reseeded = true
		a.repeats = rank.PerSeed
		if a.b.repeats == rank.PerSeed {
			a.repeats = rank.Mean
		}
	}
}

// commonNetworks marks the networks where every ranked measure is defined that is
// defined at all.
func (a *auditor) commonNetworks() {
	n := len(a.b.in.Networks)
	common := make([]bool, n)
	for i := range common {
		common[i] = true
	}
	var nowhere []string
	for k := range a.b.in.Measures {
		m := &a.b.in.Measures[k]
		_, defined := m.oriented()
		if !slices.Contains(defined, true) {
			nowhere = append(nowhere, m.Name)
			continue
		}
		for i, d := range defined {
			common[i] = common[i] && d
		}
	}
	for _, both := range common {
		if both {
			a.commonSize++
		}
	}
	if len(nowhere) > 0 {
		a.note("common networks: %s left out of account, for it is defined on no network", listed(nowhere, 5))
	}
	switch {
	case len(a.b.in.Measures) == len(nowhere):
		a.note("common networks are not tried: no measure is ranked")
	case a.commonSize == n:
		a.note("common networks are not tried: every measure is defined on every network")
	case a.commonSize < 2:
		a.note("common networks are not tried: all measures are defined on %s together", plural(a.commonSize, "network"))
	default:
		a.common = a.b.part(common)
	}
}

// changeConverged builds the grid of all networks, or of those that reached the
// target loss where the board has all.
func (a *auditor) changeConverged(in Input) error {
	missed := 0
	for _, n := range in.Networks {
		if n.Unconverged {
			missed++
		}
	}
	switch {
	case missed == 0:
		a.note("networks that missed the target training loss are not tried: there are none")
		return nil
	case missed == len(in.Networks):
		a.note("networks that missed the target training loss are not left out: no network reached it")
		return nil
	}
	in.KeepUnconverged = !in.KeepUnconverged
	b, err := newBuilder(in)
	if err != nil {
		// A network that is left out of the board may lack its gap.
		a.note("networks that missed the target training loss are not tried: %v", err)
		return nil
	}
	a.converged, a.convergedMeasures = b, b.byName()
	return nil
}
