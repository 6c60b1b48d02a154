package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// WriteText writes the audit for a terminal of that many columns; 0 is unlimited.
func (a *Audited) WriteText(w io.Writer, width int) error {
	return named("writing the audit", a.sheet().writeText(w, width))
}

// WriteMarkdown writes the audit as Markdown.
func (a *Audited) WriteMarkdown(w io.Writer) error {
	return named("writing the audit", a.sheet().writeMarkdown(w))
}

// WriteLaTeX writes the audit as table* environments that need booktabs.
func (a *Audited) WriteLaTeX(w io.Writer) error {
	return named("writing the audit", a.sheet().writeLaTeX(w))
}

// WriteJSON writes the audit as one indented JSON object, every change with all
// digits.
func (a *Audited) WriteJSON(w io.Writer) error { return writeIndented(w, a) }

func named(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func writeIndented(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// auditColumn is a column of an audit: its cell in print, and its columns in CSV.
type auditColumn struct {
	head  string
	left  bool
	text  func(*AuditRow) string
	heads []string
	exact func(*AuditRow) []string
}

func (a *Audited) columns() []auditColumn {
	symbol := symbolOf(a.Statistic)
	columns := []auditColumn{
		{"measure", true, func(r *AuditRow) string { return r.Measure }, []string{"measure"}, func(r *AuditRow) []string { return []string{r.Measure} }},
		{"class", true, func(r *AuditRow) string { return r.Class }, []string{"class"}, func(r *AuditRow) []string { return []string{r.Class} }},
		{symbol + " [95 %]", false, func(r *AuditRow) string { return withInterval(r.Score, r.Interval) }, []string{a.Statistic, a.Statistic + "_low", a.Statistic + "_high"},
			func(r *AuditRow) []string { return append([]string{exact(r.Score)}, limits(r.Interval)...) }},
		{"cover", false, func(r *AuditRow) string { return strconv.FormatFloat(100*r.Coverage, 'f', 0, 64) + " %" }, []string{"coverage"},
			func(r *AuditRow) []string { return []string{exact(&r.Coverage)} }},
	}
	if len(a.Axes) > 0 {
		columns = append(columns,
			axisPsi("weakest", func(r *AuditRow) *AxisPsi { return r.Weakest }),
			axisPsi("strongest", func(r *AuditRow) *AxisPsi { return r.Strongest }))
	}
	if a.tried(WithoutAxis) {
		columns = append(columns, changed(symbol+" without it", "without_strongest", WithoutAxis))
	}
	if a.tried(WithoutLevel) {
		columns = append(columns, level("least "+symbol+" without a level", "level_min", false), level("largest "+symbol+" without a level", "level_max", true))
	}
	if a.tried(OtherGap) {
		columns = append(columns, changed(fmt.Sprintf("%s gap", otherGap(a.Gap)), "other_gap", OtherGap))
	}
	if a.tried(WithoutFilter) {
		columns = append(columns,
			auditColumn{"sign err", false, func(r *AuditRow) string { return decimals(r.SignError, 2) }, []string{"sign_error"}, func(r *AuditRow) []string { return []string{exact(r.SignError)} }},
			changed("unfiltered", "sign_error_unfiltered", WithoutFilter))
	}
	for _, k := range []struct {
		kind       ChangeKind
		head, name string
	}{{WithUnconverged, a.word(WithUnconverged, "without the unconverged networks", "converged", "unconverged"), "unconverged"},
		{OtherRepeats, a.word(OtherRepeats, "seed by seed", "per seed", "seeds averaged"), "other_repeats"},
		{CommonNetworks, fmt.Sprintf("common (%d)", a.Common), "common"}} {
		if a.tried(k.kind) {
			columns = append(columns, changed(k.head, k.name, k.kind))
		}
	}
	return columns
}

// tried reports whether any row has such a change.
func (a *Audited) tried(k ChangeKind) bool {
	return slices.ContainsFunc(a.Rows, func(r AuditRow) bool { return r.change(k) != nil })
}

// word is one head where the first change of the kind says so, else another.
func (a *Audited) word(k ChangeKind, what, head, other string) string {
	for i := range a.Rows {
		if c := a.Rows[i].change(k); c != nil && c.What == what {
			return head
		}
	}
	return other
}

func (r *AuditRow) change(k ChangeKind) *Change {
	for i := range r.Changes {
		if r.Changes[i].Kind == k {
			return &r.Changes[i]
		}
	}
	return nil
}

// extreme is the change without a level that has the smallest or the largest
// score, the first of equals; nil where none has one.
func (r *AuditRow) extreme(largest bool) *Change {
	var found *Change
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Kind != WithoutLevel || c.Score == nil {
			continue
		}
		if found == nil || largest && *c.Score > *found.Score || !largest && *c.Score < *found.Score {
			found = c
		}
	}
	return found
}

func axisPsi(head string, of func(*AuditRow) *AxisPsi) auditColumn {
	return auditColumn{head + " ψ", false, func(r *AuditRow) string {
		if p := of(r); p != nil {
			return p.Axis + " " + decimals(&p.Psi, 2)
		}
		return none
	}, []string{head + "_axis", head + "_psi"}, func(r *AuditRow) []string {
		if p := of(r); p != nil {
			return []string{p.Axis, exact(&p.Psi)}
		}
		return []string{"", ""}
	}}
}

// changed is the column of a change that a row has once.
func changed(head, name string, k ChangeKind) auditColumn {
	return auditColumn{head, false, func(r *AuditRow) string { return starred(r.change(k)) }, []string{name}, func(r *AuditRow) []string {
		if c := r.change(k); c != nil {
			return []string{exact(c.Score)}
		}
		return []string{""}
	}}
}

func level(head, name string, largest bool) auditColumn {
	return auditColumn{head, false, func(r *AuditRow) string {
		c := r.extreme(largest)
		if c == nil {
			return none
		}
		return fmt.Sprintf("%s %s %s", c.Axis, c.Level, starred(c))
	}, []string{name, name + "_at"}, func(r *AuditRow) []string {
		c := r.extreme(largest)
		if c == nil {
			return []string{"", ""}
		}
		return []string{exact(c.Score), c.Axis + " " + c.Level}
	}}
}

// starred marks a change that counts.
func starred(c *Change) string {
	switch {
	case c == nil:
		return none
	case c.Counts:
		return "*" + decimals(c.Score, 2)
	}
	return decimals(c.Score, 2)
}

func (a *Audited) sheet() *sheet {
	s := &sheet{title: a.title(), fixed: 1, legend: a.legend()}
	columns := a.columns()
	for _, c := range columns {
		s.columns = append(s.columns, sheetColumn{c.head, c.left})
	}
	for i := range a.Rows {
		r := &a.Rows[i]
		row := make([]string, len(columns))
		for k, c := range columns {
			row[k] = c.text(r)
		}
		s.rows = append(s.rows, row)
		s.findings = append(s.findings, r.Measure+": "+r.Verdict)
	}
	s.remarks = append(s.remarks, remark{"in short", a.Summary})
	for _, n := range a.Notes {
		s.remarks = append(s.remarks, remark{"note", n})
	}
	s.remarks = append(s.remarks, a.missing()...)
	return s
}

func (a *Audited) title() string {
	return fmt.Sprintf("%s: audit of %s over %s", a.Corpus, plural(len(a.Rows), "row"), plural(a.Models, "network"))
}

// missing groups the changes that have no score by what they are and why.
func (a *Audited) missing() []remark {
	type key struct{ what, reason string }
	var order []key
	measures := map[key][]string{}
	for i := range a.Rows {
		for _, c := range a.Rows[i].Changes {
			if c.Reason == "" || c.Kind == WithoutAxis {
				continue
			}
			k := key{c.What, c.Reason}
			if measures[k] == nil {
				order = append(order, k)
			}
			measures[k] = append(measures[k], a.Rows[i].Measure)
		}
	}
	var out []remark
	for _, k := range order {
		out = append(out, remark{k.what, fmt.Sprintf("%s: %s", listed(measures[k], 5), k.reason)})
	}
	return out
}

func (a *Audited) legend() string {
	symbol := symbolOf(a.Statistic)
	s := fmt.Sprintf("*: counts: it moves %s by more than the half width of its own 95 %% interval, or turns a sign that the interval leaves in no doubt. ", symbol)
	if a.tried(WithoutAxis) {
		s += "weakest, strongest: the axes with the smallest and the largest ψ (where Ψ is negative: the other way round); Ψ without it: the mean over the axes but the strongest. "
	}
	if a.tried(WithoutLevel) {
		s += "least, largest Ψ without a level: with all networks of one level left out; an axis that this leaves without a ψ keeps the one it has. "
	}
	if a.tried(WithoutFilter) {
		s += "sign err, unfiltered: the mean sign error with Hoeffding weights and with every pair weighing 1; it counts where it also passes 0.5. "
	}
	return s + "Changes are point values, one at a time; each is likely to move a score somewhat by chance. " + none + ": undefined, or not tried."
}

// WriteCSV writes one line a measure, with all digits; what does not exist is empty.
func (a *Audited) WriteCSV(w io.Writer) error {
	columns := a.columns()
	var head []string
	for _, c := range columns {
		head = append(head, c.heads...)
	}
	records := [][]string{append(head, "robust", "counting", "verdict")}
	for i := range a.Rows {
		r := &a.Rows[i]
		var row []string
		for _, c := range columns {
			row = append(row, c.exact(r)...)
		}
		counting := 0
		for _, c := range r.Changes {
			counting += btoi(c.Counts)
		}
		records = append(records, append(row, strconv.FormatBool(r.Robust), strconv.Itoa(counting), r.Verdict))
	}
	return named("writing the audit", writeRecords(w, records))
}
