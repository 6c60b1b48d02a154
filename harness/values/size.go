package values

import (
	"math"
	"strings"

	"github.com/genbench/genbench/harness/report"
)

// sizes sets the number of training examples: the column train_size, else the axis train_size or
// train_dataset_size. Without either it stays unknown, and values cannot be adjusted for it.
func (t *table) sizes(in *report.Input) error {
	if t.dziugaite {
		in.Adjusted = "the code that wrote the table of Dziugaite et al. 2020 has adjusted its columns complexity.* already (measures.py, adjust_measure)"
	}
	c := t.first(trainSize)
	for _, name := range []string{"train_size", "train_dataset_size"} {
		for _, a := range t.columns {
			if c == nil && a.role == axis && a.name == name {
				c = a
			}
		}
	}
	if c == nil {
		return nil
	}
	for k, i := range t.kept {
		if v := c.values[i]; c.kinds[i] == aNumber && v >= 1 && v == math.Trunc(v) && v <= 1<<53 {
			in.Networks[k].TrainSize = int(v)
			continue
		}
		if c.role != trainSize {
			continue // an axis may be of words
		}
		what := describe(c.kinds[i])
		if c.kinds[i] == aNumber {
			what = numeral(c.values[i])
		}
		return t.at(i, c, "it is %s; a number of training examples is a whole number above 0", what)
	}
	return nil
}

// scaleOf is log for the columns that the code of Dziugaite et al. 2020 would take for logarithms: its names
// begin with LOG_.
func scaleOf(name string) string {
	lower := strings.ToLower(name)
	if strings.HasPrefix(lower, "log_") || strings.HasPrefix(lower, "log-") {
		return "log"
	}
	return "raw"
}
