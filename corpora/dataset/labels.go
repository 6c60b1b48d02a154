package dataset

import "slices"

// shuffleLabels returns the labels to train on. clean and index are the split's
// labels and positions in the set.
func shuffleLabels(t Transform, clean []int32, index []int, classes int) []int32 {
	k := fractionOf(t.LabelShuffle, len(clean))
	if k == 0 {
		return clean
	}
	labels := slices.Clone(clean)
	chosen := make([]int, k)
	if t.ShuffleMode == FirstK {
		for i := range chosen {
			chosen[i] = i
		}
	} else {
		chosen = ranked(streamKey(t.ShuffleSeed, shuffleChoice), index)[:k]
	}
	key := streamKey(t.ShuffleSeed, shuffleLabel)
	if t.ShuffleMode == Resample {
		for _, pos := range chosen {
			labels[pos] = int32(below(draw(key, uint64(index[pos])), classes))
		}
		return labels
	}
	// The inside-out form of Fisher and Yates's shuffle: after step i the first
	// i+1 labels are uniformly permuted, so that a larger fraction goes on
	// where a smaller one ended.
	for i, pos := range chosen {
		j := chosen[below(draw(key, uint64(i)), i+1)]
		labels[pos] = labels[j]
		labels[j] = clean[pos]
	}
	return labels
}

// changed lists the positions where the labels differ.
func changed(labels, clean []int32) []int {
	var c []int
	for i := range labels {
		if labels[i] != clean[i] {
			c = append(c, i)
		}
	}
	return c
}
