// Package norms holds the measures that are made of norms of the weights, of their distance from the initial
// weights, and of the training margin: those of Jiang et al., "Fantastic Generalization Measures and
// Where to Find Them", 2019, arXiv:1912.02178 (FGM), and the two vector norms of Dziugaite et al., "In Search of
// Robust Measures of Generalization", 2020, arXiv:2010.11924, with whose code, nitarshan/robust-generalization-measures
// (RGM), all are checked side by side.
//
// With W_j the weights of layer j as a matrix [Out, In·kh·kw] (biases left out, batch norm folded in), W⁰_j
// their initial values folded with their own running statistics, n_F = ‖·‖_F², n_S = ‖·‖₂² (the spectral norm), d the
// number of layers and γ the training margin (package internal/margin):
//
//	l2                        √Σ n_F(W_j)
//	l2-dist                   √Σ n_F(W_j - W⁰_j)
//	param-norm                Σ n_F(W_j)                                            eq. 42
//	frob-distance             Σ n_F(W_j - W⁰_j)                                     eq. 40
//	dist-spec-init            Σ n_S(W_j - W⁰_j)                                     eq. 41
//	prod-of-fro               ln Π n_F(W_j)                                         eq. 37
//	prod-of-fro-over-margin   ln(Π n_F(W_j) / γ²)                                   eq. 36
//	sum-of-fro                ln(d · (Π n_F(W_j))^(1/d))                            eq. 39
//	sum-of-fro-over-margin    ln(d · (Π n_F(W_j) / γ²)^(1/d))                       eq. 38
//	prod-of-spec, sum-of-spec, each also -over-margin: the same of n_S              eq. 32, 35, 31, 34
//	fro-over-spec             Σ n_F(W_j) / n_S(W_j)                                 eq. 33
//	spec-init-main            ln(Π n_S(W_j) · Σ n_F(W_j - W⁰_j)/n_S(W_j) / γ²)      eq. 29
//	spec-orig-main            ln(Π n_S(W_j) · Σ n_F(W_j)/n_S(W_j) / γ²)             eq. 30
//	path-norm                 ln Σ_k f_{w²}(1)_k                                    eq. 44
//	path-norm-over-margin     ln(Σ_k f_{w²}(1)_k / γ²)                              eq. 43
//
// f_{w²}(1) are the logits of the network with all weights and biases squared at an input of ones, which is the sum over
// paths (of a window of a max-pool, those through its largest value). The numbers of the equations are those that RGM's enumeration carries. Each measure with n_S also has the form
// NAME-fft, in which the spectral norm of a kernel is that of the circular convolution with it over an
// image of the size of the network's input (Sedghi, Gupta and Long 2018, arXiv:1805.10408); of dense layers it is the same.
//
// Products and sums are over all layers with weights, those of a residual network's shortcuts too. A product of spectral norms bounds the Lipschitz
// constant of a chain of layers; of a residual network it is the same number and no bound.
//
// Logarithms are natural. Values are not adjusted for the number of examples m: the paper's and RGM's
// √(value/m) is applied by the statistics where asked. Everything is computed in float64 from the float32 weights.
package norms

import (
	"context"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/measures/internal/margin"
)

// form is what a measure makes of the norms.
type form int

const (
	l2 form = iota
	l2Dist
	paramNorm
	frobDistance
	distSpecInit
	prodOfFro
	sumOfFro
	prodOfSpec
	sumOfSpec
	froOverSpec
	specInitMain
	specOrigMain
	pathNorm
)

// Measure is one of the folder's measures.
type Measure struct {
	form       form
	overMargin bool
	fft        bool
	row        row
}

// All lists the folder's measures.
func All() []measure.Measure {
	var all []measure.Measure
	for _, m := range rows() {
		all = append(all, m)
	}
	return all
}

// Info describes the measure.
func (m Measure) Info() measure.Info {
	info := measure.Info{
		Name: m.row.name, Version: "1", Family: "norm", Doc: m.row.doc, Aliases: []string{m.row.alias},
		Citation: "Jiang, Neyshabur, Mobahi, Krishnan and Bengio, Fantastic generalization measures and where to find them, 2019, arXiv:1912.02178, eq. " + m.row.equation,
		Formula:  m.row.formula + "; " + m.symbols(), Deviations: m.deviations(),
		Needs: m.needs(), Larger: measure.PredictsLargerGap, Scale: m.scale(),
	}
	if m.row.equation == "" {
		info.Citation = "Dziugaite, Drouin, Neal, Rajkumar, Caballero, Wang, Mitliagkas and Roy, In search of robust measures of generalization, 2020, arXiv:2010.11924 (in its code alone)"
	}
	if m.overMargin {
		info.Options = append(info.Options, margin.Option())
	}
	if m.form == pathNorm {
		info.Options = append(info.Options, measure.Option{Name: "root", Default: "false", Values: []string{"false", "true"},
			Doc: "the square root, as in bneyshabur/generalization-bounds (there over γ, not γ²): half of the logarithm"})
	}
	return info
}

func (m Measure) scale() measure.Scale {
	switch m.form {
	case l2, l2Dist, paramNorm, frobDistance, distSpecInit, froOverSpec:
		return measure.Raw
	}
	return measure.Log
}

func (m Measure) needs() measure.Needs {
	var ns measure.Needs
	if m.form == pathNorm {
		ns = append(ns, measure.PathNorm)
	} else {
		ns = append(ns, measure.LayerNorms)
	}
	if m.readsDistance() {
		ns = append(ns, measure.FusedInitWeights)
	}
	if m.overMargin {
		ns = append(ns, measure.TrainMargins)
	}
	return ns
}

// readsWeights reports whether the measure looks at norms of the weights themselves.
func (m Measure) readsWeights() bool {
	switch m.form {
	case l2Dist, frobDistance, distSpecInit, pathNorm:
		return false
	}
	return true
}

// readsDistance reports whether the measure looks at norms of the difference from the initial weights.
func (m Measure) readsDistance() bool {
	switch m.form {
	case l2Dist, frobDistance, distSpecInit, specInitMain:
		return true
	}
	return false
}

// readsSpectral reports whether a spectral norm is in the formula.
func (m Measure) readsSpectral() bool {
	switch m.form {
	case distSpecInit, prodOfSpec, sumOfSpec, froOverSpec, specInitMain, specOrigMain:
		return true
	}
	return false
}

// readsFro reports whether a Frobenius norm is in the formula.
func (m Measure) readsFro() bool {
	switch m.form {
	case distSpecInit, prodOfSpec, sumOfSpec, pathNorm:
		return false
	}
	return true
}

// symbols explains the formula's.
func (m Measure) symbols() string {
	if m.form == pathNorm {
		s := "f_{w²}(1)_k logit k, at an input of ones, of the network with batch norm folded in and every weight and bias squared"
		if m.overMargin {
			s += "; γ the training margin"
		}
		return s
	}
	s := "W_j the weights of layer j, biases left out, batch norm folded in"
	if m.readsDistance() {
		s += ", W⁰_j before training"
	}
	if m.readsFro() {
		s += ", n_F the squared Frobenius norm"
	}
	switch {
	case m.fft:
		s += ", n_S the squared spectral norm of a layer, of a kernel's circular convolution at the size of the network's input"
	case m.readsSpectral():
		s += ", n_S the squared spectral norm of the matrix [Out, In·kh·kw]"
	}
	if m.form == sumOfFro || m.form == sumOfSpec {
		s += ", d the number of layers"
	}
	if m.overMargin {
		s += ", γ the training margin"
	}
	return s
}

func (m Measure) deviations() string {
	s := "not adjusted for the number of examples (√(value/m) in the paper and its code), which the statistics do where asked; batch norm is folded in exactly"
	if m.form == pathNorm {
		s += ", where the code's neutral batch norm leaves a factor 1/√(1+ε) a layer; natural logarithm of what the paper and its code have as it is, which overflows"
	}
	if m.readsSpectral() || m.form == prodOfFro || m.form == sumOfFro {
		s += "; in a residual network all layers count, those of shortcuts too, which the code cannot fold batch norm into, and no product bounds what the network does"
	}
	if m.fft {
		s += "; a dense layer's is the matrix norm, where the code knows 4-dimensional weights only"
	}
	if m.overMargin {
		s += "; " + margin.Deviations
	}
	return s
}

// Compute answers the measure. It is undefined where a logarithm or a ratio is of 0, where a weight is not finite, and with
// a margin that is not positive or of fewer than 10 examples.
func (m Measure) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	n, err := m.read(ctx, net)
	if err != nil {
		return 0, err
	}
	gamma := 1.0
	if m.overMargin {
		if gamma, err = margin.Gamma(ctx, net); err != nil {
			return 0, err
		}
	}
	v, err := m.value(n, gamma)
	if err == nil && net.Option("root") == "true" {
		v /= 2 // of the logarithm
	}
	return v, err
}
