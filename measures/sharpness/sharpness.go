// Package sharpness holds the sharpness and PAC-Bayes measures of Jiang et al., "Fantastic
// Generalization Measures and Where to Find Them", 2019, arXiv:1912.02178 (FGM). All rest on how far
// the weights can be moved before the training accuracy falls by 0.1; the host searches for that
// (quantities pac-bayes and sharpness, where the procedure is written down).
//
// With w the weights (biases left out, batch norm folded in), w0 their initial values folded with their
// own running statistics, ω their number, m the number of training examples, ε = 1e-3, natural logarithms
// and values on their raw scale:
//
//	pac-bayes-init          ‖w-w0‖²/(4σ²) + ln(m/σ) + 10                                      eq. 48 [S]
//	pac-bayes-orig          ‖w‖²/(4σ²) + ln(m/σ) + 10                                         eq. 49 [S]
//	pac-bayes-flatness      1/σ²                                                              eq. 53 [S]
//	pac-bayes-mag-init      ¼ Σ_i ln((ε²+(σ'²+1)‖w-w0‖²/ω) / (ε²+σ'²(w_i-w0_i)²)) + ln(m/σ') + 10   eq. 56 [S]
//	pac-bayes-mag-orig      the same with ‖w‖² above; below stays w_i-w0_i                    eq. 57 [S]
//	pac-bayes-mag-flatness  1/σ'²                                                             eq. 61 [S]
//	sharpness-init          ‖w-w0‖² ln(2ω)/(4α²) + ln(m/σ) + 10                               eq. 51 [M]
//	sharpness-orig          ‖w‖² ln(2ω)/(4α²) + ln(m/σ) + 10                                  eq. 52 [M]
//	sharpness-flatness      1/α²                                                              [M]
//	sharpness-mag-init      ¼ Σ_i ln((ε²+(α'²+4 ln(2ω/δ))‖w-w0‖²/ω) / (ε²+α'²(w_i-w0_i)²)) + ln(m/δ) + 10   eq. 58 [M]
//	sharpness-mag-orig      the same with ‖w‖² above                                          eq. 59 [M]
//	sharpness-mag-flatness  1/α'²                                                             eq. 60 [M]
//
// [S]: the form and the equation's number were checked against the reference code
// nitarshan/robust-generalization-measures, whose enumeration carries FGM's numbers. [M]: the paper's
// form from memory, not checked. The bounds of the paper are √(value/m), which the statistics apply
// where asked; it changes no rank while m is fixed.
//
// Differs from the reference code: σ is the noise's standard deviation (there the noise has the deviation σ², since a
// function that takes a deviation is given a variance; option rgm_compat=true searches as there); biases are perturbed, as there, and not counted in w and ω, as there. In
// sharpness-init and -orig σ is the one that the PAC-Bayes search finds, the only σ that the paper defines. δ is not known
// to be fixed by the paper: option delta, 0.05.
//
// Every measure here is larger for networks in sharper minima, which are said to generalize worse.
package sharpness

import (
	"context"
	"fmt"
	"math"

	"github.com/genbench/genbench/harness/measure"
)

// epsilon is FGM's constant of the magnitude-aware bounds.
const epsilon = 1e-3

// form is what is made of the searched scale.
type form int

const (
	initial  form = iota // bound around the initial weights
	origin               // bound around 0
	flatness             // 1/scale²
)

// Measure is one of the twelve.
type Measure struct {
	name      string
	equation  string
	worstCase bool // α; else σ
	magnitude bool
	form      form
}

// All lists the folder's measures.
func All() []Measure {
	return []Measure{
		{"pac-bayes-init", "eq. 48", false, false, initial},
		{"pac-bayes-orig", "eq. 49", false, false, origin},
		{"pac-bayes-flatness", "eq. 53", false, false, flatness},
		{"pac-bayes-mag-init", "eq. 56", false, true, initial},
		{"pac-bayes-mag-orig", "eq. 57", false, true, origin},
		{"pac-bayes-mag-flatness", "eq. 61", false, true, flatness},
		{"sharpness-init", "eq. 51, unverified", true, false, initial},
		{"sharpness-orig", "eq. 52, unverified", true, false, origin},
		{"sharpness-flatness", "equation's number not known", true, false, flatness},
		{"sharpness-mag-init", "eq. 58, unverified", true, true, initial},
		{"sharpness-mag-orig", "eq. 59, unverified", true, true, origin},
		{"sharpness-mag-flatness", "eq. 60, unverified", true, true, flatness},
	}
}

// Info describes the measure.
func (m Measure) Info() measure.Info {
	info := measure.Info{
		Name: m.name, Version: "1", Family: "sharpness", Doc: m.doc(),
		Citation: "Jiang, Neyshabur, Mobahi, Krishnan and Bengio, Fantastic generalization measures and where to find them, 2019, arXiv:1912.02178, " + m.equation,
		Formula:  m.formula(), Deviations: m.deviations(),
		Needs: m.needs(), Larger: measure.PredictsLargerGap, Scale: measure.Raw, Stochastic: true, Aliases: m.aliases(),
	}
	if !m.worstCase {
		info.Options = []measure.Option{{
			Name: "rgm_compat", Default: "false", Values: []string{"false", "true"},
			Doc: "search as nitarshan/robust-generalization-measures does: noise whose standard deviation is σ², 15 bisections of [0, 2], the last σ tried",
		}}
	}
	if m.worstCase && m.magnitude && m.form != flatness {
		info.Options = []measure.Option{{Name: "delta", Default: "0.05", Doc: "the bound's failure probability, in (0, 1)"}}
	}
	return info
}

func (m Measure) doc() string {
	what, how := "Gaussian noise", "bound around 0"
	if m.worstCase {
		what = "worst-case perturbation"
	}
	if m.magnitude {
		what += " in units of each weight"
	}
	switch m.form {
	case initial:
		how = "bound around the initial weights"
	case flatness:
		return "inverse square of the largest " + what + " that costs 0.1 of the training accuracy"
	}
	return how + " from the largest " + what + " that costs 0.1 of the training accuracy"
}

func (m Measure) needs() measure.Needs {
	ns := measure.Needs{measure.PACBayes}
	if m.worstCase {
		ns = measure.Needs{measure.Sharpness}
		if !m.magnitude && m.form != flatness {
			ns = append(ns, measure.PACBayes) // σ in ln(m/σ)
		}
	}
	if m.form != flatness {
		ns = append(ns, measure.FusedWeights)
	}
	if m.form == initial || m.form == origin && m.magnitude {
		ns = append(ns, measure.FusedInitWeights)
	}
	return ns
}

// Compute answers the measure. It is undefined where the search is: a training accuracy within 0.1
// of chance, or one that nothing lowers by 0.1.
func (m Measure) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	scale, err := m.scale(ctx, net)
	if err != nil {
		return 0, err
	}
	if m.form == flatness {
		return 1 / (scale * scale), nil
	}
	w, moved, err := m.weights(ctx, net)
	if err != nil {
		return 0, err
	}
	b := bound{scale: scale, m: float64(net.TrainSize())}
	switch {
	case m.worstCase && m.magnitude:
		if b.delta, err = net.FloatOption("delta"); err != nil {
			return 0, err
		}
		if !(b.delta > 0 && b.delta < 1) {
			return 0, fmt.Errorf("option delta=%v is not in (0, 1)", b.delta)
		}
		return b.sharpnessMagnitude(m.reference(w, moved), moved), nil
	case m.magnitude:
		return b.pacBayesMagnitude(m.reference(w, moved), moved), nil
	case m.worstCase:
		s, err := search(net, "sigma", func() (measure.Search, error) { return net.PACBayes(ctx, false) })
		if err != nil {
			return 0, err
		}
		b.sigma = s
		return b.sharpness(m.reference(w, moved)), nil
	}
	return b.pacBayes(m.reference(w, moved)), nil
}

// scale is σ, σ', α or α'.
func (m Measure) scale(ctx context.Context, net *measure.Network) (float64, error) {
	if m.worstCase {
		return search(net, "alpha", func() (measure.Search, error) { return net.Sharpness(ctx, m.magnitude) })
	}
	if net.Option("rgm_compat") == "true" {
		return search(net, "sigma", func() (measure.Search, error) { return net.PACBayesRGM(ctx, m.magnitude) })
	}
	return search(net, "sigma", func() (measure.Search, error) { return net.PACBayes(ctx, m.magnitude) })
}

// search reads the outcome of a search and passes its doubts on.
func search(net *measure.Network, name string, get func() (measure.Search, error)) (float64, error) {
	s, err := get()
	if err != nil {
		return 0, err
	}
	if !(s.Scale > 0) || math.IsInf(s.Scale, 0) {
		return 0, measure.Undefined("the search answered %s = %v", name, s.Scale)
	}
	net.Diagnose(name, s.Scale)
	net.Diagnose(name+"_drop", s.Drop)
	if !s.Converged {
		net.Warn("the search for %s did not converge in %d evaluations: between %.4g and %.4g, drop %.4g", name, s.Evaluations, s.Lower, s.Upper, s.Drop)
	}
	return s.Scale, nil
}

// reference is what the bound measures the distance of: w-w0, or w.
func (m Measure) reference(w, moved []float64) []float64 {
	if m.form == initial {
		return moved
	}
	return w
}
