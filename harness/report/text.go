package report

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// WriteText writes the board for a terminal of that many columns. Columns that
// do not fit go to further tables that repeat the rank and the measure. Width 0
// is unlimited, for files and pipes: one table, and a line for each remark.
func (b *Board) WriteText(w io.Writer, width int) error {
	var groups [][]column
	if width > 0 {
		for _, columns := range b.tables() {
			groups = append(groups, b.pack(columns, width, oneLine)...)
		}
	} else {
		groups = [][]column{slices.Concat(b.tables()...)}
	}
	var out bytes.Buffer
	wrap(&out, b.title(), width, "  ")
	for _, columns := range groups {
		out.WriteString("\n")
		if err := b.table(&out, columns, textRenderer(), oneLine); err != nil {
			return fmt.Errorf("writing the leaderboard: %w", err)
		}
	}
	b.writeRemarks(&out, width)
	fmt.Fprintln(&out)
	wrap(&out, b.legend(), width, "")
	_, err := w.Write(trimLines(out.Bytes()))
	return err
}

func (b *Board) title() string {
	s := fmt.Sprintf("%s: %s scored", b.Corpus, plural(b.Models, "network"))
	if len(b.Axes) > 0 && b.Configurations > 0 {
		s += fmt.Sprintf(" (%s%s)", plural(b.Configurations, "configuration"), b.perConfiguration())
	}
	if len(b.Axes) > 0 {
		s += ", axes " + strings.Join(b.Axes, ", ")
	}
	return oneLine(s)
}

func (b *Board) perConfiguration() string {
	if least, most := b.Seeds[0], b.Seeds[1]; least != most {
		return fmt.Sprintf(", %d to %d seeds each", least, most)
	}
	return " x " + plural(b.Seeds[0], "seed")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// pack splits columns into tables no wider than width, each holding one column
// at least. A cell takes its text, as clean leaves it, and two blanks.
func (b *Board) pack(columns []column, width int, clean func(string) string) [][]column {
	cells := func(c column) int {
		n := utf8.RuneCountInString(c.head)
		for i := range b.Rows {
			n = max(n, utf8.RuneCountInString(clean(c.text(&b.Rows[i]))))
		}
		return n + 2
	}
	fixed := 0
	for _, c := range b.identity() {
		fixed += cells(c)
	}
	var groups [][]column
	room := 0
	for _, c := range columns {
		if n := cells(c); len(groups) == 0 || n > room {
			groups = append(groups, []column{c})
			room = width - fixed - n
		} else {
			groups[len(groups)-1] = append(groups[len(groups)-1], c)
			room -= n
		}
	}
	return groups
}

func textRenderer() tw.Renderer {
	return renderer.NewBlueprint(tw.Rendition{
		Borders: tw.Border{Left: tw.Off, Right: tw.Off, Top: tw.Off, Bottom: tw.Off},
		Symbols: tw.NewSymbols(tw.StyleLight),
		Settings: tw.Settings{
			Separators: tw.Separators{BetweenColumns: tw.Off, BetweenRows: tw.Off},
			Lines:      tw.Lines{ShowHeaderLine: tw.On},
		},
	})
}

// table prints the identity columns and these.
func (b *Board) table(w io.Writer, columns []column, r tw.Renderer, clean func(string) string) error {
	columns = append(b.identity(), columns...)
	head := make([]string, len(columns))
	align := make([]tw.Align, len(columns))
	for i, c := range columns {
		head[i] = clean(c.head)
		align[i] = tw.AlignRight
		if c.left {
			align[i] = tw.AlignLeft
		}
	}
	table := tablewriter.NewTable(w,
		tablewriter.WithRenderer(r),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithHeaderAlignmentConfig(tw.CellAlignment{PerColumn: align}),
		tablewriter.WithRowAlignmentConfig(tw.CellAlignment{PerColumn: align}),
		// Ψ and — are one column wide wherever the board is read; the width
		// must not depend on the writer's locale.
		tablewriter.WithEastAsian(tw.Off),
	)
	table.Header(head)
	for i := range b.Rows {
		cells := make([]string, len(columns))
		for k, c := range columns {
			cells[k] = clean(c.text(&b.Rows[i]))
		}
		if err := table.Append(cells); err != nil {
			return err
		}
	}
	return table.Render()
}

// remark is a line below the tables.
type remark struct{ head, text string }

// remarks says what was dropped, what was noted, and why statistics are missing.
func (b *Board) remarks() []remark {
	var out []remark
	for _, reason := range slices.Sorted(maps.Keys(b.Dropped)) {
		if n := b.Dropped[reason]; n > 0 {
			out = append(out, remark{"dropped", plural(n, "network") + ": " + reason})
		}
	}
	for _, note := range b.Notes {
		out = append(out, remark{"note", note})
	}
	out = append(out, b.orientations()...)
	if b.Estimand != "" && len(b.Compat) == 0 {
		out = append(out, remark{"estimand", b.Estimand})
	}
	out = append(out, b.floors()...)
	return append(out, b.gaps()...)
}

// floors says what the printed scores that cannot be negative come to by chance.
func (b *Board) floors() []remark {
	if b.NoiseFloor == nil {
		return nil
	}
	say := func(head string, f *Floor, digits int) []remark {
		if f == nil {
			return nil
		}
		return []remark{{head, fmt.Sprintf("a measure that knows nothing scores %s on average, %s at the 95th percentile (%d random orders)", decimals(&f.Mean, digits), decimals(&f.P95, digits), f.Draws)}}
	}
	if len(b.Compat) == 0 {
		return say("K", b.NoiseFloor.CMI, 3)
	}
	if slices.Contains(b.Compat, "pgdl") {
		return say("PGDL", b.NoiseFloor.PGDL, 2)
	}
	return nil
}

// gaps groups the rows' notes by field and reason. Notes that follow from
// others (an interval of a value that is undefined) are left out.
func (b *Board) gaps() []remark {
	type key struct{ field, reason string }
	measures := map[key][]string{}
	var order []key
	for i := range b.Rows {
		r := &b.Rows[i]
		for _, field := range slices.Sorted(maps.Keys(r.Notes)) {
			if r.implied(field) || !b.printed(field) {
				continue
			}
			k := key{field, r.Notes[field]}
			if measures[k] == nil {
				order = append(order, k)
			}
			measures[k] = append(measures[k], r.Measure)
		}
	}
	slices.SortStableFunc(order, func(a, b key) int { return strings.Compare(a.field, b.field) })
	var out []remark
	for _, k := range order {
		const most = 8 // names; the rows' notes have all
		who := strings.Join(measures[k], ", ")
		switch n := len(measures[k]); {
		case n == len(b.Rows) && n > 1:
			who = "all rows"
		case n > most:
			who = fmt.Sprintf("%s and %d others", strings.Join(measures[k][:most-1], ", "), n-most+1)
		}
		out = append(out, remark{columnOf(k.field), fmt.Sprintf("%s: %s", who, k.reason)})
	}
	return out
}

// heads are the printed names of fields that have notes.
var heads = map[string]string{
	"psi": "Ψ", "tau": "τ", "cmi": "K", "spearman": "ρ", "pearson": "r", "sign_error": "sign err", "p_value": "p", "coverage": "cover",
	"compat.fgm_psi": "FGM Ψ", "compat.fgm_tau": "FGM τ", "compat.pgdl": "PGDL", "compat.rgm_mean": "RGM", "compat.cna": "|r| loss gap",
}

// columnOf is the head of the column that shows a field.
func columnOf(field string) string {
	if axis, ok := strings.CutPrefix(field, "psi_by_axis."); ok {
		return "ψ " + axis
	}
	if axis, ok := strings.CutPrefix(field, "compat.fgm_psi_by_axis."); ok {
		return "ψ " + axis
	}
	value, interval := strings.CutSuffix(field, "_ci")
	head, ok := heads[value]
	switch {
	case !ok:
		return field
	case interval:
		return head + " [95 %]"
	}
	return head
}

// printed tells whether a note is about what the tables show.
func (b *Board) printed(field string) bool {
	for _, p := range papers {
		if p.notes(field) {
			return slices.Contains(b.Compat, p.name)
		}
	}
	return len(b.Compat) == 0 || field == "coverage"
}

// implied tells whether a note follows from another: an interval of a value that
// does not exist, or a whole column that is not there.
func (r *Row) implied(field string) bool {
	if strings.HasPrefix(field, "psi_by_axis_ci.") {
		return true // said of psi_ci, or of the axis itself
	}
	switch field {
	case "rank", "rank_ci", "seconds", "tie_group", "cmi_set", "cmi_min_cell", "cmi_min_at", "p_value_holm", "tau_p_value",
		"compat.rgm_p90", "compat.rgm_max", "compat.rgm_environments":
		return true
	case "psi_ci", "p_value":
		return r.Psi == nil
	case "tau_ci", "spearman", "pearson":
		return r.Tau == nil
	case "cmi_ci":
		return r.CMI == nil
	case "spearman_ci", "pearson_ci":
		// They are undefined where τ's is.
		return r.Tau == nil || r.TauCI == nil
	case "psi":
		return r.N < 2
	}
	return r.N < 2 && field != "coverage"
}

func (b *Board) writeRemarks(out *bytes.Buffer, width int) {
	remarks := b.remarks()
	if len(remarks) > 0 {
		fmt.Fprintln(out)
	}
	for _, r := range remarks {
		wrap(out, r.head+": "+r.text, width, "  ")
	}
}

// oneLine replaces what would break a table: line ends, tabs and other control
// characters.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
}

// wrap writes the words of a paragraph in lines of that width (0: one line), all
// but the first indented.
func wrap(out *bytes.Buffer, text string, width int, indent string) {
	column := 0
	for _, word := range strings.Fields(oneLine(text)) {
		n := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case width > 0 && column+1+n > width:
			out.WriteString("\n" + indent)
			column = len(indent)
		default:
			out.WriteByte(' ')
			column++
		}
		out.WriteString(word)
		column += n
	}
	out.WriteByte('\n')
}

// trimLines removes blanks at line ends.
func trimLines(text []byte) []byte {
	lines := bytes.Split(text, []byte("\n"))
	for i := range lines {
		lines[i] = bytes.TrimRight(lines[i], " ")
	}
	return bytes.Join(lines, []byte("\n"))
}

// orientations says of which measures a smaller value claims a larger gap, and of
// which the logarithm is scored: both change the sign or the size of what is printed.
func (b *Board) orientations() []remark {
	var smaller, logs []string
	for i := range b.Rows {
		if b.Rows[i].Direction == "smaller" {
			smaller = append(smaller, b.Rows[i].Measure)
		}
		if b.Rows[i].Transform == logarithm {
			logs = append(logs, b.Rows[i].Measure)
		}
	}
	var out []remark
	if len(smaller) > 0 {
		out = append(out, remark{"smaller values claim a larger gap", strings.Join(smaller, ", ")})
	}
	if len(logs) > 0 {
		out = append(out, remark{"scored by the natural logarithm", strings.Join(logs, ", ")})
	}
	return out
}
