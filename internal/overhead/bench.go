package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/harness/result"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/measures"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

// bench is a corpus with what is to be measured of it.
type bench struct {
	options
	dir      string // scratch
	store    *corpora.Store
	data     *corpora.DataCache
	engine   models.Engine
	networks []corpora.Network
	records  []*corpora.Record
	chosen   []measure.Measure
	trained  time.Duration // 0: it was there
}

// side is what one way of measuring took, a value a round, and what it answered.
type side struct {
	wall, processor []time.Duration
	values          map[string]float64 // by network and measure
}

func run(ctx context.Context, o options, out io.Writer) error {
	dir, err := os.MkdirTemp("", "overhead-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{options: o, dir: dir, data: corpora.NewDataCache("")}
	if b.engine, err = cpu.New(""); err != nil {
		return err
	}
	for _, m := range measures.All() {
		if len(b.chosen) < o.measures && !m.Info().Needs.Has(measure.Sibling) {
			b.chosen = append(b.chosen, m)
		}
	}
	if err := b.train(ctx); err != nil {
		return err
	}
	var apart, within side
	for round := range o.by {
		turns := []func() error{
			func() error { return b.time(&apart, fmt.Sprintf("apart%d", round), b.plugins(ctx)) },
			func() error { return b.time(&within, fmt.Sprintf("within%d", round), b.inProcess(ctx)) },
		}
		if round%2 == 1 {
			slices.Reverse(turns)
		}
		for _, turn := range turns {
			if err := turn(); err != nil {
				return err
			}
		}
	}
	if err := b.compare(apart.values, within.values); err != nil {
		return err
	}
	starts, err := b.starts(ctx)
	if err != nil {
		return err
	}
	b.print(out, apart, within, starts)
	return nil
}

// train opens the store, and trains what it lacks.
func (b *bench) train(ctx context.Context) error {
	spec, err := corpora.Find(b.corpus)
	if err != nil {
		return err
	}
	at := b.options.store
	if at == "" {
		at = filepath.Join(b.dir, "store")
	}
	if b.store, err = corpora.OpenStore(at, spec); err != nil {
		return err
	}
	if b.networks, err = b.store.Networks(); err != nil {
		return err
	}
	b.networks = b.networks[:min(len(b.networks), b.options.networks)]
	start := time.Now()
	report, err := corpora.Train(ctx, b.store, b.networks, corpora.TrainOptions{Engine: b.engine, Jobs: b.jobs, Data: b.data})
	if err != nil {
		return err
	}
	if report.Trained == len(b.networks) {
		b.trained = time.Since(start)
	}
	for _, n := range b.networks {
		rec, err := b.store.Record(n.ID)
		if err != nil {
			return err
		}
		b.records = append(b.records, rec)
	}
	return nil
}

// time measures the corpus on an empty cache.
func (b *bench) time(s *side, name string, measure func(cache string, w *result.Writer) error) error {
	dir := filepath.Join(b.dir, name)
	w, err := result.NewWriter(filepath.Join(dir, "values"), "values", 0)
	if err != nil {
		return err
	}
	start, before := time.Now(), processorTime()
	if err := measure(filepath.Join(dir, "cache"), w); err != nil {
		return err
	}
	s.wall, s.processor = append(s.wall, time.Since(start)), append(s.processor, processorTime()-before)
	if err := w.Close(); err != nil {
		return err
	}
	s.values = map[string]float64{}
	set, _, err := result.ReadDir(filepath.Join(dir, "values"))
	if err != nil {
		return err
	}
	for r := range set.All() {
		switch {
		case r.Status == result.Failed:
			return fmt.Errorf("%s of network %s: %s", r.Measure, r.Network, r.Reason)
		case r.Value != nil:
			s.values[r.Network+" "+r.Measure] = *r.Value
		}
	}
	return os.RemoveAll(dir)
}

// programs are this one, as so many third-party plugins.
func (b *bench) programs() ([]plugin.Program, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var programs []plugin.Program
	for k := range min(b.options.plugins, len(b.chosen)) {
		p, err := plugin.External(fmt.Sprintf("p%d", k), exe)
		if err != nil {
			return nil, err
		}
		names := ""
		// Neighbours are of a family and read the same values: apart, each program would work them out again, which is no transport.
		n := min(b.options.plugins, len(b.chosen))
		for _, m := range b.chosen[k*len(b.chosen)/n : (k+1)*len(b.chosen)/n] {
			if names != "" {
				names += ","
			}
			names += m.Info().Name
		}
		p.Args = []string{"plugin", names}
		programs = append(programs, p)
	}
	return programs, nil
}

func (b *bench) limits(cache string) plugin.Options {
	return plugin.Options{Getenv: os.Getenv, Sandbox: plugin.Sandbox(b.sandbox), Hide: []string{b.store.Dir()}, Views: cache}
}

// plugins measures as a run does.
func (b *bench) plugins(ctx context.Context) func(string, *result.Writer) error {
	return func(cache string, w *result.Writer) error {
		programs, err := b.programs()
		if err != nil {
			return err
		}
		h, err := harness.Open(ctx, harness.Options{
			Store: b.store, Data: b.data, Networks: b.networks, Programs: programs, Patterns: []string{"*"}, Engine: b.engine.Name(), Jobs: b.jobs, Seed: 1,
			Warn: func(err error) { fmt.Fprintln(os.Stderr, "overhead:", err) }, Plugin: b.limits(cache),
			NewHost: func() *quantity.Host { return quantity.NewHost(b.engine, cache) },
		})
		if err != nil {
			return err
		}
		defer h.Close()
		var failed error
		err = h.Measure(ctx, h.Missing(b.records, result.NewSet()), w, func(ev harness.Event) {
			if ev.Err != nil {
				failed = ev.Err
			}
		})
		if err == nil {
			err = failed
		}
		return err
	}
}

// inProcess measures without plugins, otherwise alike.
func (b *bench) inProcess(ctx context.Context) func(string, *result.Writer) error {
	return func(cache string, w *result.Writer) error {
		queue := make(chan *corpora.Record)
		errs := make(chan error, b.jobs)
		var workers sync.WaitGroup
		for range b.jobs {
			workers.Go(func() {
				host := quantity.NewHost(b.engine, cache)
				defer host.Close()
				for rec := range queue {
					if err := b.network(ctx, host, rec, w); err != nil {
						errs <- err
						for range queue { // the others end by themselves
						}
						return
					}
				}
			})
		}
		for _, rec := range b.records {
			queue <- rec
		}
		close(queue)
		workers.Wait()
		close(errs)
		return <-errs
	}
}

func (b *bench) network(ctx context.Context, host *quantity.Host, rec *corpora.Record, w *result.Writer) error {
	subject, err := b.subject(rec)
	if err != nil {
		return err
	}
	net, err := inprocess.Open(host, subject)
	if err != nil {
		return err
	}
	defer net.Close()
	var rs []*result.Result
	for _, m := range b.chosen {
		info := m.Info()
		a := net.Compute(ctx, m, nil, 1)
		r := &result.Result{Key: rec.ID + info.Name, Network: rec.ID, Measure: info.Name, Version: info.Version, Engine: b.engine.Name(), Seed: 1, Seconds: a.Seconds, HostSeconds: a.HostSeconds}
		reason, undefined := measure.IsUndefined(a.Err)
		switch {
		case undefined:
			r.Status, r.Reason = result.Undefined, reason
		case a.Err != nil:
			return fmt.Errorf("%s of network %s: %w", info.Name, rec.ID, a.Err)
		default:
			r.Status, r.Value = result.OK, &a.Value
		}
		rs = append(rs, r)
	}
	return w.Append(rs...)
}

func (b *bench) subject(rec *corpora.Record) (*quantity.Subject, error) {
	final, initial, err := b.store.LoadNetwork(rec)
	if err != nil {
		return nil, err
	}
	data, err := b.data.For(rec)
	if err != nil {
		return nil, err
	}
	facts := quantity.Facts{Epochs: rec.Epochs, Steps: rec.Steps, StepsTo01: rec.StepsTo01, StepsTo001: rec.StepsTo001, GradientNoise1: rec.GradientNoise1, GradientNoiseFinal: rec.GradientNoiseFinal}
	history, err := b.store.History(rec)
	for _, e := range history {
		facts.MeanLosses = append(facts.MeanLosses, e.MeanLoss)
	}
	return &quantity.Subject{Key: rec.Tensors.FinalSHA256, Arch: rec.Architecture, Final: final, Init: initial, Data: data, Facts: facts, Seed: 1}, err
}
