package report

import (
	"fmt"
	"math"

	"github.com/genbench/genbench/harness/rank"
)

// published computes what the papers' code would answer. x and defined are the
// measure of each network, oriented.
func (b *builder) published(r *scored, s *rank.Sample, x []float64, defined []bool) error {
	c := &r.Compat
	c.FGMPsiByAxis = map[string]*float64{}
	fgm, _ := s.FGM() // its two numbers have errors of their own
	for i, a := range fgm.ByAxis {
		var psi *float64
		if err := r.set("compat.fgm_psi_by_axis."+b.axes[i], a.Psi, a.Err, &psi); err != nil {
			return err
		}
		c.FGMPsiByAxis[b.axes[i]] = psi
	}
	if err := r.set("compat.fgm_psi", fgm.Psi, fgm.PsiErr, &c.FGMPsi); err != nil {
		return err
	}
	if err := r.set("compat.fgm_tau", fgm.Tau, fgm.TauErr, &c.FGMTau); err != nil {
		return err
	}
	if b.repeats != rank.Mean { // the competition knows no repeats
		var err error
		if s, err = b.grid.Sample(x, b.gaps, defined, rank.Mean); err != nil {
			return err
		}
	}
	pgdl, err := s.PGDL(b.names)
	if err := r.set("compat.pgdl", pgdl.Score, err, &c.PGDL); err != nil {
		return err
	}
	if err := b.rgm(r, s); err != nil {
		return err
	}
	v, err := b.cna(x, defined)
	return r.set("compat.cna", v, err, &c.CNA)
}

func (b *builder) rgm(r *scored, s *rank.Sample) error {
	var e rank.SignErrors
	if e.Err = (&rank.UndefinedError{Reason: "its weights are for gaps of accuracy, and the board is of another"}); b.in.Gap == AccuracyGap {
		e = s.RGM(b.testSize)
	}
	if e.Err != nil {
		for _, field := range []string{"rgm_mean", "rgm_p90", "rgm_max", "rgm_environments"} {
			if err := r.undefined("compat."+field, e.Err); err != nil {
				return err
			}
		}
		return nil
	}
	r.Compat.RGMMean, r.Compat.RGMP90, r.Compat.RGMMax, r.Compat.Environments = &e.Mean, &e.P90, &e.Max, &e.Environments
	return nil
}

// cna is over single networks, whatever the board's repeats and gap.
func (b *builder) cna(x []float64, defined []bool) (float64, error) {
	var u, gaps []float64
	unknown := 0
	for i, n := range b.in.Networks {
		switch {
		case !defined[i]:
		case math.IsNaN(n.LossGap) || math.IsInf(n.LossGap, 0):
			unknown++
		default:
			u, gaps = append(u, x[i]), append(gaps, n.LossGap)
		}
	}
	if unknown > 0 {
		return 0, &rank.UndefinedError{Reason: fmt.Sprintf("the loss gap is not known of %d of %d networks", unknown, unknown+len(u))}
	}
	return rank.AbsolutePearson(u, gaps)
}
