//go:build unix

package harness_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/measures"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

// TestMain lets the test binary serve the built-in measures, as genbench does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "plugin" {
		measure.Serve(measures.All()...)
	}
	if len(os.Args) > 4 && os.Args[1] == "hostile" {
		asHostile(os.Args[2:])
	}
	os.Exit(m.Run())
}

// storeVariable names a store to measure in place of the corpus tiny, for
// instance one of quick. At most mostNetworks of it are used, spread over its grid.
const (
	storeVariable = "GENBENCH_BENCH_STORE"
	mostNetworks  = 16
)

// BenchmarkOutOfProcess measures every built-in of every network of a corpus,
// with its defaults and a cold cache, once by a plugin's process and once within this one.
// It reports what each takes, the process's start included, and their ratio: on the corpus quick it may
// be 1.05. On a machine that does other work the ratio of processor time is the steadier one.
func BenchmarkOutOfProcess(b *testing.B) {
	engine, err := cpu.New("")
	if err != nil {
		b.Fatal(err)
	}
	subjects := benchSubjects(b, engine)
	type cost struct{ wall, processor time.Duration }
	var out, in cost
	run := func(total *cost, f func(*testing.B, models.Engine, []*quantity.Subject)) {
		start, before := time.Now(), processorTime(b)
		f(b, engine, subjects)
		total.wall += time.Since(start)
		total.processor += processorTime(b) - before
	}
	inProcess(b, engine, subjects) // pages and memory that the first pass alone pays for
	b.ResetTimer()
	for i := range b.N {
		if i%2 == 0 {
			run(&out, outOfProcess)
			run(&in, inProcess)
		} else {
			run(&in, inProcess)
			run(&out, outOfProcess)
		}
	}
	n := float64(b.N * len(subjects))
	b.ReportMetric(out.wall.Seconds()*1e3/n, "out-ms/network")
	b.ReportMetric(in.wall.Seconds()*1e3/n, "in-ms/network")
	b.ReportMetric(out.wall.Seconds()/in.wall.Seconds(), "out/in")
	b.ReportMetric(out.processor.Seconds()/in.processor.Seconds(), "out/in-cpu")
}

// processorTime is what this process and the children that it has waited for used.
func processorTime(b *testing.B) time.Duration {
	var total int64
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		total += u.Utime.Nano() + u.Stime.Nano()
	}
	return time.Duration(total)
}

// benchSubjects are the networks of the store that the environment names, or of tiny,
// trained now.
func benchSubjects(b *testing.B, engine models.Engine) []*quantity.Subject {
	name, dir := "tiny", b.TempDir()
	if given := os.Getenv(storeVariable); given != "" {
		name, dir = given, given
	}
	spec, err := corpora.Find(name)
	if err != nil {
		b.Fatal(err)
	}
	store, err := corpora.OpenStore(dir, spec)
	if err != nil {
		b.Fatal(err)
	}
	networks, err := store.Networks()
	if err != nil {
		b.Fatal(err)
	}
	data := corpora.NewDataCache("")
	if _, err := corpora.Train(b.Context(), store, networks, corpora.TrainOptions{Engine: engine, Jobs: 2, Data: data}); err != nil {
		b.Fatal(err)
	}
	var subjects []*quantity.Subject
	used := min(len(networks), mostNetworks)
	for i := range used {
		rec, err := store.Record(networks[i*len(networks)/used].ID)
		if err != nil {
			b.Fatal(err)
		}
		final, initial, err := store.LoadNetwork(rec)
		if err != nil {
			b.Fatal(err)
		}
		d, err := data.For(rec)
		if err != nil {
			b.Fatal(err)
		}
		subjects = append(subjects, &quantity.Subject{Key: rec.Tensors.FinalSHA256, Arch: rec.Architecture, Final: final, Init: initial, Data: d, Seed: 1})
	}
	return subjects
}

// each opens every network on a host with an empty cache.
func each(b *testing.B, engine models.Engine, subjects []*quantity.Subject, f func(*quantity.Provider, measure.Meta)) {
	host := quantity.NewHost(engine, b.TempDir())
	defer host.Close()
	for i, s := range subjects {
		p, err := host.Open(s)
		if err != nil {
			b.Fatal(err)
		}
		meta := measure.Meta{ID: fmt.Sprint("network-", i), Classes: s.Arch.Classes, TrainSize: s.Data.Train.Len(), Seed: 1, Layers: harness.LayersOf(s)}
		f(p, meta)
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func outOfProcess(b *testing.B, engine models.Engine, subjects []*quantity.Subject) {
	process, err := plugin.Start(b.Context(), plugin.Builtin(nil), plugin.Options{Getenv: os.Getenv})
	if err != nil {
		b.Fatal(err)
	}
	defer process.Stop()
	each(b, engine, subjects, func(p *quantity.Provider, meta measure.Meta) {
		for _, info := range process.Measures() {
			out := process.Compute(b.Context(), plugin.Request{Measure: info.Name, Network: meta.ID, Seed: meta.Seed, Meta: meta, Provider: p})
			if out.Status == plugin.Failed {
				b.Fatalf("%s: %s", info.Name, out.Reason)
			}
		}
	})
}

func inProcess(b *testing.B, engine models.Engine, subjects []*quantity.Subject) {
	each(b, engine, subjects, func(p *quantity.Provider, meta measure.Meta) {
		for _, m := range measures.All() {
			var err error
			if meta.Options, err = m.Info().Resolve(nil); err != nil {
				b.Fatal(err)
			}
			net := measure.NewNetwork(meta, direct{p})
			_, err = m.Compute(b.Context(), net)
			net.Release()
			if _, undefined := measure.IsUndefined(err); err != nil && !undefined {
				b.Fatalf("%s: %v", m.Info().Name, err)
			}
		}
	})
}

// direct hands a measure what the host computes, without a process between.
type direct struct{ p *quantity.Provider }

func (d direct) Quantity(ctx context.Context, name string, args map[string]string) ([]measure.Array, error) {
	bundle, err := d.p.Get(ctx, name, args)
	var undefined *quantity.Undefined
	if errors.As(err, &undefined) {
		return nil, &measure.UndefinedError{Reason: undefined.Reason}
	}
	if err != nil {
		return nil, err
	}
	arrays := make([]measure.Array, len(bundle.Arrays))
	for i, a := range bundle.Arrays {
		arrays[i] = measure.Array{Name: a.Name, DType: a.DType, Shape: a.Shape, Path: a.Path, Offset: a.Offset}
	}
	return arrays, nil
}

func (d direct) Evaluate(ctx context.Context, ps []measure.Perturbation) ([]measure.Evaluated, error) {
	given := make([]quantity.Perturbation, len(ps))
	for i, p := range ps {
		given[i] = quantity.Perturbation(p)
	}
	es, err := d.p.Evaluate(ctx, given)
	out := make([]measure.Evaluated, len(es))
	for i, e := range es {
		out[i] = measure.Evaluated(e)
	}
	return out, err
}
