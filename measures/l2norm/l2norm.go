// Package l2norm holds the norm baselines of the CNA work: norms of the weight matrices over the
// margin.
//
//	l2norm          1/γ² · Σ_k ‖W_k‖₂       the "L2 norm metric" of the authors' slides; ‖.‖₂ is the spectral norm
//	l2norm-fro      1/γ² · Σ_k ‖W_k‖_F
//	l2norm-product  ln( Π_k ‖W_k‖_F / γ )   the product form, natural logarithm
//
// W_k are the weights of the dense layers and convolutions with batch norm folded in, biases left out; a kernel is the matrix
// [Out, In·kh·kw], as in the code of both sources. Every layer counts, those of a residual network's shortcuts too. γ is the
// signed percentile (numpy's linear interpolation) of the training margins f_y - max_{j≠y} f_j.
// Where γ <= 0 the value does not exist, since dividing by a margin that most of a tenth of the
// examples fail to have means nothing; option margin_abs=true takes |γ| as the reference code of
// Dziugaite et al. 2020 does.
//
// Sources: Gain and Siegelmann 2019, arXiv:1905.11515, and its slides (l2norm, 10th percentile);
// Neyshabur, Li, Bhojanapalli, LeCun and Srebro 2018, arXiv:1805.12076, and its code
// bneyshabur/generalization-bounds, measures.py (l2norm-product: norm with p = q = 2, product over the
// layers, divided by the margin once, 5th percentile). There the product is not a logarithm, which overflows
// with depth, and its unfused biases are left out too.
package l2norm

import (
	"context"
	"math"

	"github.com/genbench/genbench/harness/measure"
)

// Norm is one of the folder's measures.
type Norm struct {
	name, doc  string
	norm       string // default of the option norm; "" where the norm is in the name
	percentile string // default
	product    bool
}

// L2 sums spectral norms over the squared margin.
func L2() Norm {
	return Norm{name: "l2norm", percentile: "10", doc: "sum of the layers' spectral norms over the squared training margin"}
}

// Fro sums Frobenius norms over the squared margin.
func Fro() Norm {
	return Norm{name: "l2norm-fro", percentile: "10", doc: "sum of the layers' Frobenius norms over the squared training margin"}
}

// Product multiplies norms over the margin, and answers the logarithm.
func Product() Norm {
	return Norm{name: "l2norm-product", percentile: "5", norm: "fro", product: true, doc: "log of the product of the layers' norms over the training margin"}
}

// Info describes the measure.
func (m Norm) Info() measure.Info {
	info := measure.Info{
		Name: m.name, Version: "1", Family: "norm", Doc: m.doc,
		Citation: "Gain and Siegelmann, Abstraction mechanisms predict generalization in deep neural networks, 2019, arXiv:1905.11515",
		Needs:    measure.Needs{measure.LayerNorms, measure.TrainMargins},
		Larger:   measure.PredictsLargerGap, // large norms at a small margin: large capacity
		Options: []measure.Option{
			{Name: "percentile", Default: m.percentile, Values: []string{"5", "10"}, Doc: "of the training margins"},
			{Name: "margin_abs", Default: "false", Values: []string{"false", "true"}, Doc: "divide by |γ|, so that a negative margin counts as a positive one"},
		},
	}
	switch m.name {
	case "l2norm":
		info.Formula = "1/γ² · Σ_k ‖W_k‖₂; ‖·‖₂ the spectral norm, W_k the weights of layer k with batch norm folded in, γ the percentile of the training margins f_y - max_{j≠y} f_j"
	case "l2norm-fro":
		info.Formula = "1/γ² · Σ_k ‖W_k‖_F; ‖·‖_F the Frobenius norm, W_k and γ as in l2norm"
		info.Deviations = "the authors' slides have the spectral norm: this is the same with another"
	case "l2norm-product":
		info.Formula = "ln(Π_k ‖W_k‖_F / γ); W_k and γ as in l2norm, γ the 5th percentile"
		info.Deviations = "the code of the paper (bneyshabur/generalization-bounds) answers the product itself, which overflows with depth"
	}
	if m.product {
		info.Scale = measure.Log
		info.Citation = "Neyshabur, Li, Bhojanapalli, LeCun and Srebro, Towards understanding the role of over-parametrization in generalization of neural networks, 2018, arXiv:1805.12076"
		info.Options = append(info.Options, measure.Option{Name: "norm", Default: m.norm, Values: []string{"fro", "spectral"}, Doc: "of a layer"})
	}
	return info
}

// Compute answers the measure; undefined without a positive margin, without
// weights, and for the logarithm of a layer of zeros.
func (m Norm) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	gamma, err := m.margin(ctx, net)
	if err != nil {
		return 0, err
	}
	norms, err := m.norms(ctx, net, net.Option("norm"))
	if err != nil {
		return 0, err
	}
	net.Diagnose("gamma", gamma)
	if net.Option("margin_abs") == "true" {
		gamma = math.Abs(gamma)
	}
	if !(gamma > 0) {
		return 0, measure.Undefined("the margin γ = %.4g is not positive", gamma)
	}
	if m.product {
		value := -math.Log(gamma)
		for _, n := range norms {
			value += math.Log(n)
		}
		if math.IsInf(value, -1) {
			return 0, measure.Undefined("a layer's weights are all 0: the product has no logarithm")
		}
		return value, nil
	}
	var value float64
	for _, n := range norms {
		value += n
	}
	return value / (gamma * gamma), nil
}

func (m Norm) margin(ctx context.Context, net *measure.Network) (float64, error) {
	q, err := net.FloatOption("percentile")
	if err != nil {
		return 0, err
	}
	margins, err := net.TrainMargins(ctx)
	if err != nil {
		return 0, err
	}
	return measure.Percentile(margins, q)
}

// norms answers one norm per weight matrix.
func (m Norm) norms(ctx context.Context, net *measure.Network, norm string) ([]float64, error) {
	layers, err := net.LayerNorms(ctx, measure.SpectraOptions{})
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(layers))
	for i, l := range layers {
		out[i] = l.Frobenius
		if m.name == "l2norm" || norm == "spectral" {
			out[i] = l.Spectral
		}
	}
	return out, nil
}
