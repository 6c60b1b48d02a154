package norms

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/genbench/genbench/harness/measure"
)

// layers holds squared norms, one a weight matrix, [d] each, and the path norm's logarithm; what the measure does not read
// is not there.
type layers struct {
	fro      []float64 // n_F(W_j)
	moved    []float64 // n_F(W_j - W⁰_j)
	spectral []float64 // n_S(W_j); n_S(W_j - W⁰_j) for dist-spec-init
	logPath  float64
}

// read gets what the measure declares.
func (m Measure) read(ctx context.Context, net *measure.Network) (n layers, err error) {
	if m.form == pathNorm {
		n.logPath, err = net.LogPathNorm(ctx)
		return n, err
	}
	if m.readsWeights() {
		final, err := net.FusedWeights(ctx)
		if err != nil {
			return n, err
		}
		if n.fro, err = squares(final, nil); err != nil {
			return n, err
		}
		if m.readsDistance() {
			before, err := net.FusedInitWeights(ctx)
			if err != nil {
				return n, err
			}
			if n.moved, err = squares(final, before); err != nil {
				return n, err
			}
		}
	}
	if m.readsSpectralNorms() || m.form == distSpecInit {
		if n.spectral, err = m.spectralNorms(ctx, net); err != nil {
			return n, err
		}
		if n.fro != nil && len(n.fro) != len(n.spectral) {
			return n, fmt.Errorf("%d spectral norms of %d weight matrices", len(n.spectral), len(n.fro))
		}
	}
	return n, nil
}

// spectralNorms are squared.
func (m Measure) spectralNorms(ctx context.Context, net *measure.Network) ([]float64, error) {
	o := measure.SpectraOptions{Conv: "matrix"}
	if m.fft {
		o.Conv = "fft"
	}
	if m.form == distSpecInit {
		o.Weights = "difference"
	}
	norms, err := net.SpectralNorms(ctx, o)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(norms))
	for i, v := range norms {
		out[i] = v * v
	}
	return out, nil
}

// squares are the squared Frobenius norms of the weight matrices, or of their difference from before where that is given.
func squares(ts, before []measure.Tensor) ([]float64, error) {
	if before != nil && len(before) != len(ts) {
		return nil, fmt.Errorf("%d tensors after training, %d before", len(ts), len(before))
	}
	var out []float64
	for i, t := range ts {
		if before != nil && (before[i].Name != t.Name || !slices.Equal(before[i].Shape, t.Shape)) {
			return nil, fmt.Errorf("tensor %d is %s %v after training and %s %v before", i, t.Name, t.Shape, before[i].Name, before[i].Shape)
		}
		if len(t.Shape) < 2 {
			continue // a bias
		}
		var sum float64
		for j, v := range t.Data {
			x := float64(v)
			if before != nil {
				x -= float64(before[i].Data[j])
			}
			sum += x * x
		}
		if math.IsNaN(sum) || math.IsInf(sum, 0) {
			return nil, measure.Undefined("%s has the squared norm %v", t.Name, sum)
		}
		out = append(out, sum)
	}
	if len(out) == 0 {
		return nil, measure.Undefined("the network has no weight matrix")
	}
	return out, nil
}

// value is the formula.
func (m Measure) value(n layers, gamma float64) (float64, error) {
	switch m.form {
	case l2:
		return math.Sqrt(sum(n.fro)), nil
	case l2Dist:
		return math.Sqrt(sum(n.moved)), nil
	case paramNorm:
		return sum(n.fro), nil
	case frobDistance:
		return sum(n.moved), nil
	case distSpecInit:
		return sum(n.spectral), nil
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
		above = n.moved
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
