// Package values reads tables of values computed anywhere into a [report.Input].
//
// A table is text in UTF-8, separated by commas, tabs or semicolons, whose first
// row names the columns. A row is a trained network. These names are reserved,
// in capitals or not:
//
//	model                    the network's id; absent: "row N"
//	gap                      train accuracy - test accuracy, fractions
//	train_acc, test_acc      in place of gap, fractions in [0, 1]
//	loss_gap                 test loss - train loss
//	train_loss, test_loss    in place of loss_gap; train_loss is a control too
//	seed                     whole number that tells apart networks of the same hyperparameters
//	converged                whether the network reached the target training loss: true or false
//	hp.AXIS                  a hyperparameter: numbers or text
//
// Every other column of numbers is a measure. A cell without a value is empty,
// or NaN, NA or an infinity: infinities count as undefined because Dziugaite et
// al. 2020 leave them out. So do numbers beyond ±1e300, whose sums would be infinite:
// give their logarithms. Numbers have a decimal point and may have an exponent.
//
// The table that Dziugaite et al. 2020 (arXiv:2010.11924) released has names and
// rules of its own. It is told by its columns complexity.*; see [Read].
package values

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/genbench/genbench/harness/report"
)

// Options say what a table cannot.
type Options struct {
	Name    string   // of the corpus, for the board's title; default "values"
	Smaller []string // measures whose smaller values claim a larger gap: names, * and ?
	Log     []string // measures of which the natural logarithm is scored: names, * and ?
}

// Warning is something in a table that the person who wrote it may not have meant.
type Warning string

// The largest tables that are read.
const (
	maxRows    = 1_000_000
	maxColumns = 10_000
	maxCells   = 100_000_000 // what some 8 GB of memory hold
)

// Read reads a table. The input that it answers has values alone: what is to be
// computed of them (Bootstrap, Seed, ...) is left to the caller, but for Gap, which is
// [report.LossGap] where the table has no other gap.
//
// In the layout of Dziugaite et al. 2020 the columns complexity.* alone are measures,
// named without the prefix, and gen.gap is the gap. As their load_data does
// (experiments/coupled_networks/common.py), Read leaves out the rows that are not
// is.converged, of the rest those that are not is.high_train_accuracy, of the rest
// those with an infinite or missing value in any column, and counts each in Dropped;
// train_dataset_size becomes the axis train_size, and hp.lr is rounded to 4 decimals.
//
// Errors name the row as an editor counts lines, the header being row 1, and the
// column.
func Read(r io.Reader, o Options) (report.Input, []Warning, error) {
	t, err := readTable(r)
	if err != nil {
		return report.Input{}, nil, err
	}
	in, err := t.input(o)
	if err != nil {
		return report.Input{}, nil, err
	}
	return in, t.warnings, nil
}

// input checks what the columns hold and puts it together.
func (t *table) input(o Options) (report.Input, error) {
	in := report.Input{Corpus: o.Name, Dropped: map[string]int{}}
	if in.Corpus == "" {
		in.Corpus = "values"
	}
	if len(t.lines) < 2 {
		return in, fmt.Errorf("%s: statistics compare networks, a row each; at least 2 are needed", counted(len(t.lines), "row"))
	}
	for _, c := range t.columns {
		if err := t.checkNumbers(c); err != nil {
			return in, err
		}
	}
	if t.dziugaite {
		if err := t.drop(in.Dropped); err != nil {
			return in, err
		}
		in.Notes = append(in.Notes, "the table has the layout of Dziugaite et al. 2020 (arXiv:2010.11924) and is read as their code reads it")
	}
	steps := []func(*report.Input) error{t.networks, t.gaps, t.axes, t.sizes, t.seeds, t.measures}
	for _, step := range steps {
		if err := step(&in); err != nil {
			return in, err
		}
	}
	return in, o.apply(in.Measures)
}

// networks makes the networks, with their ids.
func (t *table) networks(in *report.Input) error {
	in.Networks = make([]report.Network, len(t.kept))
	for k, i := range t.kept {
		in.Networks[k] = report.Network{ID: t.id(i), LossGap: math.NaN(), TrainLoss: math.NaN()}
	}
	if c := t.first(converged); c != nil && !t.dziugaite {
		for k, i := range t.kept {
			in.Networks[k].Unconverged = c.values[i] == 0
		}
	}
	c := t.first(model)
	if c == nil {
		return nil
	}
	row := make(map[string]int, len(t.kept))
	for k, i := range t.kept {
		id := in.Networks[k].ID
		if id == "" {
			return t.at(i, c, "it is empty; give each network a name, or leave out the column")
		}
		if j, ok := row[id]; ok {
			return t.at(i, c, "%s is the model of row %d too; each row is a network of its own", quote(id), t.lines[j])
		}
		row[id] = i
	}
	return nil
}

// id is the network's name: random controls depend on it.
func (t *table) id(i int) string {
	if c := t.first(model); c != nil {
		return c.text[i]
	}
	return fmt.Sprintf("row %d", t.lines[i])
}

// measures makes the measures, in the order of the columns.
func (t *table) measures(in *report.Input) error {
	infinite := 0
	for _, c := range t.columns {
		if c.role != measure {
			continue
		}
		m := report.Measure{Name: c.name, Class: report.Train, Direction: "unknown", Scale: scaleOf(c.name), Values: make([]report.Cell, len(t.kept))}
		defined := 0
		for k, i := range t.kept {
			m.Values[k] = report.Cell{Status: "undefined", Reason: c.kinds[i].reason()}
			switch c.kinds[i] {
			case aNumber:
				m.Values[k] = report.Cell{Value: c.values[i], Defined: true, Status: "ok"}
				defined++
			case anInfinity:
				infinite++
			}
		}
		if defined == 0 {
			t.warn("column %s: no value is defined", quote(c.header))
		}
		in.Measures = append(in.Measures, m)
	}
	if infinite > 0 {
		in.Notes = append(in.Notes, fmt.Sprintf("infinite values count as undefined, as Dziugaite et al. 2020 leave them out: %d in the table", infinite))
	}
	if len(in.Measures) == 0 {
		return fmt.Errorf("there is no measure: every column of numbers that is none of %s and hp.AXIS is one; found: %s", strings.Join(reservedNames, ", "), t.found())
	}
	return nil
}

// apply sets what the options say of the measures.
func (o Options) apply(measures []report.Measure) error {
	each := func(patterns []string, what string, set func(*report.Measure)) error {
		for _, p := range patterns {
			matched := false
			for i := range measures {
				if match(p, measures[i].Name) {
					set(&measures[i])
					matched = true
				}
			}
			if !matched {
				var names []string
				for _, m := range measures {
					names = append(names, m.Name)
				}
				return fmt.Errorf("%s: no measure matches %s; the table has %s", what, quote(p), list(names))
			}
		}
		return nil
	}
	if err := each(o.Smaller, "smaller", func(m *report.Measure) { m.Direction = "smaller" }); err != nil {
		return err
	}
	return each(o.Log, "log", func(m *report.Measure) { m.Transform = "log" })
}

// match reports whether a name fits a pattern in which * stands for any text and ?
// for any character. Brackets stand for themselves: names of measures have them.
func match(pattern, name string) bool {
	p, s := []rune(pattern), []rune(name)
	star, resume := -1, 0 // where the last * was, and what it has swallowed
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, resume = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i++
			j++
		case star >= 0:
			resume++
			i, j = star+1, resume
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
