package report

import (
	"fmt"
	"io"
	"strconv"
)

// WriteText writes the comparison for a terminal of that many columns; 0 is unlimited.
func (c *Compared) WriteText(w io.Writer, width int) error {
	return named("writing the comparison", c.sheet().writeText(w, width))
}

// WriteMarkdown writes the comparison as Markdown.
func (c *Compared) WriteMarkdown(w io.Writer) error {
	return named("writing the comparison", c.sheet().writeMarkdown(w))
}

// WriteLaTeX writes the comparison as table* environments that need booktabs.
func (c *Compared) WriteLaTeX(w io.Writer) error {
	return named("writing the comparison", c.sheet().writeLaTeX(w))
}

// WriteJSON writes the comparison as one indented JSON object.
func (c *Compared) WriteJSON(w io.Writer) error { return writeIndented(w, c) }

// WriteCSV writes one line a measure, with all digits; what does not exist is empty.
func (c *Compared) WriteCSV(w io.Writer) error {
	head := []string{"measure", "class"}
	for _, side := range []string{"a", "b"} {
		head = append(head, side+"_"+c.Statistic, side+"_low", side+"_high", side+"_rank", side+"_psi", side+"_tau", side+"_cmi", side+"_sign_error")
	}
	records := [][]string{append(head, "difference", "difference_low", "difference_high", "beyond", "reason", "remark")}
	for i := range c.Rows {
		r := &c.Rows[i]
		row := []string{r.Measure, r.Class}
		for _, s := range []*Side{r.A, r.B} {
			if s == nil {
				s = new(Side)
			}
			row = append(row, exact(s.Score))
			row = append(row, limits(s.Interval)...)
			row = append(row, whole(s.Rank), exact(s.Psi), exact(s.Tau), exact(s.CMI), exact(s.SignError))
		}
		difference := []string{"", "", "", ""}
		if d := r.Difference; d != nil {
			difference = append([]string{exact(&d.Value)}, limits(d.Interval)...)
			beyond := ""
			if d.Beyond != nil {
				beyond = strconv.FormatBool(*d.Beyond)
			}
			difference = append(difference, beyond)
		}
		records = append(records, append(append(row, difference...), r.Reason, r.Remark))
	}
	return named("writing the comparison", writeRecords(w, records))
}

// comparedColumn is a column of the printed comparison.
type comparedColumn struct {
	sheetColumn
	text func(*ComparedRow) string
}

func (c *Compared) columns() []comparedColumn {
	symbol := c.symbol()
	right := func(head string, text func(*ComparedRow) string) comparedColumn {
		return comparedColumn{sheetColumn{head, false}, text}
	}
	left := func(head string, text func(*ComparedRow) string) comparedColumn {
		return comparedColumn{sheetColumn{head, true}, text}
	}
	columns := []comparedColumn{
		left("measure", func(r *ComparedRow) string { return r.Measure }),
		left("class", func(r *ComparedRow) string { return r.Class }),
		right(symbol+" A [95 %]", func(r *ComparedRow) string { return r.A.score() }),
		right(symbol+" B [95 %]", func(r *ComparedRow) string { return r.B.score() }),
		right("B - A [95 %]", (*ComparedRow).difference),
		left("moved", (*ComparedRow).moved),
		right("# A", func(r *ComparedRow) string { return r.A.placed() }),
		right("# B", func(r *ComparedRow) string { return r.B.placed() }),
	}
	for _, s := range []struct {
		statistic, head string
		digits          int
		value           func(*Side) *float64
	}{
		{psiStatistic, "Ψ", 2, func(s *Side) *float64 { return s.Psi }},
		{tauStatistic, "τ", 2, func(s *Side) *float64 { return s.Tau }},
		{"cmi", "K", 3, func(s *Side) *float64 { return s.CMI }},
		{"sign-error", "sign err", 2, func(s *Side) *float64 { return s.SignError }},
	} {
		if s.statistic == c.Statistic || !c.any(s.value) {
			continue
		}
		of := func(side *Side) string {
			if side == nil {
				return none
			}
			return decimals(s.value(side), s.digits)
		}
		columns = append(columns,
			right(s.head+" A", func(r *ComparedRow) string { return of(r.A) }),
			right(s.head+" B", func(r *ComparedRow) string { return of(r.B) }))
	}
	return columns
}

// any reports whether a side of a row has the value.
func (c *Compared) any(value func(*Side) *float64) bool {
	for i := range c.Rows {
		for _, s := range []*Side{c.Rows[i].A, c.Rows[i].B} {
			if s != nil && value(s) != nil {
				return true
			}
		}
	}
	return false
}

func (s *Side) score() string {
	if s == nil {
		return none
	}
	return withInterval(s.Score, s.Interval)
}

func (s *Side) placed() string {
	if s == nil || s.Rank == nil {
		return none
	}
	return fmt.Sprintf("%s of %d", s.place, s.Of)
}

func (r *ComparedRow) difference() string {
	if r.Difference == nil {
		return none
	}
	return withInterval(&r.Difference.Value, r.Difference.Interval)
}

// moved is the verdict in one word.
func (r *ComparedRow) moved() string {
	mark := ""
	if r.Remark != "" {
		mark = "*"
	}
	switch {
	case r.A == nil:
		return "only B"
	case r.B == nil:
		return "only A"
	case r.Difference == nil || r.Difference.Beyond == nil:
		return none + mark
	case !*r.Difference.Beyond:
		return "~" + mark
	case r.Difference.Value > 0:
		return "up" + mark
	}
	return "down" + mark
}

func (c *Compared) sheet() *sheet {
	s := &sheet{title: fmt.Sprintf("A: %s, B: %s", c.A, c.B), fixed: 1, findings: []string{c.Summary}, legend: c.legend()}
	columns := c.columns()
	for _, k := range columns {
		s.columns = append(s.columns, k.sheetColumn)
	}
	reasons := map[string][]string{}
	var order []string
	for i := range c.Rows {
		r := &c.Rows[i]
		row := make([]string, len(columns))
		for k, column := range columns {
			row[k] = column.text(r)
		}
		s.rows = append(s.rows, row)
		if r.Reason == "" || r.A == nil || r.B == nil {
			continue
		}
		if reasons[r.Reason] == nil {
			order = append(order, r.Reason)
		}
		reasons[r.Reason] = append(reasons[r.Reason], r.Measure)
	}
	for _, warning := range c.Warnings {
		s.remarks = append(s.remarks, remark{"warning: the boards differ", warning})
	}
	for _, reason := range order {
		s.remarks = append(s.remarks, remark{"not judged", fmt.Sprintf("%s: %s", listed(reasons[reason], 5), reason)})
	}
	for i := range c.Rows {
		if r := &c.Rows[i]; r.Remark != "" {
			s.remarks = append(s.remarks, remark{"* " + r.Measure, r.Remark})
		}
	}
	return s
}

func (c *Compared) legend() string {
	return fmt.Sprintf("B - A: the difference of %s, with a 95 %% interval from both boards' own (MOVER, Zou and Donner 2008). up, down: it leaves out 0; ~: it does not. The boards count as independent; where they share networks the interval is rather too wide. Of measures that did not move, about 1 in 20 is said to: the verdicts are not corrected for their number. #: rank within the class, ~ and the places left where it is shared. %s: undefined, or not judged.", c.symbol(), none)
}
