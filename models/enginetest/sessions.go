package enginetest

import (
	"errors"
	"math"
	"slices"

	"github.com/genbench/genbench/models"
)

// Sessions gives groups to an engine that has none: each network trains in a session of its own with the same calls as in [models.Train], so that their bits must agree.
type Sessions struct {
	models.Engine
	Slots  int // of a group whose shape asks for no number
	Epochs int // run, of all groups
}

var _ models.Grouping = (*Sessions)(nil)

// NewGroup makes a group without networks.
func (e *Sessions) NewGroup(s models.GroupShape) (models.Group, error) {
	slots := s.Slots
	if slots == 0 {
		slots = e.Slots
	}
	return &sessionGroup{e: e, shape: s, slots: make([]sessionSlot, slots)}, nil
}

// MostSlots is the number of slots.
func (e *Sessions) MostSlots(models.GroupShape) int { return e.Slots }

// Device is the machine.
func (e *Sessions) Device() (device, compiler string) { return "this machine", "none" }

// sessionGroup is a group of Sessions.
type sessionGroup struct {
	e     *Sessions
	shape models.GroupShape
	slots []sessionSlot
}

type sessionSlot struct {
	models.Session
	ex      models.Examples
	augment models.Augmentation
	seeds   models.Seeds
	step    uint64
	epoch   int
}

func (g *sessionGroup) Size() int { return len(g.slots) }

func (g *sessionGroup) Load(slot int, s models.State, t models.Training, seeds models.Seeds, ex models.Examples) error {
	session, err := g.e.NewSession(g.shape.Arch, max(256, g.shape.BatchSize))
	if err != nil {
		return err
	}
	if had := g.slots[slot].Session; had != nil {
		err = had.Close()
	}
	g.slots[slot] = sessionSlot{Session: session, ex: ex, augment: t.Augment, seeds: seeds}
	return errors.Join(err, session.SetState(s), session.Begin(t.Optimizer))
}

// Epoch runs the steps of all networks, a step of each at a time.
func (g *sessionGroup) Epoch(order [][]int, cuts []int, at func(int, [][]float64) error) ([][]float64, error) {
	g.e.Epochs++
	losses := make([][]float64, len(order))
	order = slices.Clone(order)
	for i, o := range order {
		if o != nil {
			g.slots[i].epoch++
		}
	}
	for done := 1; slices.ContainsFunc(order, func(o []int) bool { return len(o) > 0 }); done++ {
		for i, o := range order {
			if len(o) == 0 {
				continue
			}
			n := min(g.shape.BatchSize, len(o))
			if n < g.shape.Arch.LeastLearn() {
				order[i] = nil
				continue
			}
			loss, err := g.slots[i].train(g.shape.Arch.Input, o[:n])
			if err != nil {
				return nil, err
			}
			losses[i] = append(losses[i], loss)
			if order[i] = o[n:]; math.IsNaN(loss) || math.IsInf(loss, 0) {
				order[i] = nil
			}
		}
		if slices.Contains(cuts, done) {
			if err := at(done, losses); err != nil {
				return nil, err
			}
		}
	}
	return losses, nil
}

// train runs a step on some of the examples.
func (s *sessionSlot) train(shape models.Shape, examples []int) (float64, error) {
	d := shape.Size()
	x, y := make([]float32, len(examples)*d), make([]int32, len(examples))
	for i, at := range examples {
		y[i] = s.ex.Y[at]
		if err := s.augment.Apply(x[i*d:][:d], s.ex.X[at*d:][:d], shape, s.ex.Padding, s.seeds.Augment, s.epoch, at); err != nil {
			return 0, err
		}
	}
	step := s.step
	s.step++
	return s.Step(x, y, models.Draw{Seed: s.seeds.Dropout, Step: step})
}

func (g *sessionGroup) Evaluate() ([]models.Metrics, error) {
	metrics := make([]models.Metrics, len(g.slots))
	for i, s := range g.slots {
		if s.Session == nil {
			continue
		}
		var err error
		if metrics[i], err = models.Evaluate(s, s.ex, 256); err != nil {
			return nil, err
		}
	}
	return metrics, nil
}

// Noise is the definition, with the examples in one batch.
func (g *sessionGroup) Noise() ([]float64, error) {
	noise := make([]float64, len(g.slots))
	for i, s := range g.slots {
		if s.Session == nil {
			continue
		}
		n := float64(s.ex.Len())
		norms := make([]float64, s.ex.Len())
		grad := models.NewState(g.shape.Arch)
		err := s.GradientNorms(norms, s.ex.X, s.ex.Y)
		if _, e := s.Gradient(grad, s.ex.X, s.ex.Y, models.Eval, models.Draw{}); e != nil {
			err = e
		}
		if err != nil {
			return nil, err
		}
		for _, v := range norms {
			noise[i] += v / n
		}
		for _, t := range grad {
			for _, v := range t.Data {
				noise[i] -= float64(v) * float64(v)
			}
		}
	}
	return noise, nil
}

func (g *sessionGroup) State(slot int, dst models.State) error {
	return g.slots[slot].Session.State(dst)
}

func (g *sessionGroup) Close() error {
	var err error
	for _, s := range g.slots {
		if s.Session != nil {
			err = errors.Join(err, s.Session.Close())
		}
	}
	return err
}
