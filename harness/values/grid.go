package values

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/genbench/genbench/harness/report"
)

// gaps sets the networks' gaps and losses.
func (t *table) gaps(in *report.Input) error {
	known, err := t.accuracyGaps(in.Networks)
	if err != nil {
		return err
	}
	loss, err := t.lossGaps(in.Networks)
	if err != nil {
		return err
	}
	what := func(n *report.Network) float64 { return n.Gap }
	if !known {
		if !loss {
			return errors.New("there is no gap of the accuracy, and the losses of some networks are not finite; leave out these networks")
		}
		in.Gap = report.LossGap
		what = func(n *report.Network) float64 { return n.LossGap }
		t.warn("there is no gap of the accuracy: the gap is test loss - train loss")
	}
	for i := range in.Networks {
		// As report rounds: 0.9-0.7 and 1-0.8 are one gap.
		if math.Abs(what(&in.Networks[i])-what(&in.Networks[0])) > 1e-12 {
			return nil
		}
	}
	return fmt.Errorf("the gap of every network is %v: there is nothing to predict", what(&in.Networks[0]))
}

// accuracyGaps reads the gap, or makes it of accuracies; known is false where there is neither.
func (t *table) accuracyGaps(networks []report.Network) (known bool, err error) {
	g, train, test := t.first(gap), t.first(trainAcc), t.first(testAcc)
	for _, c := range []*column{g, train, test} {
		if err := t.fractions(c); err != nil {
			return false, err
		}
	}
	if g == nil && (train == nil || test == nil) {
		for k := range networks {
			networks[k].Gap = math.NaN()
		}
		return false, nil
	}
	apart := 0
	for k, i := range t.kept {
		if g == nil {
			networks[k].Gap = train.values[i] - test.values[i]
			continue
		}
		networks[k].Gap = g.values[i]
		// What 2 decimals of a percentage hide is no disagreement.
		if train != nil && test != nil && math.Abs(train.values[i]-test.values[i]-g.values[i]) > 1e-4+1e-12 {
			if apart++; apart == 1 {
				t.warn("row %d: gap is %v, and train_acc - test_acc is %v; gap counts", t.lines[i], g.values[i], train.values[i]-test.values[i])
			}
		}
	}
	if apart > 1 {
		t.warn("gap is not train_acc - test_acc in %d rows in all", apart)
	}
	return true, nil
}

// fractions refuses gaps and accuracies that are missing, or are no fractions.
func (t *table) fractions(c *column) error {
	if c == nil {
		return nil
	}
	low := 0.0
	if c.role == gap {
		low = -1
	}
	const slack = 1e-9 // of what rounding may add
	for _, i := range t.kept {
		if c.kinds[i].missing() {
			return t.at(i, c, "it is %s; leave out the network where it is not known", describe(c.kinds[i]))
		}
		if v := c.values[i]; v < low-slack || v > 1+slack {
			return t.at(i, c, "%v is no fraction from %v to 1; if the table has percentages, divide them by 100", v, low)
		}
	}
	return nil
}

func describe(k kind) string {
	switch k {
	case empty:
		return "empty"
	case notANumber:
		return "NaN"
	}
	return "infinite, or beyond ±1e300"
}

// lossGaps reads the losses. A loss may be unknown where the accuracy's gap is scored.
func (t *table) lossGaps(networks []report.Network) (known bool, err error) {
	g, train, test := t.first(lossGap), t.first(trainLoss), t.first(testLoss)
	for _, c := range []*column{g, train, test} {
		unknown := 0
		for _, i := range t.kept {
			if c != nil && c.kinds[i].missing() {
				if unknown++; c.role == lossGap {
					return false, t.at(i, c, "it is %s; leave out the network where it is not known", describe(c.kinds[i]))
				}
			}
		}
		if unknown > 0 {
			t.warn("column %s: the loss of %s is not known", quote(c.header), counted(unknown, "network"))
		}
	}
	known = true
	for k, i := range t.kept {
		n := &networks[k]
		if train != nil && train.kinds[i] == aNumber {
			n.TrainLoss = train.values[i]
		}
		switch {
		case g != nil:
			n.LossGap = g.values[i]
		case train != nil && test != nil && train.kinds[i] == aNumber && test.kinds[i] == aNumber:
			n.LossGap = test.values[i] - train.values[i]
		}
		known = known && !math.IsNaN(n.LossGap)
	}
	return known, nil
}

// axes sets the networks' hyperparameters.
func (t *table) axes(in *report.Input) error {
	var columns []*column
	for _, c := range t.columns {
		if c.role == axis {
			columns = append(columns, c)
		}
	}
	if t.dziugaite {
		columns = asReleased(columns)
	}
	for k := range in.Networks {
		in.Networks[k].Config = make(map[string]string, len(columns))
	}
	for _, c := range columns {
		same := true
		for k, i := range t.kept {
			if c.kinds[i].missing() {
				return t.at(i, c, "it is %s; each network needs a value of each hyperparameter, which may be a word such as none", describe(c.kinds[i]))
			}
			in.Networks[k].Config[c.name] = c.text[i]
			same = same && c.text[i] == c.text[t.kept[0]]
		}
		if same {
			t.warn("column %s has the value %s in every row: it is no axis", quote(c.header), quote(c.text[t.kept[0]]))
		}
		in.Axes = append(in.Axes, c.name)
	}
	if len(columns) == 0 {
		t.warn("no column hp.AXIS tells the hyperparameters: each row counts as a configuration of its own, and no statistic looks at one axis at a time")
	}
	return nil
}

// asReleased is what load_data of Dziugaite et al. 2020 makes of the axes: it appends
// train_size, and rounds lr to 4 decimals (half to even, as NumPy).
func asReleased(columns []*column) []*column {
	var out, last []*column
	for _, c := range columns {
		if c.name == "train_size" {
			last = append(last, c)
			continue
		}
		out = append(out, c)
		if c.name != "lr" || c.counts[aWord]+c.counts[aComma]+c.counts[aPercent] > 0 {
			continue
		}
		for i, v := range c.values {
			if c.kinds[i] == aNumber && math.Abs(v) < 1e15 { // beyond, a float64 has no decimals
				c.text[i] = numeral(math.RoundToEven(v*1e4) / 1e4)
			}
		}
	}
	return append(out, last...)
}

// seeds sets the networks' seeds, and refuses two rows of one network.
func (t *table) seeds(in *report.Input) error {
	place := make([]string, len(in.Networks))
	var key strings.Builder
	for k := range in.Networks {
		key.Reset()
		for _, a := range in.Axes {
			v := in.Networks[k].Config[a]
			key.WriteString(strconv.Itoa(len(v)))
			key.WriteByte(':')
			key.WriteString(v)
		}
		place[k] = key.String()
	}
	if c := t.first(seed); c != nil {
		return t.givenSeeds(in, c, place)
	}
	if c := t.first(repeat); c != nil && t.repeats(in, c, place) {
		return nil
	}
	next := make(map[string]int64, len(in.Networks))
	repeated := false
	for k, p := range place {
		if len(in.Axes) == 0 {
			break
		}
		in.Networks[k].Seed = next[p]
		next[p]++
		repeated = repeated || next[p] > 1
	}
	if repeated {
		in.Notes = append(in.Notes, "the table has no seeds: networks of the same hyperparameters are numbered in the order of the rows")
	}
	return nil
}

func (t *table) givenSeeds(in *report.Input, c *column, place []string) error {
	type network struct {
		place string
		seed  int64
	}
	row := make(map[network]int, len(place))
	for k, i := range t.kept {
		s, ok := whole(c.text[i])
		if !ok {
			return t.at(i, c, "%s is not a whole number; give each network a seed, or leave out the column", quote(c.text[i]))
		}
		in.Networks[k].Seed = s
		if len(in.Axes) == 0 {
			continue
		}
		n := network{place[k], s}
		if j, ok := row[n]; ok {
			return fmt.Errorf("duplicate network: rows %d and %d have the same hyperparameters (%s) and seed %d; leave out one of them, or give it another seed",
				t.lines[j], t.lines[i], settings(in.Networks[k].Config, in.Axes), s)
		}
		row[n] = i
	}
	return nil
}

// repeats takes repeat_id for the seed where it can be: load_data of Dziugaite et al.
// 2020 does not read it, so that it is no error where it cannot.
func (t *table) repeats(in *report.Input, c *column, place []string) bool {
	type network struct {
		place string
		seed  int64
	}
	seen := make(map[network]bool, len(place))
	for k, i := range t.kept {
		s, ok := whole(c.text[i])
		n := network{place[k], s}
		if !ok || seen[n] {
			return false
		}
		seen[n] = true
	}
	for k, i := range t.kept {
		in.Networks[k].Seed, _ = whole(c.text[i])
	}
	return true
}

func settings(config map[string]string, axes []string) string {
	var parts []string
	for _, a := range axes {
		parts = append(parts, a+"="+config[a])
	}
	return strings.Join(parts, ", ")
}
