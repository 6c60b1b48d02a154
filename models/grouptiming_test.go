package models

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// clocked is an engine whose groups only move a clock: an epoch of k networks takes launch + k·each.
type clocked struct {
	Engine
	clock        time.Time
	launch, each time.Duration
	most, breaks int // by memory; size from which a group cannot be made
	made         []GroupShape
	open, epochs int
}

func (c *clocked) Name() string             { return "clocked" }
func (c *clocked) MostSlots(GroupShape) int { return c.most }
func (c *clocked) Device() (string, string) { return "a clock", "1" }
func (c *clocked) now() time.Time           { return c.clock }
func (c *clocked) NewGroup(s GroupShape) (Group, error) {
	if c.breaks > 0 && s.Slots >= c.breaks {
		return nil, errors.New("no room")
	}
	c.made = append(c.made, s)
	c.open++
	return &clockedGroup{c: c, s: s}, nil
}

type clockedGroup struct {
	Group
	c      *clocked
	s      GroupShape
	loaded int
}

func (g *clockedGroup) Size() int    { return g.s.Slots }
func (g *clockedGroup) Close() error { g.c.open--; return nil }

func (g *clockedGroup) Load(slot int, s State, t Training, seeds Seeds, ex Examples) error {
	g.loaded++
	if !g.s.Fits(Training{Optimizer: t.Optimizer, BatchSize: g.s.BatchSize, Augment: t.Augment}, ex.Len()) {
		return errors.New("another shape")
	}
	return errors.Join(s.Fits(g.s.Arch), ex.Fits(g.s.Arch))
}

func (g *clockedGroup) Epoch(order [][]int, _ []int, _ func(int, [][]float64) error) ([][]float64, error) {
	if g.loaded != g.s.Slots || len(order) != g.s.Slots || slices.ContainsFunc(order, func(o []int) bool { return len(o) != g.s.Examples }) {
		return nil, errors.New("not every slot trains")
	}
	g.c.epochs++
	if g.c.epochs%5 == 0 { // something else ran
		g.c.clock = g.c.clock.Add(time.Second)
	}
	g.c.clock = g.c.clock.Add(g.c.launch + time.Duration(g.s.Slots)*g.c.each)
	return nil, nil
}

// TestTimeGroups: rates are k·N/(launch + k·each) by hand; what ends the growth is the gain, memory, the networks or a failure.
func TestTimeGroups(t *testing.T) {
	a, err := MLP(Shape{C: 1, H: 2, W: 2}, 3, MLPOptions{Widths: []int{4}})
	if err != nil {
		t.Fatal(err)
	}
	shape := GroupShape{Arch: a, Optimizer: Optimizer{Name: "sgd", Momentum: 0.5}, BatchSize: 2, Examples: 1000, Augmented: true}
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		engine  clocked
		most    int
		slots   int
		tried   []int
		stopped string
	}{
		// With launch = each a group of 16 is 16/17 of the best, one of 64 64/65: 4.6 % more.
		"gain":     {clocked{launch: ms, each: ms, most: 1000}, 1000, 16, []int{1, 4, 16, 64}, "a group of 64 gains less than 5 %"},
		"memory":   {clocked{launch: 100 * ms, each: ms, most: 10}, 1000, 10, []int{1, 4, 10}, "more than 10 may not fit"},
		"networks": {clocked{launch: 100 * ms, each: ms, most: 1000}, 6, 6, []int{1, 4, 6}, "no more networks"},
		"failure":  {clocked{launch: 100 * ms, each: ms, most: 1000, breaks: 17}, 1000, 16, []int{1, 4, 16}, "a group of 64: no room"},
		"one":      {clocked{launch: ms, each: ms}, 9, 1, []int{1}, "memory"},
	} {
		t.Run(name, func(t *testing.T) {
			e := &c.engine
			got, err := timeGroups(context.Background(), e, shape, c.most, e.now)
			if err != nil {
				t.Fatal(err)
			}
			var tried []int
			for i, r := range got.Rates {
				tried = append(tried, r.Slots)
				seconds := (e.launch + time.Duration(r.Slots)*e.each).Seconds()
				if want := float64(r.Slots*64) / seconds; r.Rate < want*0.999 || r.Rate > want*1.001 { // 32 batches of 2
					t.Errorf("%d networks: %v examples a second, want %v", r.Slots, r.Rate, want)
				}
				if e.made[i].Examples != 64 || !e.made[i].Augmented {
					t.Errorf("timed on %+v", e.made[i])
				}
			}
			if got.Slots != c.slots || !slices.Equal(tried, c.tried) || !strings.Contains(got.Stopped, c.stopped) || e.open != 0 {
				t.Errorf("%+v with %d groups open, want %d of %v, %q", got, e.open, c.slots, c.tried, c.stopped)
			}
		})
	}
	if _, err := timeGroups(context.Background(), &clocked{most: 8, breaks: 1}, shape, 8, time.Now); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("not even one network: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := TimeGroups(ctx, &clocked{most: 8, each: ms}, shape, 8); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
