package conformance

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/internal/rewrite"
	"github.com/genbench/genbench/models"
)

// named is a network and how it is called in a message.
type named struct {
	what    string
	subject *quantity.Subject
}

// networks are those that measures are asked about.
type networks struct {
	ordinary []named // trained, without and with batch norm
	odd      []named
	sizes    []named // trained, from small to large
}

// widths of the networks that show how cost grows, of 3 hidden layers: 8e3, 6e4 and 6e5 weights.
var widths = []int{32, 128, 512}

// train makes the networks.
func train(ctx context.Context, e models.Engine) (networks, error) {
	var nets networks
	for _, batchNorm := range []bool{false, true} {
		s, err := rewrite.Train(ctx, e, batchNorm)
		if err != nil {
			return nets, err
		}
		nets.ordinary = append(nets.ordinary, named{map[bool]string{false: "an ordinary network", true: "an ordinary network with batch norm"}[batchNorm], s})
	}
	for _, width := range widths {
		s, _, err := rewrite.TrainMLP(ctx, e, models.MLPOptions{Width: width, Depth: 3})
		if err != nil {
			return nets, err
		}
		nets.sizes = append(nets.sizes, named{fmt.Sprintf("%.2g weights", float64(s.Arch.NumParameters())), s})
	}
	one, err := single(nets.ordinary[0].subject)
	if err != nil {
		return nets, err
	}
	nets.odd = append(oddities(nets.ordinary[0].subject), one)
	return nets, nil
}

// single is an untrained network of one layer on the same images.
func single(s *quantity.Subject) (named, error) {
	const what = "of one layer"
	o := altered(s, what)
	var err error
	if o.Arch, err = models.MLP(s.Arch.Input, s.Arch.Classes, models.MLPOptions{}); err != nil {
		return named{}, err
	}
	if o.Init, err = models.InitialState(o.Arch, "pytorch", 1); err != nil {
		return named{}, err
	}
	o.Final = o.Init.Clone()
	o.Sibling = &quantity.Twin{Hash: o.Final.Hash(), Arch: o.Arch, Final: o.Final}
	return named{what, o}, nil
}

// oddities are broken forms of a network.
func oddities(s *quantity.Subject) []named {
	weights := func(what string, change func(i int, v float32) float32) named {
		o := altered(s, what)
		o.Final = s.Final.Clone()
		for _, t := range o.Final {
			for i := range t.Data {
				t.Data[i] = change(i, t.Data[i])
			}
		}
		return named{what, o}
	}
	return []named{
		weights("of zero weights", func(int, float32) float32 { return 0 }),
		weights("of huge weights", func(_ int, v float32) float32 { return v * 1e20 }),
		weights("with a weight that is NaN", func(i int, v float32) float32 {
			if i == 0 {
				return float32(math.NaN())
			}
			return v
		}),
		weights("with a weight that is infinite", func(i int, v float32) float32 {
			if i == 0 {
				return float32(math.Inf(1))
			}
			return v
		}),
		examples(s, "of one training example", func(x dataset.Split) dataset.Split { return taken(x, []int{0}) }),
		examples(s, "of equal training examples", func(x dataset.Split) dataset.Split { return taken(x, make([]int, len(x.Y))) }),
	}
}

// altered is a copy under a key of its own.
func altered(s *quantity.Subject, what string) *quantity.Subject {
	o := *s
	o.Key += " " + what
	return &o
}

func examples(s *quantity.Subject, what string, change func(dataset.Split) dataset.Split) named {
	o := altered(s, what)
	data := *s.Data
	data.Hash += " " + what
	data.Train = change(data.Train)
	o.Data = &data
	return named{what, o}
}

// taken is the split of the examples at those places.
func taken(x dataset.Split, places []int) dataset.Split {
	var out dataset.Split
	d, native := len(x.X)/len(x.Y), len(x.Native)/len(x.Y)
	for _, i := range places {
		out.X = append(out.X, x.X[i*d:(i+1)*d]...)
		out.Y, out.Clean = append(out.Y, x.Y[i]), append(out.Clean, x.Clean[i])
		out.Index = append(out.Index, x.Index[i])
		out.Native = append(out.Native, x.Native[i*native:(i+1)*native]...)
		if slices.Contains(x.Changed, i) {
			out.Changed = append(out.Changed, len(out.Y)-1)
		}
	}
	return out
}

// question asks one measure about one network.
type question struct {
	measure string
	options map[string]string
	seed    uint64
	alter   func(plugin.Quantities) plugin.Quantities // nil: as they are
}

// ask has a process answer. No answer in time is a [lateError], but of a process that is there to be late.
func (c *checker) ask(ctx context.Context, p *plugin.Process, s *quantity.Subject, q question) (plugin.Outcome, error) {
	provider, err := c.host.Open(s)
	if err != nil {
		return plugin.Outcome{}, err
	}
	defer provider.Close()
	var source plugin.Quantities = provider
	if q.alter != nil {
		source = q.alter(source)
	}
	if q.seed == 0 {
		q.seed = 1
	}
	c.asked++
	out := p.Compute(ctx, plugin.Request{
		Measure: q.measure, Network: fmt.Sprintf("check-%d", c.asked), Options: q.options, Seed: q.seed, Meta: inprocess.MetaOf(s), Provider: source,
	})
	if out.Late && (p == c.first || p == c.second) {
		return out, &lateError{out.Reason}
	}
	return out, nil
}

// withheld answers that a quantity was not kept.
type withheld struct {
	plugin.Quantities
	name string
}

func (w withheld) Get(ctx context.Context, name string, args map[string]string) (*quantity.Bundle, error) {
	if name == w.name {
		return nil, &quantity.Missing{Need: name, Reason: "withheld by the check"}
	}
	return w.Quantities.Get(ctx, name, args)
}

func (w withheld) Evaluate(ctx context.Context, ps []quantity.Perturbation) ([]quantity.Evaluated, error) {
	if w.name == "perturbed-losses" {
		return nil, &quantity.Missing{Need: w.name, Reason: "withheld by the check"}
	}
	return w.Quantities.Evaluate(ctx, ps)
}

// silent answers nothing before the measure's time is over.
type silent struct{}

func (silent) Get(ctx context.Context, _ string, _ map[string]string) (*quantity.Bundle, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (silent) Evaluate(ctx context.Context, _ []quantity.Perturbation) ([]quantity.Evaluated, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
