package values

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table is what was read, column by column.
type table struct {
	columns   []*column
	lines     []int  // [rows] where each row begins in the file, from 1
	kept      []int  // the rows that are networks
	missing   []bool // [rows] whether any cell is missing; of the released table only
	dziugaite bool   // the table has the layout of Dziugaite et al. 2020
	warnings  []Warning
}

// column holds the cells of one column; text is kept where more than a number counts.
type column struct {
	header string // as the file has it
	name   string // of the measure or the axis
	role   role
	values []float64 // [rows]; 0 unless the kind is a number; booleans are 1 and 0
	kinds  []kind    // [rows]
	text   []string  // [rows]; nil where it does not count
	known  map[string]string
	counts [kinds]int
	firsts [kinds]int    // the first row of each kind
	sample [kinds]string // and what it says
}

// readTable reads all cells.
func readTable(r io.Reader) (*table, error) {
	c, err := openTable(r)
	if err != nil {
		return nil, err
	}
	t := &table{}
	names, err := c.Read()
	if err != nil {
		return nil, unreadable(err)
	}
	if err := t.readHeader(names); err != nil {
		return nil, err
	}
	for {
		cells, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, unreadable(err)
		}
		line, _ := c.FieldPos(0)
		if len(cells) != len(t.columns) {
			return nil, fmt.Errorf("row %d has %s, the header %d; a cell with the separator %s in it stands in double quotes, and numbers have a decimal point", line, counted(len(cells), "cell"), len(t.columns), quote(string(c.Comma)))
		}
		if len(t.lines) == maxRows {
			return nil, fmt.Errorf("there are more than %d rows; leave out networks, or average the repeats", maxRows)
		}
		if (len(t.lines)+1)*len(cells) > maxCells {
			return nil, fmt.Errorf("there are more than %d cells; score the measures in several files", maxCells)
		}
		t.lines = append(t.lines, line)
		if err := t.add(cells); err != nil {
			return nil, err
		}
	}
	t.kept = make([]int, len(t.lines))
	for i := range t.kept {
		t.kept[i] = i
	}
	return t, nil
}

// unreadable words the errors of encoding/csv as the others.
func unreadable(err error) error {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		return err
	}
	if errors.Is(p.Err, csv.ErrQuote) || errors.Is(p.Err, csv.ErrBareQuote) {
		return fmt.Errorf("row %d: a double quote is out of place or never closed (line %d, column %d of the text); quoted text begins and ends with one, and one inside is doubled", p.StartLine, p.Line, p.Column)
	}
	return fmt.Errorf("row %d: %w", p.StartLine, p.Err)
}

// add appends a row.
func (t *table) add(cells []string) error {
	i := len(t.lines) - 1
	missing := false
	for k, c := range t.columns {
		s := cells[k]
		if c.role == unused && !t.dziugaite {
			continue
		}
		v, what := parse(s)
		if t.dziugaite && what == aWord && missingInPandas[strings.TrimSpace(s)] {
			v, what = 0, notANumber
		}
		switch c.role {
		case converged, accurate:
			yes, ok := truth(s)
			if !ok {
				return t.at(i, c, "%s is neither true nor false", quote(s))
			}
			v, what = 0, aNumber
			if yes {
				v = 1
			}
		case model, axis, seed, repeat:
			if !utf8.ValidString(s) {
				return t.at(i, c, "%s is not UTF-8; save the file as CSV in UTF-8", quote(s))
			}
			c.text = append(c.text, c.keep(s, v, what))
		}
		missing = missing || what == empty || what == notANumber
		c.values, c.kinds = append(c.values, v), append(c.kinds, what)
		if c.counts[what] == 0 {
			c.firsts[what], c.sample[what] = i, strings.Clone(s)
		}
		c.counts[what]++
	}
	if t.dziugaite {
		t.missing = append(t.missing, missing)
	}
	return nil
}

// keep is what a text counts as: the level, where it is an axis. A level is held once.
func (c *column) keep(s string, v float64, k kind) string {
	if c.role != axis {
		return strings.Clone(strings.TrimSpace(s))
	}
	if l, ok := c.known[s]; ok {
		return l
	}
	if c.known == nil {
		c.known = map[string]string{}
	}
	s = strings.Clone(s)
	l := level(s, v, k)
	c.known[s] = l
	return l
}

// first is the column of a role, nil where there is none.
func (t *table) first(r role) *column {
	for _, c := range t.columns {
		if c.role == r {
			return c
		}
	}
	return nil
}

// at is an error in a cell.
func (t *table) at(i int, c *column, format string, args ...any) error {
	return fmt.Errorf("row %d, column %s: %s", t.lines[i], quote(c.header), fmt.Sprintf(format, args...))
}

func (t *table) warn(format string, args ...any) {
	t.warnings = append(t.warnings, Warning(fmt.Sprintf(format, args...)))
}

// checkNumbers refuses text among numbers. A column of text alone is no measure and is
// left out with a warning.
func (t *table) checkNumbers(c *column) error {
	switch c.role {
	case unused, model, axis, seed, repeat, converged, accurate:
		return nil
	}
	if c.role == measure && c.counts[aWord] > 0 && c.counts[aNumber]+c.counts[aComma]+c.counts[aPercent] == 0 {
		c.role = unused
		t.warn("column %s holds text (%s, ...): it is no measure and is left out", quote(c.header), quote(c.sample[aWord]))
		return nil
	}
	bad := kind(kinds)
	for _, k := range []kind{aWord, aComma, aPercent} {
		if c.counts[k] > 0 && (bad == kinds || c.firsts[k] < c.firsts[bad]) {
			bad = k
		}
	}
	said := quote(c.sample[min(bad, kinds-1)])
	switch bad {
	case aWord:
		remedy := "leave the cell empty where the value is undefined"
		if c.role != measure {
			remedy = "leave out the network where it is not known"
		}
		return t.at(c.firsts[bad], c, "%s is not a number; %s", said, remedy)
	case aComma:
		return t.at(c.firsts[bad], c, "%s has a comma; write a decimal point (0.5, not 0,5) and nothing between thousands", said)
	case aPercent:
		return t.at(c.firsts[bad], c, "%s is a percentage; write the number without the sign, and gaps and accuracies as fractions (0.12, not 12%%)", said)
	}
	if c.role == measure {
		t.suspect(c)
	}
	return nil
}

// suspect warns of measures that may be what is to be predicted.
func (t *table) suspect(c *column) {
	for _, word := range strings.FieldsFunc(strings.ToLower(c.name), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
		switch word {
		case "test", "val", "validation", "gap", "generalization":
			t.warn("column %s counts as a measure, and its name tells of the %s: leave it out if it is what the measures are to predict", quote(c.header), word)
			return
		}
	}
}
