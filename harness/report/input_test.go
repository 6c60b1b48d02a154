package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/mat"
)

// A board without the networks that missed the target is the board of the others.
func TestUnconverged(t *testing.T) {
	in, others := largeInput(2), largeInput(2)
	in.Bootstrap, others.Bootstrap = 20, 20
	others.Networks, others.Dropped = nil, map[string]int{missedTarget: 9 + 5}
	in.Dropped = map[string]int{missedTarget: 5}
	for m := range others.Measures {
		others.Measures[m].Values = nil
	}
	for i := range in.Networks {
		if in.Networks[i].Unconverged = i%7 == 3; in.Networks[i].Unconverged {
			in.Networks[i].Gap = math.NaN() // is not looked at
			continue
		}
		others.Networks = append(others.Networks, in.Networks[i])
		for m := range in.Measures {
			others.Measures[m].Values = append(others.Measures[m].Values, in.Measures[m].Values[i])
		}
	}
	a, b := build(t, in), build(t, others)
	if !Equal(a, b) {
		t.Error(cmp.Diff(a, b))
	}
	if in.Dropped[missedTarget] != 5 || len(in.Networks) != 64 || len(in.Measures[0].Values) != 64 {
		t.Error("Build changed its input")
	}
	for i := range in.Networks {
		in.Networks[i].Gap = .1 * float64(i%3)
	}
	in.KeepUnconverged = true
	if kept := build(t, in); kept.Models != 64 || kept.Dropped[missedTarget] != 5 || !strings.Contains(strings.Join(kept.Notes, "\n"), "9 of the networks scored missed the target training loss") {
		t.Errorf("kept: %d networks, %v, %q", kept.Models, kept.Dropped, kept.Notes)
	}
	in.KeepUnconverged = false
	for i := range in.Networks {
		in.Networks[i].Unconverged = true
	}
	if _, err := Build(in); err == nil || !strings.Contains(err.Error(), "no network to score: all 64 missed the target training loss") {
		t.Error(err)
	}
	in.Networks[0].Diverged = true
	if _, err := Build(in); err == nil || !strings.Contains(err.Error(), "no network to score of 64: 1 diverged in training (a loss was not a number): a smaller lr may help; 63 missed") {
		t.Error(err)
	}
	for i := range in.Networks {
		in.Networks[i].Unconverged = i < 3 // 0 diverged
	}
	if b := build(t, in); b.Models != 61 || b.Dropped[diverged] != 1 || b.Dropped[missedTarget] != 5+2 {
		t.Errorf("%d networks, dropped %v", b.Models, b.Dropped)
	}
}

// The logarithm of a measure is scored as the measure of its logarithms.
func TestTransform(t *testing.T) {
	in := largeInput(2)
	in.Bootstrap = 20
	for i := range in.Networks {
		v := math.Exp(20*in.Networks[i].Gap + math.Sin(float64(i)))
		in.Measures[0].Values[i].Value, in.Measures[1].Values[i].Value = v, math.Log(v)
	}
	in.Measures[0].Transform = "log"
	b := build(t, in)
	p, q := *b.row(t, "measure-00"), *b.row(t, "measure-01")
	if p.Transform != "log" || q.Transform != "" {
		t.Errorf("transforms %q, %q", p.Transform, q.Transform)
	}
	if *p.Pearson != *q.Pearson || *p.Psi != *q.Psi || *p.Compat.CNA != *q.Compat.CNA {
		t.Errorf("%+v\n%+v", p, q)
	}
	in.Measures[0].Values[3].Value, in.Measures[0].Values[4].Value = 0, -2
	if r := build(t, in).row(t, "measure-00"); r.N != 62 || r.Notes["coverage"] != "2: the value is 0 or less and has no logarithm" {
		t.Errorf("n %d, %q", r.N, r.Notes["coverage"])
	}
	in.Measures[0].Transform = "ln"
	if _, err := Build(in); err == nil || !strings.Contains(err.Error(), `transform "ln"`) {
		t.Error(err)
	}
}

func TestCanonical(t *testing.T) {
	values := func(in Input) []float64 {
		t.Helper()
		b, err := newBuilder(in)
		if err != nil {
			t.Fatal(err)
		}
		var v []float64
		for _, c := range b.canonical().Values {
			if !c.Defined {
				if c.Reason != noBelief {
					t.Errorf("reason %q", c.Reason)
				}
				return nil
			}
			v = append(v, c.Value)
		}
		return v
	}
	in := gridInput(1, 3, 2, 2)
	if v := values(in); v != nil {
		t.Errorf("axes of unknown names: %v", v)
	}
	in.Canonical = map[string]string{"axis0": "larger", "axis2": "smaller"}
	// place of axis0 / 2 - place of axis2, by hand
	want := []float64{0, .5, 1, 0, .5, 1, -1, -.5, 0, -1, -.5, 0}
	if d := cmp.Diff(want, values(in)); d != "" {
		t.Error(d)
	}
	b := build(t, in)
	if notes := strings.Join(b.Notes, "\n"); !strings.Contains(notes, "canonical-ordering has no belief about axis1 and leaves it out") {
		t.Errorf("notes %q", notes)
	}
	for _, spoil := range []map[string]string{{"axis9": "larger"}, {"axis0": "up"}} {
		in.Canonical = spoil
		if _, err := Build(in); err == nil || !strings.Contains(err.Error(), "canonical ordering: ") {
			t.Errorf("%v: %v", spoil, err)
		}
	}
	// Jiang et al. 2019, appendix on canonical measures; the rest as commonly stated.
	for axis, want := range map[string]int{"batch_size": 1, "Depth": -1, "width": -1, "dropout": -1, "weight-decay": -1, "hp.learning_rate": -1,
		"label_shuffle": 1, "input_noise": 1, "train": -1, "momentum": 0, "optimizer": 0, "": 0} {
		if got := belief(axis); got != want {
			t.Errorf("%s: %d, want %d", axis, got, want)
		}
	}
}

// The regression against ordinary ridge regression, solved anew for each
// configuration from the rows that differ from it in two axes or more.
func TestRegressionAgreesWithDirectSolution(t *testing.T) {
	in := gridInput(1, 3, 2, 4)
	r := rand.New(rand.NewPCG(5, 6))
	in.Networks = in.Networks[:22] // with holes
	in.Measures = nil
	for i := range in.Networks {
		in.Networks[i].Gap = r.Float64()
	}
	b, err := newBuilder(in)
	if err != nil {
		t.Fatal(err)
	}
	got := b.regression().Values
	sizes, n := []int{3, 2, 4}, len(in.Networks)
	at := func(i int) []int { return []int{b.levels[0][i], b.levels[1][i], b.levels[2][i]} }
	row := func(i int) []float64 {
		v := make([]float64, 10)
		offset := 0
		for a, k := range at(i) {
			v[offset+k] = 1
			offset += sizes[a]
		}
		v[9] = 1
		return v
	}
	compared := 0
	for c := range n {
		if !got[c].Defined { // a level is not among the rest
			continue
		}
		compared++
		var a mat.Dense
		a.CloneFrom(mat.NewDiagDense(10, []float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 0}))
		rhs := mat.NewVecDense(10, nil)
		for d := range n {
			differ := 0
			for k := range sizes {
				differ += btoi(at(c)[k] != at(d)[k])
			}
			if differ < 2 {
				continue
			}
			v := mat.NewVecDense(10, row(d))
			var outer mat.Dense
			outer.Outer(1, v, v)
			a.Add(&a, &outer)
			rhs.AddScaledVec(rhs, b.gaps[d], v)
		}
		var beta mat.VecDense
		if err := beta.SolveVec(&a, rhs); err != nil {
			t.Fatal(err)
		}
		if want := mat.Dot(&beta, mat.NewVecDense(10, row(c))); math.Abs(got[c].Value-want) > 1e-9 {
			t.Errorf("configuration %d: %+v, want %v", c, got[c], want)
		}
	}
	if compared < 15 {
		t.Errorf("%d predictions of %d", compared, n)
	}
}

func TestGridNotes(t *testing.T) {
	in := gridInput(1, 3, 2, 2)
	in.Networks, in.Measures = in.Networks[:10], nil
	b := build(t, in)
	notes := strings.Join(b.Notes, "\n")
	for _, want := range []string{"10 of 12 configurations of the full grid are there", "5 of the 16 cells that Ψ averages over have fewer than two networks and say nothing: 1 of 4 along axis0, 2 of 6 along axis1, 2 of 6 along axis2"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not in %q", want, notes)
		}
	}
	if b.Possible != 12 || b.Configurations != 10 {
		t.Errorf("%d of %d", b.Configurations, b.Possible)
	}
	// Levels that all networks missed belong to the full grid.
	in.AxisLevels = map[string][]string{"axis1": {"0", "1", "2"}}
	if b := build(t, in); b.Possible != 18 {
		t.Errorf("possible %d", b.Possible)
	}
	// 3^40 configurations are beyond counting.
	in = Input{Bootstrap: 20, Permute: 1}
	for i := range 3 {
		n := Network{ID: fmt.Sprint(i), Gap: float64(i), Config: map[string]string{}}
		for a := range 40 {
			n.Config[fmt.Sprint(a)] = fmt.Sprint(i)
		}
		in.Networks = append(in.Networks, n)
	}
	for a := range 40 {
		in.Axes = append(in.Axes, fmt.Sprint(a))
	}
	if b := build(t, in); b.Possible != 0 {
		t.Errorf("possible %d", b.Possible)
	}
}
