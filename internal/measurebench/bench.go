package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	harness "github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/measures"
	"github.com/genbench/genbench/models"
)

// timing is the seconds of one measure, a value a network.
type timing struct {
	alone, aloneHost []float64 // on a host that has computed nothing, and the host's part
	inTurn           []float64 // after the measures before it
	undefined        int
}

// bench is all measures on all networks.
type bench struct {
	infos    []harness.Info
	timings  []timing             // [measures]
	whole    []float64            // the whole catalogue, a value a network
	families map[string][]float64 // a family by itself, a value a network
	failed   []string
}

// workspace is a folder for hosts, each with a cache of its own.
type workspace struct {
	dir    string
	engine models.Engine
	hosts  int
}

func newWorkspace(e models.Engine) (*workspace, error) {
	dir, err := os.MkdirTemp("", "measurebench-")
	return &workspace{dir: dir, engine: e}, err
}

func (w *workspace) close() { os.RemoveAll(w.dir) }

func (w *workspace) host() *quantity.Host {
	w.hosts++
	return quantity.NewHost(w.engine, filepath.Join(w.dir, fmt.Sprint(w.hosts)))
}

// compute runs measures on one network of a host, one after another.
func compute(ctx context.Context, h *quantity.Host, s subject, ms []harness.Measure, options func(harness.Info) map[string]string) ([]inprocess.Answer, error) {
	net, err := inprocess.Open(h, s.Subject)
	if err != nil {
		return nil, err
	}
	defer net.Close()
	var out []inprocess.Answer
	for _, m := range ms {
		var given map[string]string
		if options != nil {
			given = options(m.Info())
		}
		out = append(out, net.Compute(ctx, m, given, 1))
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return out, nil
}

func measure(ctx context.Context, e models.Engine, subjects []subject) (*bench, error) {
	w, err := newWorkspace(e)
	if err != nil {
		return nil, err
	}
	defer w.close()
	all := measures.All()
	b := &bench{timings: make([]timing, len(all)), families: map[string][]float64{}}
	byFamily := map[string][]harness.Measure{}
	for _, m := range all {
		b.infos = append(b.infos, m.Info())
		byFamily[m.Info().Family] = append(byFamily[m.Info().Family], m)
	}
	shared := w.host() // as a worker has it: networks after one another
	defer shared.Close()
	if _, err := compute(ctx, shared, subjects[len(subjects)-1], all, nil); err != nil { // warm: buffers, noise, pages
		return nil, err
	}
	for i, s := range subjects {
		fmt.Fprintf(os.Stderr, "network %d of %d\n", i+1, len(subjects))
		again := s // another key: nothing of the warm run is found in the cache
		copied := *s.Subject
		copied.Key += " timed"
		again.Subject = &copied
		answers, err := compute(ctx, shared, again, all, nil)
		if err != nil {
			return nil, err
		}
		b.whole = append(b.whole, b.turn(answers))
		for family, ms := range byFamily {
			h := w.host()
			answers, err := compute(ctx, h, s, ms, nil)
			h.Close()
			if err != nil {
				return nil, err
			}
			b.families[family] = append(b.families[family], total(answers))
		}
		for k, m := range all {
			h := w.host()
			answers, err := compute(ctx, h, s, []harness.Measure{m}, nil)
			h.Close()
			if err != nil {
				return nil, err
			}
			t := &b.timings[k]
			t.alone, t.aloneHost = append(t.alone, answers[0].Seconds), append(t.aloneHost, answers[0].HostSeconds)
		}
	}
	return b, nil
}

// turn takes the answers of a whole catalogue on one network.
func (b *bench) turn(answers []inprocess.Answer) float64 {
	for k, a := range answers {
		b.timings[k].inTurn = append(b.timings[k].inTurn, a.Seconds)
		if _, undefined := harness.IsUndefined(a.Err); undefined {
			b.timings[k].undefined++
		} else if a.Err != nil {
			b.failed = append(b.failed, fmt.Sprintf("%s: %v", b.infos[k].Name, a.Err))
		}
	}
	return total(answers)
}

func total(answers []inprocess.Answer) float64 {
	var sum float64
	for _, a := range answers {
		sum += a.Seconds
	}
	return sum
}

// median of a copy; 0 of none.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func mean(v []float64) float64 {
	var s float64
	for _, x := range v {
		s += x / float64(len(v))
	}
	return s
}

// print writes Markdown: medians over the networks.
func (b *bench) print(w io.Writer, engine string) {
	fmt.Fprintf(w, "Medians over %d networks, engine %s, one thread; milliseconds.\n\n| measure | family | alone | of that the host | in its turn |\n|---|---|---|---|---|\n", len(b.whole), engine)
	for k, i := range b.infos {
		t := b.timings[k]
		name := i.Name
		if t.undefined > 0 {
			name += fmt.Sprintf(" (undefined on %d)", t.undefined)
		}
		share := "—"
		if a := median(t.alone); a > 0 {
			share = fmt.Sprintf("%.0f %%", 100*median(t.aloneHost)/a)
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", name, i.Family, ms(median(t.alone)), share, ms(median(t.inTurn)))
	}
	fmt.Fprintf(w, "\n| family, by itself | median | mean |\n|---|---|---|\n")
	var done []string
	for _, i := range b.infos {
		if !slices.Contains(done, i.Family) {
			done = append(done, i.Family)
			fmt.Fprintf(w, "| %s | %s | %s |\n", i.Family, ms(median(b.families[i.Family])), ms(mean(b.families[i.Family])))
		}
	}
	fmt.Fprintf(w, "| **the whole catalogue** | %s | %s |\n", ms(median(b.whole)), ms(mean(b.whole)))
	for _, f := range slices.Compact(slices.Sorted(slices.Values(b.failed))) {
		fmt.Fprintf(w, "\nno value: %s\n", f)
	}
}

// ms is a time in milliseconds.
func ms(seconds float64) string {
	if seconds < 0.01 {
		return fmt.Sprintf("%.2f", 1000*seconds)
	}
	return fmt.Sprintf("%.0f", 1000*seconds)
}
