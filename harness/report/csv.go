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
		"sign_error_mean", "sign_error_p90", "sign_error_max", "p_value", "seconds", "notes")
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
	var notes []string
	for _, field := range slices.Sorted(maps.Keys(r.Notes)) {
		notes = append(notes, field+": "+r.Notes[field])
	}
	return append(row, exact(r.PValue), exact(&r.Seconds), strings.Join(notes, "; "))
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
