package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/measures"
	"github.com/genbench/genbench/models"
)

// job is one network to measure: its size, and which columns it lacks.
type job struct {
	arch        models.Architecture
	train, test int // examples
	lacks       []int
}

// measuring is what the measures of a corpus would cost.
type measuring struct {
	columns []harness.Column
	asked   []inprocess.Asked // [columns]
	jobs    []job             // every network of the corpus
	rates   rates
}

// planMeasuring finds out what the measures ask for, and how fast a pass is.
func (s *stages) planMeasuring(ctx context.Context) (*measuring, error) {
	stop, err := s.startPlugins(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	m := &measuring{columns: s.harness.Columns()}
	if m.jobs, err = s.jobsToMeasure(len(m.columns)); err != nil {
		return nil, err
	}
	sizes := inprocess.Sizes{Train: costSize.Train, Test: costSize.Test}
	if len(m.jobs) > 0 { // where sizes vary, those of the first network say what is shared
		sizes = inprocess.Sizes{Train: m.jobs[0].train, Test: m.jobs[0].test}
	}
	if m.asked, err = askColumns(ctx, s.engine, m.columns, sizes); err != nil {
		return nil, err
	}
	m.rates, err = probePasses(ctx, s.engine, m.jobs, m.all())
	return m, err
}

// askColumns says what each column takes: the built-ins are tried on a toy network, a third-party
// measure is taken by its word.
func askColumns(ctx context.Context, e models.Engine, columns []harness.Column, sizes inprocess.Sizes) ([]inprocess.Asked, error) {
	builtin := map[string]measure.Measure{}
	for _, m := range measures.All() {
		builtin[m.Info().Name] = m
	}
	var choices []inprocess.Choice
	var places []int
	asked := make([]inprocess.Asked, len(columns))
	for j, c := range columns {
		if m, ok := builtin[c.Info.Name]; ok {
			choices, places = append(choices, inprocess.Choice{Measure: m, Options: c.Options}), append(places, j)
			continue
		}
		asked[j] = inprocess.Asked{Needs: inprocess.Declared(c.Info.Needs), All: map[quantity.Request]bool{}}
		for _, r := range asked[j].Needs {
			asked[j].All[r] = true
		}
	}
	known, err := inprocess.Ask(ctx, e, choices, sizes)
	for i, j := range places {
		if err == nil {
			asked[j] = known[i]
		}
	}
	return asked, err
}

// jobsToMeasure lists the networks of the corpus with the columns that they lack.
func (s *stages) jobsToMeasure(columns int) ([]job, error) {
	all := make([]int, columns)
	for j := range all {
		all[j] = j
	}
	records := map[string]*corpora.Record{}
	lacks := map[string][]int{}
	if s.store != nil {
		found, err := s.records()
		if err != nil {
			return nil, err
		}
		if err := s.readResults(); err != nil {
			return nil, err
		}
		for _, r := range found {
			records[r.ID], lacks[r.ID] = r, nil
		}
		for _, w := range s.harness.Missing(found, s.set) {
			lacks[w.Network()] = w.Columns()
		}
	}
	var jobs []job
	for i := range s.networks {
		n := &s.networks[i]
		if r := records[n.ID]; r != nil {
			jobs = append(jobs, job{r.Architecture, r.Train.N, r.Test.N, lacks[n.ID]})
		} else if !n.Imported {
			jobs = append(jobs, job{n.Arch, n.TrainSize(), n.TestSize(), all})
		}
	}
	return jobs, nil
}

// all is the union of what the columns ask for.
func (m *measuring) all() map[quantity.Request]bool { return m.union(nil) }

// union of what some columns ask for; nil: all of them.
func (m *measuring) union(columns []int) map[quantity.Request]bool {
	u := map[quantity.Request]bool{}
	for j, a := range m.asked {
		if columns == nil || slices.Contains(columns, j) {
			maps.Copy(u, a.All)
		}
	}
	return u
}

// totals are core seconds of passes: of a network with all columns, in the mean, and of what is missing.
type totals struct {
	networks              int // that lack something
	perNetwork, most      float64
	missing, missingMost  float64
	perRequest            map[quantity.Request]float64 // usual, a network in the mean
	usualPasses, atMostPs map[quantity.Request]quantity.Cost
}

func (m *measuring) total() (totals, error) {
	t := totals{perRequest: map[quantity.Request]float64{}, usualPasses: map[quantity.Request]quantity.Cost{}, atMostPs: map[quantity.Request]quantity.Cost{}}
	unions := map[string]map[quantity.Request]bool{}
	all := m.all()
	for _, j := range m.jobs {
		key := fmt.Sprint(j.lacks)
		if unions[key] == nil {
			unions[key] = m.union(append([]int{}, j.lacks...))
		}
		if len(j.lacks) > 0 {
			t.networks++
		}
		for r := range all {
			usual, most, err := r.Cost(quantity.Size{Train: j.train, Test: j.test, Classes: j.arch.Classes})
			if err != nil {
				return t, err
			}
			u, a := m.rates.seconds(usual, j), m.rates.seconds(most, j)
			n := float64(len(m.jobs))
			t.perNetwork, t.most, t.perRequest[r] = t.perNetwork+u/n, t.most+a/n, t.perRequest[r]+u/n
			if unions[key][r] {
				t.missing, t.missingMost = t.missing+u, t.missingMost+a
			}
			t.usualPasses[r], t.atMostPs[r] = t.usualPasses[r].Max(usual), t.atMostPs[r].Max(most)
		}
	}
	return t, nil
}

// summary is the lines of the plan's first table.
func (m *measuring) summary(t totals, cores int) [][]string {
	lines := [][]string{{"measures", fmt.Sprintf("%d, which take %d quantities of the host, each computed once for a network", len(m.columns), len(t.perRequest))}}
	if t.networks == 0 {
		return append(lines, []string{"measuring", "nothing is missing"})
	}
	return append(lines, []string{"measuring", fmt.Sprintf("about %s a network; %s of core time for %d networks, about %s on %d cores; at most %s (passes, from a probe; what measures compute themselves comes on top)",
		brief(t.perNetwork), brief(t.missing), t.networks, brief(t.missing/float64(cores)), cores, brief(t.missingMost/float64(cores)))})
}

// table is the union, the dearest first.
func (m *measuring) table(t totals) (header []string, rows [][]string) {
	by := map[quantity.Request][]string{}
	for j, a := range m.asked {
		for r := range a.All {
			by[r] = append(by[r], m.columns[j].Name)
		}
	}
	requests := slices.SortedFunc(maps.Keys(t.perRequest), func(a, b quantity.Request) int {
		return cmp.Or(cmp.Compare(t.perRequest[b], t.perRequest[a]), cmp.Compare(a.String(), b.String()))
	})
	var usual, most quantity.Cost
	for _, r := range requests {
		usual, most = usual.Plus(t.usualPasses[r]), most.Plus(t.atMostPs[r])
		rows = append(rows, []string{r.Brief(), t.usualPasses[r].String(), t.atMostPs[r].String(), brief(t.perRequest[r]), fmt.Sprint(len(by[r]))})
	}
	rows = append(rows, []string{"all", usual.String(), most.String(), brief(t.perNetwork), fmt.Sprint(len(m.columns))})
	return []string{"quantity", "usual", "at most", "a network", "measures"}, rows
}

// byWord names the columns whose needs are known from their declaration alone.
func (m *measuring) byWord() string {
	var names []string
	builtin := map[string]bool{}
	for _, b := range measures.All() {
		builtin[b.Info().Name] = true
	}
	for j, c := range m.columns {
		if !builtin[c.Info.Name] || m.asked[j].Err != nil {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", ")
}

// brief is a time: "77 ms", "4.2 s", then as seconds says.
func brief(s float64) string {
	switch {
	case s == 0:
		return "0"
	case s < 0.0995:
		return fmt.Sprintf("%.2g ms", 1000*s)
	case s < 9.95:
		return fmt.Sprintf("%.2g s", s)
	}
	return seconds(s)
}
