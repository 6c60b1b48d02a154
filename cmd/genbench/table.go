package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/tw"
)

// plainTable prints rows under a header, without lines, as every list of this
// command does.
func plainTable(w io.Writer, header []string, rows [][]string) error {
	var text bytes.Buffer
	t := tablewriter.NewTable(&text,
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithRendition(tw.Rendition{Borders: tw.BorderNone, Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone}}),
		tablewriter.WithHeaderAlignment(tw.AlignLeft), tablewriter.WithRowAlignment(tw.AlignLeft),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
	)
	t.Header(header)
	for _, row := range rows {
		if err := t.Append(row); err != nil {
			return err
		}
	}
	if err := t.Render(); err != nil {
		return err
	}
	for line := range bytes.Lines(text.Bytes()) {
		if _, err := fmt.Fprintf(w, "%s\n", bytes.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// packedTable is plainTable for a terminal of that many columns, 0 for no limit: columns
// that do not fit go to further tables, each of which repeats the fixed ones.
func packedTable(w io.Writer, header []string, rows [][]string, fixed, width int) error {
	const gap = 2 // plainTable's blanks around a cell
	cells := make([]int, len(header))
	first, used := []int{}, 0
	for k := range header {
		cells[k] = utf8.RuneCountInString(header[k]) + gap
		for _, row := range rows {
			cells[k] = max(cells[k], utf8.RuneCountInString(row[k])+gap)
		}
		if k < fixed {
			first, used = append(first, k), used+cells[k]
		}
	}
	groups, room := [][]int{slices.Clone(first)}, width-used
	for k := fixed; k < len(header); k++ {
		last := len(groups) - 1
		if width > 0 && cells[k] > room && len(groups[last]) > fixed {
			groups, room, last = append(groups, slices.Clone(first)), width-used, last+1
		}
		groups[last], room = append(groups[last], k), room-cells[k]
	}
	for i, columns := range groups {
		if i > 0 {
			fmt.Fprintln(w)
		}
		pick := func(row []string) []string {
			var out []string
			for _, k := range columns {
				out = append(out, row[k])
			}
			return out
		}
		var part [][]string
		for _, row := range rows {
			part = append(part, pick(row))
		}
		if err := plainTable(w, pick(header), part); err != nil {
			return err
		}
	}
	return nil
}

// wrapped breaks text into lines of at most width characters, 0 for no limit; lines but the
// first begin with indent. A word that is longer stands alone. Blanks at a line's start
// stay, and so do the text's own line ends.
func wrapped(text, indent string, width int) string {
	var b strings.Builder
	for i, paragraph := range strings.Split(text, "\n") {
		if i > 0 {
			paragraph = indent + paragraph
		}
		column, begun := 0, false
		for _, word := range strings.SplitAfter(paragraph, " ") {
			n := utf8.RuneCountInString(strings.TrimRight(word, " "))
			if begun && n > 0 && width > 0 && column+n > width {
				b.WriteString("\n" + indent)
				column = len(indent)
			}
			b.WriteString(word)
			column += utf8.RuneCountInString(word)
			begun = begun || n > 0
		}
		b.WriteByte('\n')
	}
	var out strings.Builder
	for line := range strings.Lines(b.String()) {
		out.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return out.String()
}
