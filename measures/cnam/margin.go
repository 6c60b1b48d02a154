package cnam

import (
	"context"
	"slices"

	"github.com/genbench/genbench/harness/measure"
)

// gamma is the percentile of the training margins.
func (m Area) gamma(ctx context.Context, net *measure.Network) (float64, error) {
	q, err := net.FloatOption("percentile")
	if err != nil {
		return 0, err
	}
	if net.Option("bug_compat") != "true" {
		margins, err := net.TrainMargins(ctx)
		if err != nil {
			return 0, err
		}
		return measure.Percentile(margins, q)
	}
	logits, err := net.TrainLogits(ctx)
	if err != nil {
		return 0, err
	}
	labels, err := net.TrainLabels(ctx)
	if err != nil {
		return 0, err
	}
	return measure.Percentile(releasedMargins(logits, labels, 128), q)
}

// releasedMargins is the list that the released code takes its percentile of
// (alexgain/cna-icml2020, usage/cna_utils.py). For each batch it walks the examples; at
// example i it overwrites the true logit with the row's smallest, in the tensor that it also reads true
// logits from, and then appends the margins of the whole batch. So each of a batch of B gives B values, and
// an example gives 0 until its turn, if it is correct, and the smallest less the largest remaining logit after. It
// is no margin; no value is positive.
func releasedMargins(logits measure.Matrix32, labels []int32, batch int) []float64 {
	var out []float64
	for lo := 0; lo < logits.Rows; lo += batch {
		hi := min(lo+batch, logits.Rows)
		now := make([]float64, hi-lo)
		for i := range now {
			now[i] = trueLessLargest(logits.Row(lo+i), int(labels[lo+i]))
		}
		for i := range now {
			row := slices.Clone(logits.Row(lo + i))
			row[labels[lo+i]] = slices.Min(row)
			now[i] = trueLessLargest(row, int(labels[lo+i]))
			out = append(out, now...)
		}
	}
	return out
}

func trueLessLargest(row []float32, label int) float64 {
	return float64(row[label]) - float64(slices.Max(row))
}
