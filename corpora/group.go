package corpora

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/models"
)

// groups trains the networks on an engine that trains many of one shape at once: one shape after the other, in the order of their first network. stop ends the
// run for a reason that is not one network's own.
func (t *training) groups(ctx context.Context, g models.Grouping, missing []Network, stop context.CancelCauseFunc) {
	var shapes []models.GroupShape
	var members [][]*Network
	at := map[string]int{}
	for i := range missing {
		n := &missing[i]
		shape := models.ShapeOf(n.Arch, n.Training, n.TrainSize())
		key, err := shapeKey(shape)
		if err != nil {
			t.event(TrainEvent{Kind: EventStarted, Network: n})
			t.finish(n, 0)
			t.fail(n, err)
			continue
		}
		j, ok := at[key]
		if !ok {
			j = len(shapes)
			at[key] = j
			shapes, members = append(shapes, shape), append(members, nil)
		}
		members[j] = append(members[j], n)
	}
	for i, shape := range shapes {
		if ctx.Err() != nil {
			return
		}
		t.group(ctx, g, shape, members[i], stop)
	}
}

// shapeKey is equal for networks that can train in one group.
func shapeKey(s models.GroupShape) (string, error) {
	arch, err := json.Marshal(s.Arch)
	if err != nil {
		return "", fmt.Errorf("writing an architecture: %w", err)
	}
	return fmt.Sprintf("%s %s %v %d %d %v %v", arch, s.Optimizer.Name, s.Optimizer.Momentum > 0, s.BatchSize, s.Examples, s.Augmented, s.Cut), nil
}

// group trains networks of one shape. Those that have stopped are evaluated and stored while others train.
func (t *training) group(ctx context.Context, g models.Grouping, shape models.GroupShape, nets []*Network, stop context.CancelCauseFunc) {
	var ending sync.WaitGroup
	room := make(chan struct{}, max(t.options.Jobs, 1))
	done, under := make([]bool, len(nets)), make([]*working, len(nets))
	jobs := make([]models.Job, len(nets))
	for i, n := range nets {
		var data *dataset.Data
		jobs[i] = models.Job{Training: n.Training, Seeds: n.Seeds}
		job := &jobs[i]
		job.Started = func() { under[i] = t.begin(n) }
		job.Progress = func(e models.Epoch) { under[i].epoch(e) }
		job.Examples = func() (ex models.Examples, err error) {
			if data, err = t.options.Data.Get(n.Set, n.Transform); err != nil {
				return ex, err
			}
			return examplesOf(data), nil
		}
		job.Done = func(trained *models.Trained, err error) {
			done[i] = true
			room <- struct{}{}
			ending.Go(func() {
				defer func() { <-room }()
				var c *Contents
				if err == nil {
					c, err = t.grouped(n, trained, data, under[i])
				}
				if err := under[i].end(ctx, c, err); err != nil {
					stop(err)
				}
				data = nil
			})
		}
	}
	err := t.trainGroup(ctx, g, shape, jobs, nets[0], stop)
	ending.Wait()
	if err == nil || ctx.Err() != nil {
		return // cancelled: run reports why
	}
	for i, n := range nets { // the engine gave up on the group
		if done[i] {
			continue
		}
		if under[i] == nil {
			under[i] = t.begin(n)
		}
		if err := under[i].end(ctx, nil, err); err != nil {
			stop(err)
		}
	}
}

// trainGroup is models.TrainGroup without its panics, on groups of the size that is asked for.
func (t *training) trainGroup(ctx context.Context, g models.Grouping, shape models.GroupShape, jobs []models.Job, first *Network, stop context.CancelCauseFunc) (err error) {
	defer caught(first, &err)
	if shape.Slots, err = t.slots(ctx, g, shape, len(jobs), stop); err != nil {
		return err
	}
	return models.TrainGroup(ctx, g, shape, jobs)
}

// grouped evaluates a network that a group has trained.
func (t *training) grouped(n *Network, trained *models.Trained, data *dataset.Data, w *working) (c *Contents, err error) {
	defer caught(n, &err)
	return t.contents(n, trained, data, w.start)
}
