package models

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// GroupRate is how fast a group of a size trains.
type GroupRate struct {
	Slots int     `json:"slots"`
	Rate  float64 `json:"rate"` // examples a second, of all networks together
}

// GroupTiming is a size of groups chosen by the clock.
type GroupTiming struct {
	Slots   int         `json:"slots"`
	Rates   []GroupRate `json:"rates"`   // by rising size
	Stopped string      `json:"stopped"` // why no larger group was tried
}

// A group grows fourfold as long as it gains so much. An epoch is timed on at most so many batches, the shortest of those that fit into the time, two at least behind a first that
// compiles.
const (
	groupGain    = 1.05
	timedBatches = 32
	timedSeconds = 0.3
)

// TimeGroups measures how many networks of a shape an engine trains best at once: it times epochs of groups of 1, 4, 16, ... and at last of most networks, on inputs drawn at random that
// the networks share, and takes the largest group that is at least 5 % faster, in examples a second, than the one before it. What [Grouping.MostSlots] says, and a group that cannot be made or run, bound the size; if that is so of a single network it is an
// error. The answer depends on the machine and its load: bits may depend on it, so it is to be kept.
func TimeGroups(ctx context.Context, e Grouping, s GroupShape, most int) (GroupTiming, error) {
	return timeGroups(ctx, e, s, most, time.Now)
}

func timeGroups(ctx context.Context, e Grouping, s GroupShape, most int, now func() time.Time) (GroupTiming, error) {
	var t GroupTiming
	fits := max(1, e.MostSlots(s))
	last := max(1, min(most, fits))
	for k := 1; ; k = min(4*k, last) {
		s.Slots = k
		rate, err := timeGroup(ctx, e, s, now)
		if ctx.Err() != nil {
			return t, ctx.Err()
		}
		if err != nil && k == 1 {
			return t, fmt.Errorf("timing a group of one network on %s: %w", e.Name(), err)
		}
		if err != nil {
			t.Stopped = fmt.Sprintf("a group of %d: %v", k, err)
			return t, nil
		}
		t.Rates = append(t.Rates, GroupRate{k, rate})
		switch n := len(t.Rates); {
		case n > 1 && rate < groupGain*t.Rates[n-2].Rate:
			t.Stopped = fmt.Sprintf("a group of %d gains less than %.0f %%", k, 100*(groupGain-1))
			return t, nil
		case k == last && fits < most:
			t.Stopped = fmt.Sprintf("more than %d may not fit the device's memory", k)
		case k == last:
			t.Stopped = "there are no more networks"
		}
		if t.Slots = k; k == last {
			return t, nil
		}
	}
}

// timeGroup is the rate of groups of s.Slots networks.
func timeGroup(ctx context.Context, e Grouping, s GroupShape, now func() time.Time) (rate float64, err error) {
	s.Examples = min(s.Examples, timedBatches*min(s.BatchSize, s.Examples))
	g, err := e.NewGroup(s)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	if g.Size() != s.Slots {
		return 0, fmt.Errorf("the engine makes groups of %d networks where %d are asked for", g.Size(), s.Slots)
	}
	order, err := loadAtRandom(g, s)
	if err != nil {
		return 0, err
	}
	var best, total float64
	for epoch := 0; epoch < 3 || total < timedSeconds; epoch++ {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		start := now()
		if _, err := g.Epoch(order, nil, nil); err != nil {
			return 0, err
		}
		if epoch == 0 {
			continue
		}
		seconds := now().Sub(start).Seconds()
		if total += seconds; best == 0 || seconds < best {
			best = seconds
		}
	}
	if best <= 0 {
		return 0, errors.New("an epoch takes no time")
	}
	return float64(s.Slots*s.Examples) / best, nil
}

// loadAtRandom fills a group with networks that train on the same random examples, slowly, so that no loss grows, and answers orders for them.
func loadAtRandom(g Group, s GroupShape) ([][]int, error) {
	rng := rand.New(rand.NewPCG(1, 1))
	ex := Examples{X: make([]float32, s.Examples*s.Arch.Input.Size()), Y: make([]int32, s.Examples)}
	for i := range ex.X {
		ex.X[i] = rng.Float32()
	}
	for i := range ex.Y {
		ex.Y[i] = rng.Int32N(int32(s.Arch.Classes))
	}
	training := Training{Optimizer: s.Optimizer, Augment: Augmentation{Flip: s.Augmented}}
	training.Optimizer.LearningRate = 1e-4
	state, err := InitialState(s.Arch, Schemes()[0], 1)
	if err != nil {
		return nil, err
	}
	order := make([][]int, g.Size())
	for slot := range order {
		if err := g.Load(slot, state, training, Seeds{Dropout: uint64(slot), Augment: uint64(slot)}, ex); err != nil {
			return nil, err
		}
		order[slot] = rng.Perm(s.Examples)
	}
	return order, nil
}
