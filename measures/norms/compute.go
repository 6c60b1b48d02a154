package norms

import (
	"context"
	"fmt"
	"math"

	"github.com/genbench/genbench/harness/measure"
)

// layers holds squared norms, one a weight matrix, [d] each, and the path norm's logarithm; what the measure does not read
// is not there.
type layers struct {
	fro, spectral           []float64 // n_F(W_j), n_S(W_j)
	movedFro, movedSpectral []float64 // n_F(W_j - W⁰_j), n_S(W_j - W⁰_j)
	logPath                 float64
}

// read gets what the measure declares.
func (m Measure) read(ctx context.Context, net *measure.Network) (n layers, err error) {
	if m.form == pathNorm {
		n.logPath, err = net.LogPathNorm(ctx)
		return n, err
	}
	conv := "matrix"
	if m.fft {
		conv = "fft"
	}
	if m.readsWeights() {
		if n.spectral, n.fro, err = squares(ctx, net, measure.SpectraOptions{Conv: conv}); err != nil {
			return n, err
		}
	}
	if m.readsDistance() {
		if m.form != distSpecInit {
			conv = "matrix" // Frobenius norms: of no kernel's convolution
		}
		if n.movedSpectral, n.movedFro, err = squares(ctx, net, measure.SpectraOptions{Conv: conv, Weights: "difference"}); err != nil {
			return n, err
		}
		if n.fro != nil && len(n.fro) != len(n.movedFro) {
			return n, fmt.Errorf("%d weight matrices, %d before training", len(n.fro), len(n.movedFro))
		}
	}
	return n, nil
}

// squares are the squared norms of the layers.
func squares(ctx context.Context, net *measure.Network, o measure.SpectraOptions) (spectral, fro []float64, err error) {
	norms, err := net.LayerNorms(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	if len(norms) == 0 {
		return nil, nil, measure.Undefined("the network has no weight matrix")
	}
	for _, l := range norms {
		spectral = append(spectral, l.Spectral*l.Spectral)
		fro = append(fro, l.Frobenius*l.Frobenius)
	}
	return spectral, fro, nil
}

// value is the formula.
func (m Measure) value(n layers, gamma float64) (float64, error) {
	switch m.form {
	case l2:
		return math.Sqrt(sum(n.fro)), nil
	case l2Dist:
		return math.Sqrt(sum(n.movedFro)), nil
	case paramNorm:
		return sum(n.fro), nil
	case frobDistance:
		return sum(n.movedFro), nil
	case distSpecInit:
		return sum(n.movedSpectral), nil
	case prodOfFro, sumOfFro:
		return m.product(n.fro, gamma)
	case prodOfSpec, sumOfSpec:
		return m.product(n.spectral, gamma)
	case froOverSpec:
		return ratios(n.fro, n.spectral)
	case pathNorm:
		return n.logPath - 2*math.Log(gamma), nil
	}
	above := n.fro // specOrigMain
	if m.form == specInitMain {
		above = n.movedFro
	}
	r, err := ratios(above, n.spectral)
	if err != nil {
		return 0, err
	}
	if r == 0 {
		return 0, measure.Undefined("the weights are where they were before training: the sum of their distances has no logarithm")
	}
	p, err := logProduct(n.spectral)
	return p - 2*math.Log(gamma) + math.Log(r), err
}

// product is ln(Π v / γ²), or for sums ln(d (Π v / γ²)^(1/d)).
func (m Measure) product(v []float64, gamma float64) (float64, error) {
	p, err := logProduct(v)
	if err != nil {
		return 0, err
	}
	p -= 2 * math.Log(gamma)
	if m.form == sumOfFro || m.form == sumOfSpec {
		d := float64(len(v))
		return math.Log(d) + p/d, nil
	}
	return p, nil
}

func logProduct(v []float64) (float64, error) {
	var s float64
	for j, x := range v {
		if x == 0 {
			return 0, measure.Undefined("the weights of layer %d of %d are all 0: the product has no logarithm", j+1, len(v))
		}
		s += math.Log(x)
	}
	return s, nil
}

// ratios is Σ a_j / b_j.
func ratios(a, b []float64) (float64, error) {
	var s float64
	for j := range a {
		if b[j] == 0 {
			return 0, measure.Undefined("the weights of layer %d of %d are all 0: nothing is divided by their norm", j+1, len(b))
		}
		s += a[j] / b[j]
	}
	return s, nil
}

func sum(v []float64) float64 {
	var s float64
	for _, x := range v {
		s += x
	}
	return s
}
