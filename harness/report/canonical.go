package report

import (
	"fmt"
	"slices"
	"strings"
)

// beliefs says, of axes by name, what larger levels are held to do to the gap
// before any network is trained: +1 where they widen it, -1 where they narrow it.
//
// Batch size, depth, width, dropout, weight decay and learning rate are the
// canonical ordering of Jiang et al. 2019 (arXiv:1912.02178, appendix on
// canonical measures): smaller batches, deeper and wider networks, more dropout,
// more weight decay and larger learning rates all narrow the gap. Their seventh,
// the optimiser, is no order of levels by size: Input.Canonical can give it.
// How it fared there is on record, and the batch size went against it. The
// others are as commonly stated: labels that are shuffled can only be memorised
// (Zhang et al. 2017, arXiv:1611.03530), and so can noise that is drawn once for
// each training image while test images are clean; more training data narrow the
// gap, as every bound has it.
var beliefs = map[string]int{
	"batch": +1, "batch_size": +1, "batchsize": +1, "bs": +1,
	"depth": -1, "layers": -1, "num_layers": -1, "n_layers": -1, "blocks": -1, "num_blocks": -1, "conv_blocks": -1,
	"width": -1, "filters": -1, "channels": -1, "hidden": -1, "hidden_size": -1, "num_filters": -1,
	"dropout": -1, "dropout_prob": -1, "dropout_rate": -1,
	"weight_decay": -1, "wd": -1, "l2": -1,
	"lr": -1, "learning_rate": -1,
	"label_shuffle": +1, "label_noise": +1, "corruption": +1, "corrupt": +1, "label_corruption": +1,
	"input_noise": +1,
	"train":       -1, "train_size": -1, "train_dataset_size": -1, "n_train": -1, "num_train": -1, "dataset_size": -1,
}

func belief(axis string) int {
	name := strings.ToLower(axis)
	name = strings.NewReplacer("-", "_", " ", "_", ".", "_").Replace(name)
	return beliefs[strings.TrimPrefix(name, "hp_")]
}

// canonicalDirections is the belief about each axis of the grid, 0 where there is none.
func (b *builder) canonicalDirections() error {
	b.beliefs = make([]int, len(b.axes))
	for axis, towards := range b.in.Canonical {
		if !slices.Contains(b.in.Axes, axis) {
			return fmt.Errorf("canonical ordering: there is no axis %q", axis)
		}
		if towards != "larger" && towards != "smaller" {
			return fmt.Errorf("canonical ordering: axis %s: %q: it must be larger or smaller, what larger levels do to the gap", axis, towards)
		}
	}
	var silent []string
	for a, axis := range b.axes {
		b.beliefs[a] = belief(axis)
		switch b.in.Canonical[axis] {
		case "larger":
			b.beliefs[a] = +1
		case "smaller":
			b.beliefs[a] = -1
		}
		if b.beliefs[a] == 0 {
			silent = append(silent, axis)
		}
	}
	if n := len(silent); n > 0 && n < len(b.axes) {
		b.notes = append(b.notes, fmt.Sprintf("%s has no belief about %s and leaves %s out", canonicalOrdering, strings.Join(silent, ", "), map[bool]string{true: "it", false: "them"}[n == 1]))
	}
	return nil
}

const noBelief = "there is no axis whose larger levels are known to be held to widen or to narrow the gap"

// canonical scores each configuration by what is believed of its
// hyperparameters alone: the sum, over axes with a belief, of the belief's sign
// times the level's place on the axis, in [0, 1].
func (b *builder) canonical() Measure {
	known := slices.ContainsFunc(b.beliefs, func(s int) bool { return s != 0 })
	return b.control(canonicalOrdering, "larger", func(i int) Cell {
		if !known {
			return Cell{Reason: noBelief}
		}
		var sum float64
		for a, towards := range b.beliefs {
			sum += float64(towards) * float64(b.levels[a][i]) / float64(len(b.names[a])-1)
		}
		return Cell{Value: steady(sum), Defined: true}
	})
}
