package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Grouping is what an engine may be able to do beyond Engine: train many networks of one shape at once. Ask with a type assertion.
type Grouping interface {
	Engine

	// NewGroup makes room to train networks of this shape: as many as it asks for, else a number that depends on the engine and the shape alone, as bits may depend on it.
	NewGroup(s GroupShape) (Group, error)

	// MostSlots is how many networks of the shape the device's memory may hold, at least 1: an estimate.
	MostSlots(s GroupShape) int

	// Device names what the groups train on, and what compiles for it, with its version.
	Device() (device, compiler string)
}

// GroupShape is what the networks of a group share.
type GroupShape struct {
	Arch      Architecture `json:"architecture"`
	Optimizer Optimizer    `json:"optimizer"` // its name, and whether there is momentum; other numbers may differ
	BatchSize int          `json:"batch_size"`
	Examples  int          `json:"examples"` // N, of each network's training set

	Augmented bool `json:"augmented,omitempty"` // training inputs are: how, may differ
	Cut       bool `json:"cut,omitempty"`       // tensors are asked for between the steps of an epoch

	Slots int `json:"-"` // asked for; 0: the engine's own choice
}

// ShapeOf is the shape of the groups that a network with n training examples can train in.
func ShapeOf(a Architecture, t Training, n int) GroupShape {
	return GroupShape{Arch: a, Optimizer: t.Optimizer, BatchSize: t.BatchSize, Examples: n, Augmented: t.Augment.On(), Cut: len(t.SnapshotSteps) > 0}
}

// Fits says that a network of the shape's architecture can train in a group of this shape.
func (s GroupShape) Fits(t Training, n int) bool {
	return t.Optimizer.Name == s.Optimizer.Name && t.Optimizer.Momentum > 0 == (s.Optimizer.Momentum > 0) && t.BatchSize == s.BatchSize && n == s.Examples &&
		t.Augment.On() == s.Augmented && len(t.SnapshotSteps) > 0 == s.Cut
}

// steps is the number of steps of an epoch.
func (s GroupShape) steps() int {
	batch := min(s.BatchSize, s.Examples)
	steps := s.Examples / batch
	if rest := s.Examples % batch; rest > 0 && rest >= s.Arch.LeastLearn() {
		steps++
	}
	return steps
}

// Group is networks that train together, each in a slot of its own with its own training set, optimizer, order and dropout masks. A network's values do not
// depend on the others. It is not safe for concurrent use.
type Group interface {
	// Size is the number of slots S.
	Size() int

	// Load puts a network into a slot, before its first epoch and step, with cleared moments. Of t it takes the optimizer and the augmentation, of seeds those of
	// dropout and augmentation.
	Load(slot int, s State, t Training, seeds Seeds, ex Examples) error

	// Epoch trains the networks once through their examples as [Train] does, each in its order [N]; a slot whose order is nil rests. losses[slot] are the mean
	// cross-entropies of its steps; a network whose loss is not finite stays as that step left it. Where the shape is Cut, at is called after each number of the epoch's steps that
	// cuts has, rising from 1, with the losses so far; it may ask for a State. No bit depends on cuts.
	Epoch(order [][]int, cuts []int, at func(done int, losses [][]float64) error) (losses [][]float64, err error)

	// Evaluate answers loss and accuracy of the networks in all loaded slots over their training sets, in evaluation mode, without Correct. As [Evaluate].
	Evaluate() ([]Metrics, error)

	// Noise answers the gradient noise of all loaded slots ([Trained]); NaN or infinite where it cannot be told.
	Noise() ([]float64, error)

	// State copies a slot's tensors into dst.
	State(slot int, dst State) error

	// Close frees what the group holds.
	Close() error
}

// Job is one network to train in a group.
type Job struct {
	Training Training
	Seeds    Seeds
	Examples func() (Examples, error) // asked for when the network's turn comes

	Started  func()                // may be nil
	Progress func(Epoch)           // may be nil
	Done     func(*Trained, error) // called once, unless the whole training ends with an error. Not concurrently with the others
}

// TrainGroup trains networks of one shape on an engine that does so together, as many at once as its groups have slots, those that wait in
// order. Each ends as [Train] would end it, within the engine's rounding. A network that cannot be trained costs only itself. Cancelling ctx
// ends all between two epochs with ctx's error.
//
// A network that has stopped keeps its slot until a quarter of them have: its gradient noise is measured together with the others'.
func TrainGroup(ctx context.Context, e Grouping, shape GroupShape, jobs []Job) error {
	if err := shape.Arch.Validate(); err != nil {
		return fmt.Errorf("training a group: %w", err)
	}
	g, err := e.NewGroup(shape)
	if err != nil {
		return fmt.Errorf("training a group on %s: %w", e.Name(), err)
	}
	defer g.Close()
	t := &groupTrainer{group: g, shape: shape, waiting: jobs, slots: make([]*groupSlot, g.Size())}
	if err := t.run(ctx); err != nil {
		return fmt.Errorf("training a group on %s: %w", e.Name(), err)
	}
	return nil
}

// groupTrainer is one TrainGroup under way.
type groupTrainer struct {
	group   Group
	shape   GroupShape
	waiting []Job
	slots   []*groupSlot // nil: empty
}

// groupSlot is a network in its slot.
type groupSlot struct {
	*trainer
	job   Job
	epoch int // done
}

func (s *groupSlot) stopped() bool { return s.result.Stop != "" }

func (t *groupTrainer) run(ctx context.Context) error {
	for {
		if err := t.refill(); err != nil {
			return err
		}
		if t.count((*groupSlot).stopped) == t.loaded() {
			return nil // refill leaves none stopped that could be replaced, so none is left
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.epoch(); err != nil {
			return err
		}
	}
}

func (t *groupTrainer) loaded() int { return t.count(func(*groupSlot) bool { return true }) }

func (t *groupTrainer) count(is func(*groupSlot) bool) int {
	n := 0
	for _, s := range t.slots {
		if s != nil && is(s) {
			n++
		}
	}
	return n
}

// refill finishes the networks that have stopped and loads waiting ones, once enough slots can be refilled to be worth it.
func (t *groupTrainer) refill() error {
	running := t.loaded() - t.count((*groupSlot).stopped)
	if running > 0 && len(t.slots)-running < max(1, len(t.slots)/4) {
		return nil
	}
	if running > 0 && len(t.waiting) == 0 {
		return nil // nothing to load: the rest is finished together
	}
	if err := t.finish(); err != nil {
		return err
	}
	for slot := 0; slot < len(t.slots) && len(t.waiting) > 0; {
		if t.slots[slot] != nil {
			slot++
			continue
		}
		job := t.waiting[0]
		t.waiting = t.waiting[1:]
		s, err := t.load(slot, job)
		if err != nil {
			job.Done(nil, fmt.Errorf("training: %w", err))
			continue
		}
		t.slots[slot] = s
	}
	return nil
}

// load puts a job into a slot.
func (t *groupTrainer) load(slot int, job Job) (*groupSlot, error) {
	if job.Started != nil {
		job.Started()
	}
	ex, err := job.Examples()
	if err == nil {
		err = checkTraining(t.shape.Arch, job.Training, ex)
	}
	if err == nil && !t.shape.Fits(job.Training, ex.Len()) {
		err = errors.New("the network is not of its group's shape")
	}
	if err != nil {
		return nil, err
	}
	initial, err := InitialState(t.shape.Arch, job.Training.Init, job.Seeds.Init)
	if err != nil {
		return nil, err
	}
	a := t.shape.Arch
	s := &groupSlot{job: job, trainer: &trainer{
		arch: a, spec: job.Training, seeds: job.Seeds, ex: ex,
		always: job.Training.evaluatesAlways(a), order: make([]int, ex.Len()), kept: setOf(job.Training.SnapshotSteps),
		result: Trained{Init: initial, StepsTo01: -1, StepsTo001: -1, GroupSize: len(t.slots)},
	}}
	if slices.Contains(job.Training.Snapshots, 0) {
		s.result.Snapshots = append(s.result.Snapshots, Snapshot{Epoch: 0, State: initial.Clone()})
	}
	return s, t.group.Load(slot, initial, job.Training, job.Seeds, ex)
}

// epoch trains every running network for one epoch.
func (t *groupTrainer) epoch() error {
	start := time.Now()
	order := make([][]int, len(t.slots))
	lines := make([]*Epoch, len(t.slots))
	for i, s := range t.slots {
		if s != nil && !s.stopped() {
			s.epoch++
			orderOf(s.order, &s.source, s.seeds.Order, s.epoch)
			order[i] = s.order
		}
	}
	losses, err := t.group.Epoch(order, t.cuts(order), func(done int, losses [][]float64) error { return t.snapshots(order, done, losses) })
	if err != nil {
		return err
	}
	ask := false
	for i, s := range t.slots {
		if order[i] == nil {
			continue
		}
		mean := s.tally(losses[i])
		if !finite(mean) {
			s.result.Stop = StopDiverged
			continue
		}
		lines[i] = &Epoch{Epoch: s.epoch, Steps: s.result.Steps, MeanLoss: mean}
		ask = ask || s.evaluates(*lines[i])
	}
	if ask {
		metrics, err := t.group.Evaluate()
		if err != nil {
			return err
		}
		for i, line := range lines {
			if line != nil && t.slots[i].evaluates(*line) {
				t.slots[i].judge(line, metrics[i])
			}
		}
	}
	return t.note(lines, time.Since(start).Seconds())
}

// note puts an epoch into the results of the networks that have a line, and measures what is recorded after the first.
func (t *groupTrainer) note(lines []*Epoch, seconds float64) error {
	first := false
	for i, line := range lines {
		if line == nil {
			continue
		}
		s := t.slots[i]
		line.Seconds = seconds
		s.trainer.note(*line)
		first = first || line.Epoch == 1
		if slices.Contains(s.spec.Snapshots, line.Epoch) {
			if err := t.keep(i, Snapshot{Epoch: line.Epoch}, fmt.Sprintf("epoch %d", line.Epoch)); err != nil {
				return err
			}
		}
	}
	var noise []float64
	if first {
		var err error
		if noise, err = t.group.Noise(); err != nil {
			return fmt.Errorf("gradient noise after epoch 1: %w", err)
		}
	}
	for i, line := range lines {
		if line == nil {
			continue
		}
		s := t.slots[i]
		if line.Epoch == 1 && s.result.Stop != StopDiverged {
			s.result.GradientNoise1 = told(noise[i])
		}
		if s.job.Progress != nil {
			s.job.Progress(*line)
		}
	}
	return nil
}

// told is nil for a noise that is not finite; a negative one is rounding.
func told(noise float64) *float64 {
	if !finite(noise) {
		return nil
	}
	noise = max(noise, 0)
	return &noise
}

// tally counts an epoch's steps and answers the mean of their losses, or the first that is not finite.
func (t *trainer) tally(losses []float64) float64 {
	var sum float64
	for _, loss := range losses {
		t.result.Steps++
		if !finite(loss) {
			return loss
		}
		sum += loss
	}
	return sum / float64(len(losses))
}

// finish ends the networks that have stopped and empties their slots.
func (t *groupTrainer) finish() error {
	wanted := func(s *groupSlot) bool { return s.stopped() && s.result.Stop != StopDiverged && s.result.Epochs > 1 }
	var noise []float64
	if t.count(wanted) > 0 {
		var err error
		if noise, err = t.group.Noise(); err != nil {
			return fmt.Errorf("gradient noise at the end: %w", err)
		}
	}
	for i, s := range t.slots {
		if s == nil || !s.stopped() {
			continue
		}
		s.result.Final = NewState(s.arch)
		if err := t.group.State(i, s.result.Final); err != nil {
			return fmt.Errorf("final state: %w", err)
		}
		switch {
		case s.result.Stop == StopDiverged:
		case s.result.Epochs == 1:
			s.result.GradientNoiseFinal = s.result.GradientNoise1
		default:
			s.result.GradientNoiseFinal = told(noise[i])
		}
		t.slots[i] = nil
		s.job.Done(&s.result, nil)
	}
	return nil
}
