package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Adjustments of values for the size of the training set.
const (
	NoAdjustment  = "none"
	RGMAdjustment = "rgm"
)

// Adjustments lists them.
func Adjustments() []string { return []string{NoAdjustment, RGMAdjustment} }

// adjustSize replaces the values v of every measure of a network with m training
// examples by
//
//	√(v/m)            of a measure on raw scale
//	½ (v - ln m)      of one on log scale: the logarithm of the same
//
// which is the form of a generalization bound. It changes no order among networks
// of one training set size. Controls stay as they are: they are yardsticks.
//
// Source: Dziugaite et al. 2020, arXiv:2010.11924; nitarshan/robust-generalization-measures,
// measures.py, adjust_measure, which adjusts every measure, those with LOG_ in
// front of their names as logarithms.
func (b *builder) adjustSize() error {
	in := &b.in
	switch in.Adjust {
	case "", NoAdjustment:
		in.Adjust = ""
		return nil
	case RGMAdjustment:
	default:
		return fmt.Errorf("adjust %q: it must be %s", in.Adjust, strings.Join(Adjustments(), " or "))
	}
	if in.Adjusted != "" {
		return fmt.Errorf("adjust %s: %s", in.Adjust, in.Adjusted)
	}
	for _, n := range in.Networks {
		if n.TrainSize < 1 {
			return fmt.Errorf("adjust %s: the number of training examples of network %s is not known; a table tells it in a column train_size, hp.train_size or hp.train_dataset_size", in.Adjust, n.ID)
		}
	}
	in.Measures = slices.Clone(in.Measures)
	var negative []string
	for k := range in.Measures {
		m := &in.Measures[k]
		m.Values = slices.Clone(m.Values)
		for i := range m.Values {
			c := &m.Values[i]
			if !c.Defined {
				continue
			}
			size := float64(in.Networks[i].TrainSize)
			switch {
			case m.Scale == logarithm:
				c.Value = (c.Value - math.Log(size)) / 2
			case c.Value < 0:
				if at := fmt.Sprintf("%s (%.4g of network %s)", m.Name, c.Value, in.Networks[i].ID); !slices.ContainsFunc(negative, func(s string) bool { return strings.HasPrefix(s, m.Name+" (") }) {
					negative = append(negative, at)
				}
			default:
				c.Value = math.Sqrt(c.Value / size)
			}
		}
	}
	if len(negative) > 0 {
		return fmt.Errorf("adjust %s takes a square root, and these have negative values: %s; leave them out, or the adjustment", in.Adjust, strings.Join(negative, ", "))
	}
	b.notes = append(b.notes, "values are adjusted for the size m of each network's training set, as Dziugaite et al. 2020 do: √(v/m), of logarithms ½(v - ln m); controls are not")
	return nil
}
