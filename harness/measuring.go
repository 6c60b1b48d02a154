package harness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/harness/result"
)

// Event says that the cells of one more network are answered.
type Event struct {
	Network string
	Results []*result.Result
	Err     error // the network could not be measured at all: a damaged checkpoint, missing data
}

// Measure answers the cells of todo, from [Harness.Missing], and appends them, one write a network. A network
// that cannot be read costs its own cells and is reported by event; an error means that results cannot
// be written or ctx has ended. event is called from one goroutine at a time.
func (h *Harness) Measure(ctx context.Context, todo []Work, w *result.Writer, event func(Event)) error {
	if len(todo) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	todo = shuffled(todo)
	queue := make(chan Work)
	var wg sync.WaitGroup
	var mu sync.Mutex
	starts := make(chan struct{}, max(1, h.o.Jobs))
	for i := range min(max(1, h.o.Jobs), len(todo)) {
		wg.Go(func() {
			wk := h.newWorker(ctx, i, starts)
			defer wk.close()
			for job := range queue {
				ev := wk.network(ctx, job)
				if ctx.Err() != nil {
					return
				}
				mu.Lock()
				if err := w.Append(ev.Results...); err != nil {
					cancel(err)
				} else {
					event(ev)
				}
				mu.Unlock()
			}
		})
	}
	feed(ctx, queue, todo)
	wg.Wait()
	return context.Cause(ctx)
}

// shuffled puts the networks in an order of chance: in that of the grid, a plugin that counts
// would know each one's hyperparameters. No answer depends on the order.
func shuffled(todo []Work) []Work {
	todo = slices.Clone(todo)
	rand.Shuffle(len(todo), func(i, j int) { todo[i], todo[j] = todo[j], todo[i] })
	return todo
}

func feed(ctx context.Context, queue chan<- Work, todo []Work) {
	defer close(queue)
	for _, job := range todo {
		select {
		case queue <- job:
		case <-ctx.Done():
			return
		}
	}
}

// Work is one network and its missing cells.
type Work struct {
	record  *corpora.Record
	sibling sibling
	columns []int
}

// Network is the ID of the network.
func (w Work) Network() string { return w.record.ID }

// Columns are the places of the missing cells in [Harness.Columns].
func (w Work) Columns() []int { return slices.Clone(w.columns) }

// Missing lists the networks that have missing cells.
func (h *Harness) Missing(records []*corpora.Record, set *result.Set) []Work {
	var todo []Work
	siblings := h.siblings(records)
	for _, rec := range records {
		job := Work{record: rec, sibling: siblings[rec.ID]}
		for j, c := range h.columns {
			if !set.Answered(h.key(rec, job.sibling, c)) {
				job.columns = append(job.columns, j)
			}
		}
		if len(job.columns) > 0 {
			todo = append(todo, job)
		}
	}
	return todo
}

// worker measures one network after another with processes and sessions of its own.
type worker struct {
	h         *Harness
	first     bool
	host      *quantity.Host
	processes []*plugin.Process // by program; nil: it did not start
	errs      []error
}

// newWorker starts the worker's plugins, as many at once as all workers together have room for in starts: were there more, they would keep each other from
// describing themselves in time. The first worker uses those that described themselves.
func (h *Harness) newWorker(ctx context.Context, index int, starts chan struct{}) *worker {
	wk := &worker{h: h, first: index == 0, host: h.o.NewHost(), processes: make([]*plugin.Process, len(h.started)), errs: make([]error, len(h.started))}
	var wg sync.WaitGroup
	for i, s := range h.started {
		switch {
		case s.err != nil:
			wk.errs[i] = s.err
		case wk.first:
			wk.processes[i] = s.process
		default:
			wg.Go(func() {
				starts <- struct{}{}
				defer func() { <-starts }()
				wk.processes[i], wk.errs[i] = again(ctx, s, h.o.Plugin)
			})
		}
	}
	wg.Wait()
	return wk
}

// again starts a program once more; it has to describe itself as it did.
func again(ctx context.Context, s started, o plugin.Options) (*plugin.Process, error) {
	p, err := plugin.Start(ctx, s.program, o)
	if err != nil {
		return nil, err
	}
	if err := p.SameAs(s.process.Measures()); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

func (wk *worker) close() {
	wk.host.Close()
	if wk.first {
		return // they belong to the harness
	}
	for _, p := range wk.processes {
		if p != nil {
			p.Stop()
		}
	}
}

// network answers the missing cells of one network.
func (wk *worker) network(ctx context.Context, job Work) Event {
	ev := Event{Network: job.record.ID}
	provider, subject, err := wk.open(job)
	if err != nil {
		ev.Err = fmt.Errorf("network %s: %w", job.record.ID, err)
		return ev
	}
	defer provider.Close()
	meta := metaOf(subject)
	for _, j := range job.columns {
		r := wk.cell(ctx, job, wk.h.columns[j], provider, meta)
		if ctx.Err() != nil {
			return ev
		}
		ev.Results = append(ev.Results, r)
	}
	return ev
}

// open makes the quantities of a stored network available. A network whose files are damaged
// is set aside.
func (wk *worker) open(job Work) (*quantity.Provider, *quantity.Subject, error) {
	s, err := wk.subject(job.record)
	var damaged *corpora.ErrDamaged
	if errors.As(err, &damaged) {
		if to, aside := wk.h.o.Store.SetAside(job.record.ID); aside == nil {
			err = fmt.Errorf("%w; set aside in %s, run again to train it anew", err, to)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if slices.ContainsFunc(job.columns, func(j int) bool { return wk.h.columns[j].Info.Needs.Has(measure.Sibling) }) {
		s.Sibling, s.NoSibling = wk.twin(job.sibling)
	}
	p, err := wk.host.Open(s)
	return p, s, err
}

func (wk *worker) subject(rec *corpora.Record) (*quantity.Subject, error) {
	final, initial, err := wk.h.o.Store.LoadNetwork(rec)
	if err != nil {
		return nil, err
	}
	data, err := wk.h.o.Data.For(rec)
	if err != nil {
		return nil, err
	}
	facts, err := wk.facts(rec)
	return &quantity.Subject{
		Key:  rec.Tensors.FinalSHA256 + "|" + rec.Tensors.InitSHA256 + "|" + rec.DataHash,
		Arch: rec.Architecture, Final: final, Init: initial, Data: data, Facts: facts, Seed: wk.h.o.Seed,
	}, err
}

// facts are what was recorded while the network was trained.
func (wk *worker) facts(rec *corpora.Record) (quantity.Facts, error) {
	f := quantity.Facts{
		Epochs: rec.Epochs, Steps: rec.Steps, StepsTo01: rec.StepsTo01, StepsTo001: rec.StepsTo001,
		GradientNoise1: rec.GradientNoise1, GradientNoiseFinal: rec.GradientNoiseFinal,
	}
	history, err := wk.h.o.Store.History(rec)
	for _, e := range history {
		f.MeanLosses = append(f.MeanLosses, e.MeanLoss)
	}
	return f, err
}

func metaOf(s *quantity.Subject) measure.Meta {
	return measure.Meta{
		ID: opaque(), Layers: LayersOf(s), Classes: s.Arch.Classes, TrainSize: len(s.Data.Train.Y),
		InputShape: []int{s.Arch.Input.C, s.Arch.Input.H, s.Arch.Input.W},
	}
}

// LayersOf describes a network's layers to a measure. Rates of dropout and batch norm's momentum are of training and not told.
func LayersOf(s *quantity.Subject) []measure.Layer {
	a := s.Arch
	layers := make([]measure.Layer, len(a.Layers))
	for i, write := range a.Shapes() {
		l, read := a.Layers[i], a.Reads(i)
		layers[i] = measure.Layer{
			Name: l.Name, Kind: string(l.Kind), In: l.In, Out: l.Out, From: l.From, With: l.With,
			Channels: l.Channels, Kernel: l.Kernel, Stride: l.Stride, Padding: l.Padding, Epsilon: l.Epsilon,
			InShape: [3]int{read.C, read.H, read.W}, OutShape: [3]int{write.C, write.H, write.W},
		}
	}
	return layers
}

// cell has one measure answer for one network.
func (wk *worker) cell(ctx context.Context, job Work, c Column, p *quantity.Provider, meta measure.Meta) *result.Result {
	rec := job.record
	program := wk.h.started[c.Program].program
	r := &result.Result{
		Key: wk.h.key(rec, job.sibling, c), Network: rec.ID, Measure: c.Name, Version: c.Info.Version, Engine: wk.h.o.Engine, Seed: wk.h.o.Seed,
		Plugin: result.Plugin{Name: program.Name, Builtin: program.Builtin, Path: program.Path, SHA256: program.SHA256},
	}
	process := wk.processes[c.Program]
	if process == nil {
		r.Status, r.Reason = result.Failed, wk.errs[c.Program].Error()
		var unstarted *plugin.StartError
		if errors.As(wk.errs[c.Program], &unstarted) {
			r.Detail = unstarted.Detail
		}
		return r
	}
	r.Plugin.SDK, r.Plugin.Protocol, r.Plugin.Version = process.SDK(), plugin.Protocol, process.Version()
	r.Plugin.Sandbox = process.Confinement().String()
	out := process.Compute(ctx, plugin.Request{
		Measure: c.Info.Name, Network: meta.ID, Options: c.Options, Seed: wk.h.computeSeed(rec, c), Meta: meta, Provider: p,
	})
	r.Status, r.Reason, r.Detail = result.Status(out.Status), out.Reason, out.Detail
	if r.Status == result.OK {
		r.Value = &out.Value
	}
	r.Seconds, r.HostSeconds, r.PeakRSS = out.Seconds, out.HostSeconds, out.PeakRSS
	r.Diagnostics, r.Warnings = out.Diagnostics, out.Warnings
	return r
}
