package sharpness

import "strings"

// formula is the measure in the paper's symbols, each explained.
func (m Measure) formula() string {
	scale, law := "σ", "the standard deviation of normal noise on every weight and bias that costs 0.1 of the training accuracy in the mean over 10 draws"
	switch {
	case m.worstCase && m.magnitude:
		scale, law = "α'", "the largest a for which no perturbation |u_i| <= a|w_i| + ε of weights and biases costs more than 0.1 of the training accuracy"
	case m.worstCase:
		scale, law = "α", "the largest a for which no perturbation |u_i| <= a of weights and biases costs more than 0.1 of the training accuracy"
	case m.magnitude:
		scale, law = "σ'", "the s for which normal noise of variance s² w_i² + ε² on every weight and bias costs 0.1 of the training accuracy in the mean over 10 draws"
	}
	if m.form == flatness {
		if m.magnitude {
			law += "; ε = 1e-3"
		}
		return "1/" + scale + "². " + scale + ": " + law
	}
	v := "‖w‖"
	if m.form == initial {
		v = "‖w-w0‖"
	}
	var f, symbols string
	switch {
	case m.worstCase && m.magnitude:
		f = "¼ Σ_i ln((ε² + (α'² + 4 ln(2ω/δ)) " + v + "²/ω) / (ε² + α'²(w_i-w0_i)²)) + ln(m/δ) + 10"
		symbols = "ω: number of weights; δ: probability that the bound fails; ε = 1e-3; "
	case m.magnitude:
		f = "¼ Σ_i ln((ε² + (σ'² + 1) " + v + "²/ω) / (ε² + σ'²(w_i-w0_i)²)) + ln(m/σ') + 10"
		symbols = "ω: number of weights; ε = 1e-3; "
	case m.worstCase:
		f = v + "² ln(2ω)/(4α²) + ln(m/σ) + 10"
		symbols = "ω: number of weights; σ: the standard deviation of normal noise that costs 0.1 of the training accuracy in the mean; "
	default:
		f = v + "²/(4σ²) + ln(m/σ) + 10"
	}
	if strings.Contains(f, "w0") {
		symbols += "w, w0: weights, batch norm folded in, biases left out, after and before training; "
	} else {
		symbols += "w: weights, batch norm folded in, biases left out; "
	}
	return f + ". " + symbols + "m: number of training examples; " + scale + ": " + law
}

func (m Measure) deviations() string {
	d := "Not √(·/m), which changes no order at one m. "
	if m.form == flatness {
		d = ""
	}
	if m.worstCase {
		return d + "The paper's form from memory, unverified. The worst perturbation is sought by ascent: 20 signed steps on batches of 64 from 3 starts, a " +
			"lower bound of the worst case; " +
			"the paper's own numbers of steps and starts are not known here. The scale is interpolated to a drop of exactly 0.1."
	}
	return d + "Form and equation as in nitarshan/robust-generalization-measures (RGM), with noise of standard deviation σ: RGM passes σ² for a " +
		"deviation. The noise's directions are the same at every scale, the bracket is found in place of [0, 2], " +
		"and the scale is interpolated to a drop of exactly 0.1 (option rgm_compat does as RGM). Batch norm is folded in exactly, " +
		"where RGM keeps a neutral one and perturbs it too."
}

// aliases are RGM's names of the measures that it has.
func (m Measure) aliases() []string {
	if m.worstCase {
		return nil
	}
	return []string{strings.ToUpper(strings.ReplaceAll(strings.Replace(m.name, "pac-bayes", "pacbayes", 1), "-", "_"))}
}
