package report

import "github.com/genbench/genbench/harness/rank"

// intervals puts intervals on what has been computed, all from one resampling.
func (b *builder) intervals(r *scored, s *rank.Sample) error {
	r.PsiAxisCI = map[string]*Interval{}
	missing := &rank.UndefinedError{Reason: noBootstrap}
	psi, psiErr := rank.Estimate{}, error(missing)
	tau, tauErr := rank.Estimate{}, error(missing)
	if !b.unresampled {
		psi, psiErr = s.PsiInterval(rank.B, b.resampling)
		tau, tauErr = s.TauInterval(rank.B, b.resampling)
	}
	for _, axis := range b.axes {
		r.PsiAxisCI[axis] = nil
		r.Notes["psi_by_axis_ci."+axis] = noBootstrap
	}
	for _, field := range []string{"spearman_ci", "pearson_ci", "cmi_ci"} {
		r.Notes[field] = noBootstrap
	}
	if r.Psi != nil {
		r.estimate, r.sortable = psi, true
		r.estimate.Value, r.unsure = *r.Psi, psiErr != nil
	} else if r.Tau != nil && len(b.axes) == 0 {
		r.estimate, r.sortable = tau, true
		r.estimate.Value, r.unsure = *r.Tau, tauErr != nil
	}
	if err := r.interval("psi_ci", psi, psiErr, &r.PsiCI); err != nil {
		return err
	}
	return r.interval("tau_ci", tau, tauErr, &r.TauCI)
}

const noBootstrap = "no bootstrap was asked for"

func (r *scored) interval(field string, e rank.Estimate, err error, to **Interval) error {
	if err == nil {
		err = e.Err
	}
	if err != nil {
		return r.undefined(field, err)
	}
	*to = &Interval{e.Low, e.High}
	return nil
}

func (b *builder) pValues(r *scored, s *rank.Sample) error {
	psi, psiErr := s.PsiPValue(rank.B, rank.WholeGrid, b.in.Permute, b.in.Seed)
	tau, tauErr := s.TauPValue(rank.B, b.in.Permute, b.in.Seed)
	if err := r.set("tau_p_value", tau, tauErr, &r.TauPValue); err != nil {
		return err
	}
	if len(b.axes) == 0 {
		psi, psiErr = tau, tauErr
	}
	return r.set("p_value", psi, psiErr, &r.PValue)
}
