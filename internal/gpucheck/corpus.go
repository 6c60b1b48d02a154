package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

// corpusReport is one corpus on two engines: trained and measured on the device and by the cpu engine, and the device's networks measured by the cpu engine, too.
type corpusReport struct {
	Networks  int               `json:"networks"`
	Spec      string            `json:"spec"`
	Phases    map[string]*phase `json:"phases"`
	Agreement *agreement        `json:"agreement,omitempty"`
}

// phase is one of the pieces of work on the corpus.
type phase struct {
	Engine      string  `json:"engine"`
	Done        int     `json:"done"` // networks
	Failed      int     `json:"failed"`
	Seconds     float64 `json:"seconds"`     // wall, of all calls together, compiling included
	Utilization float64 `json:"utilization"` // mean of nvidia-smi's over that time, percent; -1: not told
}

// The phases, which are parts of gpucheck. The first two are the device's; the cpu engine's may run elsewhere, with the same -work.
const (
	trainDevice    = "train"
	measureDevice  = "measure"
	trainCPU       = "train-cpu"
	measureSameCPU = "measure-same-cpu" // the device's networks, by the cpu engine
	measureOwnCPU  = "measure-cpu"      // the cpu engine's own
	compareBoth    = "compare"
)

// corpusParts are the corpus' pieces of work, in their order.
func (s settings) corpusParts() []part {
	return []part{
		{trainDevice, func(ctx context.Context, e models.Engine, r *found) error {
			return s.onCorpus(ctx, r, trainDevice, "device", e, s.train)
		}},
		{measureDevice, func(ctx context.Context, e models.Engine, r *found) error {
			return s.onCorpus(ctx, r, measureDevice, "device", e, s.measure)
		}},
		{trainCPU, func(ctx context.Context, _ models.Engine, r *found) error {
			return s.onCorpus(ctx, r, trainCPU, "cpu", nil, s.train)
		}},
		{measureSameCPU, func(ctx context.Context, _ models.Engine, r *found) error {
			return s.onCorpus(ctx, r, measureSameCPU, "device", nil, s.measure)
		}},
		{measureOwnCPU, func(ctx context.Context, _ models.Engine, r *found) error {
			return s.onCorpus(ctx, r, measureOwnCPU, "cpu", nil, s.measure)
		}},
		{compareBoth, func(ctx context.Context, e models.Engine, r *found) error { return s.compare(ctx, e, r) }},
	}
}

// corpusSpec is a grid of small convolutional networks on the images that genbench carries: it needs no data set. Every network is trained to the same loss, as in the
// built-in corpora. Fewer than 32 networks are of one architecture.
func corpusSpec(networks int) string {
	network, axes, points := "family: vgg, batchnorm: false", "  width: [6, 10]\n  depth: [1, 2]\n  weight_decay: [0, 0.001]\n", 32
	if networks < points {
		network, axes, points = network+", width: 6, depth: 1", "", 4
	}
	var seeds []string
	for i := range max(1, networks/points) {
		seeds = append(seeds, strconv.Itoa(i+1))
	}
	return `name: gpucheck
description: small convolutional networks on 500 images of Fashion-MNIST at 14 x 14, to compare engines
data: {set: fmnist-mini, pool: 2, train: 500, test: 1000}
network: {` + network + `}
training: {optimizer: sgd, momentum: 0.9, batch: 25, target_loss: 0.01, max_epochs: 300}
axes:
` + axes + `  label_shuffle: [0, 0.25]
  lr: [0.01, 0.02]
  seed: [` + strings.Join(seeds, ", ") + `]
keep: {init: true}
`
}

// site is one store of the corpus and the engine that works on it.
type site struct {
	store    *corpora.Store
	networks []corpora.Network
	data     *corpora.DataCache
	engine   models.Engine
}

// open opens the corpus' store of that name; engine nil is the cpu engine.
func (s settings) open(name string, e models.Engine) (*site, error) {
	spec, err := corpora.ParseSpec("gpucheck.yaml", []byte(corpusSpec(s.networks)))
	if err != nil {
		return nil, err
	}
	if e == nil {
		if e, err = cpu.New(""); err != nil {
			return nil, err
		}
	}
	store, err := corpora.OpenStore(filepath.Join(s.work, name), spec)
	if err != nil {
		return nil, err
	}
	networks, err := store.Networks()
	return &site{store, networks, corpora.NewDataCache(""), e}, err
}

// work is a phase's: it fills in what was done, and answers errTime where the context ended first.
type work func(ctx context.Context, at *site, p *phase) error

// onCorpus runs a phase and adds up its time.
func (s settings) onCorpus(ctx context.Context, r *found, name, store string, e models.Engine, do work) error {
	at, err := s.open(store, e)
	if err != nil {
		return err
	}
	if r.Corpus == nil {
		r.Corpus = &corpusReport{}
	}
	c := r.Corpus
	if c.Phases == nil {
		c.Phases = map[string]*phase{}
	}
	c.Networks, c.Spec = len(at.networks), corpusSpec(s.networks)
	if c.Phases[name] == nil {
		c.Phases[name] = &phase{Utilization: -1}
	}
	p := c.Phases[name]
	p.Engine = at.engine.Name()
	before, used := p.Done, watchGPU()
	start := time.Now()
	err = do(ctx, at, p)
	u := used()
	if spent := time.Since(start).Seconds(); p.Done > before {
		if u >= 0 && e != nil {
			p.Utilization = (u*spent + max(p.Utilization, 0)*p.Seconds) / (spent + p.Seconds)
		}
		p.Seconds += spent
	}
	if err == nil && p.Failed > 0 {
		err = fmt.Errorf("%d networks failed", p.Failed)
	}
	return err
}

// train trains the networks that the store lacks.
func (s settings) train(ctx context.Context, at *site, p *phase) error {
	next := time.Now().Add(progressEvery)
	done, err := corpora.Train(ctx, at.store, at.networks, corpora.TrainOptions{Engine: at.engine, Jobs: processors(), Data: at.data, Progress: func(e corpora.TrainEvent) {
		if time.Now().After(next) {
			next = time.Now().Add(progressEvery)
			log.Printf("training on %s: %d of %d networks, %.0f %% of the work", at.engine.Name(), e.Trained+e.Reused, e.Total, 100*e.Work)
		}
	}})
	if done != nil {
		p.Done, p.Failed = done.Trained+done.Reused, done.Failed
		if len(done.Failures) > 0 {
			log.Printf("the first of %d failures: %v", done.Failed, done.Failures[0].Err)
		}
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errTime
	}
	return err
}

// progressEvery is how often a long phase says where it is.
const progressEvery = 20 * time.Second

// watchGPU asks nvidia-smi once a second until the answer is called, which tells the mean utilization in percent; -1 where it cannot.
func watchGPU() func() float64 {
	cmd := exec.Command("nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-l", "1")
	var out bytes.Buffer
	cmd.Stdout = &out
	if cmd.Start() != nil {
		return func() float64 { return -1 }
	}
	return func() float64 {
		_ = cmd.Process.Kill() // it would go on for ever
		_ = cmd.Wait()
		sum, n := 0.0, 0
		for _, line := range bytes.Fields(out.Bytes()) {
			if v, err := strconv.ParseFloat(string(line), 64); err == nil {
				sum, n = sum+v, n+1
			}
		}
		if n == 0 {
			return -1
		}
		return sum / float64(n)
	}
}
