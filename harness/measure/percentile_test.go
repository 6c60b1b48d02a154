package measure

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"
)

// TestPercentile: testdata/percentile.json, made by make_percentile.py with numpy.percentile: the same bits.
func TestPercentile(t *testing.T) {
	raw, err := os.ReadFile("testdata/percentile.json")
	if err != nil {
		t.Fatal(err)
	}
	var e struct {
		Cases []struct {
			Values, Q, Want []float64
		}
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	if len(e.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range e.Cases {
		before := slices.Clone(c.Values)
		for i, q := range c.Q {
			if got, err := Percentile(c.Values, q); err != nil || got != c.Want[i] {
				t.Errorf("percentile %v of %d values: %v, %v, numpy %v", q, len(c.Values), got, err, c.Want[i])
			}
		}
		if !slices.Equal(before, c.Values) {
			t.Error("the values were changed")
		}
	}
}

func TestPercentileUndefined(t *testing.T) {
	for _, v := range [][]float64{nil, {}, {1, math.NaN()}, {math.NaN()}} {
		if got, err := Percentile(v, 10); err == nil {
			t.Errorf("percentile of %v: %v", v, got)
		} else if _, ok := IsUndefined(err); !ok {
			t.Errorf("percentile of %v: %v, want undefined", v, err)
		}
	}
}
