package cnam

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/genbench/genbench/harness/measure"
)

// fromSciPy is testdata/cnam.json, made by testdata/make.py.
type fromSciPy struct {
	NumPy, SciPy string
	Cases        []struct {
		Train, Test      [2][]float64
		Alpha, Published *float64 // null: the curves are single points
	}
	Values      []float64
	Percentiles map[string]float64
}

func read(t *testing.T) fromSciPy {
	t.Helper()
	raw, err := os.ReadFile("testdata/cnam.json")
	if err != nil {
		t.Fatal(err)
	}
	var e fromSciPy
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func undefined(err error) bool {
	_, ok := measure.IsUndefined(err)
	return ok
}

// TestPolygonArea: the specification's vector V5, whose published axis has complexity over
// slope; here the curves are given with x and y exchanged.
func TestPolygonArea(t *testing.T) {
	for name, c := range map[string]struct {
		a, b curve
		want float64
	}{
		"parallel":      {curve{[]float64{0, .5}, []float64{0, 1}}, curve{[]float64{.25, .75}, []float64{0, 1}}, .25},
		"crossing":      {curve{[]float64{0, 1}, []float64{0, 1}}, curve{[]float64{1, 0}, []float64{0, 1}}, 0}, // areas cancel
		"triangle":      {curve{[]float64{0, 0}, []float64{0, 1}}, curve{[]float64{0, 1}, []float64{0, 1}}, .5},
		"offset ranges": {curve{[]float64{0, 0}, []float64{0, 1}}, curve{[]float64{1, 1}, []float64{.5, 1.5}}, 1},
	} {
		got, err := polygonArea(c.a, c.b)
		if err != nil || math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
}

// TestOverlapArea against areas known in closed form.
func TestOverlapArea(t *testing.T) {
	for name, c := range map[string]struct {
		a, b      curve
		want, tol float64
	}{
		"parallel": {curve{[]float64{0, 1}, []float64{0, .5}}, curve{[]float64{0, 1}, []float64{.25, .75}}, .25, 1e-12},
		"triangle": {curve{[]float64{0, 1}, []float64{0, 0}}, curve{[]float64{0, 1}, []float64{0, 1}}, .5, 1e-12},
		// |x - (1-x)|: its kink lies between two of the 100 points, which costs 1/(2·99²)
		"crossing": {curve{[]float64{0, 1}, []float64{0, 1}}, curve{[]float64{0, 1}, []float64{1, 0}}, .5, 1e-4},
		"overlap":  {curve{[]float64{0, 1}, []float64{0, 0}}, curve{[]float64{.5, 1.5}, []float64{1, 1}}, .5, 1e-12},
		"same":     {curve{[]float64{0, .3, 1}, []float64{0, 5, 1}}, curve{[]float64{0, .3, 1}, []float64{0, 5, 1}}, 0, 0},
		"equal x":  {curve{[]float64{0, 0, 1, 1}, []float64{0, 2, 0, 2}}, curve{[]float64{0, 1}, []float64{0, 0}}, 1, 1e-12},
	} {
		got, err := overlapArea(c.a, c.b)
		if err != nil || math.Abs(got-c.want) > c.tol {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
	if _, err := overlapArea(curve{[]float64{0, .4}, []float64{0, 1}}, curve{[]float64{.5, 1}, []float64{0, 1}}); !undefined(err) {
		t.Errorf("curves apart: %v", err)
	}
}

// TestAreas holds the whole way from samples to areas against NumPy and SciPy.
func TestAreas(t *testing.T) {
	for i, c := range read(t).Cases {
		train, test := sample{c.Train[0], c.Train[1]}, sample{c.Test[0], c.Test[1]}
		for axis, want := range map[string]*float64{"alpha": c.Alpha, "published": c.Published} {
			got, halves, err := areas(train, test, axis, 1)
			if want == nil {
				continue // checked below
			}
			if err != nil || math.Abs(got-*want) > 1e-9 {
				t.Errorf("case %d, axis %s: %v, %v, SciPy %v", i, axis, got, err, *want)
			}
			if len(train.alpha) >= 2*window && !(halves > 0) {
				t.Errorf("case %d, axis %s: halves %v", i, axis, halves)
			}
		}
		// A positive affine change of complexity or slope changes no area.
		moved := func(s sample) sample {
			m := sample{slices.Clone(s.alpha), slices.Clone(s.beta)}
			for i := range m.alpha {
				m.alpha[i] = 1000*m.alpha[i] - 9966
				m.beta[i] = 0.25*m.beta[i] + 3
			}
			return m
		}
		if c.Alpha != nil {
			got, _, err := areas(moved(train), moved(test), "alpha", 1)
			if err != nil || math.Abs(got-*c.Alpha) > 1e-9 {
				t.Errorf("case %d moved: %v, %v, want %v", i, got, err, *c.Alpha)
			}
		}
	}
}

func TestAreasUndefined(t *testing.T) {
	ramp := func(n int, a, b float64) sample {
		s := sample{make([]float64, n), make([]float64, n)}
		for i := range n {
			s.alpha[i], s.beta[i] = a*float64(i), b*float64(i)
		}
		return s
	}
	for name, c := range map[string][2]sample{
		"24 examples":         {ramp(24, 1, 1), ramp(30, 1, 1)},
		"24 test examples":    {ramp(30, 1, 1), ramp(24, 1, 1)},
		"constant complexity": {ramp(30, 0, 1), ramp(30, 0, 1)},
		"constant slope":      {ramp(30, 1, 0), ramp(30, 1, 0)},
		"single points":       {ramp(25, 1, 1), ramp(25, 2, 1)},
	} {
		if got, _, err := areas(c[0], c[1], "alpha", 1); !undefined(err) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	// The same examples twice: no area at all.
	if got, _, err := areas(ramp(60, 1, 2), ramp(60, 1, 2), "alpha", 1); err != nil || got != 0 {
		t.Errorf("equal splits: %v, %v", got, err)
	}
}

// TestSlope is vector V5.
func TestSlope(t *testing.T) {
	if got := slope([]float64{3, 1, 4, 1, 5}); math.Abs(got-0.4) > 1e-15 {
		t.Errorf("%v, want 0.4", got)
	}
	if got := slope([]float64{2, -1}); got != -3 {
		t.Errorf("%v, want -3", got)
	}
	if _, err := newSample([]float64{1}, []int32{0}, measure.Matrix{Rows: 1, Cols: 1, Data: []float64{1}}, []int32{0}); !undefined(err) {
		t.Errorf("one layer: %v", err)
	}
	if _, err := newSample([]float64{1}, []int32{1}, measure.Matrix{Rows: 1, Cols: 2, Data: []float64{1, 2}}, []int32{0}); err == nil {
		t.Error("different examples pass")
	}
}

// TestPercentile: V5's margins and numpy.percentile.
func TestPercentile(t *testing.T) {
	e := read(t)
	for q, want := range e.Percentiles {
		f, err := strconv.ParseFloat(q, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := measure.Percentile(e.Values, f); err != nil || math.Abs(got-want) > 1e-14 {
			t.Errorf("percentile %s: %v, %v, numpy %v", q, got, err, want)
		}
	}
	var v5 []float64
	for m := -2; m <= 17; m++ {
		v5 = append(v5, float64(m))
	}
	for q, want := range map[float64]float64{5: -1.05, 10: -0.10} {
		if got, _ := measure.Percentile(v5, q); math.Abs(got-want) > 1e-14 {
			t.Errorf("percentile %v of V5: %v, want %v", q, got, want)
		}
	}
	for _, v := range [][]float64{nil, {1, math.NaN()}} {
		if _, err := measure.Percentile(v, 5); !undefined(err) {
			t.Errorf("percentile of %v: %v", v, err)
		}
	}
}

// TestReleasedMargins is vector V10: the list of the released code and both percentiles.
func TestReleasedMargins(t *testing.T) {
	logits := measure.Matrix32{Rows: 4, Cols: 3, Data: []float32{3, 1, 0, 0, 2, 1, 1, 1.5, 4, 2, 0, 1}}
	got := releasedMargins(logits, []int32{0, 1, 2, 1}, 128)
	want := []float64{-1, 0, 0, -2, -1, -1, 0, -2, -1, -1, -.5, -2, -1, -1, -.5, -2}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if p, _ := measure.Percentile(got, 5); p != -2 {
		t.Errorf("percentile %v, want -2", p)
	}
	if p, _ := measure.Percentile([]float64{2, 1, 2.5, -2}, 5); math.Abs(p - -1.55) > 1e-15 {
		t.Errorf("percentile of the margins %v, want -1.55", p)
	}
	// Two batches of 2 are two lists, one after the other.
	if got := releasedMargins(logits, []int32{0, 1, 2, 1}, 2); !slices.Equal(got, []float64{-1, 0, -1, -1, -.5, -2, -.5, -2}) {
		t.Errorf("batches of 2: %v", got)
	}
}
