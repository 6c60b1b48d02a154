package main

import (
	"fmt"
	"io"
	"math"
	"regexp"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/genbench/genbench/harness/rank"
)

var paired = []scenario{
	{name: "equal measures, two seeds", sizes: []int{4, 2, 2, 2}, repeats: 2, noise: .03, follows: 1},
	{name: "equal measures, five seeds", sizes: []int{4, 2, 2, 2}, repeats: 5, noise: .03, follows: 1},
	{name: "twins, two seeds", sizes: []int{4, 2, 2, 2}, repeats: 2, noise: .03, follows: 1, alike: .9},
	{name: "twins that disagree, three seeds", sizes: []int{4, 2, 2, 2}, repeats: 3, noise: .02, follows: 1, alike: .9, disagrees: .02},
	{name: "twins, 300 test examples", sizes: []int{4, 2, 2, 2}, repeats: 2, noise: .02, follows: 1, alike: .9, test: 300},
	{name: "twins, one seed", sizes: []int{4, 2, 2, 2}, repeats: 1, noise: .03, follows: 1, alike: .9, sampled: true},
	{name: "equal measures, one seed", sizes: []int{4, 2, 2, 2}, repeats: 1, noise: .03, follows: 1, sampled: true},
	{name: "equal measures, no axes", correlation: .6},
}

// differences compares five measures of one law: no difference is real.
func differences(w io.Writer, draws int, only *regexp.Regexp) error {
	const measures = 5
	fmt.Fprintf(w, "\nFive measures of the same true value: %% of the intervals of a difference that hold 0, mean half width, and\n%% of draws in which Holm over the ten pairs takes any for real (5 or less is asked for)\n\n")
	fmt.Fprintf(w, "%-36s", "")
	for _, s := range statistics {
		fmt.Fprintf(w, "| %-20s", s.symbol)
	}
	fmt.Fprintln(w)
	for _, s := range paired {
		if !only.MatchString(s.name) {
			continue
		}
		cells, err := s.differences(draws, measures)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Fprintf(w, "%-36s", s.name)
		for _, c := range cells {
			fmt.Fprintf(w, "| %-20s", c)
		}
		fmt.Fprintln(w)
	}
	return nil
}

func (s scenario) differences(draws, measures int) ([]string, error) {
	type one struct {
		holds  bool
		half   float64
		family bool
		ok     bool
	}
	all := make([][]one, draws)
	err := parallel(draws, func(i int) error {
		d, err := s.next(s.stream("draw", i), measures)
		if err != nil {
			return err
		}
		of := make([]rank.Intervals, measures)
		for m := range of {
			if of[m], err = d.intervals(s, m, uint64(i)); err != nil {
				return err
			}
		}
		all[i] = make([]one, len(statistics))
		for k, statistic := range statistics {
			var p []float64
			ok := true
			for m := range of {
				for n := range m {
					a, b := statistic.of(&of[m]), statistic.of(&of[n])
					ok = ok && a.Err == nil && b.Err == nil
					c := rank.Compare(a, b)
					p = append(p, c.P)
					if m == 1 {
						degrees := max(1, min(a.Degrees, b.Degrees))
						all[i][k].half = c.StandardError * distuv.StudentsT{Sigma: 1, Nu: degrees}.Quantile(.975)
						all[i][k].holds = math.Abs(c.Difference) <= all[i][k].half
					}
				}
			}
			all[i][k].ok = ok
			for _, v := range rank.Holm(p) {
				all[i][k].family = all[i][k].family || v <= .05
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]string, len(statistics))
	for k := range statistics {
		var n, holds, families, half float64
		for _, d := range all {
			if !d[k].ok {
				continue
			}
			n++
			half += d[k].half
			if d[k].holds {
				holds++
			}
			if d[k].family {
				families++
			}
		}
		if out[k] = "none"; n > 0 {
			out[k] = fmt.Sprintf("%5.1f %.2f  any %.1f", 100*holds/n, half/n, 100*families/n)
		}
	}
	return out, nil
}
