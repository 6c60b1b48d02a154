package norms

// row names a measure and says what it is.
type row struct {
	name, alias, equation, formula, doc string
}

// rows lists the measures, each with the name that RGM's enumeration gives it.
func rows() []Measure {
	plain := []Measure{
		{form: l2, row: row{"l2", "L2", "", "√Σ_j n_F(W_j)", "Euclidean norm of the weights"}},
		{form: l2Dist, row: row{"l2-dist", "L2_DIST", "", "√Σ_j n_F(W_j - W⁰_j)", "Euclidean distance of the weights from the initial ones"}},
		{form: paramNorm, row: row{"param-norm", "PARAM_NORM", "42", "Σ_j n_F(W_j)", "sum of the layers' squared Frobenius norms"}},
		{form: frobDistance, row: row{"frob-distance", "FRO_DIST", "40", "Σ_j n_F(W_j - W⁰_j)", "sum of the layers' squared Frobenius distances from the initial weights"}},
		{form: distSpecInit, row: row{"dist-spec-init", "DIST_SPEC_INIT", "41", "Σ_j n_S(W_j - W⁰_j)", "sum of the layers' squared spectral distances from the initial weights"}},
		{form: prodOfFro, row: row{"prod-of-fro", "LOG_PROD_OF_FRO", "37", "ln Π_j n_F(W_j)", "log of the product of the layers' squared Frobenius norms"}},
		{form: prodOfFro, overMargin: true, row: row{"prod-of-fro-over-margin", "LOG_PROD_OF_FRO_OVER_MARGIN", "36", "ln(Π_j n_F(W_j) / γ²)", "log of the product of the layers' squared Frobenius norms over the squared margin"}},
		{form: sumOfFro, row: row{"sum-of-fro", "LOG_SUM_OF_FRO", "39", "ln(d · (Π_j n_F(W_j))^(1/d))", "log of the depth times the geometric mean of the layers' squared Frobenius norms"}},
		{form: sumOfFro, overMargin: true, row: row{"sum-of-fro-over-margin", "LOG_SUM_OF_FRO_OVER_MARGIN", "38", "ln(d · (Π_j n_F(W_j) / γ²)^(1/d))", "the same, with the product over the squared margin"}},
		{form: prodOfSpec, row: row{"prod-of-spec", "LOG_PROD_OF_SPEC", "32", "ln Π_j n_S(W_j)", "log of the product of the layers' squared spectral norms"}},
		{form: prodOfSpec, overMargin: true, row: row{"prod-of-spec-over-margin", "LOG_PROD_OF_SPEC_OVER_MARGIN", "31", "ln(Π_j n_S(W_j) / γ²)", "log of the product of the layers' squared spectral norms over the squared margin"}},
		{form: sumOfSpec, row: row{"sum-of-spec", "LOG_SUM_OF_SPEC", "35", "ln(d · (Π_j n_S(W_j))^(1/d))", "log of the depth times the geometric mean of the layers' squared spectral norms"}},
		{form: sumOfSpec, overMargin: true, row: row{"sum-of-spec-over-margin", "LOG_SUM_OF_SPEC_OVER_MARGIN", "34", "ln(d · (Π_j n_S(W_j) / γ²)^(1/d))", "the same, with the product over the squared margin"}},
		{form: froOverSpec, row: row{"fro-over-spec", "FRO_OVER_SPEC", "33", "Σ_j n_F(W_j) / n_S(W_j)", "sum of the layers' stable ranks"}},
		{form: specInitMain, overMargin: true, row: row{"spec-init-main", "LOG_SPEC_INIT_MAIN", "29", "ln(Π_j n_S(W_j) · Σ_j n_F(W_j - W⁰_j)/n_S(W_j) / γ²)", "log of the main term of the spectral bound around the initial weights"}},
		{form: specOrigMain, overMargin: true, row: row{"spec-orig-main", "LOG_SPEC_ORIG_MAIN", "30", "ln(Π_j n_S(W_j) · Σ_j n_F(W_j)/n_S(W_j) / γ²)", "log of the main term of the spectral bound around 0"}},
	}
	all := append([]Measure(nil), plain...)
	all = append(all,
		Measure{form: pathNorm, row: row{"path-norm", "PATH_NORM", "44", "ln Σ_k f_{w²}(1)_k", "log of the sum over paths of the product of squared weights"}},
		Measure{form: pathNorm, overMargin: true, row: row{"path-norm-over-margin", "PATH_NORM_OVER_MARGIN", "43", "ln(Σ_k f_{w²}(1)_k / γ²)", "log of the sum over paths of the product of squared weights over the squared margin"}},
	)
	for _, m := range plain {
		if m.readsSpectral() {
			m.fft = true
			m.row.name += "-fft"
			m.row.alias += "_FFT"
			m.row.doc += ", kernels as circular convolutions"
			all = append(all, m)
		}
	}
	return all
}
