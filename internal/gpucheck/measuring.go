package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/harness/report"
	"github.com/genbench/genbench/harness/result"
	"github.com/genbench/genbench/measures"
)

// servePlugin is the whole program when the harness starts it as the plugin of the built-in measures: NAME[,NAME...].
func servePlugin(args []string) int {
	var serve []measure.Measure
	for _, m := range measures.All() {
		if len(args) == 1 && slices.Contains(strings.Split(args[0], ","), m.Info().Name) {
			serve = append(serve, m)
		}
	}
	if len(serve) == 0 {
		fmt.Fprintln(os.Stderr, "gpucheck plugin: for gpucheck itself, which starts it with the names of measures")
		return 2
	}
	measure.Serve(serve...)
	return 0
}

// withHarness starts the built-in measures in processes of their own, as a run does, on a site's store and engine.
func (s settings) withHarness(ctx context.Context, at *site, do func(*harness.Harness, []*corpora.Record, *result.Set) error) error {
	var builtin []string
	for _, m := range measures.All() {
		builtin = append(builtin, m.Info().Name)
	}
	dir, err := filepath.Abs(at.store.Dir())
	if err != nil {
		return err
	}
	cache := filepath.Join(dir, "cache", strings.ReplaceAll(at.engine.Name(), "/", "-"))
	h, err := harness.Open(ctx, harness.Options{
		Store: at.store, Data: at.data, Networks: at.networks, Programs: []plugin.Program{plugin.Builtin(builtin)}, Patterns: harness.SplitList(s.measures), Reserved: report.ControlNames(),
		Engine: at.engine.Name(), NewHost: func() *quantity.Host { return quantity.NewHost(at.engine, cache) },
		Jobs: processors(), Seed: runSeed, Warn: func(err error) { log.Print(err) },
		Plugin: plugin.Options{Getenv: os.Getenv, Hide: []string{dir}, Views: cache},
	})
	if err != nil {
		return err
	}
	defer h.Close()
	set, warnings, err := result.ReadDir(filepath.Join(dir, "values"))
	for _, w := range warnings {
		log.Print(w)
	}
	if err != nil {
		return err
	}
	records, err := at.records()
	if err != nil {
		return err
	}
	return do(h, records, set)
}

// runSeed is the seed of a run that names none.
const runSeed = 1

// records are the networks that are trained, in the order of the grid.
func (at *site) records() ([]*corpora.Record, error) {
	var all []*corpora.Record
	for _, n := range at.networks {
		switch r, err := at.store.Record(n.ID); {
		case err == nil:
			all = append(all, r)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return all, nil
}

// measure answers the missing cells of the networks that are there.
func (s settings) measure(ctx context.Context, at *site, p *phase) error {
	err := s.withHarness(ctx, at, func(h *harness.Harness, records []*corpora.Record, set *result.Set) error {
		todo := h.Missing(records, set)
		p.Done = len(records) - len(todo)
		if len(records) < len(at.networks) {
			return fmt.Errorf("%d of %d networks are trained", len(records), len(at.networks))
		}
		if len(todo) == 0 {
			return nil
		}
		p.Failed = 0
		w, err := result.NewWriter(filepath.Join(at.store.Dir(), "values"), fmt.Sprintf("gpucheck-%d-%d", os.Getpid(), time.Now().UnixNano()), set.LastSequence())
		if err != nil {
			return err
		}
		defer w.Close()
		next := time.Now().Add(progressEvery)
		return h.Measure(ctx, todo, w, func(ev harness.Event) {
			if ev.Err != nil {
				p.Failed++
				log.Printf("network %s: %v", ev.Network, ev.Err)
				return
			}
			p.Done++
			if time.Now().After(next) {
				next = time.Now().Add(progressEvery)
				log.Printf("measuring on %s: %d of %d networks", at.engine.Name(), p.Done, len(at.networks))
			}
		})
	})
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errTime
	}
	return err
}
