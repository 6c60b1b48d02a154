package report

import (
	"github.com/genbench/genbench/harness/rank"
)

const noBootstrap = "no bootstrap was asked for"

// intervals puts an interval on what has been computed, all from one joint
// resampling.
func (b *builder) intervals(r *scored, s *rank.Sample) error {
	r.PsiAxisCI = map[string]*Interval{}
	if r.Psi != nil {
		r.estimate, r.sortable = rank.Estimate{Value: *r.Psi}, true
	} else if r.Tau != nil && len(b.axes) == 0 {
		r.estimate, r.sortable = rank.Estimate{Value: *r.Tau}, true
	}
	if b.unresampled {
		b.withoutIntervals(r)
		return nil
	}
	all, err := s.Intervals(rank.B, b.resampling)
	if err != nil {
		return err
	}
	if r.sortable {
		if r.estimate = all.Psi; len(b.axes) == 0 {
			r.estimate = all.Tau
		}
	}
	// Without degrees of freedom nothing is known of its error; the others have
	// at least 1, be there an interval or not.
	r.unsure = r.estimate.Degrees == 0
	for _, e := range []struct {
		field string
		rank.Estimate
		to **Interval
	}{
		{"psi_ci", all.Psi, &r.PsiCI}, {"tau_ci", all.Tau, &r.TauCI}, {"cmi_ci", all.Information, &r.CMICI},
		{"spearman_ci", all.Spearman, &r.SpearmanCI}, {"pearson_ci", all.Pearson, &r.PearsonCI},
	} {
		if err := r.interval(e.field, e.Estimate, e.to); err != nil {
			return err
		}
	}
	for a, axis := range b.axes {
		var ci *Interval
		if err := r.interval("psi_by_axis_ci."+axis, all.Axes[a], &ci); err != nil {
			return err
		}
		r.PsiAxisCI[axis] = ci
	}
	return nil
}

func (r *scored) interval(field string, e rank.Estimate, to **Interval) error {
	if e.Err != nil {
		return r.undefined(field, e.Err)
	}
	*to = &Interval{e.Low, e.High}
	return nil
}

func (b *builder) withoutIntervals(r *scored) {
	for _, field := range []string{"psi", "tau", "cmi", "spearman", "pearson"} {
		r.Notes[field+"_ci"] = noBootstrap
	}
	for _, axis := range b.axes {
		r.PsiAxisCI[axis] = nil
		r.Notes["psi_by_axis_ci."+axis] = noBootstrap
	}
}

// pValues come from one set of permutations.
func (b *builder) pValues(r *scored, s *rank.Sample) error {
	p, err := s.PValues(rank.B, b.in.Permute, b.in.Seed)
	if err != nil {
		return err
	}
	if err := r.set("tau_p_value", p.Tau, p.TauErr, &r.TauPValue); err != nil {
		return err
	}
	if len(b.axes) == 0 {
		return r.set("p_value", p.Tau, p.TauErr, &r.PValue)
	}
	return r.set("p_value", p.Psi, p.PsiErr, &r.PValue)
}

// noiseFloor is what a measure that knows nothing scores here. It depends on the
// gaps alone and is computed once.
func (b *builder) noiseFloor() error {
	draws := floorDraws(b.base.Points())
	if !b.unresampled {
		draws = min(draws, b.in.Bootstrap)
	}
	k, pgdl := b.base.Floors(b.names, draws, b.in.Seed)
	if b.repeats != rank.Mean { // the competition knows no repeats: see published
		s, err := b.grid.Sample(b.gaps, b.gaps, nil, rank.Mean)
		if err != nil {
			return err
		}
		_, pgdl = s.Floors(b.names, draws, b.in.Seed)
	}
	for _, f := range []struct {
		name string
		rank.Floor
		to **Floor
	}{{"K", k, &b.floor.CMI}, {"the PGDL score", pgdl, &b.floor.PGDL}} {
		if f.Err == nil {
			*f.to = &Floor{Mean: f.Mean, P95: f.P95, Draws: f.Draws}
		}
	}
	// Why there is no score of PGDL is said of each row.
	if k.Err != nil {
		b.floorNote = "what a measure that knows nothing scores as K is not known: " + reasonOf(k.Err)
	}
	return nil
}

// floorDraws is 200 random orders, fewer of many points: 2,000 points take about
// 8 ms an order on one core, 10,000 about 40 ms. The standard error of a mean of
// 45 draws, those of 10,935 networks, is a seventh of their standard deviation.
func floorDraws(points int) int {
	const most, least, enough = 200, 20, 2500
	return min(most, max(least, most*enough/max(1, points)))
}
