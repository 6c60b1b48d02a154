package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/genbench/genbench/harness/plugin"
)

// compare holds the values of the two sides together. Stochastic measures have seeds of their own on each.
func (b *bench) compare(apart, within map[string]float64) error {
	for _, m := range b.chosen {
		info := m.Info()
		for _, rec := range b.records {
			key := rec.ID + " " + info.Name
			x, ok := apart[key]
			y, other := within[key]
			if ok != other || !info.Stochastic && math.Float64bits(x) != math.Float64bits(y) {
				return fmt.Errorf("%s of network %s: %v (%v) by a plugin, %v (%v) in process", info.Name, rec.ID, x, ok, y, other)
			}
		}
	}
	return nil
}

// starts times the start of one of the programs, from the call to its description, with nothing else going on.
func (b *bench) starts(ctx context.Context) ([]time.Duration, error) {
	programs, err := b.programs()
	if err != nil {
		return nil, err
	}
	var took []time.Duration
	for range 20 {
		start := time.Now()
		p, err := plugin.Start(ctx, programs[0], b.limits(b.dir))
		if err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
		p.Stop()
	}
	return took, nil
}

func (b *bench) print(out io.Writer, apart, within side, starts []time.Duration) {
	fmt.Fprintf(out, "%d measures over %d plugins, %d networks of %s, %d workers, engine %s, sandbox %s: %v\n\n",
		len(b.chosen), min(b.options.plugins, len(b.chosen)), len(b.records), b.corpus, b.jobs, b.engine.Name(), b.sandbox, plugin.Probe())
	row := func(name string, a, w []time.Duration) (over float64) {
		x, y := median(a), median(w)
		fmt.Fprintf(out, "%-15s  %9.3f s by plugins %v  %9.3f s in process %v  overhead %6.3f s, %5.1f %%\n",
			name, x.Seconds(), spread(a), y.Seconds(), spread(w), (x - y).Seconds(), 100*(x-y).Seconds()/x.Seconds())
		return (x - y).Seconds()
	}
	over := row("measuring", apart.wall, within.wall)
	row("processor time", apart.processor, within.processor)
	if b.trained > 0 {
		whole := b.trained + median(apart.wall)
		fmt.Fprintf(out, "%-15s  %9.3f s, training included: overhead %5.1f %%\n", "the run", whole.Seconds(), 100*over/whole.Seconds())
	}
	fmt.Fprintf(out, "%-15s  %9.3f ms, median of %d %v\n", "start", median(starts).Seconds()*1e3, len(starts), spread(starts))
	fmt.Fprintf(out, "The values of both sides agree in every bit.\n")
}

func median(ds []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(ds))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func spread(ds []time.Duration) string {
	return fmt.Sprintf("[%v to %v]", slices.Min(ds).Round(100*time.Microsecond), slices.Max(ds).Round(100*time.Microsecond))
}
