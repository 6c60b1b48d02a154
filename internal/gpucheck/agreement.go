package main

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness"
	"github.com/genbench/genbench/harness/rank"
	"github.com/genbench/genbench/harness/report"
	"github.com/genbench/genbench/harness/result"
	"github.com/genbench/genbench/models"
)

// passMark is the rank correlation that every measure's values of the same tensors must have on the two engines.
const passMark = 0.99

// agreement says how far the corpus is the same on the two engines: of the same tensors (Same), and of what each engine trained by itself (Own). Trained to a small loss,
// networks of two engines are not the same networks: rounding grows over hundreds of steps with momentum.
type agreement struct {
	Measures []measureAgreement `json:"measures"`
	Gap      pairing            `json:"gap"` // of the networks' generalization gaps, Own
	Same     summary            `json:"same"`
	Own      summary            `json:"own"`
	Passed   bool               `json:"passed"` // Same of every measure that both engines define is at least 0.99
}

// measureAgreement is one measure's.
type measureAgreement struct {
	Measure string  `json:"measure"`
	Same    pairing `json:"same"`
	Own     pairing `json:"own"`
	// As the boards print them, of the device (trained and measured there), of the device's networks measured by the cpu engine, and of the cpu engine by itself.
	Psi [3]*float64 `json:"psi"`
	Tau [3]*float64 `json:"tau"`
}

// pairing is how one measure's values on two sides agree, over the networks where both have one.
type pairing struct {
	N        int      `json:"n"`
	OneOnly  int      `json:"one_only"` // networks where one side alone has a value
	Failed   int      `json:"failed"`   // networks where a side failed or was not asked
	Spearman *float64 `json:"spearman"`
	TauB     *float64 `json:"tau_b"`
	Largest  float64  `json:"largest_difference"` // relative to the larger of the two values
	Note     string   `json:"note,omitempty"`     // why there is no correlation
}

// summary counts measures, and compares the boards.
type summary struct {
	Defined int      `json:"defined"` // measures with a rank correlation
	Passed  int      `json:"passed"`  // of these, at least 0.99
	Lowest  *float64 `json:"lowest"`
	Of      string   `json:"lowest_measure,omitempty"`
	Largest float64  `json:"largest_difference"`
	By      string   `json:"largest_difference_measure,omitempty"`
	Psi     *float64 `json:"board_psi"` // Spearman's correlation of the two boards' Ψ over measures
	Tau     *float64 `json:"board_tau"`
}

// answers is one side: who measured whose networks.
type answers struct {
	table *harness.Table
	board *report.Board
}

// compare holds the three sides against each other. It takes what is measured so far.
func (s settings) compare(ctx context.Context, e models.Engine, r *found) error {
	var sides [3]answers
	for i, side := range []struct {
		store  string
		engine models.Engine
	}{{"device", e}, {"device", nil}, {"cpu", nil}} {
		at, err := s.open(side.store, side.engine)
		if err != nil {
			return err
		}
		err = s.withHarness(ctx, at, func(h *harness.Harness, records []*corpora.Record, set *result.Set) error {
			if len(records) == 0 {
				return fmt.Errorf("no network in %s", at.store.Dir())
			}
			sides[i].table = h.Table(records, set)
			sides[i].board, err = at.board(sides[i].table)
			return err
		})
		if err != nil {
			return err
		}
	}
	a := &agreement{}
	for j, c := range sides[0].table.Columns {
		m := measureAgreement{Measure: c.Name, Same: pair(values(sides[0], j), values(sides[1], j)), Own: pair(values(sides[0], j), values(sides[2], j))}
		for i, side := range sides {
			if at := slices.IndexFunc(side.board.Rows, func(r report.Row) bool { return r.Measure == c.Name }); at >= 0 {
				m.Psi[i], m.Tau[i] = side.board.Rows[at].Psi, side.board.Rows[at].Tau
			}
		}
		a.Measures = append(a.Measures, m)
	}
	a.Gap = pair(gaps(sides[0]), gaps(sides[2]))
	a.Same = a.summarize(func(m measureAgreement) pairing { return m.Same }, 1)
	a.Own = a.summarize(func(m measureAgreement) pairing { return m.Own }, 2)
	failed := 0
	for _, m := range a.Measures {
		failed += m.Same.Failed + m.Same.OneOnly
	}
	a.Passed = failed == 0 && a.Same.Defined > 0 && a.Same.Passed == a.Same.Defined
	if r.Corpus == nil {
		r.Corpus = &corpusReport{}
	}
	r.Corpus.Agreement = a
	if !a.Passed {
		return fmt.Errorf("of the same tensors %d of %d measures have a rank correlation of at least %v, and %d values are missing on one side", a.Same.Passed, a.Same.Defined, passMark, failed)
	}
	return nil
}

// cell is a value, or why there is none.
type cell struct {
	value  float64
	ok     bool
	failed bool // and not undefined or skipped
}

// values are a column's cells by network.
func values(a answers, column int) map[string]cell {
	all := map[string]cell{}
	for i, rec := range a.table.Records {
		r := a.table.Cells[i][column]
		c := cell{failed: r == nil || r.Status == result.Failed}
		if r != nil && r.Status == result.OK {
			c.value, c.ok = *r.Value, true
		}
		all[rec.ID] = c
	}
	return all
}

func gaps(a answers) map[string]cell {
	all := map[string]cell{}
	for _, rec := range a.table.Records {
		all[rec.ID] = cell{value: rec.Gap(), ok: true}
	}
	return all
}

// pair compares two sides' values.
func pair(a, b map[string]cell) pairing {
	var p pairing
	var x, y []float64
	ids := make([]string, 0, len(a))
	for id := range a {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		v, w := a[id], b[id] // of no network: the zero cell
		switch {
		case v.failed || w.failed:
			p.Failed++
		case v.ok != w.ok:
			p.OneOnly++
		case v.ok:
			x, y = append(x, v.value), append(y, w.value)
			if top := max(math.Abs(v.value), math.Abs(w.value)); top > 0 {
				p.Largest = max(p.Largest, math.Abs(v.value-w.value)/top)
			}
		}
	}
	p.N = len(x)
	if rho, err := rank.Spearman(x, y); err != nil {
		p.Note = err.Error()
	} else {
		p.Spearman = &rho
	}
	if tau, err := rank.TauB(x, y); err == nil {
		p.TauB = &tau
	}
	return p
}

// summarize counts one kind of pairing; other is the side of the boards that it is about.
func (a *agreement) summarize(of func(measureAgreement) pairing, other int) summary {
	var s summary
	for _, m := range a.Measures {
		p := of(m)
		if p.Largest > s.Largest {
			s.Largest, s.By = p.Largest, m.Measure
		}
		if p.Spearman == nil {
			continue
		}
		s.Defined++
		if *p.Spearman >= passMark {
			s.Passed++
		}
		if s.Lowest == nil || *p.Spearman < *s.Lowest {
			s.Lowest, s.Of = p.Spearman, m.Measure
		}
	}
	boards := func(score func(measureAgreement) [3]*float64) *float64 {
		var x, y []float64
		for _, m := range a.Measures {
			if v := score(m); v[0] != nil && v[other] != nil {
				x, y = append(x, *v[0]), append(y, *v[other])
			}
		}
		rho, err := rank.Spearman(x, y)
		if err != nil {
			return nil
		}
		return &rho
	}
	s.Psi = boards(func(m measureAgreement) [3]*float64 { return m.Psi })
	s.Tau = boards(func(m measureAgreement) [3]*float64 { return m.Tau })
	return s
}

// board is the leaderboard of what is measured, as a run has it but for intervals and for p-values.
func (at *site) board(t *harness.Table) (*report.Board, error) {
	in := report.Input{Corpus: at.store.Spec().Name, Dropped: map[string]int{}, AxisLevels: map[string][]string{}, Bootstrap: -1, Permute: 1, Seed: runSeed}
	for _, r := range t.Records {
		n := report.Network{
			ID: r.ID, Config: map[string]string{}, Seed: r.Seed, Unconverged: !r.Converged, Diverged: r.Diverged(), Gap: r.Gap(), LossGap: r.LossGap(),
			TrainLoss: r.Train.Loss, Parameters: r.Architecture.NumParameters(), TrainSize: r.Train.N,
		}
		for _, c := range r.Config {
			n.Config[c.Axis] = c.Value.String()
		}
		in.Networks = append(in.Networks, n)
	}
	for _, a := range corpora.Varying(at.store.Spec(), at.networks) {
		in.Axes = append(in.Axes, a.Name)
		for _, v := range a.Values {
			in.AxisLevels[a.Name] = append(in.AxisLevels[a.Name], v.String())
		}
	}
	for j, c := range t.Columns {
		m := report.Measure{Name: c.Name, Class: report.Train, Direction: c.Info.Larger.String(), Scale: c.Info.Scale.String()}
		if c.Info.Needs.Transductive() {
			m.Class = report.Transductive
		}
		for i := range t.Records {
			v := report.Cell{Value: math.NaN(), Reason: "not measured"}
			if r := t.Cells[i][j]; r != nil {
				v.Status, v.Reason = string(r.Status), r.Reason
				if r.Status == result.OK {
					v.Value, v.Defined = *r.Value, true
				}
			}
			m.Values = append(m.Values, v)
		}
		in.Measures = append(in.Measures, m)
	}
	return report.Build(in)
}
