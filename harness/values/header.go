package values

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/genbench/genbench/harness/report"
)

// role says what a column is.
type role int

const (
	measure role = iota
	unused
	model
	gap
	trainAcc
	testAcc
	lossGap
	trainLoss
	testLoss
	seed
	converged
	trainSize
	axis
	accurate // is.high_train_accuracy, of the released table only
	repeat   // its repeat_id
)

var reservedNames = []string{"model", "gap", "train_acc", "test_acc", "loss_gap", "train_loss", "test_loss", "seed", "converged", "train_size"}

var reserved = map[string]role{
	"model": model, "gap": gap, "train_acc": trainAcc, "test_acc": testAcc, "loss_gap": lossGap,
	"train_loss": trainLoss, "test_loss": testLoss, "seed": seed, "converged": converged, "train_size": trainSize,
}

// released are the columns of the table of Dziugaite et al. 2020 that are read. Their
// code names all of them: experiments/coupled_networks/common.py, and
// experiments/single_network/single_network.py for gen.train_acc and gen.val_acc.
// cross_entropy is that of the training set: train.py stops by it.
var released = map[string]role{
	"model": model, "gen.gap": gap, "gen.train_acc": trainAcc, "gen.val_acc": testAcc, "cross_entropy": trainLoss,
	"is.converged": converged, "is.high_train_accuracy": accurate, "repeat_id": repeat, "train_dataset_size": axis,
}

const (
	axisPrefix    = "hp."
	measurePrefix = "complexity."
)

// openTable strips the byte order mark and finds the separator.
func openTable(r io.Reader) (*csv.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<20)
	head, err := b.Peek(1 << 20)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		head = head[3:]
		if _, err := b.Discard(3); err != nil {
			return nil, err
		}
	}
	switch {
	case len(bytes.TrimSpace(head)) == 0:
		return nil, errors.New("it is empty; the first row names the columns")
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil, errors.New("it is a workbook or an archive; save the sheet as CSV in UTF-8")
	case bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")):
		return nil, errors.New("it is text in UTF-16; save it as CSV in UTF-8")
	case bytes.IndexByte(head, 0) >= 0:
		return nil, errors.New("it is not text: it has zero bytes; save it as CSV in UTF-8")
	}
	c := csv.NewReader(b)
	c.FieldsPerRecord = -1 // counted here, for an error that names the row
	c.ReuseRecord = true
	c.Comma = separator(head)
	return c, nil
}

// separator is the one by which the header has a gap, else that of most columns.
func separator(head []byte) rune {
	best, most := ',', 0
	for _, sep := range []rune{',', '\t', ';'} {
		c := csv.NewReader(bytes.NewReader(head))
		c.Comma = sep
		names, err := c.Read()
		if err != nil {
			continue
		}
		for _, n := range names {
			switch strings.ToLower(strings.TrimSpace(n)) {
			case "gap", "train_acc", "gen.gap", "loss_gap":
				return sep
			}
		}
		if len(names) > most {
			best, most = sep, len(names)
		}
	}
	return best
}

// readHeader makes the columns.
func (t *table) readHeader(names []string) error {
	if len(names) > maxColumns {
		return fmt.Errorf("%d columns: at most %d are read; leave out those that are no measures, or score the measures in several files", len(names), maxColumns)
	}
	at := map[string]int{}
	for k, n := range names {
		n = strings.TrimSpace(n)
		if !utf8.ValidString(n) {
			return fmt.Errorf("the name of column %d is not UTF-8: %s; save the file as CSV in UTF-8", k+1, quote(n))
		}
		if strings.ContainsFunc(n, unicode.IsControl) {
			return fmt.Errorf("the name of column %d has control characters or line ends: %s; rename it", k+1, quote(n))
		}
		c := &column{header: n, name: n}
		t.columns = append(t.columns, c)
		if k == 0 && (n == "" || n == "Unnamed: 0") {
			// What pandas writes before the columns unless told not to.
			c.role = unused
			t.warn("the first column has no name: it is taken for row numbers and left out")
			continue
		}
		if n == "" {
			return fmt.Errorf("column %d has no name; name it or leave it out", k+1)
		}
		key := n
		if _, ok := reserved[strings.ToLower(n)]; ok {
			key = strings.ToLower(n)
		}
		if j, ok := at[key]; ok {
			return fmt.Errorf("columns %d and %d have the same name, %s; rename one of them", j+1, k+1, quote(n))
		}
		at[key] = k
		if rest, ok := strings.CutPrefix(n, measurePrefix); ok && rest != "" {
			t.dziugaite = true
		}
	}
	if t.dziugaite {
		t.assignReleased(at)
	} else if err := t.assign(); err != nil {
		return err
	}
	return t.checkNames()
}

// assign gives the columns of a table their roles.
func (t *table) assign() error {
	for _, c := range t.columns {
		lower := strings.ToLower(c.header)
		if r, ok := reserved[lower]; ok {
			c.role = r
			continue
		}
		if !strings.HasPrefix(lower, axisPrefix) {
			continue
		}
		c.role, c.name = axis, c.header[len(axisPrefix):]
		switch strings.TrimSpace(c.name) {
		case "":
			return fmt.Errorf("column %s names no hyperparameter; call it hp.AXIS", quote(c.header))
		case "seed":
			return fmt.Errorf("column %s: the seed is no hyperparameter; call the column seed", quote(c.header))
		}
	}
	return nil
}

// assignReleased does so for the table of Dziugaite et al. 2020.
func (t *table) assignReleased(at map[string]int) {
	has := func(name string) bool { _, ok := at[name]; return ok }
	var left []string
	for _, c := range t.columns {
		if c.header == "" || c.role == unused {
			continue
		}
		c.role = unused
		if r, ok := released[c.header]; ok {
			c.role = r
		}
		switch {
		case strings.HasPrefix(c.header, measurePrefix) && len(c.header) > len(measurePrefix):
			c.role, c.name = measure, c.header[len(measurePrefix):]
		case c.header == "train_dataset_size":
			c.name = "train_size"
		case c.header == axisPrefix+"train_dataset_size" || c.header == axisPrefix+"train_size":
			// load_data writes train_dataset_size in their place.
			if !has("train_dataset_size") && (c.header == axisPrefix+"train_size" || !has(axisPrefix+"train_size")) {
				c.role, c.name = axis, "train_size"
			}
		case strings.HasPrefix(c.header, axisPrefix) && len(c.header) > len(axisPrefix):
			c.role, c.name = axis, c.header[len(axisPrefix):]
		case (c.header == "gen.train_acc" || c.header == "gen.val_acc") && has("gen.gap"):
			c.role = unused
		case c.role == unused && c.header != "experiment_id":
			left = append(left, c.header)
		}
	}
	if len(left) > 0 {
		t.warn("in the layout of Dziugaite et al. 2020 the columns complexity.* alone are measures; not read but for missing values: %s", list(left))
	}
}

// checkNames refuses names that would pass for others.
func (t *table) checkNames() error {
	axes, measures := map[string]string{}, map[string]string{}
	for _, c := range t.columns {
		switch c.role {
		case axis:
			if other, ok := axes[c.name]; ok {
				return fmt.Errorf("columns %s and %s are the same hyperparameter; leave out one of them", quote(other), quote(c.header))
			}
			axes[c.name] = c.header
		case measure:
			if slices.Contains(report.ControlNames(), c.name) {
				return fmt.Errorf("column %s: the name belongs to a control that every leaderboard has (%s); rename the column",
					quote(c.header), strings.Join(report.ControlNames(), ", "))
			}
			measures[c.name] = c.header
		}
	}
	return t.checkGap()
}

func (t *table) checkGap() error {
	accuracy := t.first(gap) != nil || t.first(trainAcc) != nil && t.first(testAcc) != nil
	loss := t.first(lossGap) != nil || t.first(trainLoss) != nil && t.first(testLoss) != nil
	if accuracy || loss {
		return nil
	}
	names := "gap (or train_acc and test_acc, or a gap of the loss: loss_gap, or train_loss and test_loss)"
	if t.dziugaite {
		names = "gen.gap (or gen.train_acc and gen.val_acc); the columns complexity.* tell the layout of Dziugaite et al. 2020"
	}
	return fmt.Errorf("there is no column %s; found: %s", names, t.found())
}

// found lists the header.
func (t *table) found() string {
	var names []string
	for _, c := range t.columns {
		names = append(names, c.header)
	}
	return list(names)
}
