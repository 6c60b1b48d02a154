package report

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// gridInput is a full grid of networks with the seeds 1 to seeds. Its gaps grow
// along every axis, and the measure "oracle" is the gap itself.
func gridInput(seeds int, sizes ...int) Input {
	in := Input{Corpus: "grid", Bootstrap: 100}
	configurations := 1
	for a, n := range sizes {
		in.Axes = append(in.Axes, fmt.Sprintf("axis%d", a))
		configurations *= n
	}
	m := Measure{Name: "oracle", Class: Train, Direction: "larger"}
	for c := range configurations {
		config, gap, rest := map[string]string{}, 0.0, c
		for a, n := range sizes {
			config[in.Axes[a]] = fmt.Sprint(rest % n)
			gap += float64(rest%n) * math.Pow(.3, float64(a+1))
			rest /= n
		}
		for seed := range seeds {
			g := gap + .001*float64(seed)
			in.Networks = append(in.Networks, Network{ID: fmt.Sprint(c, seed), Config: config, Seed: int64(seed + 1), Gap: g, Parameters: 7 + c%3})
			m.Values = append(m.Values, Cell{Value: g, Defined: true})
		}
	}
	in.Measures = []Measure{m}
	return in
}

// A handful of configurations in perfect order is no certainty: there is no
// interval, and a reason. Before, Ψ was 1.00 [1.00, 1.00] at p = 0.33.
func TestNoFalselyNarrowIntervals(t *testing.T) {
	for name, c := range map[string]struct {
		in     Input
		reason string
	}{
		"2 x 2":                {gridInput(1, 2, 2), "4 configurations: an interval needs at least 8"},
		"2 x 2, two seeds":     {gridInput(2, 2, 2), "4 configurations: an interval needs at least 8"},
		"3 configurations":     {gridInput(1, 3), "3 configurations: an interval needs at least 8"},
		"2 x 2 x 2":            {gridInput(1, 2, 2, 2), "no resample changes the value"},
		"2 x 2 x 2, two seeds": {gridInput(2, 2, 2, 2), "no resample changes the value"},
		"12 configurations":    {gridInput(1, 3, 2, 2), ""},
	} {
		r := build(t, c.in).row(t, "oracle")
		if *r.Psi != 1 || *r.Tau != 1 || r.PsiCI != nil || r.TauCI != nil {
			t.Errorf("%s: Ψ %v %v, τ %v %v", name, *r.Psi, r.PsiCI, *r.Tau, r.TauCI)
		}
		for _, field := range []string{"psi_ci", "tau_ci"} {
			if note := r.Notes[field]; note == "" || !strings.Contains(note, c.reason) {
				t.Errorf("%s: %s: %q", name, field, note)
			}
		}
	}
	// Per-example correctness shows the noise of the test set but not that of training.
	in := gridInput(1, 2, 2, 2)
	for i := range in.Networks {
		in.Networks[i].TestCorrect = make([]bool, 100)
		for e := range 100 - int(100*in.Networks[i].Gap) {
			in.Networks[i].TestCorrect[e] = true
		}
	}
	if r := build(t, in).row(t, "oracle"); r.PsiCI != nil || !strings.Contains(r.Notes["psi_ci"], "no resample changes the value") {
		t.Errorf("one seed: Ψ %v, %q", r.PsiCI, r.Notes["psi_ci"])
	}
}

// On two axes what remains without a configuration and its neighbours shares no
// level with it: the regression then scores Ψ = -1 on a gap that the axes decide.
func TestRegressionNeedsEnough(t *testing.T) {
	for _, sizes := range [][]int{{2}, {2, 2}, {3, 2}, {4, 5}, {2, 2, 2}} {
		r := build(t, gridInput(1, sizes...)).row(t, hyperparameters)
		if r.N != 0 || r.Psi != nil || !strings.Contains(r.Notes["coverage"], "too few are left to fit main effects") {
			t.Errorf("%v: %+v", sizes, r)
		}
	}
	for _, sizes := range [][]int{{3, 2, 2}, {2, 2, 2, 2}, {4, 2, 2, 2}} {
		if r := build(t, gridInput(1, sizes...)).row(t, hyperparameters); r.Coverage != 1 || r.Psi == nil || *r.Psi < .3 {
			t.Errorf("%v: coverage %v, Ψ %v, %v", sizes, r.Coverage, r.Psi, r.Notes)
		}
	}
}

// Without a bootstrap there are values and p, and no intervals and ranks.
func TestWithoutBootstrap(t *testing.T) {
	for name, axes := range map[string]bool{"axes": true, "no axes": false} {
		in := largeInput(2)
		if !axes {
			in.Axes = nil
		}
		in.Permute = 99
		in.Bootstrap = -1
		b := build(t, in)
		if !strings.Contains(strings.Join(b.Notes, "\n"), "no intervals and no ranks: no bootstrap was asked for") {
			t.Errorf("%s: notes %q", name, b.Notes)
		}
		in.Bootstrap = 20
		with := build(t, in)
		for i := range b.Rows {
			r := &b.Rows[i]
			if r.PsiCI != nil || r.TauCI != nil || r.Rank != nil || r.RankCI != nil || r.TieGroup != nil {
				t.Errorf("%s: %+v", name, r)
			}
			if r.Tau != nil && r.Notes["tau_ci"] != noBootstrap {
				t.Errorf("%s: %s: tau_ci: %q", name, r.Measure, r.Notes["tau_ci"])
			}
			if q := with.row(t, r.Measure); (r.Tau == nil) != (q.Tau == nil) || r.Tau != nil && (*r.Tau != *q.Tau || *r.PValue != *q.PValue) {
				t.Errorf("%s: %s: τ or p change with the bootstrap", name, r.Measure)
			}
		}
	}
}

// A measure that is not resolved from any other shares rank 1 with all: before,
// a rank went by another level than its interval and was 16 (1-16).
func TestUnresolvedMeasuresShareRankOne(t *testing.T) {
	in := largeInput(12)
	in.Bootstrap = 50
	for m := range in.Measures {
		for i := range in.Measures[m].Values {
			in.Measures[m].Values[i].Value = math.Sin(float64((m + 3) * (i*i + 1))) // has nothing to do with the gap
		}
	}
	for _, input := range []Input{in, gridInput(2, 2, 2)} {
		opposite := input.Measures[0]
		opposite.Name, opposite.Direction = "opposite", "smaller"
		if len(input.Measures) == 1 {
			input.Measures = append(input.Measures, opposite)
		}
		b := build(t, input)
		for i := range b.Rows {
			if r := &b.Rows[i]; r.Class == Train && (*r.Rank != 1 || *r.TieGroup != 1 || *r.RankCI != [2]int{1, len(input.Measures)}) {
				t.Errorf("%s: rank %d %v in group %d", r.Measure, *r.Rank, *r.RankCI, *r.TieGroup)
			}
		}
	}
}

// Ranks, groups and intervals come from the same comparisons: rows of different
// ranks are resolved, and within a group each place is bridged by two that are not.
func TestRanksAreConsistent(t *testing.T) {
	in := largeInput(12)
	in.Bootstrap = 100
	for m := 6; m < 12; m++ { // half of them say the opposite
		for i := range in.Measures[m].Values {
			in.Measures[m].Values[i].Value = .02*math.Sin(float64((m+3)*(i*i+1))) - in.Networks[i].Gap
		}
	}
	b, err := newBuilder(in)
	if err != nil {
		t.Fatal(err)
	}
	var rows []*scored
	for m := range in.Measures {
		r, err := b.score(&in.Measures[m])
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, &r)
	}
	slices.SortFunc(rows, func(p, q *scored) int { return cmp.Compare(q.estimate.Value, p.estimate.Value) })
	rankClass(rows)
	apart := resolvedPairs(rows)
	groups := 0
	for i, r := range rows {
		better, worse := 0, 0
		for j, q := range rows {
			resolved := i != j && apart[min(i, j)][max(i, j)]
			if *r.Rank != *q.Rank && !resolved {
				t.Errorf("%s ranks %d and %s %d, and they are not resolved", r.Measure, *r.Rank, q.Measure, *q.Rank)
			}
			better += btoi(resolved && j < i)
			worse += btoi(resolved && j > i)
		}
		if want := [2]int{1 + better, len(rows) - worse}; *r.RankCI != want {
			t.Errorf("%s: interval %v, want %v", r.Measure, *r.RankCI, want)
		}
		if i == 0 || *r.TieGroup != *rows[i-1].TieGroup {
			groups++
			if *r.Rank != i+1 || *r.TieGroup != groups {
				t.Errorf("%s begins a group at place %d with rank %d, group %d", r.Measure, i+1, *r.Rank, *r.TieGroup)
			}
			continue
		}
		if *r.Rank != *rows[i-1].Rank || cut(apart, i) {
			t.Errorf("%s is in the group of %s", r.Measure, rows[i-1].Measure)
		}
	}
	if groups < 2 || groups == len(rows) {
		t.Errorf("%d groups of %d rows: the test says nothing", groups, len(rows))
	}
}

func TestTitle(t *testing.T) {
	uneven := gridInput(2, 2, 2)
	uneven.Networks = uneven.Networks[1:]
	uneven.Measures = nil
	bare := gridInput(1, 3)
	bare.Axes = nil
	for want, in := range map[string]Input{
		"grid: 8 networks scored (4 configurations x 2 seeds), axes axis0, axis1":          gridInput(2, 2, 2),
		"grid: 4 networks scored (4 configurations x 1 seed), axes axis0, axis1":           gridInput(1, 2, 2),
		"grid: 7 networks scored (4 configurations, 1 to 2 seeds each), axes axis0, axis1": uneven,
		"grid: 3 networks scored": bare,
		"grid: 1 network scored":  gridInput(1, 1),
	} {
		if got := build(t, in).title(); got != want {
			t.Errorf("title %q, want %q", got, want)
		}
	}
	for repeats, want := range map[string]string{"mean": "over all configurations (seeds averaged)", "pooled": "over all networks (seeds pooled)", "per-seed": "over the configurations of each seed"} {
		in := gridInput(2, 2, 2)
		in.Repeats = repeats
		if l := build(t, in).legend(); !strings.Contains(l, want) {
			t.Errorf("%s: %s", repeats, l)
		}
	}
}

// One network: every statistic is undefined, and the text says why.
func TestOneNetwork(t *testing.T) {
	in := gridInput(1, 1)
	in.Dropped = map[string]int{"lost": 1}
	var out bytes.Buffer
	if err := build(t, in).WriteText(&out, 120); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"note: one network alone is scored: every statistic compares networks", "dropped: 1 network: lost"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

// The star is explained where there is one.
func TestStar(t *testing.T) {
	in := gridInput(1, 2, 2, 2)
	for i, n := range in.Networks {
		in.Measures[0].Values[i].Value = float64(len(n.Config["axis0"])) + n.Gap
	}
	for i := range in.Networks {
		in.Networks[i].Parameters = 5
		in.Networks[i].TrainLoss = math.NaN()
	}
	whole := build(t, in)
	if text := whole.legend() + whole.psiHead(); strings.Contains(text, "partial") {
		t.Errorf("a star is explained where there is none: %s", text)
	}
	for i, n := range in.Networks {
		in.Networks[i].Parameters = 5 + len(n.Config["axis1"]) + int(n.Config["axis1"][0])
	}
	partial := build(t, in)
	if partial.row(t, numParams).partial() != "*" || partial.psiHead() != "Ψ [95 %] *partial" || !strings.Contains(partial.legend(), "*: partial, 1 row: ") {
		t.Errorf("%s: %s", partial.psiHead(), partial.legend())
	}
}

// The note says what the printed sign errors are over, and there is none where
// no value is printed.
func TestSignErrorNote(t *testing.T) {
	note := func(in Input) string {
		for _, n := range build(t, in).Notes {
			if strings.HasPrefix(n, "sign err") {
				return n
			}
		}
		return ""
	}
	in := gridInput(2, 4, 2, 2)
	in.TestSize = 10000
	if n := note(in); !strings.Contains(n, "pooled environments") || !strings.Contains(n, "pair of levels of one axis") {
		t.Errorf("note %q", n)
	}
	in = gridInput(1, 2, 2)
	if n := note(in); n != "" {
		t.Errorf("nothing is printed, and the note is %q", n)
	}
}
