package values

import "fmt"

// Why the rows of the released table of Dziugaite et al. 2020 are left out.
const (
	droppedConverged = "is.converged is false (Dziugaite et al. 2020 leave these out)"
	droppedAccuracy  = "is.high_train_accuracy is false (Dziugaite et al. 2020 leave these out)"
	droppedMissing   = "an infinite or missing value in some column (Dziugaite et al. 2020 leave these out)"
)

// drop leaves out the rows that load_data of Dziugaite et al. 2020 leaves out, each for
// the first reason that holds.
func (t *table) drop(dropped map[string]int) error {
	for _, c := range t.columns {
		// pandas reads a column that has other text as text, where inf is a word.
		if c.counts[anInfinity] == 0 || c.counts[aWord]+c.counts[aComma]+c.counts[aPercent] > 0 {
			continue
		}
		for i, k := range c.kinds {
			t.missing[i] = t.missing[i] || k == anInfinity
		}
	}
	yes := func(c *column, i int) bool { return c == nil || c.values[i] != 0 }
	reached, accurate := t.first(converged), t.first(accurate)
	kept := t.kept[:0]
	for i := range t.lines {
		switch {
		case !yes(reached, i):
			dropped[droppedConverged]++
		case !yes(accurate, i):
			dropped[droppedAccuracy]++
		case t.missing[i]:
			dropped[droppedMissing]++
		default:
			kept = append(kept, i)
		}
	}
	t.kept = kept
	if len(kept) < 2 {
		return fmt.Errorf("%s left of %d: %d are not is.converged, of the rest %d not is.high_train_accuracy, and of the rest %d have an infinite or missing value%s; at least 2 are needed",
			counted(len(kept), "row"), len(t.lines), dropped[droppedConverged], dropped[droppedAccuracy], dropped[droppedMissing], t.emptiest())
	}
	return nil
}

// emptiest names the column that has most missing values.
func (t *table) emptiest() string {
	most, name := 0, ""
	for _, c := range t.columns {
		if n := c.counts[empty] + c.counts[notANumber] + c.counts[anInfinity]; n > most {
			most, name = n, c.header
		}
	}
	if most == 0 {
		return ""
	}
	return fmt.Sprintf(" (most in column %s: %d)", quote(name), most)
}
