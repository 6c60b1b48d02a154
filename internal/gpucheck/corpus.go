package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness/rank"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

func newRand() *rand.Rand { return rand.New(rand.NewPCG(5, 6)) }

// corpusReport is a corpus trained on the device and on the processor.
type corpusReport struct {
	Networks    int     `json:"networks"`
	Seconds     float64 `json:"seconds"`     // on the device, compiling included
	SecondsCPU  float64 `json:"seconds_cpu"` // on all cores
	Engine      string  `json:"engine"`
	EngineCPU   string  `json:"engine_cpu"`
	GapRank     float64 `json:"gap_rank"`    // Spearman's correlation of the networks' gaps on the two engines
	Utilization float64 `json:"utilization"` // mean of nvidia-smi's, percent; -1: not told
	Failed      int     `json:"failed"`
}

// corpusSpec is a grid of MLPs on the images that genbench carries: it needs no data set.
func corpusSpec(networks int) string {
	seeds := ""
	for i := range max(1, networks/4) {
		seeds += strconv.Itoa(i+1) + ", "
	}
	return `name: gpucheck
description: MLPs on Fashion-MNIST at 14 x 14, to compare engines
data: {set: fmnist-mini, pool: 2, train: 1000, test: 1000}
network: {family: mlp, width: 64, depth: 2}
training: {optimizer: sgd, momentum: 0.9, batch: 20, target_loss: 0.01, max_epochs: 60}
axes:
  label_shuffle: [0, 0.5]
  lr: [0.01, 0.03]
  seed: [` + seeds[:len(seeds)-2] + `]
`
}

// corpus trains the same networks on the device and on the processor.
func (s settings) corpus(e models.Engine, r *report) error {
	alone, err := cpu.New("")
	if err != nil {
		return err
	}
	spec, err := corpora.ParseSpec("gpucheck.yaml", []byte(corpusSpec(s.networks)))
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "gpucheck")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	c := &corpusReport{Engine: e.Name(), EngineCPU: alone.Name()}
	used := watchGPU()
	gaps, failed, seconds, err := train(filepath.Join(folder, "device"), spec, e)
	c.Utilization = used()
	if err != nil {
		return err
	}
	c.Networks, c.Failed, c.Seconds = len(gaps), failed, seconds
	other, _, seconds, err := train(filepath.Join(folder, "processor"), spec, alone)
	if err != nil {
		return err
	}
	c.SecondsCPU = seconds
	var a, b []float64
	for id, gap := range gaps {
		if v, ok := other[id]; ok {
			a, b = append(a, gap), append(b, v)
		}
	}
	c.GapRank, err = rank.Spearman(a, b)
	r.Corpus = c
	if err == nil && failed > 0 {
		err = fmt.Errorf("%d networks failed", failed)
	}
	return err
}

// train trains the corpus and answers each network's generalization gap.
func train(dir string, spec *corpora.Spec, e models.Engine) (gaps map[string]float64, failed int, seconds float64, err error) {
	store, err := corpora.OpenStore(dir, spec)
	if err != nil {
		return nil, 0, 0, err
	}
	nets, err := store.Networks()
	if err != nil {
		return nil, 0, 0, err
	}
	start := time.Now()
	done, err := corpora.Train(context.Background(), store, nets, corpora.TrainOptions{Engine: e, Jobs: processors()})
	if err != nil {
		return nil, 0, 0, err
	}
	seconds = time.Since(start).Seconds()
	gaps = map[string]float64{}
	for _, n := range nets {
		r, err := store.Record(n.ID)
		if err != nil {
			continue // counted as failed
		}
		gaps[n.ID] = r.Train.Accuracy - r.Test.Accuracy
	}
	if len(gaps) == 0 {
		return nil, done.Failed, seconds, errors.New("no network was trained: " + done.Failures[0].Err.Error())
	}
	return gaps, done.Failed, seconds, nil
}

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
