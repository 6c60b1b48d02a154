package report

import (
	"errors"
	"fmt"
	"strings"

	"github.com/genbench/genbench/harness/rank"
)

func (b *builder) overall(r *scored, s *rank.Sample) error {
	for _, c := range []struct {
		field string
		value func() (float64, error)
		to    **float64
	}{{"tau", s.TauB, &r.Tau}, {"spearman", s.Spearman, &r.Spearman}, {"pearson", s.Pearson, &r.Pearson}} {
		v, err := c.value()
		if err := r.set(c.field, v, err, c.to); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) granulated(r *scored, s *rank.Sample) error {
	g := s.Granulated(rank.B)
	for i, a := range g.Axes {
		var psi *float64
		name := b.axes[i]
		if err := r.set("psi_by_axis."+name, a.Psi, a.Err, &psi); err != nil {
			return err
		}
		if r.PsiByAxis[name] = psi; a.Err == nil && a.Small+a.Tied > 0 {
			r.Notes["psi_by_axis."+name] = leftOut(a)
		}
	}
	return r.set("psi", g.Psi, g.Err, &r.Psi)
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
		for _, field := range []string{"cmi", "cmi_set", "cmi_min_cell", "cmi_min_at"} {
			if err := r.undefined(field, k.Err); err != nil {
				return err
			}
		}
		return nil
	}
	r.CMI, r.CMIMinCell = &k.K, &k.MinCell
	r.CMISet = []string{}
	var at []string
	for i, a := range k.Set {
		r.CMISet = append(r.CMISet, b.axes[a])
		at = append(at, fmt.Sprintf("%s %s|%s", b.axes[a], b.names[a][k.MinCellAt[0][i]], b.names[a][k.MinCellAt[1][i]]))
	}
	if len(at) > 0 {
		where := strings.Join(at, ", ")
		r.CMIMinAt = &where
	} else {
		r.Notes["cmi_min_at"] = "the set S is empty: all pairs are one cell"
	}
	if len(b.axes) == 0 {
		r.Notes["cmi_set"] = "there are no axes: only the empty set S is tried"
	}
	return nil
}

// signErrors are over the board's environments. The weights are confidences in
// the order of two accuracies; of two losses they would mean nothing, and each
// pair weighs 1.
func (b *builder) signErrors(r *scored, s *rank.Sample) error {
	e := s.SignErrorsOf(b.signErrorOptions())
	if e.Err != nil {
		return r.undefined("sign_error", e.Err)
	}
	at := b.environmentText(e.Worst)
	r.SignError = &SignError{Mean: e.Mean, P90: e.P90, Max: e.Max, MaxAt: &at, Environments: &e.Environments, Rejected: &e.Rejected}
	return nil
}

func (b *builder) signErrorOptions() rank.SignErrorOptions {
	return rank.SignErrorOptions{TestSize: b.testSize, Environment: b.environment, LeastESS: rank.LeastESS, Unfiltered: b.in.Gap == LossGap}
}

// environmentText is "width 64|128", and of a pair of configurations also where
// they lie on the other axes: "width 64|128 at depth 2, norm on".
func (b *builder) environmentText(e rank.EnvironmentAt) string {
	text := fmt.Sprintf("%s %s|%s", b.axes[e.Axis], b.names[e.Axis][e.From], b.names[e.Axis][e.To])
	if e.Network < 0 {
		return text
	}
	var rest []string
	for a, axis := range b.axes {
		if a != e.Axis {
			rest = append(rest, axis+" "+b.names[a][b.levels[a][e.Network]])
		}
	}
	if len(rest) == 0 {
		return text
	}
	return text + " at " + strings.Join(rest, ", ")
}

// set gives a field its value, or its reason.
func (r *scored) set(field string, v float64, err error, to **float64) error {
	if err != nil {
		return r.undefined(field, err)
	}
	*to = &v
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
	return plain(u.Reason)
}

// reasonOf is why a statistic that does not depend on a measure does not exist.
func reasonOf(err error) string {
	var u *rank.UndefinedError
	if errors.As(err, &u) {
		return plain(u.Reason)
	}
	return err.Error()
}

// plain says of measures and gaps what the statistics say of x and y.
func plain(reason string) string {
	return strings.NewReplacer("all x are equal", "the measure has the same value for every network",
		"all y are equal", "the gap is the same for every network",
		"x or y is constant", "the measure or the gap is constant",
		"x is constant", "the measure is constant",
		"y is constant", "the gap is constant",
		"order of y", "order of the gaps").Replace(reason)
}
