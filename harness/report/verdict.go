package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// judge says whether a change counts; see [Audit].
func (out *AuditRow) judge(c *Change) {
	if c.Score == nil {
		c.Counts = c.Kind == WithoutAxis
		return
	}
	from, centre, scale := *out.Score, 0.0, 1.0
	if c.Kind == WithoutFilter {
		from, centre, scale = *out.SignError, 0.5, 2
	}
	shift := *c.Score - from
	c.Shift = &shift
	before, after := from-centre, *c.Score-centre
	c.Turns = math.Abs(before) > signless && math.Abs(after) > signless && before*after < 0
	beyond := out.HalfWidth != nil && scale*math.Abs(shift) > beyondHalfWidths**out.HalfWidth
	if c.Kind == WithoutFilter {
		c.Counts = c.Turns && (beyond || out.HalfWidth == nil)
		return
	}
	c.Counts = beyond || c.Turns && out.signKnown()
}

// signKnown reports whether the score's own interval leaves its sign in no doubt.
func (out *AuditRow) signKnown() bool {
	return out.Interval == nil || out.Interval[0] > 0 || out.Interval[1] < 0
}

// severity orders the changes that count: those that turn the sign first, then
// by the size of the shift on the scale of τ; a score that rests on one axis
// alone before all.
func (c *Change) severity() float64 {
	if c.Shift == nil {
		return 4
	}
	s := math.Abs(*c.Shift) // at most 2
	if c.Kind == WithoutFilter {
		s *= 2
	}
	if c.Turns {
		s += 2
	}
	return s
}

// conclude writes the verdict: the worst change that counts, and what else does.
func (out *AuditRow) conclude(statistic string) {
	symbol := symbolOf(statistic)
	var counting []*Change
	largest := (*Change)(nil)
	for i := range out.Changes {
		c := &out.Changes[i]
		if c.Counts {
			counting = append(counting, c)
		}
		if c.Shift != nil && c.Kind != WithoutFilter && (largest == nil || math.Abs(*c.Shift) > math.Abs(*largest.Shift)) {
			largest = c
		}
	}
	if len(counting) == 0 {
		out.Robust = true
		out.Verdict = out.robust(symbol, largest)
		return
	}
	slices.SortStableFunc(counting, func(p, q *Change) int {
		switch d := q.severity() - p.severity(); {
		case d > 0:
			return 1
		case d < 0:
			return -1
		}
		return 0
	})
	out.Verdict = out.worst(symbol, counting[0])
	const named = 3
	var also []string
	for _, c := range counting[1:] {
		what := c.What
		if c.Score != nil {
			what += " (" + decimals(c.Score, 2) + ")"
		}
		also = append(also, what)
	}
	if len(also) > 0 {
		out.Verdict += "; it also moves " + listed(also, named)
	}
}

func symbolOf(statistic string) string {
	if statistic == tauStatistic {
		return "τ"
	}
	return "Ψ"
}

func (out *AuditRow) robust(symbol string, largest *Change) string {
	most := ""
	if largest != nil {
		most = fmt.Sprintf(" (at most %s, %s)", signed(largest.Shift), largest.What)
	}
	switch {
	case len(out.Changes) == 0:
		return "nothing to change: no change of the score could be tried"
	case out.Interval == nil:
		return fmt.Sprintf("no change turns the sign%s; without an interval of %s no shift can be judged", most, symbol)
	case !out.signKnown():
		return fmt.Sprintf("not told from 0, and no change moves %s beyond its interval%s", symbol, most)
	}
	return fmt.Sprintf("robust: no change moves %s beyond its interval%s", symbol, most)
}

func (out *AuditRow) worst(symbol string, c *Change) string {
	from, to := decimals(out.Score, 2), decimals(c.Score, 2)
	switch {
	case c.Kind == WithoutAxis && c.Score == nil:
		return fmt.Sprintf("rests on %s alone: ψ is undefined on the other axes", c.Axis)
	case !out.signKnown():
		return fmt.Sprintf("not told from 0; moves %s (%s %s to %s)", c.What, symbol, from, to)
	case c.Kind == WithoutAxis && math.Abs(*c.Score) > out.halfWidth() && !c.Turns:
		return fmt.Sprintf("leans on %s: %s %s with it, %s without", c.Axis, symbol, from, to)
	case c.Kind == WithoutAxis:
		return fmt.Sprintf("carried by %s: %s %s with it, %s without", c.Axis, symbol, from, to)
	case c.Kind == WithoutFilter:
		return fmt.Sprintf("changes sides %s (sign error %s to %s)", c.What, decimals(out.SignError, 2), to)
	case c.Turns:
		return fmt.Sprintf("changes sign %s (%s to %s)", c.What, from, to)
	case c.Kind == WithoutLevel && math.Abs(*c.Score) < math.Abs(*out.Score):
		return fmt.Sprintf("hangs on %s %s: %s %s with it, %s without", c.Axis, c.Level, symbol, from, to)
	}
	return fmt.Sprintf("moves %s (%s %s to %s)", c.What, symbol, from, to)
}

// halfWidth is that of the score's own interval; 0 where there is none. What is left
// of a score without its strongest axis is less than the score for every measure:
// the axis carries the score where what is left is within the half width of 0.
func (out *AuditRow) halfWidth() float64 {
	if out.HalfWidth == nil {
		return 0
	}
	return *out.HalfWidth
}

// signed is a shift with its sign.
func signed(v *float64) string {
	s := decimals(v, 2)
	if !strings.HasPrefix(s, "-") {
		s = "+" + s
	}
	return s
}

// summarise counts the verdicts of the ranked measures.
func (a *Audited) summarise() string {
	measures, robust, unsigned, none := 0, 0, 0, 0
	kinds, words := map[ChangeKind]int{}, map[ChangeKind]string{WithoutAxis: "without one axis", WithoutLevel: "without one level"}
	for i := range a.Rows {
		r := &a.Rows[i]
		if r.Class == Control {
			continue
		}
		measures++
		switch {
		case r.Score == nil:
			none++
		case r.Robust:
			robust++
			unsigned += btoi(!r.signKnown())
		}
		seen := map[ChangeKind]bool{}
		for _, c := range r.Changes {
			if c.Counts && !seen[c.Kind] {
				seen[c.Kind] = true
				kinds[c.Kind]++
				words[c.Kind] = cmp.Or(words[c.Kind], c.What)
			}
		}
	}
	if measures == 0 {
		return "no measure is ranked; controls only"
	}
	s := fmt.Sprintf("no change moves %d of %s", robust, plural(measures, "measure"))
	if unsigned > 0 {
		s += fmt.Sprintf(" (%d of them not told from 0)", unsigned)
	}
	var parts []string
	for _, k := range changeKinds {
		if n := kinds[k]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, words[k]))
		}
	}
	if len(parts) > 0 {
		s += "; moved beyond their interval: " + strings.Join(parts, ", ")
	}
	if none > 0 {
		s += fmt.Sprintf("; %d without a score", none)
	}
	return s
}

var changeKinds = []ChangeKind{WithoutAxis, WithoutLevel, OtherGap, WithoutFilter, WithUnconverged, OtherRepeats, CommonNetworks}
