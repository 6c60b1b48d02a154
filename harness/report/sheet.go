package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// sheet is a table of finished cells with what stands around it: what an audit
// and a comparison print, whatever the format.
type sheet struct {
	title    string
	columns  []sheetColumn
	fixed    int        // columns that every table of a narrow terminal repeats
	rows     [][]string // [rows][columns]
	findings []string   // a line each, below the table
	remarks  []remark
	legend   string
}

type sheetColumn struct {
	head string
	left bool // aligned left
}

// writeText writes for a terminal of that many columns; 0 is unlimited. Columns
// that do not fit go to further tables.
func (s *sheet) writeText(w io.Writer, width int) error {
	var out bytes.Buffer
	wrap(&out, s.title, width, "  ")
	for _, columns := range s.pack(width) {
		out.WriteString("\n")
		if err := s.table(&out, columns, textRenderer(), oneLine); err != nil {
			return err
		}
	}
	if len(s.findings) > 0 {
		fmt.Fprintln(&out)
	}
	for _, f := range s.findings {
		wrap(&out, f, width, "  ")
	}
	if len(s.remarks) > 0 {
		fmt.Fprintln(&out)
	}
	for _, r := range s.remarks {
		wrap(&out, r.head+": "+r.text, width, "  ")
	}
	fmt.Fprintln(&out)
	wrap(&out, s.legend, width, "")
	_, err := w.Write(trimLines(out.Bytes()))
	return err
}

// writeMarkdown writes one table as GitHub reads them.
func (s *sheet) writeMarkdown(w io.Writer) error {
	var out bytes.Buffer
	fmt.Fprintf(&out, "## %s\n\n", markdown(s.title))
	if err := s.table(&out, s.pack(0)[0], renderer.NewMarkdown(), markdown); err != nil {
		return err
	}
	out.WriteByte('\n')
	for _, f := range s.findings {
		fmt.Fprintf(&out, "- %s\n", markdown(f))
	}
	if len(s.findings) > 0 && len(s.remarks) > 0 {
		out.WriteByte('\n')
	}
	for _, r := range s.remarks {
		fmt.Fprintf(&out, "- %s: %s\n", markdown(r.head), markdown(r.text))
	}
	fmt.Fprintf(&out, "\n%s\n", markdown(s.legend))
	_, err := w.Write(trimLines(out.Bytes()))
	return err
}

// latexWidth is how many characters of \scriptsize fit the width of a page of two
// columns, with room for proportional letters.
const latexWidth = 120

// writeLaTeX writes table* environments in the style of the package booktabs, as
// the board's.
func (s *sheet) writeLaTeX(w io.Writer) error {
	var out bytes.Buffer
	out.WriteString("% Needs \\usepackage{booktabs}, and UTF-8 input, which is LaTeX's usual one.\n")
	groups := s.pack(latexWidth)
	for i, columns := range groups {
		caption := "the same, continued."
		if i == 0 {
			caption = s.title
		}
		align, heads := "", make([]string, len(columns))
		for k, c := range columns {
			align += map[bool]string{true: "l", false: "r"}[s.columns[c].left]
			heads[k] = latex(s.columns[c].head)
		}
		fmt.Fprintf(&out, "\\begin{table*}\n\\centering\n\\caption{%s}\n\\scriptsize\n\\setlength{\\tabcolsep}{3pt}\n\\begin{tabular}{%s}\n\\toprule\n%s \\\\\n\\midrule\n",
			latex(caption), align, strings.Join(heads, " & "))
		for _, row := range s.rows {
			cells := make([]string, len(columns))
			for k, c := range columns {
				cells[k] = latex(row[c])
			}
			// The braces keep a name like [x] or *x from being read as an option of \\.
			fmt.Fprintf(&out, "{}%s \\\\\n", strings.Join(cells, " & "))
		}
		out.WriteString("\\bottomrule\n\\end{tabular}\n")
		if i == len(groups)-1 {
			s.latexNotes(&out)
		}
		out.WriteString("\\end{table*}\n")
	}
	_, err := w.Write(out.Bytes())
	return err
}

// latexNotes are the lines below the last table.
func (s *sheet) latexNotes(out *bytes.Buffer) {
	out.WriteString("\n\\smallskip\n\\begin{minipage}{\\textwidth}\n\\footnotesize\n")
	for _, f := range s.findings {
		fmt.Fprintf(out, "%s\n\n", latex(f))
	}
	for _, r := range s.remarks {
		fmt.Fprintf(out, "%s: %s\n\n", latex(r.head), latex(r.text))
	}
	fmt.Fprintf(out, "%s\n\\end{minipage}\n", latex(s.legend))
}

// pack splits the columns that are not fixed into tables no wider than width,
// each holding one of them at least.
func (s *sheet) pack(width int) [][]int {
	cells := make([]int, len(s.columns)) // a cell takes its text and two blanks
	fixed := 0
	for k, c := range s.columns {
		cells[k] = 2 + utf8.RuneCountInString(c.head)
		for _, row := range s.rows {
			cells[k] = max(cells[k], 2+utf8.RuneCountInString(row[k]))
		}
		if k < s.fixed {
			fixed += cells[k]
		}
	}
	var first []int
	for k := range s.fixed {
		first = append(first, k)
	}
	groups := [][]int{first}
	room := width - fixed
	for k := s.fixed; k < len(s.columns); k++ {
		last := len(groups) - 1
		if width > 0 && cells[k] > room && len(groups[last]) > s.fixed {
			groups = append(groups, append([]int{}, first...))
			room, last = width-fixed, last+1
		}
		groups[last] = append(groups[last], k)
		room -= cells[k]
	}
	return groups
}

func (s *sheet) table(w io.Writer, columns []int, r tw.Renderer, clean func(string) string) error {
	var head []string
	var align []tw.Align
	for _, k := range columns {
		head = append(head, clean(s.columns[k].head))
		if s.columns[k].left {
			align = append(align, tw.AlignLeft)
		} else {
			align = append(align, tw.AlignRight)
		}
	}
	table := tablewriter.NewTable(w,
		tablewriter.WithRenderer(r),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithHeaderAlignmentConfig(tw.CellAlignment{PerColumn: align}),
		tablewriter.WithRowAlignmentConfig(tw.CellAlignment{PerColumn: align}),
		tablewriter.WithEastAsian(tw.Off), // as the board's: no width depends on the locale
	)
	table.Header(head)
	for _, row := range s.rows {
		var cells []string
		for _, k := range columns {
			cells = append(cells, clean(row[k]))
		}
		if err := table.Append(cells); err != nil {
			return err
		}
	}
	return table.Render()
}

// writeRecords writes CSV.
func writeRecords(w io.Writer, records [][]string) error {
	c := csv.NewWriter(w)
	if err := c.WriteAll(records); err != nil {
		return err
	}
	return c.Error()
}

// listed joins names, and counts those above the most.
func listed(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
