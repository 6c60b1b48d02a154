package main

import (
	"context"
	"fmt"
	"math"
	"os"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/internal/rewrite"
	"github.com/genbench/genbench/models"
)

// logits of the training and then the test inputs, [N, K].
func logits(e models.Engine, s *quantity.Subject) ([]float32, error) {
	x := append(append([]float32{}, s.Data.Train.X...), s.Data.Test.X...)
	d, k := s.Arch.Input.Size(), s.Arch.Classes
	n := len(x) / d
	session, err := e.NewSession(s.Arch, n)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	if err := session.SetState(s.Final); err != nil {
		return nil, err
	}
	out := make([]float32, n*k)
	return out, session.Logits(out, x)
}

// functionMoved is the largest difference of logits over the largest logit, once the classes of b are
// put back: class i of b is classes[i] of a.
func functionMoved(a, b []float32, k int, classes []int) float64 {
	var largest, difference float64
	for i, v := range b {
		from := i
		if classes != nil {
			from = i/k*k + classes[i%k]
		}
		largest = max(largest, math.Abs(float64(a[from])))
		difference = max(difference, math.Abs(float64(v)-float64(a[from])))
	}
	return difference / largest
}

// seeds beside the first whose values show the noise of a stochastic measure.
const seeds = 9

// probed is one network: what each transformation does to its function and to the measures.
type probed struct {
	title    string
	function []float64   // [transformations]; NaN where one does not apply
	values   [][]outcome // [measures][1 + transformations]; the first is the network's own
	noise    []float64   // [measures], the largest change with another seed; 0 of what is not stochastic
}

// outcome is a measure's value, or why it has none.
type outcome struct {
	value   float64
	err     error
	applies bool
}

// probe computes every measure of the network and of its transformations.
func probe(ctx context.Context, e models.Engine, n rewrite.Network, ms []measure.Measure) (*probed, error) {
	s, err := n.Train(ctx, e)
	if err != nil {
		return nil, err
	}
	p := &probed{title: n.Title, values: make([][]outcome, len(ms)), noise: make([]float64, len(ms))}
	cache, err := os.MkdirTemp("", "genbench-invariance-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(cache)
	h := quantity.NewHost(e, cache)
	defer h.Close()
	before, err := logits(e, s)
	if err != nil {
		return nil, err
	}
	if err := p.add(ctx, h, s, ms); err != nil {
		return nil, err
	}
	for _, t := range rewrite.All() {
		changed, classes, ok := t.Apply(s)
		if !ok {
			p.function = append(p.function, math.NaN())
			for m := range ms {
				p.values[m] = append(p.values[m], outcome{})
			}
			continue
		}
		after, err := logits(e, changed)
		if err != nil {
			return nil, err
		}
		p.function = append(p.function, functionMoved(before, after, s.Arch.Classes, classes))
		if err := p.add(ctx, h, changed, ms); err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
	}
	return p, p.listen(ctx, h, s, ms)
}

// add computes the measures of one network.
func (p *probed) add(ctx context.Context, h *quantity.Host, s *quantity.Subject, ms []measure.Measure) error {
	answers, err := compute(ctx, h, s, ms, 1)
	for m := range answers {
		p.values[m] = append(p.values[m], answers[m])
	}
	return err
}

// listen finds the noise of the stochastic measures.
func (p *probed) listen(ctx context.Context, h *quantity.Host, s *quantity.Subject, ms []measure.Measure) error {
	var drawn []measure.Measure
	var places []int
	for i, m := range ms {
		if m.Info().Stochastic {
			drawn, places = append(drawn, m), append(places, i)
		}
	}
	for seed := range uint64(seeds) {
		other := *s
		other.Seed = seed + 2
		answers, err := compute(ctx, h, &other, drawn, seed+2)
		if err != nil {
			return err
		}
		for k, i := range places {
			own := p.values[i][0]
			if own.err == nil && answers[k].err == nil {
				p.noise[i] = max(p.noise[i], change(drawn[k].Info().Scale, own.value, answers[k].value))
			}
		}
	}
	return nil
}

func compute(ctx context.Context, h *quantity.Host, s *quantity.Subject, ms []measure.Measure, seed uint64) ([]outcome, error) {
	net, err := inprocess.Open(h, s)
	if err != nil {
		return nil, err
	}
	defer net.Close()
	var out []outcome
	for _, m := range ms {
		a := net.Compute(ctx, m, nil, seed)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		out = append(out, outcome{a.Value, a.Err, true})
	}
	return out, nil
}

// change is the relative change of a value; of a logarithm's, that of what it is the logarithm of, as a
// difference of logarithms.
func change(scale measure.Scale, a, b float64) float64 {
	d := math.Abs(b - a)
	if scale == measure.Log || d == 0 {
		return d
	}
	return d / math.Abs(a)
}
