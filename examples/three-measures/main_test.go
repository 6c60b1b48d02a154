package main

import (
	"math"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/measure/measuretest"
)

func TestContract(t *testing.T) {
	for _, m := range []measure.Measure{L2Norm{}, InverseMargin{}, PACBayes{}} {
		t.Run(m.Info().Name, func(t *testing.T) { measuretest.Run(t, m) })
	}
}

// By hand: equal margins 2 have γ = 2; diag(3, 4) and [5, 12] have the spectral norms 4 and 13; σ = 0.1.
func TestValues(t *testing.T) {
	net := measuretest.Net{
		Margins:  []float64{2, 2},
		Weights:  []measure.Tensor{{Name: "fc1.weight", Shape: []int{2, 2}, Data: []float32{3, 0, 0, 4}}, {Name: "fc2.weight", Shape: []int{1, 2}, Data: []float32{5, 12}}},
		PACBayes: func(bool) (measure.Search, error) { return measure.Search{Scale: 0.1, Converged: true}, nil },
	}
	for _, c := range []struct {
		measure measure.Measure
		options map[string]string
		want    float64
	}{
		{L2Norm{}, nil, 17. / 4},
		{L2Norm{}, map[string]string{"norms": "own"}, 17. / 4},
		{InverseMargin{}, nil, 1. / 4},
		{PACBayes{}, nil, 100},
	} {
		v, err := net.Compute(t.Context(), c.measure, c.options)
		if err != nil || math.Abs(v-c.want) > 1e-13*c.want { // a few roundings
			t.Errorf("%s %v: %v, %v; want %v", c.measure.Info().Name, c.options, v, err, c.want)
		}
	}
	net.Margins = []float64{-1, -1}
	_, err := net.Compute(t.Context(), InverseMargin{}, nil)
	if _, undefined := measure.IsUndefined(err); !undefined {
		t.Errorf("of negative margins: %v; want undefined", err)
	}
}
