package main

import (
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"

	"github.com/genbench/genbench/harness/rank"
)

const permutations = 999

var nullScenarios = []scenario{
	{name: "null, one seed", sizes: []int{4, 2, 2, 2}, repeats: 1, noise: .03},
	{name: "null, two seeds", sizes: []int{4, 2, 2, 2}, repeats: 2, noise: .03},
	{name: "null, 2x2x2", sizes: []int{2, 2, 2}, repeats: 1, noise: .03},
	{name: "null, 3^4", sizes: []int{3, 3, 3, 3}, repeats: 1, noise: .03},
	{name: "null, incomplete", sizes: []int{4, 2, 2, 2}, repeats: 2, noise: .03, missing: .3},
	{name: "null, in pieces", sizes: []int{4, 3, 3}, repeats: 1, noise: .03, missing: .6},
	{name: "null, ties in the gap", sizes: []int{4, 2, 2, 2}, repeats: 1, noise: .01, lattice: 1. / 50},
	{name: "null, few values of the measure", sizes: []int{4, 2, 2, 2}, repeats: 1, noise: .03, integer: .04},
	{name: "null, pooled", sizes: []int{4, 2, 2}, repeats: 3, noise: .03, mode: rank.Pooled},
	{name: "null, per seed, incomplete", sizes: []int{4, 2, 2}, repeats: 3, noise: .03, mode: rank.PerSeed, missing: .2},
}

// nulls draws measures that have nothing to do with the gap.
func nulls(w io.Writer, draws int, only *regexp.Regexp) error {
	fmt.Fprintf(w, "\nPermutation p-values of measures unrelated to the gap: %% in each tenth, %% at most 0.05 and 0.01, and the\nKolmogorov-Smirnov distance from uniform (two-sided, then of values too small alone; beyond %.3f in 5 %% of draws); %d permutations\n\n", 1.358/math.Sqrt(float64(draws)), permutations)
	for _, s := range nullScenarios {
		if !only.MatchString(s.name) {
			continue
		}
		psi, tau := make([]float64, draws), make([]float64, draws)
		err := parallel(draws, func(i int) error {
			d, err := s.next(s.stream("draw", i), 1)
			if err != nil {
				return err
			}
			r := s.stream("null", i)
			for k := range d.x[0] {
				d.x[0][k] = s.shape(s.noise * r.NormFloat64())
			}
			sample, err := d.grid.Sample(d.x[0], d.y, d.measured, s.mode)
			if err != nil {
				return err
			}
			p, err := sample.PValues(rank.B, permutations, uint64(i))
			psi[i], tau[i] = p.Psi, p.Tau
			if p.PsiErr != nil || p.TauErr != nil {
				psi[i], tau[i] = math.NaN(), math.NaN()
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Fprintf(w, "%-32s Ψ %s\n%-32s τ %s\n", s.name, uniformity(psi), "", uniformity(tau))
	}
	return nil
}

func uniformity(p []float64) string {
	p = slices.DeleteFunc(p, math.IsNaN)
	slices.Sort(p)
	n := float64(len(p))
	var tenths [10]int
	var at5, at1 int
	var distance, below float64
	for i, v := range p {
		tenths[min(9, int(math.Ceil(v*10-1e-9))-1)]++
		if v <= .05 {
			at5++
		}
		if v <= .01 {
			at1++
		}
		above := float64(i+1)/n - v
		below = max(below, above)
		distance = max(distance, above, v-float64(i)/n)
	}
	text := ""
	for _, c := range tenths {
		text += fmt.Sprintf("%5.1f", 100*float64(c)/n)
	}
	return fmt.Sprintf("%s  <=0.05 %4.1f  <=0.01 %4.2f  KS %.3f %.3f", text, 100*float64(at5)/n, 100*float64(at1)/n, distance, below)
}
