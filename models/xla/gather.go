//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/pjrt"
)

var _ models.Gathering = (*engine)(nil)

// Together is twice the number of slots of the program that answers outputs: one set of networks prepares its calls while the other's are computed.
func (e *engine) Together(a models.Architecture, maxBatch int) int {
	if maxBatch < 1 || e.accepts(a) != nil {
		return 1
	}
	if k := e.slots(callOutputs, a, rowsFor(callOutputs, maxBatch)); k > 1 {
		return 2 * k
	}
	return 1
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
// while it computes are taken together when it has ended. So two sets of calls of a kind take turns.
type gatherer struct {
	mu      sync.Mutex
	working bool
	waiting []*meeting // the kind that has waited for longest first
}

// kind is what the calls of one program have in common.
type kind struct {
	slots   int
	tensors int // values of the tensors that each is answered; 0: none
}

// meeting is calls of one program that wait.
type meeting struct {
	exe *pjrt.Executable
	kind
	calls []*gathered
}

// gathered is one session's call.
type gathered struct {
	arguments []*pjrt.Array
	out       *joint
	err       error
	done      chan struct{}
}

// run computes a call, among others of the same program.
func (g *gatherer) run(exe *pjrt.Executable, k kind, arguments []*pjrt.Array) (*joint, error) {
	c := &gathered{arguments: arguments, done: make(chan struct{})}
	g.mu.Lock()
	g.add(exe, k, c)
	if !g.working {
		g.working = true
		go g.work()
	}
	g.mu.Unlock()
	<-c.done
	return c.out, c.err
}

func (g *gatherer) add(exe *pjrt.Executable, k kind, c *gathered) {
	for _, m := range g.waiting {
		if m.exe == exe {
			m.calls = append(m.calls, c)
			return
		}
	}
	g.waiting = append(g.waiting, &meeting{exe, k, []*gathered{c}})
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
		g.waiting = append(g.waiting, &meeting{m.exe, m.kind, m.calls[m.slots:]})
		m.calls = m.calls[:m.slots]
	}
	return m
}

// compute runs the program for its calls and tells each what is its own. What goes wrong, goes wrong for them all, and for no others.
func (m *meeting) compute() {
	err := m.run()
	for _, c := range m.calls {
		c.err = err
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
			c := m.calls[0] // also for slots that nobody wants: what is computed there is dropped
			if slot < len(m.calls) {
				c = m.calls[slot]
			}
			arguments = append(arguments, c.arguments[i])
		}
	}
	out, err := m.exe.RunToEnd(arguments...)
	if err == nil {
		m.share(out)
	}
	return err
}

// share tells the calls where their results are; see joined.
func (m *meeting) share(out []*pjrt.Array) {
	var own []*pjrt.Array
	if m.tensors > 0 {
		own, out = out[len(out)-m.slots:], out[:len(out)-m.slots]
	}
	var all []*whole
	for _, a := range out {
		w := &whole{array: a}
		w.users.Store(int32(len(m.calls)))
		all = append(all, w)
	}
	for slot, c := range m.calls {
		c.out = &joint{slot: slot, kind: m.kind, whole: all}
		if own != nil {
			c.out.own = own[slot]
		}
	}
	if own != nil {
		free(own[len(m.calls):])
	}
}

// joint is one network's part of what a program of several answers.
type joint struct {
	slot int
	kind
	whole []*whole
	own   *pjrt.Array // its tensors side by side

	host []float32 // own, once read
	at   int       // how far it was taken
}

// whole is a result of all networks, [K, ...], read by the first who wants it. The last one frees it.
type whole struct {
	array *pjrt.Array
	users atomic.Int32

	mu   sync.Mutex
	host any // []float32 or []float64
}

// readJoint reads result i, of so many values, as far as dst has room.
func readJoint[T pjrt.Number](j *joint, i int, dst []T, size int) error {
	if i >= len(j.whole) {
		own, ok := any(dst).([]float32)
		if !ok || j.own == nil {
			return errTooFew
		}
		return j.tensor(own)
	}
	w := j.whole[i]
	w.mu.Lock()
	defer w.mu.Unlock()
	host, ok := w.host.([]T)
	if !ok {
		host = make([]T, j.slots*size)
		if err := pjrt.Get(w.array, host); err != nil {
			return err
		}
		w.host = host
	}
	copy(dst, host[j.slot*size:])
	return nil
}

// tensor reads the next of its tensors.
func (j *joint) tensor(dst []float32) error {
	if j.host == nil {
		host := make([]float32, j.tensors)
		if err := pjrt.Get(j.own, host); err != nil {
			return err
		}
		j.host = host
	}
	if j.at+len(dst) > len(j.host) {
		return errTooFew
	}
	j.at += copy(dst, j.host[j.at:])
	return nil
}

func (j *joint) release() {
	for _, w := range j.whole {
		if w.users.Add(-1) == 0 {
			w.array.Free()
		}
	}
	j.own.Free()
}
