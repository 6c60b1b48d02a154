package report

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// largeInput is of the default corpus's size: 32 configurations of two seeds,
// 2,000 test examples.
func largeInput(measures int) Input {
	r := rand.New(rand.NewPCG(1, 2))
	in := Input{Corpus: "quick", Axes: []string{"label_shuffle", "input_noise", "width", "depth"}}
	for i := range 64 {
		at := i / 2
		shuffle, noise, width, depth := at%4, at/4%2, at/8%2, at/16
		gap := .05 + .15*float64(shuffle) + .03*float64(noise) + .01*r.NormFloat64()
		correct, hits := make([]bool, 2000), 0
		for e := range correct {
			if correct[e] = r.Float64() > gap; correct[e] {
				hits++
			}
		}
		in.Networks = append(in.Networks, Network{
			ID: fmt.Sprintf("%04d", i), Seed: int64(i % 2), Gap: 1 - float64(hits)/2000, LossGap: gap, TrainLoss: .01 + .001*r.Float64(),
			Parameters: 1000 * (width + 1) * (depth + 1), TestCorrect: correct,
			Config: map[string]string{"label_shuffle": fmt.Sprint(shuffle), "input_noise": fmt.Sprint(noise), "width": fmt.Sprint(width), "depth": fmt.Sprint(depth)},
		})
	}
	for m := range measures {
		out := Measure{Name: fmt.Sprintf("measure-%02d", m), Class: Train, Direction: "larger"}
		for _, n := range in.Networks {
			out.Values = append(out.Values, Cell{Value: n.Gap + .02*float64(m+1)*r.NormFloat64(), Defined: true})
		}
		in.Measures = append(in.Measures, out)
	}
	return in
}

func TestBadInput(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Input)
		want  string
	}{
		"no networks":     {func(in *Input) { in.Networks = nil }, "no networks"},
		"gap NaN":         {func(in *Input) { in.Networks[3].Gap = math.NaN() }, "network 0003: it has no accuracy gap"},
		"loss gap Inf":    {func(in *Input) { in.Gap = LossGap; in.Networks[3].LossGap = math.Inf(1) }, "network 0003: its loss gap is +Inf"},
		"same id":         {func(in *Input) { in.Networks[3].ID = "0002" }, `"0002" is empty or taken`},
		"no level":        {func(in *Input) { delete(in.Networks[3].Config, "width") }, "network 0003: no value for the axis width"},
		"unknown level":   {func(in *Input) { in.AxisLevels = map[string][]string{"width": {"0"}} }, "not among the axis's levels"},
		"seed as an axis": {func(in *Input) { in.Axes = append(in.Axes, "seed") }, "the seed is not a hyperparameter"},
		"too few values":  {func(in *Input) { in.Measures[0].Values = in.Measures[0].Values[1:] }, "measure measure-00: 63 values for 64 networks"},
		"value NaN":       {func(in *Input) { in.Measures[0].Values[2].Value = math.NaN() }, "measure measure-00, network 0002: the value is NaN"},
		"same name":       {func(in *Input) { in.Measures[1].Name = "measure-00" }, "measure measure-00: the name is taken"},
		"class":           {func(in *Input) { in.Measures[0].Class = "best" }, `class "best"`},
		"direction":       {func(in *Input) { in.Measures[0].Direction = "up" }, `direction "up"`},
		"seconds":         {func(in *Input) { in.Measures[0].Seconds = math.NaN() }, "it took NaN seconds"},
		"repeats":         {func(in *Input) { in.Repeats = "median" }, `repeats "median"`},
		"compat":          {func(in *Input) { in.Compat = []string{"x"} }, `compat "x"`},
		"gap kind":        {func(in *Input) { in.Gap = "error" }, `gap "error"`},
		"bootstrap":       {func(in *Input) { in.Bootstrap = 3 }, "3 bootstrap replicates: a 95 % interval needs at least 20"},
		"permutations":    {func(in *Input) { in.Permute = -1 }, "-1 permutations: at least 1"},
		"test sizes":      {func(in *Input) { in.Networks[3].TestCorrect = []bool{true} }, "network 3 has 1 of them"},
	} {
		in := largeInput(2)
		in.Bootstrap = 20
		c.spoil(&in)
		if b, err := Build(in); b != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want it to say %q", name, err, c.want)
		}
	}
}

func TestControls(t *testing.T) {
	in := largeInput(1)
	in.Bootstrap = 50
	b := build(t, in)
	for _, name := range []string{"num-params", "train-loss", "random", "oracle-0.02", "oracle-0.05", "hyperparameters"} {
		if r := b.row(t, name); r.Class != Control || r.N != 64 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if p, q := b.row(t, "oracle-0.02"), b.row(t, "oracle-0.05"); *p.Tau <= *q.Tau || *p.Tau < .8 {
		t.Errorf("oracles: τ %v with noise 0.02, %v with 0.05", *p.Tau, *q.Tau)
	}
	if r := b.row(t, "random"); math.Abs(*r.Tau) > .4 {
		t.Errorf("random: τ %v", *r.Tau)
	}

	// Its draws belong to seed and network: they stay when networks are added, and
	// change with the seed.
	random := *b.row(t, "random").Pearson
	in.Seed = 2
	if again := *build(t, in).row(t, "random").Pearson; again == random {
		t.Error("the seed does not reach the random control")
	}
	oracle := func(in Input) []float64 {
		bl, err := newBuilder(in)
		if err != nil {
			t.Fatal(err)
		}
		var v []float64
		for i, c := range bl.oracle(oracle002, .02).Values {
			v = append(v, (c.Value-bl.gaps[i])/.02)
		}
		return v
	}
	all := oracle(in)
	in.Networks = in.Networks[5:]
	in.Measures = nil
	for i, z := range oracle(in) {
		if z != all[i+5] {
			t.Fatal("the oracle's noise depends on the other networks")
		}
	}
	// 64 standard normal values: mean within 4/√64, variance within 4√(2/64).
	var sum, squares float64
	for _, z := range all {
		sum += z / 64
		squares += z * z / 64
	}
	if math.Abs(sum) > .5 || math.Abs(squares-1) > .71 {
		t.Errorf("noise of mean %v and mean square %v", sum, squares)
	}
}

// A measure by the name of a control would pass for what it is held against.
func TestControlNamesAreKept(t *testing.T) {
	var rows []string
	directions := map[string]string{}
	for _, r := range build(t, Input{Networks: []Network{{ID: "a"}, {ID: "b"}}}).Rows {
		rows = append(rows, r.Measure)
		directions[r.Measure] = r.Direction
	}
	for _, c := range Controls() {
		if c.Direction != directions[c.Name] || c.Doc == "" {
			t.Errorf("%s is described as %q, %q; its row says %q", c.Name, c.Direction, c.Doc, directions[c.Name])
		}
	}
	slices.Sort(rows)
	if names := slices.Sorted(slices.Values(ControlNames())); !slices.Equal(names, rows) {
		t.Errorf("ControlNames are %q, the rows of a board without measures %q", names, rows)
	}
	for _, name := range ControlNames() {
		in := largeInput(2)
		in.Measures[1].Name = name
		if b, err := Build(in); b != nil || err == nil || !strings.Contains(err.Error(), "measure "+name+": the name belongs to a control") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Where the hyperparameters say nothing the control that predicts from them must
// come out near 0: leaving out the configuration alone gives Ψ = -0.30 here.
func TestRegressionOfNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var sum float64
	const draws = 100
	for range draws {
		in := largeInput(0)
		in.Bootstrap, in.Permute = 20, 1
		for i := range in.Networks {
			in.Networks[i].TestCorrect = nil
			in.Networks[i].Gap = .3 + .01*r.NormFloat64()
		}
		sum += *build(t, in).row(t, "hyperparameters").Psi / draws
	}
	// A single Ψ has a standard deviation near 0.15: four standard errors.
	if math.Abs(sum) > .06 {
		t.Errorf("mean Ψ of the regression on nothing: %.3f", sum)
	}
}

func TestWithoutAxes(t *testing.T) {
	in := largeInput(3)
	in.Axes, in.Bootstrap = nil, 50
	b := build(t, in)
	for i, r := range b.Rows {
		if r.Psi != nil || len(r.PsiByAxis) != 0 || r.SignError != nil || r.Notes["psi"] == "" {
			t.Errorf("%s: %+v", r.Measure, r)
		}
		if i > 0 && r.Tau != nil && *r.Tau > *b.Rows[i-1].Tau {
			t.Errorf("%s is not sorted by τ", r.Measure)
		}
		if r.Class == Train && (r.Rank == nil || r.PValue == nil || r.TauCI == nil) {
			t.Errorf("%s: %+v", r.Measure, r)
		}
	}
	if r := b.row(t, "hyperparameters"); r.N != 0 || r.Tau != nil || !strings.Contains(r.Notes["coverage"], "there are no axes") {
		t.Errorf("hyperparameters: %+v", r)
	}
	var out bytes.Buffer
	if err := b.WriteText(&out, 0); err != nil || strings.Contains(out.String(), "Ψ [95") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestMissingEverywhere(t *testing.T) {
	in := largeInput(2)
	in.Bootstrap = 50
	for i := range in.Measures[0].Values {
		in.Measures[0].Values[i] = Cell{Status: "failed", Reason: []string{"crashed", "timed out", "said NaN", "ran out of memory", "hung"}[i%5]}
	}
	for i := range in.Measures[1].Values[1:] {
		in.Measures[1].Values[i+1] = Cell{}
	}
	b := build(t, in)
	r := b.row(t, "measure-00")
	if r.N != 0 || r.Coverage != 0 || r.Tau != nil || r.CMI != nil || r.PValue != nil || r.Notes["tau"] != "the measure is defined for no network" {
		t.Errorf("%+v", r)
	}
	if want := "13: crashed; 13: ran out of memory; 13: said NaN; and 2 other reasons"; r.Notes["coverage"] != want {
		t.Errorf("reasons %q, want %q", r.Notes["coverage"], want)
	}
	if r := b.row(t, "measure-01"); r.N != 1 || r.Tau != nil || r.Notes["coverage"] != "63: not measured" {
		t.Errorf("%+v", r)
	}
	if last := b.Rows[len(b.Rows)-1].Measure; !strings.HasPrefix(last, "measure-0") {
		t.Errorf("undefined rows are not last: %s", last)
	}
}

func TestGaps(t *testing.T) {
	in := largeInput(1)
	in.Bootstrap, in.Gap = 50, LossGap
	b := build(t, in)
	if !strings.Contains(strings.Join(b.Notes, "\n"), "test loss minus train loss") {
		t.Errorf("notes %q", b.Notes)
	}
	// 1-0.8 and 0.9-0.7 are the same gap and differ as float64s.
	one, eight, nine, seven := 1.0, .8, .9, .7 // variables: Go computes constants exactly
	if one-eight == nine-seven {
		t.Fatal("the case is void")
	}
	in = Input{Networks: []Network{{ID: "a", Gap: one - eight}, {ID: "b", Gap: nine - seven}, {ID: "c", Gap: .5}}}
	bl, err := newBuilder(in)
	if err != nil || bl.gaps[0] != bl.gaps[1] {
		t.Errorf("gaps %v, %v", bl.gaps, err)
	}
}

func TestOptions(t *testing.T) {
	in := largeInput(1)
	in.Bootstrap = 50
	mean := *build(t, in).row(t, "measure-00").Tau
	for _, repeats := range []string{"pooled", "per-seed"} {
		in.Repeats = repeats
		if v := *build(t, in).row(t, "measure-00").Tau; v == mean {
			t.Errorf("repeats %s: the same τ as over means, %v", repeats, v)
		}
	}
	in.Repeats = ""
	// One level of an axis: it is not an axis here.
	in = largeInput(1)
	in.Bootstrap = 50
	for i := range in.Networks {
		in.Networks[i].Config["width"] = "0"
	}
	if r := build(t, in).row(t, "measure-00"); len(r.PsiByAxis) != 3 {
		t.Errorf("axes %v", r.PsiByAxis)
	}
}

func TestExplainNamesEveryColumn(t *testing.T) {
	b := build(t, largeInput(0))
	paired := map[string]string{"ρ": "ρ, r", "r": "ρ, r"}
	for _, c := range append(b.identity(), b.mainColumns()...) {
		head, _, _ := strings.Cut(c.head, " [")
		if p, ok := paired[head]; ok {
			head = p
		}
		if head != "measure" && !strings.Contains(Explain(), "\n"+head+" ") {
			t.Errorf("the explanation lacks %q", head)
		}
	}
	for _, m := range []string{numParams, trainLoss, random, oracle002, oracle005, hyperparameters, canonicalOrdering} {
		if !strings.Contains(Explain(), "\n"+m+" ") {
			t.Errorf("the explanation lacks the control %s", m)
		}
	}
}
