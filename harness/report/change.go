package report

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/genbench/genbench/harness/rank"
)

func (a *auditor) row(r *Row) (AuditRow, error) {
	out := AuditRow{Measure: r.Measure, Class: r.Class, Coverage: r.Coverage, Changes: []Change{}, Score: r.Psi, Interval: r.PsiCI}
	if a.statistic == tauStatistic {
		out.Score, out.Interval = r.Tau, r.TauCI
	}
	if r.SignError != nil {
		out.SignError = &r.SignError.Mean
	}
	if out.Score == nil {
		out.Verdict = "no score: " + cmp.Or(r.Notes[a.statistic], "it is undefined")
		return out, nil
	}
	if ci := out.Interval; ci != nil {
		half := (ci[1] - ci[0]) / 2
		out.HalfWidth = &half
	}
	if err := a.changes(&out, r); err != nil {
		return out, fmt.Errorf("measure %s: %w", r.Measure, err)
	}
	for i := range out.Changes {
		out.judge(&out.Changes[i])
	}
	out.conclude(a.statistic)
	return out, nil
}

func (a *auditor) changes(out *AuditRow, r *Row) error {
	out.withoutAxis(a.b.axes, r)
	t := trial{b: a.b, m: a.measures[r.Measure], row: r, out: out}
	t.gaps, t.repeats = a.b.gaps, a.b.repeats
	for _, l := range a.levels {
		if err := t.try(Change{Kind: WithoutLevel, What: "without " + l.axis + " " + l.level, Axis: l.axis, Level: l.level}, l.rest); err != nil {
			return err
		}
	}
	if a.otherGap != nil {
		t.gaps = a.otherGap
		if err := t.try(Change{Kind: OtherGap, What: fmt.Sprintf("with the %s gap", otherGap(a.b.in.Gap))}, nil); err != nil {
			return err
		}
		t.gaps = a.b.gaps
	}
	if err := t.unfiltered(); err != nil {
		return err
	}
	if a.converged != nil {
		other := trial{b: a.converged, m: a.convergedMeasures[r.Measure], row: r, out: out, gaps: a.converged.gaps, repeats: a.converged.repeats}
		what := "with the unconverged networks"
		if a.b.in.KeepUnconverged {
			what = "without the unconverged networks"
		}
		if err := other.try(Change{Kind: WithUnconverged, What: what}, nil); err != nil {
			return err
		}
	}
	if a.reseeded {
		t.repeats = a.repeats
		what := "seed by seed"
		if a.repeats == rank.Mean {
			what = "with seeds averaged"
		}
		if err := t.try(Change{Kind: OtherRepeats, What: what}, nil); err != nil {
			return err
		}
		t.repeats = a.b.repeats
	}
	if a.common != nil {
		return t.try(Change{Kind: CommonNetworks, What: "on the common networks"}, a.common)
	}
	return nil
}

// withoutAxis finds the strongest and the weakest axis, the first of equals, and
// leaves the strongest out.
func (out *AuditRow) withoutAxis(axes []string, r *Row) {
	direction := 1.0
	if *out.Score < 0 {
		direction = -1
	}
	sum, defined := 0.0, 0
	for _, axis := range axes {
		psi := r.PsiByAxis[axis]
		if psi == nil {
			continue
		}
		sum += *psi
		defined++
		if out.Strongest == nil || direction*(*psi-out.Strongest.Psi) > 0 {
			out.Strongest = &AxisPsi{axis, *psi}
		}
		if out.Weakest == nil || direction*(*psi-out.Weakest.Psi) < 0 {
			out.Weakest = &AxisPsi{axis, *psi}
		}
	}
	if len(axes) < 2 || defined == 0 {
		return
	}
	c := Change{Kind: WithoutAxis, What: "without " + out.Strongest.Axis, Axis: out.Strongest.Axis}
	if defined == 1 {
		c.Reason = "ψ is undefined on the other axes"
	} else {
		v := (sum - out.Strongest.Psi) / float64(defined-1)
		c.Score = &v
	}
	out.Changes = append(out.Changes, c)
}

// trial scores one row of the board once more.
type trial struct {
	b       *builder
	m       *Measure
	gaps    []float64
	repeats rank.Repeats
	row     *Row
	out     *AuditRow
}

// try appends a change that scores a part of the networks, nil being all.
func (t *trial) try(c Change, of *part) error {
	s, err := t.sample(of)
	if err != nil {
		return err
	}
	v, err := t.score(s, of, &c)
	if err == nil {
		c.Score = &v
		t.out.Changes = append(t.out.Changes, c)
		return nil
	}
	var u *rank.UndefinedError
	if !errors.As(err, &u) {
		return err
	}
	sc := scored{Row: Row{N: s.N()}}
	c.Reason = sc.reason(u)
	t.out.Changes = append(t.out.Changes, c)
	return nil
}

func (t *trial) sample(of *part) (*rank.Sample, error) {
	x, defined := t.m.oriented()
	if of != nil {
		for i, k := range of.keep {
			defined[i] = defined[i] && k
		}
	}
	return t.b.grid.Sample(x, t.gaps, defined, t.repeats)
}

// oriented are the values, larger for a larger gap, and where there are any.
func (m *Measure) oriented() (x []float64, defined []bool) {
	x, defined = make([]float64, len(m.Values)), make([]bool, len(m.Values))
	for i := range m.Values {
		c := m.cell(i)
		defined[i] = c.Defined
		x[i] = c.Value
		if m.Direction == "smaller" {
			x[i] = -c.Value
		}
	}
	return x, defined
}

// score is τ, or Ψ over the axes that the row's Ψ is over.
// An axis of which the part has one level has no ψ, though its repeats may.
func (t *trial) score(s *rank.Sample, of *part, c *Change) (float64, error) {
	if t.row.Psi == nil {
		return s.TauB()
	}
	g := s.Granulated(rank.B)
	if g.Err != nil {
		return 0, g.Err
	}
	var sum float64
	defined, kept := 0, []string{}
	for _, axis := range slices.Sorted(maps.Keys(t.row.PsiByAxis)) {
		own := t.row.PsiByAxis[axis]
		if own == nil {
			continue
		}
		defined++
		at := slices.Index(t.b.axes, axis)
		if at < 0 || g.Axes[at].Err != nil || of != nil && !of.varies[at] {
			kept = append(kept, axis)
			sum += *own
			continue
		}
		sum += g.Axes[at].Psi
	}
	if len(kept) == defined {
		return 0, &rank.UndefinedError{Reason: "no axis that the score is over has a ψ"}
	}
	if len(kept) > 0 {
		c.Kept = kept
	}
	return sum / float64(defined), nil
}

// unfiltered appends the sign error over all pairs.
func (t *trial) unfiltered() error {
	if t.out.SignError == nil {
		return nil
	}
	s, err := t.sample(nil)
	if err != nil {
		return err
	}
	c := Change{Kind: WithoutFilter, What: "without the noise filter"}
	e := s.SignErrorsOf(rank.SignErrorOptions{TestSize: t.b.testSize, Environment: t.b.environment, LeastESS: rank.LeastESS, Unfiltered: true})
	if e.Err == nil {
		c.Score = &e.Mean
	} else {
		var u *rank.UndefinedError
		if !errors.As(e.Err, &u) {
			return e.Err
		}
		c.Reason = u.Reason
	}
	t.out.Changes = append(t.out.Changes, c)
	return nil
}
