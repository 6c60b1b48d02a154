// Command three-measures is a plugin of three measures in one program; three_measures.py beside it is the same in Python.
//
//	NAME-l2norm          Σ_k ‖W_k‖₂ / γ²   Gain and Siegelmann 2019, arXiv:1905.11515
//	NAME-inverse-margin  1/γ²              Jiang et al. 2019, arXiv:1912.02178, eq. 22
//	NAME-pac-bayes       1/σ²              there, eq. 53
//
// NAME is go or py. γ is the 10th percentile of the training margins, σ the largest Gaussian noise on the weights
// that costs the training accuracy 0.1. Where the arithmetic is the host's, both programs answer the same bits; with
// l2norm's option norms=own each computes the spectral norms itself.
//
//	go build -o bin/genbench-measure-go ./examples/three-measures
//	genbench run --plugin go=bin/genbench-measure-go --measures 'go-*'
package main

import (
	"context"

	"github.com/genbench/genbench/harness/measure"
	"gonum.org/v1/gonum/mat"
)

func main() { measure.Serve(L2Norm{}, InverseMargin{}, PACBayes{}) }

// L2Norm is the sum of the layers' spectral norms, batch norm folded in and biases left out, over γ².
type L2Norm struct{}

// Info describes the measure.
func (L2Norm) Info() measure.Info {
	return measure.Info{
		Name: "go-l2norm", Version: "1", Family: "norm", Doc: "sum of the layers' spectral norms over the squared training margin",
		Citation: "Gain and Siegelmann, Abstraction mechanisms predict generalization in deep neural networks, 2019, arXiv:1905.11515",
		Needs:    measure.Needs{measure.LayerNorms, measure.FusedWeights, measure.TrainMargins},
		Larger:   measure.PredictsLargerGap,
		Options:  []measure.Option{{Name: "norms", Default: "host", Values: []string{"host", "own"}, Doc: "who computes the spectral norms"}},
	}
}

// Compute answers the measure; undefined where γ is.
func (L2Norm) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	gamma, err := margin(ctx, net)
	if err != nil {
		return 0, err
	}
	norms, err := spectralNorms(ctx, net)
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, n := range norms {
		sum += n
	}
	return sum / (gamma * gamma), nil
}

func spectralNorms(ctx context.Context, net *measure.Network) ([]float64, error) {
	if net.Option("norms") == "host" {
		layers, err := net.LayerNorms(ctx, measure.SpectraOptions{})
		norms := make([]float64, len(layers))
		for i, l := range layers {
			norms[i] = l.Spectral
		}
		return norms, err
	}
	tensors, err := net.FusedWeights(ctx)
	if err != nil {
		return nil, err
	}
	var norms []float64
	for _, t := range tensors {
		if len(t.Shape) < 2 {
			continue // a bias
		}
		w := mat.NewDense(t.Shape[0], len(t.Data)/t.Shape[0], nil) // [Out, In·kh·kw]
		for i, v := range t.Data {
			w.RawMatrix().Data[i] = float64(v)
		}
		var svd mat.SVD
		if !svd.Factorize(w, mat.SVDNone) {
			return nil, measure.Undefined("tensor %s has no singular values", t.Name)
		}
		norms = append(norms, svd.Values(nil)[0])
	}
	return norms, nil
}

// InverseMargin is 1/γ².
type InverseMargin struct{}

// Info describes the measure.
func (InverseMargin) Info() measure.Info {
	return measure.Info{
		Name: "go-inverse-margin", Version: "1", Family: "margin", Doc: "inverse square of the training margin",
		Citation: "Jiang, Neyshabur, Mobahi, Krishnan and Bengio, Fantastic generalization measures and where to find them, 2019, arXiv:1912.02178, eq. 22",
		Needs:    measure.Needs{measure.TrainMargins},
		Larger:   measure.PredictsLargerGap,
	}
}

// Compute answers the measure; undefined where γ is.
func (InverseMargin) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	gamma, err := margin(ctx, net)
	return 1 / (gamma * gamma), err
}

// PACBayes is 1/σ².
type PACBayes struct{}

// Info describes the measure.
func (PACBayes) Info() measure.Info {
	return measure.Info{
		Name: "go-pac-bayes", Version: "1", Family: "sharpness", Doc: "inverse square of the largest Gaussian noise that costs 0.1 of the training accuracy",
		Citation:   "Jiang, Neyshabur, Mobahi, Krishnan and Bengio, Fantastic generalization measures and where to find them, 2019, arXiv:1912.02178, eq. 53",
		Needs:      measure.Needs{measure.PACBayes},
		Larger:     measure.PredictsLargerGap,
		Stochastic: true, // the host's search draws noise
	}
}

// Compute answers the measure; undefined where the search is.
func (PACBayes) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	search, err := net.PACBayes(ctx, false)
	if err != nil {
		return 0, err
	}
	net.Diagnose("evaluations", float64(search.Evaluations))
	return 1 / (search.Scale * search.Scale), nil
}

// margin is γ > 0, the 10th percentile of the training margins.
func margin(ctx context.Context, net *measure.Network) (float64, error) {
	margins, err := net.TrainMargins(ctx) // [N]
	if err != nil {
		return 0, err
	}
	gamma, err := measure.Percentile(margins, 10)
	if err != nil {
		return 0, err
	}
	if !(gamma > 0) {
		return 0, measure.Undefined("the margin γ = %.4g is not positive", gamma)
	}
	return gamma, nil
}
