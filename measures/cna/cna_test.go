package cna

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/genbench/genbench/harness/measure"
)

const tol = 1e-10 // float64 arithmetic on 5 layer sums near 1,000

// fromSciPy is testdata/cna.json, made by testdata/make.py.
type fromSciPy struct {
	NumPy, SciPy               string
	CNA                        map[string]float64
	Sums, Alpha, Beta, Ties    []float64
	Pearson, Spearman, Kendall float64
}

func read(t *testing.T) fromSciPy {
	t.Helper()
	raw, err := os.ReadFile("testdata/cna.json")
	if err != nil {
		t.Fatal(err)
	}
	var e fromSciPy
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestSlopes: the specification's vector V5, and numpy.polyfit.
func TestSlopes(t *testing.T) {
	for _, c := range []struct {
		z    []float64
		want float64
	}{{[]float64{3, 1, 4, 1, 5}, 0.4}, {[]float64{1, 2, 3}, 1}, {[]float64{2, -1}, -3}} {
		got, err := slopes(measure.Matrix{Rows: 1, Cols: len(c.z), Data: c.z})
		if err != nil || math.Abs(got[0]-c.want) > 1e-15 {
			t.Errorf("slope of %v = %v, %v, want %v", c.z, got, err, c.want)
		}
	}
	e := read(t)
	got, err := slopes(measure.Matrix{Rows: 40, Cols: 5, Data: e.Sums})
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if math.Abs(got[i]-e.Beta[i]) > tol {
			t.Errorf("slope %d = %v, numpy %v", i, got[i], e.Beta[i])
		}
	}
	if _, err := slopes(measure.Matrix{Rows: 3, Cols: 1, Data: []float64{1, 2, 3}}); err == nil {
		t.Error("one layer has a slope")
	} else if _, ok := measure.IsUndefined(err); !ok {
		t.Errorf("one layer: %v", err)
	}
}

// TestCorrelate: V5's CNA, and SciPy with ties.
func TestCorrelate(t *testing.T) {
	e := read(t)
	v5, err := slopes(measure.Matrix{Rows: 3, Cols: 3, Data: []float64{1, 2, 3, 1, 3, 4, 0, 2, 6}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		x, y []float64
		want float64
	}{
		{"pearson", []float64{1.5, 1.75, 2, 1.2}, append(v5, -0.5), 0.9861924196},
		{"pearson", e.Alpha, e.Beta, e.Pearson},
		{"spearman", e.Alpha, e.Ties, e.Spearman},
		{"kendall", e.Alpha, e.Ties, e.Kendall},
		{"pearson", []float64{1, 2, 3}, []float64{-2, -4, -6}, -1},
		{"kendall", []float64{1, 2, 3}, []float64{1, 4, 9}, 1},
	} {
		got, err := correlate(c.name, c.x, c.y)
		if err != nil || math.Abs(got-c.want) > tol {
			t.Errorf("%s of %v and %v = %v, %v, want %v", c.name, c.x, c.y, got, err, c.want)
		}
	}
	for name, c := range map[string][2][]float64{
		"constant complexity": {{1, 1, 1}, {1, 2, 3}},
		"constant slope":      {{1, 2, 3}, {1, 1, 1}},
		"two examples":        {{1, 2}, {1, 2}},
		"none":                {nil, nil},
	} {
		if _, err := correlate("pearson", c[0], c[1]); err == nil {
			t.Errorf("%s has a correlation", name)
		} else if _, ok := measure.IsUndefined(err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := correlate("cosine", []float64{1, 2, 3}, []float64{1, 2, 4}); err == nil {
		t.Error("an unknown correlation")
	}
}
