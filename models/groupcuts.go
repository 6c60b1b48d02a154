package models

import "fmt"

// cuts are the numbers of an epoch's steps after which a network that has an order is to be kept.
func (t *groupTrainer) cuts(order [][]int) []int {
	if !t.shape.Cut {
		return nil
	}
	var cuts []int
	for done := 1; done <= t.shape.steps(); done++ {
		for i, s := range t.slots {
			if order[i] != nil && s.kept[s.result.Steps+done] {
				cuts = append(cuts, done)
				break
			}
		}
	}
	return cuts
}

// snapshots keeps the networks that want it after so many steps of an epoch, as [Train] does: that of a step whose loss is not finite, too, and none after it.
func (t *groupTrainer) snapshots(order [][]int, done int, losses [][]float64) error {
	for i, s := range t.slots {
		if order[i] == nil || !s.kept[s.result.Steps+done] || !reaches(losses[i], done) {
			continue
		}
		step := s.result.Steps + done
		if err := t.keep(i, Snapshot{Step: step}, fmt.Sprintf("step %d", step)); err != nil {
			return err
		}
	}
	return nil
}

// keep keeps the tensors of a slot as they are.
func (t *groupTrainer) keep(slot int, s Snapshot, after string) error {
	own := t.slots[slot]
	s.State = NewState(own.arch)
	if err := t.group.State(slot, s.State); err != nil {
		return fmt.Errorf("snapshot after %s: %w", after, err)
	}
	own.result.Snapshots = append(own.result.Snapshots, s)
	return nil
}

// reaches says that a network with these losses makes so many steps.
func reaches(losses []float64, steps int) bool {
	if len(losses) < steps {
		return false
	}
	for _, loss := range losses[:steps-1] {
		if !finite(loss) {
			return false
		}
	}
	return true
}
