// Package inprocess computes measures on the host's quantities without a plugin
// process between them, for what looks at the measures themselves: which
// quantities they ask for, what they cost, what moves them. A leaderboard's values
// come from plugin processes; measures held to what they declared give the same
// here.
package inprocess

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/genbench/genbench/harness"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
)

// Network is one network that measures can be computed of.
type Network struct {
	subject  *quantity.Subject
	provider *quantity.Provider
}

// Open serves a subject on a host until [Network.Close].
func Open(h *quantity.Host, s *quantity.Subject) (*Network, error) {
	p, err := h.Open(s)
	if err != nil {
		return nil, err
	}
	return &Network{subject: s, provider: p}, nil
}

// Close ends the service.
func (n *Network) Close() error { return n.provider.Close() }

// Answer is how one Compute went.
type Answer struct {
	Value       float64
	Err         error // also [measure.UndefinedError] and [measure.MissingError]
	Diagnostics map[string]float64
	Asked       []quantity.Request // in the order of asking, each once
	Seconds     float64            // of Compute
	HostSeconds float64            // of those, inside the host
}

// Compute answers a measure. options are those that differ from the defaults; seed is
// what [measure.Network.Seed] answers.
func (n *Network) Compute(ctx context.Context, m measure.Measure, options map[string]string, seed uint64) Answer {
	info := m.Info()
	complete, err := info.Resolve(options)
	if err != nil {
		return Answer{Err: err}
	}
	src := &source{provider: n.provider, needs: info.Needs}
	meta := MetaOf(n.subject)
	meta.Seed, meta.Options = seed, complete
	net := measure.NewNetwork(meta, src)
	defer net.Release()
	start := time.Now()
	v, err := m.Compute(ctx, net)
	return Answer{
		Value: v, Err: err, Diagnostics: net.Diagnostics(), Asked: src.asked,
		Seconds: time.Since(start).Seconds(), HostSeconds: src.spent.Seconds(),
	}
}

// MetaOf is what a measure knows of a subject without asking.
func MetaOf(s *quantity.Subject) measure.Meta {
	a := s.Arch
	return measure.Meta{
		ID: "network", Layers: harness.LayersOf(s), Classes: a.Classes, TrainSize: len(s.Data.Train.Y), InputShape: []int{a.Input.C, a.Input.H, a.Input.W},
	}
}

// source is the host's quantities without the wire, held to what a measure declared.
type source struct {
	provider *quantity.Provider
	needs    measure.Needs

	mu    sync.Mutex // a measure may ask from several goroutines
	asked []quantity.Request
	seen  map[quantity.Request]bool
	spent time.Duration
}

// Quantity answers as the host does over the wire.
func (s *source) Quantity(ctx context.Context, name string, args map[string]string) ([]measure.Array, error) {
	defer s.clock(time.Now())
	if err := s.needs.Permit(name, args); err != nil {
		return nil, err
	}
	r, err := quantity.Canonical(name, args)
	if err != nil {
		return nil, err
	}
	s.note(r)
	b, err := s.provider.Get(ctx, name, args)
	if err != nil {
		return nil, answerOf(err)
	}
	out := make([]measure.Array, len(b.Arrays))
	for i, a := range b.Arrays {
		out[i] = measure.Array{Name: a.Name, DType: a.DType, Shape: a.Shape, Path: a.Path, Offset: a.Offset}
	}
	return out, nil
}

// Evaluate answers as the host does over the wire.
func (s *source) Evaluate(ctx context.Context, ps []measure.Perturbation) ([]measure.Evaluated, error) {
	defer s.clock(time.Now())
	if err := s.needs.Permit(string(measure.PerturbedLosses), nil); err != nil {
		return nil, err
	}
	asked := make([]quantity.Perturbation, len(ps))
	for i, p := range ps {
		asked[i] = quantity.Perturbation{Kind: p.Kind, Scale: p.Scale, Seed: p.Seed}
	}
	es, err := s.provider.Evaluate(ctx, asked)
	if err != nil {
		return nil, answerOf(err)
	}
	out := make([]measure.Evaluated, len(es))
	for i, e := range es {
		out[i] = measure.Evaluated{Loss: e.Loss, Accuracy: e.Accuracy}
	}
	return out, nil
}

func (s *source) note(r quantity.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[quantity.Request]bool{}
	}
	if !s.seen[r] {
		s.seen[r] = true
		s.asked = append(s.asked, r)
	}
}

func (s *source) clock(start time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spent += time.Since(start)
}

// answerOf is the host's error as a measure meets it.
func answerOf(err error) error {
	var u *quantity.Undefined
	var m *quantity.Missing
	switch {
	case errors.As(err, &u):
		return &measure.UndefinedError{Reason: u.Reason}
	case errors.As(err, &m):
		return &measure.MissingError{Need: measure.Need(m.Need), Reason: m.Reason}
	}
	return err
}
