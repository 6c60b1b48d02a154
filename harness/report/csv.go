package report

import (
	"encoding/csv"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// WriteCSV writes one line a measure, with all digits; a statistic that does
// not exist is empty, with its reason in the last column.
func (b *Board) WriteCSV(w io.Writer) error {
	head := []string{"rank", "rank_low", "rank_high", "tie_group", "measure", "class", "direction", "n", "coverage", "psi", "psi_low", "psi_high"}
	for _, axis := range b.Axes {
		head = append(head, "psi["+axis+"]")
	}
	head = append(head, "tau", "tau_low", "tau_high", "cmi", "cmi_set", "cmi_min_cell", "spearman", "pearson",
		"sign_error_mean", "sign_error_p90", "sign_error_max", "p_value", "seconds", "transform")
	for _, axis := range b.Axes {
		head = append(head, "psi_low["+axis+"]", "psi_high["+axis+"]")
	}
	head = append(head, "cmi_low", "cmi_high", "cmi_min_at", "spearman_low", "spearman_high", "pearson_low", "pearson_high",
		"sign_error_max_at", "sign_error_environments", "sign_error_rejected", "tau_p_value", "p_value_holm", "fgm_psi", "fgm_tau")
	for _, axis := range b.Axes {
		head = append(head, "fgm_psi["+axis+"]")
	}
	head = append(head, "pgdl", "rgm_mean", "rgm_p90", "rgm_max", "rgm_environments", "cna", "notes")
	c := csv.NewWriter(w)
	if err := c.Write(head); err != nil {
		return err
	}
	for i := range b.Rows {
		if err := c.Write(b.csvRow(&b.Rows[i])); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func (b *Board) csvRow(r *Row) []string {
	rankLow, rankHigh := (*int)(nil), (*int)(nil)
	if r.RankCI != nil {
		rankLow, rankHigh = &r.RankCI[0], &r.RankCI[1]
	}
	row := []string{whole(r.Rank), whole(rankLow), whole(rankHigh), whole(r.TieGroup), r.Measure, r.Class, r.Direction,
		strconv.Itoa(r.N), exact(&r.Coverage), exact(r.Psi)}
	row = append(row, limits(r.PsiCI)...)
	for _, axis := range b.Axes {
		row = append(row, exact(r.PsiByAxis[axis]))
	}
	row = append(row, exact(r.Tau))
	row = append(row, limits(r.TauCI)...)
	row = append(row, exact(r.CMI), strings.Join(r.CMISet, "+"), whole(r.CMIMinCell), exact(r.Spearman), exact(r.Pearson))
	if e := r.SignError; e != nil {
		row = append(row, exact(&e.Mean), exact(&e.P90), exact(&e.Max))
	} else {
		row = append(row, "", "", "")
	}
	row = append(row, exact(r.PValue), exact(r.Seconds), r.Transform)
	row = append(row, b.csvDetail(r)...)
	row = append(row, b.csvCompat(&r.Compat)...)
	var notes []string
	for _, field := range slices.Sorted(maps.Keys(r.Notes)) {
		notes = append(notes, field+": "+r.Notes[field])
	}
	return append(row, strings.Join(notes, "; "))
}

func (b *Board) csvDetail(r *Row) []string {
	var row []string
	for _, axis := range b.Axes {
		row = append(row, limits(r.PsiAxisCI[axis])...)
	}
	row = append(row, limits(r.CMICI)...)
	row = append(row, said(r.CMIMinAt))
	row = append(row, limits(r.SpearmanCI)...)
	row = append(row, limits(r.PearsonCI)...)
	if e := r.SignError; e != nil {
		row = append(row, said(e.MaxAt), whole(e.Environments), whole(e.Rejected))
	} else {
		row = append(row, "", "", "")
	}
	return append(row, exact(r.TauPValue), exact(r.PValueHolm))
}

func (b *Board) csvCompat(c *Compat) []string {
	row := []string{exact(c.FGMPsi), exact(c.FGMTau)}
	for _, axis := range b.Axes {
		row = append(row, exact(c.FGMPsiByAxis[axis]))
	}
	return append(row, exact(c.PGDL), exact(c.RGMMean), exact(c.RGMP90), exact(c.RGMMax), whole(c.Environments), exact(c.CNA))
}

func said(v *string) string {
	if v == nil {
		return ""
	}
	return *v
}

func whole(v *int) string {
	if v == nil {
		return ""
	}
	return strconv.Itoa(*v)
}

func exact(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}

func limits(i *Interval) []string {
	if i == nil {
		return []string{"", ""}
	}
	return []string{exact(&i[0]), exact(&i[1])}
}
