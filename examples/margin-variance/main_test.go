package main

import (
	"math"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/measure/measuretest"
)

func TestContract(t *testing.T) { measuretest.Run(t, MarginVariance{}) }

// By hand: margins 1, 2, 4 have mean 7/3 and variance 14/9, so 14/9 / 49/9 = 2/7.
func TestValue(t *testing.T) {
	v, err := measuretest.Net{Margins: []float64{1, 2, 4}}.Compute(t.Context(), MarginVariance{}, nil)
	if err != nil || math.Abs(v-2./7) > 1e-15 {
		t.Errorf("%v, %v; want 2/7", v, err)
	}
	_, err = measuretest.Net{Margins: []float64{-1, 1}}.Compute(t.Context(), MarginVariance{}, nil)
	if _, undefined := measure.IsUndefined(err); !undefined {
		t.Errorf("margins of mean zero: %v; want undefined", err)
	}
}
