package cna

import (
	"errors"

	"github.com/genbench/genbench/harness/measure"
)

var errDifferent = errors.New("layer sums and complexities are of different examples")

// slopes answers the slope of the least-squares line through (1, z_1) ... (L, z_L) for each row
// of z, [N, L]:
//
//	β = Σ_d (d - (L+1)/2) z_d / (L(L²-1)/12)
func slopes(z measure.Matrix) ([]float64, error) {
	layers := z.Cols
	if layers < 2 {
		return nil, measure.Undefined("a slope over depth needs at least 2 layers, this network has %d", layers)
	}
	middle := float64(layers+1) / 2
	spread := float64(layers) * float64(layers*layers-1) / 12
	beta := make([]float64, z.Rows)
	for n := range beta {
		var s float64
		for l, v := range z.Row(n) {
			s += (float64(l+1) - middle) * v
		}
		beta[n] = s / spread
	}
	return beta, nil
}
