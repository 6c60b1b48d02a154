package main

import (
	"fmt"
	"io"
	"math"
	"regexp"

	"github.com/genbench/genbench/harness/rank"
)

const replicates = 300

var scenarios = []scenario{
	{name: "two seeds", sizes: []int{4, 2, 2, 2}, repeats: 2, noise: .03, follows: 1},
	{name: "two seeds, little noise", sizes: []int{4, 2, 2, 2}, repeats: 2, noise: .01, follows: 1},
	{name: "three seeds", sizes: []int{4, 2, 2, 2}, repeats: 3, noise: .03, follows: 1},
	{name: "five seeds", sizes: []int{4, 2, 2, 2}, repeats: 5, noise: .03, follows: 1},
	{name: "no relation", sizes: []int{4, 2, 2, 2}, repeats: 2, noise: .03},
	{name: "cells disagree", sizes: []int{4, 2, 2, 2}, repeats: 2, noise: .02, follows: 1, disagrees: .02},
	{name: "five, cells disagree", sizes: []int{4, 2, 2, 2}, repeats: 5, noise: .03, follows: 1, disagrees: .03},
	{name: "uneven noise", sizes: []int{4, 2, 2, 2}, repeats: 2, noise: .02, follows: 1, uneven: .6},
	{name: "uneven noise, five", sizes: []int{4, 2, 2, 2}, repeats: 5, noise: .02, follows: 1, uneven: .6},
	{name: "log-normal measure", sizes: []int{4, 2, 2, 2}, repeats: 2, noise: .02, follows: 1, logNormal: true},
	{name: "log-normal, uneven, five", sizes: []int{4, 2, 2, 2}, repeats: 5, noise: .03, follows: 1, uneven: .6, logNormal: true},
	{name: "incomplete grid", sizes: []int{4, 2, 2, 2}, repeats: 3, noise: .03, follows: 1, missing: .3},
	{name: "measure incomplete", sizes: []int{4, 2, 2, 2}, repeats: 3, noise: .03, follows: 1, unmeasured: .2},
	{name: "300 test examples", sizes: []int{4, 2, 2}, repeats: 2, noise: .005, follows: 1, test: 300},
	{name: "300 test examples, noise", sizes: []int{4, 2, 2, 2}, repeats: 3, noise: .03, follows: 1, test: 300},
	{name: "1000 test examples, 4 difficulties", sizes: []int{4, 2, 2, 2}, repeats: 2, noise: .01, follows: 1, test: 1000, difficulties: 4},
	{name: "3x3, two seeds", sizes: []int{3, 3}, repeats: 2, noise: .03, follows: 1},
	{name: "2x2x2, two seeds", sizes: []int{2, 2, 2}, repeats: 2, noise: .03, follows: 1},
	{name: "2x2x2, five seeds", sizes: []int{2, 2, 2}, repeats: 5, noise: .03, follows: 1},
	{name: "2x2, five seeds", sizes: []int{2, 2}, repeats: 5, noise: .03, follows: 1},
	{name: "3^4, three seeds", sizes: []int{3, 3, 3, 3}, repeats: 3, noise: .03, follows: 1},
	{name: "3^4, little noise", sizes: []int{3, 3, 3, 3}, repeats: 5, noise: .01, follows: 1, disagrees: .01},
	{name: "3^5, two seeds", sizes: []int{3, 3, 3, 3, 3}, repeats: 2, noise: .03, follows: 1},
	{name: "gap in 1/200", sizes: []int{4, 2, 2, 2}, repeats: 2, noise: .02, follows: 1, lattice: 1. / 200},
	{name: "whole-number measure", sizes: []int{4, 2, 2, 2}, repeats: 3, noise: .02, follows: 1, integer: .02},
	{name: "measure without seeds", sizes: []int{4, 2, 2, 2}, repeats: 2, noise: .03, follows: 1, seedless: true},
	{name: "per seed", sizes: []int{4, 2, 2, 2}, repeats: 3, noise: .03, follows: 1, mode: rank.PerSeed},
	{name: "pooled", sizes: []int{4, 2, 2, 2}, repeats: 3, noise: .03, follows: 1, mode: rank.Pooled},
	{name: "one seed", sizes: []int{4, 2, 2, 2}, repeats: 1, noise: .01, follows: 1, disagrees: .02, sampled: true},
	{name: "one seed, no relation", sizes: []int{4, 2, 2, 2}, repeats: 1, noise: .03, sampled: true},
	{name: "one seed, 3x3", sizes: []int{3, 3}, repeats: 1, noise: .02, follows: 1, sampled: true},
	{name: "one seed, 2x2x2", sizes: []int{2, 2, 2}, repeats: 1, noise: .02, follows: 1, sampled: true},
	{name: "one seed, 3^4", sizes: []int{3, 3, 3, 3}, repeats: 1, noise: .03, follows: 1, sampled: true},
	{name: "one seed, log-normal", sizes: []int{4, 2, 2, 2}, repeats: 1, noise: .02, follows: 1, sampled: true, logNormal: true},
	{name: "one seed, 300 test examples", sizes: []int{4, 2, 2, 2}, repeats: 1, noise: .01, follows: 1, sampled: true, test: 300},
	{name: "no axes", correlation: .6},
}

// statistics in the order of the tables.
var statistics = []struct {
	symbol string
	of     func(*rank.Intervals) rank.Estimate
}{
	{"Ψ", func(i *rank.Intervals) rank.Estimate { return i.Psi }},
	{"ψ1", func(i *rank.Intervals) rank.Estimate { return first(i.Axes) }},
	{"τ", func(i *rank.Intervals) rank.Estimate { return i.Tau }},
	{"ρ", func(i *rank.Intervals) rank.Estimate { return i.Spearman }},
	{"r", func(i *rank.Intervals) rank.Estimate { return i.Pearson }},
	{"K", func(i *rank.Intervals) rank.Estimate { return i.Information }},
}

func first(e []rank.Estimate) rank.Estimate {
	if len(e) == 0 {
		return rank.Estimate{Err: rank.ErrUndefined}
	}
	return e[0]
}

// values are the statistics of a sample without intervals; NaN where undefined.
func values(s *rank.Sample) []float64 {
	or := func(v float64, err error) float64 {
		if err != nil {
			return math.NaN()
		}
		return v
	}
	g := s.Granulated(rank.B)
	psi1 := math.NaN()
	if len(g.Axes) > 0 {
		psi1 = or(g.Axes[0].Psi, g.Axes[0].Err)
	}
	k := s.Information()
	return []float64{or(g.Psi, g.Err), psi1, or(s.TauB()), or(s.Spearman()), or(s.Pearson()), or(k.K, k.Err)}
}

func intervals(w io.Writer, draws int, only *regexp.Regexp) error {
	fmt.Fprintf(w, "Intervals of nominal 95 %%: %% that hold the mean of the statistic over many draws, mean width, and\nmean standard error by the standard deviation of the draws; %d replicates, %d draws\n\n", replicates, draws)
	fmt.Fprintf(w, "%-36s", "")
	for _, s := range statistics {
		fmt.Fprintf(w, "| %-20s", s.symbol)
	}
	fmt.Fprintln(w)
	for _, s := range scenarios {
		if !only.MatchString(s.name) {
			continue
		}
		c, err := s.coverage(draws)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Fprintf(w, "%-36s", s.name)
		for k := range statistics {
			fmt.Fprintf(w, "| %-20s", c[k])
		}
		fmt.Fprintln(w)
	}
	return nil
}

// covered is how the intervals of one statistic did.
type covered struct {
	intervals, holding int
	width, ratio       float64
	none               int // draws without an interval
}

func (c covered) String() string {
	if c.intervals == 0 {
		return "none"
	}
	text := fmt.Sprintf("%5.1f %.2f ×%.2f", 100*float64(c.holding)/float64(c.intervals), c.width, c.ratio)
	if c.none > 0 {
		text += fmt.Sprintf(" −%d", c.none)
	}
	return text
}

// truth is the mean and the standard deviation of each statistic over draws of
// their own.
func (s scenario) truth(measure, measures int) (mean, sd []float64, err error) {
	draws := 8000
	if s.test > 0 || len(s.sizes) > 4 {
		draws = 3000
	}
	all := make([][]float64, draws)
	err = parallel(draws, func(i int) error {
		d, err := s.next(s.stream("truth", i), measures)
		if err != nil {
			return err
		}
		sample, err := d.grid.Sample(d.x[measure], d.y, d.measured, s.mode)
		if err == nil {
			all[i] = values(sample)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	mean, sd = make([]float64, len(statistics)), make([]float64, len(statistics))
	for k := range statistics {
		var sum, ss, n float64
		for _, v := range all {
			if !math.IsNaN(v[k]) {
				sum, n = sum+v[k], n+1
			}
		}
		mean[k] = sum / n
		for _, v := range all {
			if !math.IsNaN(v[k]) {
				ss += (v[k] - mean[k]) * (v[k] - mean[k])
			}
		}
		sd[k] = math.Sqrt(ss / n)
	}
	return mean, sd, nil
}

func (s scenario) coverage(draws int) ([]covered, error) {
	mean, sd, err := s.truth(0, 1)
	if err != nil {
		return nil, err
	}
	all := make([]rank.Intervals, draws)
	err = parallel(draws, func(i int) error {
		d, err := s.next(s.stream("draw", i), 1)
		if err != nil {
			return err
		}
		all[i], err = d.intervals(s, 0, uint64(i))
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]covered, len(statistics))
	for k, of := range statistics {
		c := &out[k]
		for i := range all {
			e := of.of(&all[i])
			if e.Err != nil {
				c.none++
				continue
			}
			c.intervals++
			if e.Low <= mean[k] && mean[k] <= e.High {
				c.holding++
			}
			c.width += e.High - e.Low
			c.ratio += e.StandardError / sd[k]
		}
		c.width /= float64(c.intervals)
		c.ratio /= float64(c.intervals)
	}
	return out, nil
}

func (d draw) intervals(s scenario, measure int, seed uint64) (rank.Intervals, error) {
	o := rank.Resampling{Replicates: replicates, Seed: seed}
	if d.correct != nil {
		var err error
		if o.Noise, err = rank.NewTestNoise(d.correct, replicates, seed); err != nil {
			return rank.Intervals{}, err
		}
	}
	sample, err := d.grid.Sample(d.x[measure], d.y, d.measured, s.mode)
	if err != nil {
		return rank.Intervals{}, err
	}
	return sample.Intervals(rank.B, o)
}
