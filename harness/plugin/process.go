package plugin

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/genbench/genbench/harness/measure"
)

// crashes is on how many networks a measure may end or stall its process before
// it is given up for the run.
const crashes = 3

// Process is a plugin that answers one Compute at a time; others wait. It
// starts its program anew where that has ended.
type Process struct {
	program Program
	options Options
	infos   []measure.Info
	sdk     string
	version string
	held    Confinement

	mu      sync.Mutex
	session *session                   // nil: to be started
	next    uint64                     // number of the next Compute
	crashed map[string]map[string]bool // by measure: the networks on which it ended or stalled
	habits  map[string][]asked         // by Request.habit: what was read of the network before
	given   map[string]string          // by measure, or "" for all: why it is given up
	stopped bool
}

// Start starts the program and asks what it measures. Errors name the plugin, what
// it did and what to do about it; a start is not tried twice.
func Start(ctx context.Context, p Program, o Options) (*Process, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("starting plugin %s: %w", p.Name, err)
	}
	if p.Attach != "" {
		o.ComputeTimeout = patience
	}
	s, infos, err := start(ctx, p, o)
	if err != nil {
		return nil, err
	}
	return &Process{program: p, options: o, infos: infos, sdk: s.sdk, version: s.version, held: s.held, session: s, crashed: map[string]map[string]bool{}, given: map[string]string{}, habits: map[string][]asked{}}, nil
}

// Measures is what the program said that it measures.
func (p *Process) Measures() []measure.Info { return append([]measure.Info(nil), p.infos...) }

// SDK is what the program was written with, in its own words: "go 1", "python 1".
func (p *Process) SDK() string { return p.sdk }

// Version is the program's, in its own words; "" where it says none.
func (p *Process) Version() string { return p.version }

// Confinement is what the kernel held its first process to.
func (p *Process) Confinement() Confinement { return p.held }

// Stop ends the program, after a Compute under way.
func (p *Process) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	if p.session != nil {
		p.session.stop(p.options.Grace)
		p.session = nil
	}
}

// Compute has a measure answer for a network. Whatever the plugin does costs this
// answer only: a process that died or passed its deadline is ended, started
// anew and asked once more. A measure that does so on three networks is given up
// for the run. (That is counted by measure, not by program: one of the built-ins
// must not take the others along.)
func (p *Process) Compute(ctx context.Context, r Request) Outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	info, ok := p.info(r.Measure)
	if !ok {
		return failed("plugin %s serves no measure %q", p.program.Name, r.Measure)
	}
	if _, err := info.Resolve(r.Options); err != nil {
		return failed("%v", err)
	}
	out, end := p.try(ctx, r, info)
	if end == excessive {
		p.count(info.Name, r.Network, out.Reason)
	}
	if end != died && end != overdue || ctx.Err() != nil {
		return out
	}
	if p.options.Once {
		p.count(info.Name, r.Network, out.Reason)
		return out
	}
	first := out
	out, end = p.try(ctx, r, info)
	switch end {
	case answered:
		out.Warnings = append(out.Warnings, "asked a second time, because at first: "+first.Reason)
	case died, overdue, excessive:
		p.count(info.Name, r.Network, out.Reason)
	}
	return out
}

// ending is how one try went.
type ending int

const (
	answered    ending = iota
	refused            // not asked, or asked in vain; asking again would be too
	died               // the process ended
	overdue            // no answer at the deadline
	excessive          // ended by the memory watchdog
	interrupted        // ctx ended
)

// try asks once, and ends a process that is of no more use.
func (p *Process) try(ctx context.Context, r Request, info measure.Info) (Outcome, ending) {
	for _, key := range []string{"", info.Name} {
		if why, ok := p.given[key]; ok {
			return failed("plugin %s was given up for this run: %s", p.program.Name, why), refused
		}
	}
	if err := p.revive(ctx); err != nil {
		return failed("%v", err), refused
	}
	out, end := p.once(ctx, r, info)
	out.Late = end == overdue
	switch end {
	case died, overdue, excessive, interrupted:
		p.options.Trace(p.program.Name, hclog.Info, fmt.Sprintf("process %d ended: %s", p.session.pid(), out.Reason))
		p.drop()
	}
	return out, end
}

func (p *Process) drop() {
	p.session.kill()
	p.session = nil
}

// revive starts the program again where it has ended. It must still be the
// program that the run began with.
func (p *Process) revive(ctx context.Context) error {
	if p.stopped {
		return fmt.Errorf("plugin %s is stopped", p.program.Name)
	}
	if p.session != nil {
		if p.session.status() == "" {
			return nil
		}
		p.drop() // it ended between two Computes
	}
	s, infos, err := start(ctx, p.program, p.options)
	if err == nil && !reflect.DeepEqual(infos, p.infos) {
		s.kill()
		err = fmt.Errorf("starting plugin %s again: %s; a program has to answer what it measures alike every time", p.program.Name, differences(p.infos, infos))
	}
	if err != nil {
		if ctx.Err() == nil {
			p.given[""] = err.Error()
		}
		return err
	}
	p.session = s
	return nil
}

// count notes that a measure ended or stalled its process.
func (p *Process) count(name, network, why string) {
	if p.crashed[name] == nil {
		p.crashed[name] = map[string]bool{}
	}
	p.crashed[name][network] = true
	if len(p.crashed[name]) >= crashes {
		p.given[name] = fmt.Sprintf("%s failed so on %d networks; the last time: %s", name, crashes, why)
	}
}

func (p *Process) info(name string) (measure.Info, bool) {
	for _, i := range p.infos {
		if i.Name == name {
			return i, true
		}
	}
	return measure.Info{}, false
}
