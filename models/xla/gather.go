//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"fmt"
	"sync"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/pjrt"
)

var _ models.Gathering = (*engine)(nil)

// Together is the number of slots of the program that answers outputs.
func (e *engine) Together(a models.Architecture, maxBatch int) int {
	if maxBatch < 1 || e.accepts(a) != nil {
		return 1
	}
	return e.slots(callOutputs, a, rowsFor(callOutputs, maxBatch))
}

// slots is how many equal calls are computed together: by [togetherFor], or the option Together. XLA's own convolutions of several networks answer, on a
// processor, other bits in one place than in another: networks that are to have them stay alone.
func (e *engine) slots(c call, a models.Architecture, rows int) int {
	switch {
	case c == callLearn || c == callStep || e.options.Convolutions == Native && a.Has(models.Conv2D):
		return 1
	case e.options.Together > 0:
		return e.options.Together
	}
	return togetherFor(c, a, rows, e.client.Platform)
}

// gatherer computes equal calls of several sessions together. Nobody waits for others to come: a call that finds the device idle begins at once, and calls that come
// while it computes are taken together when it has ended. So at most two sets of calls of a kind take turns.
type gatherer struct {
	mu      sync.Mutex
	working bool
	waiting []*meeting // the kind that has waited for longest first
}

// meeting is calls of one program that wait.
type meeting struct {
	exe   *pjrt.Executable
	slots int
	calls []*gathered
}

// gathered is one session's call.
type gathered struct {
	arguments []*pjrt.Array
	out       []*pjrt.Array
	err       error
	done      chan struct{}
}

// run computes a call, among others of the same program that has so many slots.
func (g *gatherer) run(exe *pjrt.Executable, slots int, arguments []*pjrt.Array) ([]*pjrt.Array, error) {
	c := &gathered{arguments: arguments, done: make(chan struct{})}
	g.mu.Lock()
	g.add(exe, slots, c)
	if !g.working {
		g.working = true
		go g.work()
	}
	g.mu.Unlock()
	<-c.done
	return c.out, c.err
}

func (g *gatherer) add(exe *pjrt.Executable, slots int, c *gathered) {
	for _, m := range g.waiting {
		if m.exe == exe {
			m.calls = append(m.calls, c)
			return
		}
	}
	g.waiting = append(g.waiting, &meeting{exe, slots, []*gathered{c}})
}

// work computes until nothing waits.
func (g *gatherer) work() {
	for m := g.next(); m != nil; m = g.next() {
		m.compute()
	}
}

// next takes as many calls as the first kind's program has slots for; if more of them wait, they wait behind the other kinds.
func (g *gatherer) next() *meeting {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.working = false
		return nil
	}
	m := g.waiting[0]
	g.waiting = g.waiting[1:]
	if len(m.calls) > m.slots {
		g.waiting = append(g.waiting, &meeting{m.exe, m.slots, m.calls[m.slots:]})
		m.calls = m.calls[:m.slots]
	}
	return m
}

// compute runs the program for its calls and tells each what is its own. What goes wrong, goes wrong for them all, and for no others.
func (m *meeting) compute() {
	err := m.run()
	for _, c := range m.calls {
		if c.err = err; err != nil {
			free(c.out)
			c.out = nil
		}
		close(c.done)
	}
}

func (m *meeting) run() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("computing %d calls together: panic: %v", len(m.calls), p)
		}
	}()
	count := len(m.calls[0].arguments)
	arguments := make([]*pjrt.Array, 0, count*m.slots)
	for i := range count {
		for slot := range m.slots {
			c := m.calls[0] // also for slots that nobody wants: a network that is there computes what is known to be harmless
			if slot < len(m.calls) {
				c = m.calls[slot]
			}
			arguments = append(arguments, c.arguments[i])
		}
	}
	out, err := m.exe.RunToEnd(arguments...)
	if err != nil {
		return err
	}
	for i, a := range out {
		if slot := i % m.slots; slot < len(m.calls) {
			m.calls[slot].out = append(m.calls[slot].out, a)
		} else {
			a.Free()
		}
	}
	return nil
}
