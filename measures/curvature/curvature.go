// Package curvature holds the measures of the Hessian H of the mean cross-entropy of the training set (nats,
// labels as trained on, evaluation mode) with respect to all trainable values, biases included, of the network
// as it is stored:
//
//	hessian-top    the largest eigenvalue of H
//	hessian-trace  the sum of all
//
// Both are in nats per squared unit of weight. They depend on the parametrization: to multiply one layer's
// weights by c and divide the next one's by c leaves the function of a rectifier network as it is, and can make
// either of them as large as one likes (Dinh et al. 2017, arXiv:1703.04933). Batch norm keeps its own scale and
// shift, and so hides such scalings of the weights before it; H is with respect to what the optimizer moved.
//
// An engine without second derivatives has neither, but for hessian-trace[method=exact].
package curvature

import (
	"context"

	"github.com/genbench/genbench/harness/measure"
)

// All lists the folder's measures.
func All() []measure.Measure { return []measure.Measure{Top{}, Trace{}} }

const source = "Yao, Gholami, Keutzer and Mahoney, PyHessian: neural networks through the lens of the Hessian, 2019, arXiv:1912.07145"

const hessian = "H: Hessian of the mean cross-entropy of the training set with respect to all trainable values"

var optionExamples = measure.Option{
	Name: "examples", Default: "2048",
	Doc: "looked at: the first so many of a seeded permutation of the training set, all where there are fewer; 0: all",
}

// Top is the largest eigenvalue of the Hessian.
type Top struct{}

// Info describes the measure.
func (Top) Info() measure.Info {
	return measure.Info{
		Name: "hessian-top", Version: "1", Family: "curvature",
		Doc:      "largest eigenvalue of the Hessian of the training loss",
		Citation: source + "; Keskar et al. 2016, arXiv:1609.04836",
		Formula:  "λ_max(H). " + hessian,
		Deviations: "Lanczos' iteration of 10 to 30 products, until the residual is 1e-3 of the value, in place of power iteration of at most 100; up to " +
			"1e-2 it counts as converged. The largest eigenvalue, never one that is negative and larger " +
			"in magnitude, which is what power iteration then finds: the smallest seen is told beside it.",
		Needs:      measure.Needs{measure.HessianTop},
		Larger:     measure.PredictsLargerGap,
		Scale:      measure.Raw,
		Stochastic: true, // the start, and the sample of a large training set
		Options:    []measure.Option{optionExamples},
	}
}

// Compute answers the measure.
func (Top) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	examples, err := net.IntOption("examples")
	if err != nil {
		return 0, err
	}
	e, err := net.HessianTop(ctx, examples)
	if err != nil {
		return 0, err
	}
	net.Diagnose("smallest", e.Smallest)
	net.Diagnose("residual", e.Residual)
	net.Diagnose("products", float64(e.Products))
	net.Diagnose("examples", float64(e.Examples))
	if !e.Converged {
		net.Warn("the largest eigenvalue did not converge in %d products: %.4g, residual %.2g", e.Products, e.Value, e.Residual)
	}
	return e.Value, nil
}

// Trace is the trace of the Hessian.
type Trace struct{}

// Info describes the measure.
func (Trace) Info() measure.Info {
	return measure.Info{
		Name: "hessian-trace", Version: "1", Family: "curvature",
		Doc:      "trace of the Hessian of the training loss",
		Citation: source + "; Hutchinson 1990",
		Formula: "method=hutchinson: 1/30 Σ_i v_iᵀ H v_i; method=exact: 1/N Σ_n Σ_k p_nk ‖g_n(k)‖². " + hessian + "; v_i: vectors of independent random " +
			"signs; p_nk: softmax of training example n; g_n(k): gradient of its cross-entropy with label k; N: number of training examples",
		Deviations: "Always 30 vectors: PyHessian takes up to 100, and fewer when another one happens to move the mean by less than 1e-3. " +
			"method=exact is not PyHessian's: it is the trace of the Fisher matrix, which is that of H where the logits are linear in each single parameter, " +
			"piece by piece, as in networks of weights, batch norm in evaluation mode, " +
			"rectifiers and pooling. It has no error of sampling, is of the whole training set and costs K backward passes.",
		Needs:      measure.Needs{measure.HessianTrace, measure.GradientNorms},
		Larger:     measure.PredictsLargerGap,
		Scale:      measure.Raw,
		Stochastic: true, // the vectors, and the sample of a large training set
		Options: []measure.Option{
			{Name: "method", Default: "hutchinson", Values: []string{"hutchinson", "exact"}, Doc: "an estimate from products with H, or the identity with the Fisher matrix"},
			optionExamples,
		},
	}
}

// Compute answers the measure.
func (Trace) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	if net.Option("method") == "exact" {
		norms, err := net.GradientNorms(ctx, "expected")
		if err != nil {
			return 0, err
		}
		if len(norms) == 0 {
			return 0, measure.Undefined("there are no training examples")
		}
		var sum float64
		for _, v := range norms {
			sum += v
		}
		return sum / float64(len(norms)), nil
	}
	examples, err := net.IntOption("examples")
	if err != nil {
		return 0, err
	}
	t, err := net.HessianTrace(ctx, examples)
	if err != nil {
		return 0, err
	}
	net.Diagnose("error", t.Error)
	net.Diagnose("examples", float64(t.Examples))
	return t.Value, nil
}
