package report

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Compared is two leaderboards side by side, and its JSON form.
type Compared struct {
	Schema    int           `json:"schema"`
	A         string        `json:"a"`
	B         string        `json:"b"`
	Statistic string        `json:"statistic"` // what the difference is of: see [CompareBy]
	Identical bool          `json:"identical"` // the boards agree in all but seconds
	Warnings  []string      `json:"warnings"`  // what else differs between the boards
	Summary   string        `json:"summary"`
	Rows      []ComparedRow `json:"rows"` // as board A has them, then those that B alone has

	places [2]map[group]int // rows of each tie group, on A and on B
}

// ComparedRow is a measure on two boards. What does not exist is nil.
type ComparedRow struct {
	Measure    string `json:"measure"`
	Class      string `json:"class"`
	A          *Side  `json:"a"` // nil: not on this board
	B          *Side  `json:"b"`
	Difference *Moved `json:"difference"` // B - A
	// Reason says why there is no difference, or why it is not judged.
	Reason string `json:"reason,omitempty"`
	// Remark qualifies the difference.
	Remark string `json:"remark,omitempty"`
}

// Side is a measure on one board.
type Side struct {
	Score     *float64  `json:"score"`
	Interval  *Interval `json:"score_ci"`
	Rank      *int      `json:"rank"`
	Of        int       `json:"of"` // ranked measures of the class
	place     string    // the rank as the board prints it
	Psi       *float64  `json:"psi"`
	Tau       *float64  `json:"tau"`
	CMI       *float64  `json:"cmi"`
	SignError *float64  `json:"sign_error"` // mean
}

// Moved is a difference with its 95 % interval.
type Moved struct {
	Value    float64   `json:"value"`
	Interval *Interval `json:"ci"`
	Beyond   *bool     `json:"beyond"` // the interval leaves out 0; nil where there is none
}

// comparable are the statistics that two boards can be compared by.
var comparable = []struct {
	name, symbol, field string
	value               func(*Row) *float64
	interval            func(*Row) *Interval
}{
	{psiStatistic, "Ψ", "psi_ci", func(r *Row) *float64 { return r.Psi }, func(r *Row) *Interval { return r.PsiCI }},
	{tauStatistic, "τ", "tau_ci", func(r *Row) *float64 { return r.Tau }, func(r *Row) *Interval { return r.TauCI }},
	{"cmi", "K", "cmi_ci", func(r *Row) *float64 { return r.CMI }, func(r *Row) *Interval { return r.CMICI }},
	{"spearman", "ρ", "spearman_ci", func(r *Row) *float64 { return r.Spearman }, func(r *Row) *Interval { return r.SpearmanCI }},
	{"pearson", "r", "pearson_ci", func(r *Row) *float64 { return r.Pearson }, func(r *Row) *Interval { return r.PearsonCI }},
}

func (r *Row) meanSignError() *float64 {
	if r.SignError == nil {
		return nil
	}
	return &r.SignError.Mean
}

// CompareBy lists the statistics that [Compare] takes.
func CompareBy() []string {
	var names []string
	for _, c := range comparable {
		names = append(names, c.name)
	}
	return names
}

// Compare sets board B beside board A, measure by measure. by is one of
// [CompareBy], or "" for Ψ (τ where a board has no axes). A measure has moved
// where the interval of the difference B - A leaves out 0: see [DifferenceInterval].
// The boards count as independent. Of two boards over the same networks that is
// not so, and what they share cancels from the difference: the interval is then
// too wide rather than too narrow.
func Compare(a, b *Board, nameA, nameB, by string) (*Compared, error) {
	if a == nil || b == nil {
		return nil, errors.New("comparing leaderboards: one is missing")
	}
	out := &Compared{Schema: Schema, A: nameA, B: nameB, Statistic: by, Identical: Equal(a, b), Warnings: differences(a, b), Rows: []ComparedRow{}}
	if by == "" {
		out.Statistic = psiStatistic
		if len(a.Axes) == 0 || len(b.Axes) == 0 {
			out.Statistic = tauStatistic
			if len(a.Axes)+len(b.Axes) > 0 {
				out.Warnings = append(out.Warnings, fmt.Sprintf("compared by τ: only %s has axes", out.withAxes(a)))
			}
		}
	}
	if !slices.Contains(CompareBy(), out.Statistic) {
		return nil, fmt.Errorf("comparing leaderboards by %q: known are %s", by, strings.Join(CompareBy(), ", "))
	}
	onB := map[string]*Row{}
	for i := range b.Rows {
		onB[b.Rows[i].Measure] = &b.Rows[i]
	}
	ranked := [2]map[string]int{a.ranked(), b.ranked()}
	out.places = [2]map[group]int{a.shared(), b.shared()}
	for i := range a.Rows {
		r := &a.Rows[i]
		out.Rows = append(out.Rows, out.row(r, onB[r.Measure], ranked))
		delete(onB, r.Measure)
	}
	for i := range b.Rows {
		if r := &b.Rows[i]; onB[r.Measure] != nil {
			out.Rows = append(out.Rows, out.row(nil, r, ranked))
		}
	}
	out.Summary = out.summarise()
	return out, nil
}

func (c *Compared) withAxes(a *Board) string {
	if len(a.Axes) > 0 {
		return c.A
	}
	return c.B
}

// ranked counts the ranked measures of each class.
func (b *Board) ranked() map[string]int {
	n := map[string]int{}
	for i := range b.Rows {
		if b.Rows[i].Rank != nil {
			n[b.Rows[i].Class]++
		}
	}
	return n
}

func (c *Compared) row(a, b *Row, ranked [2]map[string]int) ComparedRow {
	either := a
	if either == nil {
		either = b
	}
	out := ComparedRow{Measure: either.Measure, Class: either.Class, A: c.side(a, ranked[0], c.places[0]), B: c.side(b, ranked[1], c.places[1])}
	switch {
	case b == nil:
		out.Reason = "only on " + c.A
		return out
	case a == nil:
		out.Reason = "only on " + c.B
		return out
	}
	out.Remark = c.remark(a, b)
	for _, side := range []struct {
		side *Side
		row  *Row
		name string
	}{{out.A, a, c.A}, {out.B, b, c.B}} {
		if side.side.Score == nil {
			field := strings.ReplaceAll(c.Statistic, "-", "_")
			out.Reason = fmt.Sprintf("no %s on %s: %s", c.symbol(), side.name, cmp.Or(side.row.Notes[field], "it is undefined"))
			return out
		}
		if side.side.Interval == nil && out.Reason == "" {
			out.Reason = c.unjudged(side.row, side.name)
		}
	}
	out.Difference = &Moved{Value: *out.B.Score - *out.A.Score}
	if a.Direction != b.Direction || a.Transform != b.Transform {
		out.Reason = "its direction or transform differs, so that the difference is no movement"
		return out
	}
	if out.A.Interval != nil && out.B.Interval != nil {
		ci := DifferenceInterval(*out.B.Score, *out.B.Interval, *out.A.Score, *out.A.Interval)
		beyond := ci[0] > 0 || ci[1] < 0
		out.Difference.Interval, out.Difference.Beyond = &ci, &beyond
	}
	return out
}

func (c *Compared) unjudged(r *Row, name string) string {
	i := slices.Index(CompareBy(), c.Statistic)
	return fmt.Sprintf("no interval on %s: %s", name, cmp.Or(r.Notes[comparable[i].field], "it has none"))
}

func (c *Compared) symbol() string {
	return comparable[slices.Index(CompareBy(), c.Statistic)].symbol
}

func (c *Compared) side(r *Row, ranked map[string]int, shared map[group]int) *Side {
	if r == nil {
		return nil
	}
	by := comparable[slices.Index(CompareBy(), c.Statistic)]
	return &Side{Score: by.value(r), Interval: by.interval(r), Rank: r.Rank, Of: ranked[r.Class], place: place(r, shared), Psi: r.Psi, Tau: r.Tau, CMI: r.CMI, SignError: r.meanSignError()}
}

// remark says what makes the two rows of one measure unlike.
func (c *Compared) remark(a, b *Row) string {
	var parts []string
	if x, y := definedAxes(a), definedAxes(b); c.Statistic == psiStatistic && a.Psi != nil && b.Psi != nil && !slices.Equal(x, y) {
		parts = append(parts, fmt.Sprintf("Ψ is over other axes: %s on %s, %s on %s", strings.Join(x, ", "), c.A, strings.Join(y, ", "), c.B))
	}
	for _, p := range []struct{ what, a, b string }{{"class", a.Class, b.Class}, {"direction", a.Direction, b.Direction}, {"transform", a.Transform, b.Transform}} {
		if p.a != p.b {
			parts = append(parts, fmt.Sprintf("%s: %s on %s, %s on %s", p.what, cmp.Or(p.a, "none"), c.A, cmp.Or(p.b, "none"), c.B))
		}
	}
	return strings.Join(parts, "; ")
}

// definedAxes are the axes that a row has a ψ of, by name.
func definedAxes(r *Row) []string {
	var axes []string
	for _, axis := range slices.Sorted(maps.Keys(r.PsiByAxis)) {
		if r.PsiByAxis[axis] != nil {
			axes = append(axes, axis)
		}
	}
	return axes
}

// DifferenceInterval is the 95 % interval of the difference x - y of two
// independent estimates, each with its own 95 % interval (MOVER, the method of
// variance estimates recovery):
//
//	L = x - y - √((x - l_x)² + (u_y - y)²)
//	U = x - y + √((u_x - x)² + (y - l_y)²)
//
// It keeps the asymmetry of the two intervals, and where both are symmetric it is
// the usual square root of the sum of squares. (Zou and Donner 2008, Statistics in
// Medicine 27(10), doi:10.1002/sim.3095; for correlations Zou 2007, Psychological
// Methods 12(4), doi:10.1037/1082-989X.12.4.399; for proportions it is method 10
// of Newcombe 1998.) Limits beyond the difference's own range are not cut off.
func DifferenceInterval(x float64, ofX Interval, y float64, ofY Interval) Interval {
	d := x - y
	return Interval{d - math.Hypot(x-ofX[0], ofY[1]-y), d + math.Hypot(ofX[1]-x, y-ofY[0])}
}

// differences says in what the boards differ beside their rows.
func differences(a, b *Board) []string {
	out := []string{}
	differ := func(what, x, y string) {
		if x != y {
			out = append(out, fmt.Sprintf("%s: %s against %s", what, cmp.Or(x, "none"), cmp.Or(y, "none")))
		}
	}
	differ("corpora", a.Corpus, b.Corpus)
	differ("axes", strings.Join(a.Axes, ", "), strings.Join(b.Axes, ", "))
	differ("networks scored", fmt.Sprint(a.Models), fmt.Sprint(b.Models))
	if a.Configurations > 0 && b.Configurations > 0 { // older boards do not say
		differ("configurations", fmt.Sprint(a.Configurations), fmt.Sprint(b.Configurations))
		differ("seeds of a configuration", seedsOf(a), seedsOf(b))
	}
	if a.Repeats != "" && b.Repeats != "" {
		differ("repeats", a.Repeats, b.Repeats)
	}
	differ("size adjustments", a.Adjust, b.Adjust)
	differ("gaps", string(cmp.Or(a.Gap, AccuracyGap)), string(cmp.Or(b.Gap, AccuracyGap)))
	if a.Estimand != b.Estimand {
		const silent = "not said (made without intervals, or by an older version of genbench: score it again)"
		differ("what the intervals stand for", cmp.Or(a.Estimand, silent), cmp.Or(b.Estimand, silent))
	}
	differ("dropped networks", droppedOf(a), droppedOf(b))
	return out
}

func seedsOf(b *Board) string {
	if b.Seeds[0] == b.Seeds[1] {
		return fmt.Sprint(b.Seeds[0])
	}
	return fmt.Sprintf("%d to %d", b.Seeds[0], b.Seeds[1])
}

func droppedOf(b *Board) string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(b.Dropped)) {
		if n := b.Dropped[reason]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d (%s)", n, reason))
		}
	}
	return strings.Join(parts, ", ")
}

// count is how many rows were judged, moved, and so on.
type count struct{ judged, moved, unjudged, single int }

func (c *Compared) summarise() string {
	var measures, controls count
	for i := range c.Rows {
		r := &c.Rows[i]
		n := &measures
		if r.Class == Control {
			n = &controls
		}
		switch {
		case r.A == nil || r.B == nil:
			n.single++
		case r.Difference == nil || r.Difference.Beyond == nil:
			n.unjudged++
		default:
			n.judged++
			n.moved += btoi(*r.Difference.Beyond)
		}
	}
	if c.Identical {
		return "the two boards are identical in all but seconds"
	}
	var parts []string
	switch {
	case measures.judged > 0:
		parts = append(parts, fmt.Sprintf("%d of %s moved beyond %s", measures.moved, plural(measures.judged, "measure"), theirs(measures.judged)))
	case measures.unjudged > 0:
		parts = append(parts, "no measure could be judged")
	default:
		parts = append(parts, "the boards have no measure in common")
	}
	if controls.judged > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s", controls.moved, plural(controls.judged, "control")))
	}
	if measures.unjudged > 0 && measures.judged > 0 {
		parts = append(parts, fmt.Sprintf("%s not judged", plural(measures.unjudged, "measure")))
	}
	if measures.single > 0 {
		parts = append(parts, fmt.Sprintf("%s on one board only", plural(measures.single, "measure")))
	}
	return strings.Join(parts, "; ")
}

func theirs(n int) string {
	if n == 1 {
		return "its interval"
	}
	return "their interval"
}
