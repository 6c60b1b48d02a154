package representation

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/measure/measuretest"
	"github.com/genbench/genbench/internal/evidence"
)

// fromPython is testdata/representation.json, made by testdata/make.py with scikit-learn and SciPy.
type fromPython struct {
	DBI []struct {
		Units int
		X     []float32
		Y     []int32
		Index float64
	}
	Assign []struct {
		N       int
		Kind    string
		Cost    []float64
		Total   float64
		Columns []int
	}
	KV []struct {
		Units                      int
		X                          []float32
		Y                          []int32
		Difference, Norms, Weights []float64
		KV, KVGN                   float64
	}
}

func read(t *testing.T) fromPython {
	t.Helper()
	raw, err := os.ReadFile("testdata/representation.json")
	if err != nil {
		t.Fatal(err)
	}
	var e fromPython
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

const tol = 1e-12 // float64 sums of a few hundred terms, relative

// TestDaviesBouldin: vector V8 of the specification, and scikit-learn. One case lies 1000 from 0, where scikit-learn's
// distance between means, ‖a‖² - 2ab + ‖b‖², loses digits.
func TestDaviesBouldin(t *testing.T) {
	ev := evidence.Open(t)
	v8 := measure.Matrix32{Rows: 6, Cols: 2, Data: []float32{0, 0, 0, 2, 4, 0, 4, 2, 0, 10, 2, 10}}
	if got, err := daviesBouldin(v8, []int32{0, 0, 1, 1, 2, 2}); err != nil || math.Abs(got-0.4069543507) > 5e-11 {
		t.Errorf("V8: %v, %v", got, err)
	}
	for i, c := range read(t).DBI {
		got, err := daviesBouldin(measure.Matrix32{Rows: len(c.Y), Cols: c.Units, Data: c.X}, c.Y)
		source, within := "scikit-learn 1.2.1: davies_bouldin_score", tol
		if c.X[0] > 100 {
			source, within = source+", far from 0", 1e-9
		}
		if err != nil {
			t.Errorf("case %d: %v", i, err)
		}
		ev.Measure("davies-bouldin", source, evidence.Relative(within), got, c.Index)
	}
}

func TestDaviesBouldinUndefined(t *testing.T) {
	same := measure.Matrix32{Rows: 4, Cols: 1, Data: []float32{0, 2, 1, 1}}
	for name, y := range map[string][]int32{"one class": {1, 1, 1, 1}, "one mean": {0, 0, 1, 1}} {
		v, err := daviesBouldin(same, y)
		if _, ok := measure.IsUndefined(err); !ok {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
	// Classes of one example have no spread: (0+0)/1, and twice that for three in a row are 0.
	if v, err := daviesBouldin(measure.Matrix32{Rows: 2, Cols: 1, Data: []float32{0, 1}}, []int32{0, 1}); err != nil || v != 0 {
		t.Errorf("two points: %v, %v, want 0", v, err)
	}
}

// TestAssignment: SciPy's linear_sum_assignment; where costs are whole numbers with ties, only the sum is fixed.
func TestAssignment(t *testing.T) {
	for _, c := range read(t).Assign {
		columns, total := assignment(c.Cost, c.N)
		if math.Abs(total-c.Total) > tol*max(1, math.Abs(c.Total)) {
			t.Errorf("%s %d: %v, SciPy %v", c.Kind, c.N, total, c.Total)
		}
		sorted := slices.Sorted(slices.Values(columns))
		for i, j := range sorted {
			if i != j {
				t.Fatalf("%s %d: columns %v are no permutation", c.Kind, c.N, columns)
			}
		}
		if c.Kind != "whole" && !slices.Equal(columns, c.Columns) {
			t.Errorf("%s %d: columns %v, SciPy %v", c.Kind, c.N, columns, c.Columns)
		}
	}
}

// TestAssignmentBrute tries all permutations of small matrices.
func TestAssignmentBrute(t *testing.T) {
	state := uint64(1)
	for n := 1; n <= 6; n++ {
		for range 50 {
			cost := make([]float64, n*n)
			for i := range cost {
				state = state*6364136223846793005 + 1442695040888963407
				cost[i] = float64(state>>60) - 5 // small whole numbers, many ties
			}
			best := math.Inf(1)
			var try func(row int, used int, sum float64)
			try = func(row, used int, sum float64) {
				if row == n {
					best = min(best, sum)
					return
				}
				for j := range n {
					if used>>j&1 == 0 {
						try(row+1, used|1<<j, sum+cost[row*n+j])
					}
				}
			}
			try(0, 0, 0)
			if _, total := assignment(cost, n); total != best {
				t.Fatalf("%d x %d %v: %v, the best of all is %v", n, n, cost, total, best)
			}
		}
	}
	if _, total := assignment(nil, 0); total != 0 {
		t.Errorf("nothing to assign costs %v", total)
	}
}

// TestKV holds both measures against their formulas in NumPy, with SciPy's assignment.
func TestKV(t *testing.T) {
	for i, c := range read(t).KV {
		s := kvSample{x: measure.Matrix32{Rows: len(c.Y), Cols: c.Units, Data: c.X}, y: c.Y, weights: c.Weights, difference: c.Difference, norms: c.Norms}
		for gradient, want := range map[bool]float64{false: c.KV, true: c.KVGN} {
			got, err := s.measure(context.Background(), gradient)
			if err != nil || math.Abs(got-want) > tol*math.Abs(want) {
				t.Errorf("case %d, gradient %v: %v, %v, want %v", i, gradient, got, err, want)
			}
		}
	}
}

// TestKVByHand: two classes on a line. Class 0 at 0, 1, 3 (the halves are 0 and 1), class 1 at 10, 14, 12, 10 (halves
// {10, 14} and {12, 10}: W₁ = (0 + 2)/2); gradients at most 2 and 5; shares 3/7 and 4/7; median margin 2.
func TestKVByHand(t *testing.T) {
	net := measuretest.Net{
		Classes: 2, Labels: []int32{0, 1, 0, 1, 0, 1, 1},
		Features: func(layer string, o measure.SampleOptions) (measure.Features, error) {
			return measure.Features{Rounds: 1, Examples: 7, Units: 1, Data: []float32{0, 10, 1, 14, 3, 12, 10}, Index: []int32{0, 1, 2, 3, 4, 5, 6}}, nil
		},
		LayerMargins: &measure.Margins{
			Difference: []float64{-1, 5, 2, 3, 2, 1, 9}, Variances: []float64{1, 1},
			Norms: measure.Matrix{Rows: 7, Cols: 2, Data: []float64{9, 1, 9, 5, 9, 2, 9, 1, 9, 1, 9, 1, 9, 1}},
		},
	}
	got, err := net.Compute(context.Background(), KVMargin(), nil)
	if want := -2 / (3.0/7*1*2 + 4.0/7*1*5); err != nil || math.Abs(got-want) > tol {
		t.Errorf("kv-margin %v, %v, want %v", got, err, want)
	}
	// margins over gradients: -1, 1, 1, 3, 2, 1, 9: the median is 1, but for the 1e-6
	got, err = net.Compute(context.Background(), KVGNMargin(), nil)
	if want := -1 / (3.0/7 + 4.0/7); err != nil || math.Abs(got-want) > 1e-6 {
		t.Errorf("kv-gn-margin %v, %v, want %v", got, err, want)
	}
	net.Labels = []int32{0, 1, 1, 1, 1, 1, 1}
	if v, err := net.Compute(context.Background(), KVMargin(), nil); err == nil {
		t.Errorf("a class of one example: %v", v)
	} else if reason, ok := measure.IsUndefined(err); !ok {
		t.Error(err)
	} else if want := "1 examples of class 0 are sampled: there are no two halves"; reason != want {
		t.Errorf("%q, want %q", reason, want)
	}
}

// TestMixupAccuracy by hand: class 0 has 2 of 3 pairs right in round 0 and 0 of 1 in round 1, class 2 has 1 of 1.
func TestMixupAccuracy(t *testing.T) {
	p := measure.Pairs{Class: []int32{0, 0, 0, 2, 0}, Round: []int32{0, 0, 0, 0, 1}, Predicted: []int32{0, 1, 0, 2, 2}}
	got, err := mixupAccuracy(p)
	if want := ((2.0/3+0)/2 + 1) / 2; err != nil || math.Abs(got-want) > tol {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if _, err := mixupAccuracy(measure.Pairs{}); err == nil {
		t.Error("no pairs have an accuracy")
	}
}

// TestRounds: the index is the mean over rounds, rounds and examples are asked for as the options say, and the product is one.
func TestRounds(t *testing.T) {
	asked := ""
	net := measuretest.Net{
		Classes: 3, Labels: []int32{0, 0, 1, 1, 2, 2},
		Features: func(layer string, o measure.SampleOptions) (measure.Features, error) {
			asked = fmt.Sprint(layer, " ", o)
			return measure.Features{ // V8, and V8 with its last coordinates over again: classes 0 and 1 alone
				Rounds: 2, Examples: 4, Units: 2,
				Data:  []float32{0, 0, 0, 2, 4, 0, 4, 2, 0, 0, 0, 4, 4, 0, 4, 4},
				Index: []int32{0, 1, 2, 3, 1, 0, 3, 2},
			}, nil
		},
		Pairs: func(o measure.SampleOptions) measure.Pairs {
			asked += fmt.Sprint(" ", o)
			return measure.Pairs{Class: []int32{0, 1, 2, 2}, Round: []int32{0, 0, 0, 0}, Predicted: []int32{0, 0, 2, 1}}
		},
	}
	// (1+1)/4 in the first round, (2+2)/4 in the second.
	given := map[string]string{"layer": "last", "rounds": "7", "examples": "33", "per_class": "4", "pool": "2"}
	got, err := net.Compute(context.Background(), DBIMixup{}, given)
	if want := (0.5 + 1) / 2 * (1 - 0.5); err != nil || math.Abs(got-want) > tol {
		t.Errorf("dbi-mixup %v, %v, want %v", got, err, want)
	}
	if want := "last {7 33 2} {7 12 0}"; asked != want {
		t.Errorf("asked for %q, want %q", asked, want)
	}
	for _, bad := range []map[string]string{{"rounds": "0"}, {"examples": "-1"}, {"per_class": "0"}, {"pool": "0"}, {"rounds": "many"}} {
		if v, err := net.Compute(context.Background(), DBIMixup{}, bad); err == nil {
			t.Errorf("%v: %v", bad, v)
		}
	}
}

func BenchmarkAssignment100(b *testing.B) {
	const n = 100
	cost := make([]float64, n*n)
	for i := range cost {
		cost[i] = math.Mod(float64(i)*0.6180339887, 1)
	}
	for b.Loop() {
		assignment(cost, n)
	}
}
