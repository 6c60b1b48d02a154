package main

import (
	"bufio"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/genbench/genbench/harness/report"
)

// smallNetworks is the size that growth is measured from: 200 configurations x 5.
const smallNetworks = 1000

const seeds = 5

// corpus is a synthetic corpus: networks on a grid whose every axis moves the
// gap, and measures between noise and the gap itself.
func corpus(networks, measures, examples int) (report.Input, error) {
	sizes := []int{3, 3, 3, 3, 3, 3, 3}
	if networks <= smallNetworks {
		sizes = []int{5, 5, 2, 2, 2}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	in := report.Input{Corpus: "synthetic", TestSize: 10000, Dropped: map[string]int{}}
	for a := range sizes {
		in.Axes = append(in.Axes, "axis "+strconv.Itoa(a+1))
	}
	levels := make([]int, len(sizes))
	var grid []report.Network
	for more := true; more; more = next(levels, sizes) {
		for seed := range int64(seeds) {
			grid = append(grid, network(in.Axes, levels, seed, examples, rng))
		}
	}
	if networks > len(grid) {
		return in, fmt.Errorf("%d networks: the grid has %d", networks, len(grid))
	}
	// Half of those left out are whole configurations, the rest any networks.
	lost := map[int]bool{}
	for _, c := range rng.Perm(len(grid) / seeds)[:(len(grid)-networks)/(2*seeds)] {
		lost[c] = true
	}
	for i, n := range grid {
		if !lost[i/seeds] {
			in.Networks = append(in.Networks, n)
		}
	}
	rng.Shuffle(len(in.Networks), func(i, j int) { in.Networks[i], in.Networks[j] = in.Networks[j], in.Networks[i] })
	in.Networks = in.Networks[:networks]
	slices.SortFunc(in.Networks, func(a, b report.Network) int { return strings.Compare(a.ID, b.ID) })
	for k := range measures {
		in.Measures = append(in.Measures, measure(k, measures, in.Networks, rng))
	}
	return in, nil
}

// next goes to the next place of the grid, and tells whether there is one.
func next(levels, sizes []int) bool {
	for a := range levels {
		if levels[a]++; levels[a] < sizes[a] {
			return true
		}
		levels[a] = 0
	}
	return false
}

func network(axes []string, levels []int, seed int64, examples int, rng *rand.Rand) report.Network {
	n := report.Network{Seed: seed, Config: map[string]string{}, ID: fmt.Sprint(levels, " ", seed)}
	accuracy := 0.8
	for a, axis := range axes {
		n.Config[axis] = strconv.Itoa(levels[a])
		accuracy -= 0.015 * float64(levels[a]*(a%3))
	}
	accuracy = math.Round((accuracy+0.01*rng.NormFloat64())*10000) / 10000 // of 10,000 examples
	n.Gap, n.LossGap, n.TrainLoss = 1-accuracy, 4*(1-accuracy)+0.1*rng.NormFloat64(), 0.01*(1+0.05*rng.Float64())
	n.Parameters = 1000 * (1 + levels[0]) * (1 + levels[1])
	for range examples {
		n.TestCorrect = append(n.TestCorrect, rng.Float64() < accuracy)
	}
	return n
}

// measure is the gap with the more noise the smaller k is; every fifth takes few
// values, every seventh is undefined for 5 % of the networks.
func measure(k, of int, networks []report.Network, rng *rand.Rand) report.Measure {
	m := report.Measure{Name: fmt.Sprintf("measure-%02d", k), Class: report.Train, Direction: "larger"}
	quality := float64(k) / float64(of)
	for _, n := range networks {
		v := quality*n.Gap + (1-quality)*0.1*rng.NormFloat64()
		if k%5 == 0 {
			v = math.Round(v*20) / 20
		}
		c := report.Cell{Value: v, Defined: true, Status: "ok"}
		if k%7 == 0 && rng.Float64() < 0.05 {
			c = report.Cell{Reason: "it did not converge", Status: "undefined"}
		}
		m.Values = append(m.Values, c)
	}
	return m
}

// oneBoard builds a board and prints networks, configurations, seconds and MiB.
func oneBoard(o options) error {
	in, err := corpus(o.networks, o.measures, o.examples)
	if err != nil {
		return err
	}
	in.Bootstrap, in.Permute, in.Repeats, in.Jobs = o.replicates, o.replicates, o.repeats, o.jobs
	if o.replicates == 0 {
		in.Bootstrap, in.Permute = -1, 1
	}
	debug.FreeOSMemory() // making the corpus is no part of it
	start := time.Now()
	b, err := report.Build(in)
	if err != nil {
		return err
	}
	took := time.Since(start).Seconds()
	mib, err := peak()
	if err != nil {
		return err
	}
	_, err = fmt.Println(b.Models, b.Configurations, took, mib)
	return err
}

// peak is the most memory that was resident, MiB, by Linux; 0 elsewhere.
func peak() (float64, error) {
	f, err := os.Open("/proc/self/status")
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[0] == "VmHWM:" {
			kib, err := strconv.ParseFloat(fields[1], 64)
			return kib / 1024, err
		}
	}
	return 0, nil
}
