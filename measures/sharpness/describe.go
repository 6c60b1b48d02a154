package sharpness

import "strings"

// formula is the measure's, with its symbols.
func (m Measure) formula() string {
	scale := "σ the standard deviation of Gaussian noise on the weights that costs 0.1 of the training accuracy in the mean"
	switch {
	case m.worstCase && m.magnitude:
		scale = "α' the half width, in units of each weight's size, of the smallest box around the weights that holds a point which costs 0.1 of the training accuracy"
	case m.worstCase:
		scale = "α the half width of the smallest box around the weights that holds a point which costs 0.1 of the training accuracy"
	case m.magnitude:
		scale = "σ' the scale of Gaussian noise of variance σ'² w_i² + ε² that costs 0.1 of the training accuracy in the mean"
	}
	f := m.expression()
	if m.form == flatness {
		return f + "; " + scale
	}
	f += "; w the weights and w⁰ the initial weights with batch norm folded in, biases left out, m training examples, " + scale
	if m.worstCase || m.magnitude {
		f += ", ω the number of weights"
	}
	if m.magnitude {
		f += ", ε = 1e-3"
	}
	if m.worstCase && m.magnitude {
		f += ", δ the bound's failure probability"
	}
	if m.worstCase && !m.magnitude {
		f += ", σ that of pac-bayes"
	}
	return f
}

func (m Measure) expression() string {
	norm := "‖w-w⁰‖²"
	if m.form == origin {
		norm = "‖w‖²"
	}
	if m.form == flatness {
		return map[bool]map[bool]string{
			false: {false: "1/σ²", true: "1/σ'²"},
			true:  {false: "1/α²", true: "1/α'²"},
		}[m.worstCase][m.magnitude]
	}
	switch {
	case m.worstCase && m.magnitude:
		return "¼ Σ_i ln((ε² + (α'² + 4 ln(2ω/δ)) " + norm + "/ω) / (ε² + α'² (w_i-w⁰_i)²)) + ln(m/δ) + 10"
	case m.worstCase:
		return norm + " ln(2ω)/(4α²) + ln(m/σ) + 10"
	case m.magnitude:
		return "¼ Σ_i ln((ε² + (σ'² + 1) " + norm + "/ω) / (ε² + σ'² (w_i-w⁰_i)²)) + ln(m/σ') + 10"
	}
	return norm + "/(4σ²) + ln(m/σ) + 10"
}

// deviations says where the measure differs from the paper and the reference code.
func (m Measure) deviations() string {
	d := "not adjusted for the number of examples (√(value/m)), which the statistics do where asked"
	if m.worstCase {
		d += "; the paper's form is from memory; the ascent's numbers of steps and restarts are genbench's"
		if !m.magnitude && m.form != flatness {
			d += "; σ is that of the PAC-Bayes search, the only one that the paper defines"
		}
		if m.magnitude && m.form != flatness {
			d += "; δ is not known to be fixed by the paper: option delta"
		}
		return d
	}
	return d + "; the standard deviation of the noise is σ, where the reference code's is σ² (option rgm_compat); the noise is the same at every σ, the bracket is found and not [0, 2], and the answer is interpolated to a cost of 0.1; batch norm is folded in exactly, where the code keeps a neutral one and perturbs it too"
}

// aliases are the names in RGM's enumeration, which has no sharpness.
func (m Measure) aliases() []string {
	if m.worstCase {
		return nil
	}
	name := strings.Replace(m.name, "pac-bayes", "pacbayes", 1)
	return []string{strings.ToUpper(strings.ReplaceAll(name, "-", "_"))}
}
