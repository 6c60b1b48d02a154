package models

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// snapshot keeps the tensors after an epoch, if they are asked for.
func (t *trainer) snapshot(epoch int) error {
	if !slices.Contains(t.spec.Snapshots, epoch) {
		return nil
	}
	return t.keep(Snapshot{Epoch: epoch}, fmt.Sprintf("epoch %d", epoch))
}

// snapshotOfStep keeps the tensors after the step just done, if they are asked for.
func (t *trainer) snapshotOfStep() error {
	if step := t.result.Steps; t.kept[step] {
		return t.keep(Snapshot{Step: step}, fmt.Sprintf("step %d", step))
	}
	return nil
}

func (t *trainer) keep(s Snapshot, after string) error {
	s.State = NewState(t.arch)
	if err := t.session.State(s.State); err != nil {
		return fmt.Errorf("snapshot after %s: %w", after, err)
	}
	t.result.Snapshots = append(t.result.Snapshots, s)
	return nil
}

// setOf is nil for none: looking a step up then costs nothing.
func setOf(steps []int) map[int]bool {
	if len(steps) == 0 {
		return nil
	}
	set := make(map[int]bool, len(steps))
	for _, s := range steps {
		set[s] = true
	}
	return set
}

// EpochOrder is the order in which [Train] takes n examples in an epoch, counted from 1: batches are
// consecutive in it. So the examples of any step of a training can be told afterwards.
func EpochOrder(n int, seeds Seeds, epoch int) []int {
	order := make([]int, n)
	var source rand.PCG
	orderOf(order, &source, seeds.Order, epoch)
	return order
}

// orderOf fills order with the order of an epoch.
func orderOf(order []int, source *rand.PCG, seed uint64, epoch int) {
	for i := range order {
		order[i] = i
	}
	source.Seed(seed, uint64(epoch))
	shuffle(order, source)
}
