package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os/exec"
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
	StepFLOP     float64             `json:"step_flop"` // of one network's step: 6 x multiply-adds x batch
	Peak         float64             `json:"peak"`      // of the device in this precision, FLOP/s; 0: unknown
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

// peaks are FLOP/s of dense products, from NVIDIA's data sheets (H100 SXM and H200 SXM, A100), by a part of the device's name.
var peaks = []struct {
	name          string
	float32, tf32 float64
}{{"H100", 67e12, 494.7e12}, {"H200", 67e12, 494.7e12}, {"A100", 19.5e12, 156e12}}

func (r *report) peak(precision string) float64 {
	for _, d := range r.Plugins {
		for _, p := range peaks {
			if strings.Contains(strings.Join(d.Devices, " "), p.name) {
				if precision == xla.TF32 {
					return p.tf32
				}
				return p.float32
			}
		}
	}
	return 0
}

// benchmarks times every network.
func (s settings) benchmarks(_ models.Engine, r *report) error {
	torch, err := s.startTorch(r)
	if err != nil {
		r.Errors = append(r.Errors, err.Error())
	}
	if torch != nil {
		defer torch.stop()
	}
	for _, net := range slices.Concat(benchnets.MLPs(), benchnets.Convolutional()) {
		if !strings.Contains(net.Name, s.only) {
			continue
		}
		a, err := net.Build()
		if err != nil {
			return err
		}
		for _, precision := range []string{xla.Float32, xla.TF32} {
			torchRates, notes := torch.rates(s, a, net.Batch, precision)
			for _, o := range s.ways(a, precision) {
				b := benchmark{Net: net.Name, Batch: net.Batch, Precision: precision, Tuned: o.Tuned, Torch: torchRates, TorchNotes: notes,
					StepFLOP: 6 * float64(a.MultiplyAdds()) * float64(net.Batch), Peak: r.peak(precision)}
				if a.Has(models.Conv2D) {
					b.Convolutions = o.Convolutions
				}
				s.time(&b, a, o)
				r.Benchmarks = append(r.Benchmarks, b)
				log.Printf("%s %s %s: best %+v", b.Net, b.Precision, b.Convolutions, b.best())
				if err := s.write(r, nil); err != nil {
					return err
				}
			}
		}
	}
	return nil
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
func (s settings) time(b *benchmark, a models.Architecture, o xla.Options) {
	ex, state, err := workload(a, b.Batch)
	if err == nil {
		b.Session, err = s.sessionRate(a, o, ex, state, b.Batch)
	}
	if err != nil {
		b.Errors = append(b.Errors, "alone: "+err.Error())
	}
	stale := 0
	for k := 1; k <= s.most && stale < 2; k *= 4 {
		o.GroupSize = k
		before := b.best().Rate
		g, err := s.groupRate(a, o, ex, state, b.Batch)
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
func (s settings) groupRate(a models.Architecture, o xla.Options, ex models.Examples, state models.State, batch int) (groupRate, error) {
	g := groupRate{K: o.GroupSize}
	e, err := xla.New(o)
	if err != nil {
		return g, err
	}
	grouping, ok := e.(models.Grouping)
	if !ok {
		return g, errors.New("the engine has no groups")
	}
	group, err := grouping.NewGroup(models.GroupShape{Arch: a, Optimizer: sgd, BatchSize: batch, Examples: ex.Len()})
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

// torch is the PyTorch side at work.
type torch struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// startTorch starts it; nil where none was asked for.
func (s settings) startTorch(r *report) (*torch, error) {
	if s.python == "" {
		return nil, nil
	}
	t := &torch{cmd: exec.Command(s.python, s.script)}
	in, err := t.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.in, t.out = in, bufio.NewReader(out)
	if err := t.cmd.Start(); err != nil {
		return nil, fmt.Errorf("PyTorch: %w", err)
	}
	var hello struct{ Version, Device string }
	if err := t.read(&hello); err != nil {
		t.stop()
		return nil, fmt.Errorf("PyTorch: %s %s answers nothing: %w", s.python, s.script, err)
	}
	r.Torch = hello.Version + " on " + hello.Device
	return t, nil
}

func (t *torch) read(v any) error {
	line, err := t.out.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, v)
}

func (t *torch) stop() {
	t.in.Close()
	_ = t.cmd.Wait() // its answers are read
}

// rates asks for one network's; nil without PyTorch.
func (t *torch) rates(s settings, a models.Architecture, batch int, precision string) (map[string]*float64, map[string]string) {
	if t == nil {
		return nil, nil
	}
	device := s.device
	if device == "" {
		device = "cuda:0"
	}
	failed := func(err error) (map[string]*float64, map[string]string) {
		return nil, map[string]string{"PyTorch": err.Error()}
	}
	request := map[string]any{"architecture": a, "batch": batch, "seconds": s.seconds, "device": device, "tf32": precision == xla.TF32}
	if err := json.NewEncoder(t.in).Encode(request); err != nil {
		return failed(err)
	}
	var answer map[string]json.RawMessage
	if err := t.read(&answer); err != nil {
		return failed(err)
	}
	notes := map[string]string{}
	rates := map[string]*float64{}
	for name, raw := range answer {
		var err error
		if name == "notes" {
			err = json.Unmarshal(raw, &notes)
		} else {
			var v *float64
			err = json.Unmarshal(raw, &v)
			rates[name] = v
		}
		if err != nil {
			return failed(err)
		}
	}
	return rates, notes
}
