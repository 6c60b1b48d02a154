package sharpness

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/genbench/genbench/harness/measure"
)

// bound holds the constants of FGM's bounds; w is what a norm is taken of and
// moved is w-w0.
type bound struct {
	scale float64 // σ, σ', α or α'
	sigma float64 // σ of the sharpness bounds
	m     float64 // training examples
	delta float64
}

// pacBayes is eq. 48 and 49.
func (b bound) pacBayes(w []float64) float64 {
	return squares(w)/(4*b.scale*b.scale) + math.Log(b.m/b.scale) + 10
}

// sharpness is eq. 51 and 52.
func (b bound) sharpness(w []float64) float64 {
	return squares(w)*math.Log(2*float64(len(w)))/(4*b.scale*b.scale) + math.Log(b.m/b.sigma) + 10
}

// pacBayesMagnitude is eq. 56 and 57.
func (b bound) pacBayesMagnitude(w, moved []float64) float64 {
	return b.logRatios(1, w, moved)/4 + math.Log(b.m/b.scale) + 10
}

// sharpnessMagnitude is eq. 58 and 59.
func (b bound) sharpnessMagnitude(w, moved []float64) float64 {
	return b.logRatios(4*math.Log(2*float64(len(w))/b.delta), w, moved)/4 + math.Log(b.m/b.delta) + 10
}

// logRatios is Σ_i ln((ε² + (s²+extra)‖w‖²/ω) / (ε² + s²·moved_i²)).
func (b bound) logRatios(extra float64, w, moved []float64) float64 {
	s2 := b.scale * b.scale
	above := math.Log(epsilon*epsilon + (s2+extra)*squares(w)/float64(len(w)))
	var sum float64
	for _, v := range moved {
		sum += above - math.Log(epsilon*epsilon+s2*v*v)
	}
	return sum
}

func squares(v []float64) float64 {
	var s float64
	for _, x := range v {
		s += x * x
	}
	return s
}

// weights reads w, and w-w0 where the measure needs it, both [ω].
func (m Measure) weights(ctx context.Context, net *measure.Network) (w, moved []float64, err error) {
	final, err := net.FusedWeights(ctx)
	if err != nil {
		return nil, nil, err
	}
	w = flatten(final)
	if len(w) == 0 {
		return nil, nil, measure.Undefined("the network has no weights")
	}
	if !m.needs().Has(measure.FusedInitWeights) {
		return w, nil, nil
	}
	before, err := net.FusedInitWeights(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := alike(final, before); err != nil {
		return nil, nil, err
	}
	moved = flatten(before)
	for i := range moved {
		moved[i] = w[i] - moved[i]
	}
	return w, moved, nil
}

// flatten joins the weight matrices; biases are left out.
func flatten(ts []measure.Tensor) []float64 {
	n := 0
	for _, t := range ts {
		if len(t.Shape) >= 2 {
			n += len(t.Data)
		}
	}
	v := make([]float64, 0, n)
	for _, t := range ts {
		if len(t.Shape) < 2 {
			continue
		}
		for _, x := range t.Data {
			v = append(v, float64(x))
		}
	}
	return v
}

func alike(a, b []measure.Tensor) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d tensors after training, %d before", len(a), len(b))
	}
	for i := range a {
		if a[i].Name != b[i].Name || !slices.Equal(a[i].Shape, b[i].Shape) {
			return fmt.Errorf("tensor %d is %s %v after training and %s %v before", i, a[i].Name, a[i].Shape, b[i].Name, b[i].Shape)
		}
	}
	return nil
}
