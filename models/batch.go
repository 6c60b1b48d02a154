package models

import "fmt"

// CountExamples answers the number N of examples in x, [N, D], which has to be in [1, most]. Engines ask it of every batch.
func (a Architecture) CountExamples(x []float32, most int) (int, error) {
	d := a.Input.Size()
	n := len(x) / d
	if n*d != len(x) {
		return 0, fmt.Errorf("%d input values are not a whole number of examples of %d features", len(x), d)
	}
	if n < 1 || n > most {
		return 0, fmt.Errorf("%d examples, the session takes 1 to %d at once", n, most)
	}
	return n, nil
}

// CheckLabels reports labels y that are not one for each of n examples, in [0, K).
func (a Architecture) CheckLabels(y []int32, n int) error {
	if len(y) != n {
		return fmt.Errorf("%d labels for %d examples", len(y), n)
	}
	for i, c := range y {
		if c < 0 || int(c) >= a.Classes {
			return fmt.Errorf("label %d of example %d is not one of the %d classes (0 to %d)", c, i, a.Classes, a.Classes-1)
		}
	}
	return nil
}
