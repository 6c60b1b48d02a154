package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/genbench/genbench/internal/benchnets"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla"
)

// benchmark is one network's training in one precision and one way to convolve.
type benchmark struct {
	Net          string              `json:"net"`
	Batch        int                 `json:"batch"`
	Precision    string              `json:"precision"`
	Convolutions string              `json:"convolutions,omitempty"`
	Tuned        bool                `json:"tuned"`   // XLA chose kernels by the clock
	Session      float64             `json:"session"` // examples/s of Step, batches from the host
	Groups       []groupRate         `json:"groups"`
	Torch        map[string]*float64 `json:"torch,omitempty"` // examples/s by way: eager, cuda graph, torch.compile
	TorchNotes   map[string]string   `json:"torch_notes,omitempty"`
	StepFLOP     float64             `json:"step_flop"`     // of one network's step: 6 x multiply-adds x batch
	StepBytes    float64             `json:"step_bytes"`    // that one network's step must move at the least: see stepWork
	Peak         float64             `json:"peak"`          // of the device in this precision, FLOP/s; 0: unknown
	Bandwidth    float64             `json:"bandwidth"`     // of its memory, bytes/s; 0: unknown
	Cut          bool                `json:"cut,omitempty"` // the time was up before the groups stopped growing
	Errors       []string            `json:"errors,omitempty"`
}

// groupRate is the throughput of so many networks together.
type groupRate struct {
	K       int     `json:"k"`
	Rate    float64 `json:"rate"`    // networks x examples / s
	Compile float64 `json:"compile"` // seconds until the first epoch was done
}

// best is the fastest group.
func (b benchmark) best() groupRate {
	var best groupRate
	for _, g := range b.Groups {
		if g.Rate > best.Rate {
			best = g
		}
	}
	return best
}

// benchmarks times every network that has not been timed.
func (s settings) benchmarks(ctx context.Context, e models.Engine, r *found) error {
	var torch *torch
	var failed error
	for _, net := range slices.Concat(benchnets.MLPs(), benchnets.Convolutional()) {
		a, err := net.Build()
		if err != nil {
			return err
		}
		for _, precision := range precisions(e) {
			ways := slices.DeleteFunc(s.ways(a, precision), func(o xla.Options) bool { return r.timed(net, a, o) })
			if !strings.Contains(net.Name, s.only) || len(ways) == 0 {
				continue
			}
			if ctx.Err() != nil {
				return errors.Join(failed, errTime)
			}
			if torch == nil && failed == nil {
				if torch, failed = s.startTorch(r); torch != nil {
					defer torch.stop()
				}
			}
			rates, notes := torch.rates(s, e, a, net.Batch, precision)
			for _, o := range ways {
				b := benchmark{Net: net.Name, Batch: net.Batch, Precision: precision, Tuned: o.Tuned, Convolutions: convolutions(a, o), Torch: rates, TorchNotes: notes}
				b.StepFLOP, b.StepBytes = stepWork(a, net.Batch)
				b.Peak, b.Bandwidth = s.limits(r, precision)
				s.time(ctx, &b, a, o)
				r.Benchmarks = append(r.Benchmarks, b)
				log.Printf("%s %s %s: best %+v; %s", b.Net, b.Precision, b.Convolutions, b.best(), b.limitedBy())
				if err := s.write(r, nil); err != nil {
					return err
				}
			}
		}
	}
	return failed
}

// precisions are those that differ on an engine's device.
func precisions(e models.Engine) []string {
	if strings.HasPrefix(e.Name(), "xla/cuda") {
		return []string{xla.Float32, xla.TF32}
	}
	return []string{xla.Float32}
}

func convolutions(a models.Architecture, o xla.Options) string {
	if a.Has(models.Conv2D) {
		return o.Convolutions
	}
	return ""
}

// timed says that an earlier call has timed it whole; what was cut short is dropped, to be timed anew.
func (r *found) timed(net benchnets.Net, a models.Architecture, o xla.Options) bool {
	same := func(b benchmark) bool {
		return b.Net == net.Name && b.Precision == o.Precision && b.Tuned == o.Tuned && b.Convolutions == convolutions(a, o)
	}
	r.Benchmarks = slices.DeleteFunc(r.Benchmarks, func(b benchmark) bool { return same(b) && (b.Cut || len(b.Errors) > 0) })
	return slices.ContainsFunc(r.Benchmarks, same)
}

// ways are the forms of the engine that are timed: what a run takes, its other convolutions, and with TF32 what XLA's own choice of kernels gains.
func (s settings) ways(a models.Architecture, precision string) []xla.Options {
	var ways []xla.Options
	for _, way := range []string{xla.Patches, xla.Native} {
		if way == xla.Native && !a.Has(models.Conv2D) {
			continue
		}
		o := s.options()
		o.Precision, o.Convolutions = precision, way
		ways = append(ways, o)
		if precision == xla.TF32 {
			o.Tuned = true
			ways = append(ways, o)
		}
	}
	return ways
}

// time fills in the session's rate and those of groups that grow until they gain nothing.
func (s settings) time(ctx context.Context, b *benchmark, a models.Architecture, o xla.Options) {
	ex, state, err := workload(a, b.Batch)
	if err == nil {
		b.Session, err = s.sessionRate(a, o, ex, state, b.Batch)
	}
	if err != nil {
		b.Errors = append(b.Errors, "alone: "+err.Error())
	}
	stale := 0
	for k := 1; k <= s.most && stale < 2; k *= 4 {
		if ctx.Err() != nil {
			b.Cut = true
			return
		}
		before := b.best().Rate
		g, err := s.groupRate(a, o, ex, state, b.Batch, k)
		if err != nil {
			b.Errors = append(b.Errors, fmt.Sprintf("%d together: %v", k, err))
			return
		}
		b.Groups = append(b.Groups, g)
		if stale++; g.Rate > 1.05*before {
			stale = 0
		}
	}
}

// workload is 16 batches of noise and initial weights.
func workload(a models.Architecture, batch int) (models.Examples, models.State, error) {
	rng := newRand()
	n := 16 * batch
	ex := models.Examples{X: normals(rng, n*a.Input.Size()), Y: make([]int32, n)}
	for i := range ex.Y {
		ex.Y[i] = int32(rng.IntN(a.Classes))
	}
	state, err := models.InitialState(a, "he", 1)
	return ex, state, err
}

var sgd = models.Optimizer{Name: "sgd", LearningRate: 1e-3}

// sessionRate times Step.
func (s settings) sessionRate(a models.Architecture, o xla.Options, ex models.Examples, state models.State, batch int) (float64, error) {
	e, err := xla.New(o)
	if err != nil {
		return 0, err
	}
	session, err := e.NewSession(a, batch)
	if err != nil {
		return 0, err
	}
	defer session.Close()
	if err := errors.Join(session.SetState(state), session.Begin(sgd)); err != nil {
		return 0, err
	}
	d, step := a.Input.Size(), uint64(0)
	return s.rate(batch, func() error {
		_, err := session.Step(ex.X[:batch*d], ex.Y[:batch], models.Draw{Seed: 1, Step: step})
		step++
		return err
	})
}

// groupRate times epochs of k networks.
func (s settings) groupRate(a models.Architecture, o xla.Options, ex models.Examples, state models.State, batch, k int) (groupRate, error) {
	g := groupRate{K: k}
	e, err := xla.New(o)
	if err != nil {
		return g, err
	}
	grouping, ok := e.(models.Grouping)
	if !ok {
		return g, errors.New("the engine has no groups")
	}
	group, err := grouping.NewGroup(models.GroupShape{Arch: a, Optimizer: sgd, BatchSize: batch, Examples: ex.Len(), Slots: k})
	if err != nil {
		return g, err
	}
	defer group.Close()
	order := make([][]int, g.K)
	for slot := range order {
		if err := group.Load(slot, state, models.Training{Optimizer: sgd}, models.Seeds{Dropout: uint64(slot)}, ex); err != nil {
			return g, err
		}
		order[slot] = newRand().Perm(ex.Len())
	}
	epoch := func() error { _, err := group.Epoch(order, nil, nil); return err }
	start := time.Now()
	if err := epoch(); err != nil {
		return g, err
	}
	g.Compile = time.Since(start).Seconds()
	g.Rate, err = s.rate(g.K*ex.Len(), epoch)
	return g, err
}

// rate is examples a second of repeated calls, after one that warms up.
func (s settings) rate(examples int, once func() error) (float64, error) {
	if err := once(); err != nil {
		return 0, err
	}
	start, count := time.Now(), 0
	for count == 0 || time.Since(start).Seconds() < s.seconds {
		if err := once(); err != nil {
			return 0, err
		}
		count++
	}
	return float64(examples*count) / time.Since(start).Seconds(), nil
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(5, 6)) }
