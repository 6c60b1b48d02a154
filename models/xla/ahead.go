//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"errors"
	"fmt"
	"time"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/pjrt"
)

// Ahead compiles for a GPU that the machine does not have: what can be said of it without one. It needs the plugin of JAX's CUDA wheel with ptxas and libdevice beside it.
type Ahead struct {
	target  *pjrt.Target
	options Options
	debug   map[string]any
}

// NewAhead is for a device by its maker's name, "NVIDIA H100 80GB HBM3".
func NewAhead(device string, o Options) (*Ahead, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	all, err := o.candidates("cuda")
	if err != nil {
		return nil, err
	}
	found := all[0]
	if found.Platform != "cuda" {
		return nil, errors.New("no PJRT plugin for cuda found; " + remedy("cuda"))
	}
	p, err := pjrt.Open(found.Path)
	if err != nil {
		return nil, err
	}
	t, err := p.TargetOf(device)
	if err != nil {
		return nil, err
	}
	return &Ahead{t, o, debugOptions("cuda", found, o)}, nil
}

// Close frees what is held.
func (a *Ahead) Close() error { return a.target.Close() }

// Compiled is one program.
type Compiled struct {
	Program string  `json:"program"`
	Seconds float64 `json:"seconds"` // to compile

	// Memory on the device, in bytes.
	Arguments int64 `json:"arguments"`
	Outputs   int64 `json:"outputs"`
	Temporary int64 `json:"temporary"`
}

// Session compiles every program of a session for n examples, for as many networks together as it would compute, and every rule of an optimizer.
func (a *Ahead) Session(arch models.Architecture, n int, optimizers ...models.Optimizer) ([]Compiled, error) {
	e := engine{options: a.options, client: &pjrt.Client{Platform: "cuda"}}
	if err := e.accepts(arch); err != nil {
		return nil, err
	}
	var all []Compiled
	for c := callOutputs; c < callStep; c++ {
		k := e.slots(c, arch, n)
		src, err := programOf(c, arch, n, k, e.how(k), rule{})
		if err != nil {
			return all, err
		}
		if all, err = a.compile(all, fmt.Sprintf("%s of %d", c, k), src); err != nil {
			return all, err
		}
	}
	for _, o := range optimizers {
		src, err := programOf(callStep, arch, n, 1, e.how(1), ruleOf(o))
		if err != nil {
			return all, err
		}
		if all, err = a.compile(all, "step "+o.Name, src); err != nil {
			return all, err
		}
	}
	return all, nil
}

// Group compiles the programs of a group of k networks; everything asks for those of evaluation and gradient noise, too, and not the epoch alone.
func (a *Ahead) Group(s models.GroupShape, k int, everything bool) ([]Compiled, error) {
	e := engine{options: a.options, client: &pjrt.Client{Platform: "cuda"}}
	if err := e.accepts(s.Arch); err != nil {
		return nil, err
	}
	g := groupShape{a: s.Arch, k: k, examples: s.Examples, sets: 1, rule: ruleOf(s.Optimizer), how: e.how(k), augmented: s.Augmented, cut: s.Cut}
	batch := min(s.BatchSize, s.Examples)
	programs := []struct {
		name  string
		write func() (source, error)
	}{
		{"epoch", func() (source, error) { return epochProgram(g, epochPart{batch, s.Examples / batch, 0}) }},
		{"evaluation", func() (source, error) { return evaluateProgram(g, min(evaluationBatch, s.Examples)) }},
		{"gradient noise", func() (source, error) { return noiseProgram(g, min(noiseBatch(g), s.Examples)) }},
		{"load", func() (source, error) { return loadProgram(g) }},
		{"read", func() (source, error) { return readProgram(g) }},
	}
	if !everything {
		programs = programs[:1]
	}
	var all []Compiled
	for _, p := range programs {
		src, err := p.write()
		if err != nil {
			return all, err
		}
		if all, err = a.compile(all, fmt.Sprintf("%s of %d", p.name, k), src); err != nil {
			return all, err
		}
	}
	return all, nil
}

func (a *Ahead) compile(all []Compiled, name string, src source) ([]Compiled, error) {
	start := time.Now()
	n, err := a.target.Compile(src.text, a.debug)
	if err != nil {
		return all, fmt.Errorf("%s: %w", name, err)
	}
	return append(all, Compiled{name, time.Since(start).Seconds(), n.Arguments, n.Outputs, n.Temporary}), nil
}
