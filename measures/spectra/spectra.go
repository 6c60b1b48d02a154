// Package spectra holds the measures of the eigenvalue spectra of the weights that Martin and Mahoney's WeightWatcher
// computes, as its version 0.7.5.5 does with its defaults.
//
// For a layer with weights W, [Out, In], as stored (batch norm is not folded in), λ are the squared singular
// values of W:
//
//	log-norm            log10 Σ λ             the squared Frobenius norm
//	log-spectral-norm   log10 λ_max
//	stable-rank         Σ λ / λ_max
//	alpha               the exponent of a power law fitted to the tail of the λ, see below
//	alpha-hat           alpha · log10 λ_max
//	log-alpha-norm      log10 Σ λ^alpha
//
// and the value of the network is the mean over its layers. A kernel [Out, In, kh, kw] is kh·kw matrices [Out, In],
// whose λ are halved and pooled; with pool=false each is a layer by itself and its λ are multiplied by kh·kw/2. Layers with
// fewer than 10 or more than 15,000 λ, or with a side above 50,000, are left out.
//
// The fit, to those λ that are above 1e-5, in rising order x_1..x_n: for every candidate x_min = x_i, i < n, by maximum
// likelihood (Clauset, Shalizi and Newman 2009, arXiv:0706.1062, eq. 3.1)
//
//	alpha_i = 1 + n_i / (Σ_{k >= i} ln x_k - n_i ln x_i),   n_i = n - i + 1
//	D_i     = max_{k >= i} |1 - (x_k/x_i)^(1-alpha_i) - (k-i)/n_i|,   1 where alpha_i <= 1
//
// and alpha is the alpha_i of the smallest D_i, the first of equals.
package spectra

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/genbench/genbench/harness/measure"
)

// longestSide is WeightWatcher's max_N.
const longestSide = 50000

// form is what is made of a layer's spectrum.
type form int

const (
	logNorm form = iota
	logSpectralNorm
	alpha
	alphaHat
	logAlphaNorm
	stableRank
)

// Measure is one of the folder's measures.
type Measure struct{ form form }

// All lists the folder's measures.
func All() []measure.Measure {
	var all []measure.Measure
	for f := logNorm; f <= stableRank; f++ {
		all = append(all, Measure{f})
	}
	return all
}

// fits reports whether the measure needs the power law.
func (m Measure) fits() bool { return m.form == alpha || m.form == alphaHat || m.form == logAlphaNorm }

const (
	tails  = "Martin and Mahoney, Heavy-tailed universality predicts trends in test accuracies for very large pre-trained deep neural networks, 2020, arXiv:1901.08278"
	trends = "Martin, Peng and Mahoney, Predicting trends in the quality of state-of-the-art neural networks without access to training or testing data, 2021, arXiv:2002.06716"
	self   = "Martin and Mahoney, Implicit self-regularization in deep neural networks, 2021, arXiv:1810.01075"
)

// Info describes the measure.
func (m Measure) Info() measure.Info {
	info := measure.Info{
		Version: "1", Family: "spectrum", Needs: measure.Needs{measure.Spectra}, Larger: measure.PredictsLargerGap, Citation: trends,
		Options: []measure.Option{
			{Name: "pool", Default: "true", Values: []string{"true", "false"}, Doc: "the matrices of a kernel's positions as one layer; else each by itself"},
			{Name: "min_evals", Default: "10", Doc: "layers with fewer eigenvalues are left out"},
			{Name: "max_evals", Default: "15000", Doc: "layers with more eigenvalues are left out"},
		},
	}
	switch m.form {
	case logNorm:
		info.Name, info.Aliases, info.Doc = "log-norm", []string{"log_norm"}, "mean over layers of the log10 of the squared Frobenius norm"
		info.Formula = "mean over layers of log10 Σ λ"
	case logSpectralNorm:
		info.Name, info.Aliases, info.Doc = "log-spectral-norm", []string{"log_spectral_norm"}, "mean over layers of the log10 of the squared spectral norm"
		info.Formula = "mean over layers of log10 λ_max"
	case alpha:
		info.Name, info.Doc, info.Citation = "alpha", "mean over layers of the exponent of the power law in the spectrum's tail", tails
		info.Formula = "mean over layers of α, the maximum-likelihood exponent of a power law fitted to the λ above the x_min of the smallest Kolmogorov-Smirnov distance"
	case alphaHat:
		info.Name, info.Aliases, info.Doc = "alpha-hat", []string{"alpha_weighted"}, "mean over layers of the tail's exponent times the log10 of the squared spectral norm"
		info.Formula = "mean over layers of α log10 λ_max; α as in alpha"
	case logAlphaNorm:
		info.Name, info.Aliases, info.Doc = "log-alpha-norm", []string{"log_alpha_norm"}, "mean over layers of the log10 of the alpha-norm"
		info.Formula = "mean over layers of log10 Σ λ^α; α as in alpha"
	case stableRank:
		info.Name, info.Aliases, info.Doc, info.Citation = "stable-rank", []string{"stable_rank"}, "mean over layers of the stable rank", self
		info.Formula = "mean over layers of Σ λ / λ_max"
	}
	info.Formula += "; λ the squared singular values of a layer's weights as stored, halved and pooled over the positions of a kernel"
	info.Deviations = "a kernel is always read as [Out, In, kh, kw], which WeightWatcher decides by its sides, its eigenvalues are counted by the smaller of Out and In, and halved after the decomposition and not by weights rounded to float32"
	if m.fits() {
		info.Options = append(info.Options, measure.Option{Name: "fix_fingers", Default: "false", Values: []string{"false", "clip_xmax"},
			Doc: "clip_xmax: leave out up to 9 of the largest eigenvalues where that lowers the exponent by more than 1"})
		info.Deviations += "; a layer whose fit fails (fewer than 2 eigenvalues above 1e-5) is left out, where WeightWatcher averages an exponent of -1; with clip_xmax WeightWatcher's fit also fails on layers of up to 13 eigenvalues, of which it cuts all, and the fits through the package powerlaw are not here"
	}
	return info
}

// Compute answers the measure. It is undefined where no layer has as many eigenvalues as are asked, where a layer's weights are
// all 0, and where an exponent is infinite because the largest eigenvalues are equal.
func (m Measure) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	layers, err := readLayers(ctx, net)
	if err != nil {
		return 0, err
	}
	var sum float64
	n := 0
	for _, l := range layers {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		v, ok, err := m.layer(l, net.Option("fix_fingers") == "clip_xmax")
		if err != nil {
			return 0, err
		}
		if !ok {
			net.Warn("%s is left out: the power law's fit needs 2 eigenvalues above %g", l.name, threshold)
			continue
		}
		sum += v
		n++
	}
	if n == 0 {
		return 0, measure.Undefined("no layer's spectrum can be fitted")
	}
	net.Diagnose("layers", float64(n))
	return sum / float64(n), nil
}

// layer is one row of WeightWatcher's table.
type layer struct {
	name string
	λ    []float64 // rising
}

// readLayers answers the layers that the options leave.
func readLayers(ctx context.Context, net *measure.Network) ([]layer, error) {
	least, err := net.IntOption("min_evals")
	if err != nil {
		return nil, err
	}
	most, err := net.IntOption("max_evals")
	if err != nil {
		return nil, err
	}
	if least < 1 || most < least {
		return nil, fmt.Errorf("options min_evals=%d and max_evals=%d: write 1 <= min_evals <= max_evals", least, most)
	}
	spectra, err := net.Spectra(ctx, measure.SpectraOptions{Stored: true, Conv: "slices"})
	if err != nil {
		return nil, err
	}
	var layers []layer
	for _, s := range spectra {
		if max(s.Rows, s.Cols) > longestSide {
			continue
		}
		for _, l := range split(s, net.Option("pool") == "true") {
			if n := len(l.λ); n >= least && n <= most {
				layers = append(layers, l)
			}
		}
	}
	if layers == nil {
		return nil, measure.Undefined("no layer has from %d to %d eigenvalues", least, most)
	}
	return layers, nil
}

// split makes layers of a tensor's singular values: one, or one a position.
func split(s measure.Spectrum, pool bool) []layer {
	each := min(s.Rows, s.Cols)
	positions := len(s.Values) / each
	factor := 1.0
	if s.Kernel {
		factor = 0.5
	}
	if pool {
		each = len(s.Values)
	} else if s.Kernel {
		factor = float64(positions) / 2
	}
	var layers []layer
	for lo := 0; lo < len(s.Values); lo += each {
		λ := make([]float64, each)
		for i, v := range s.Values[lo : lo+each] {
			λ[i] = factor * v * v
		}
		slices.Sort(λ)
		layers = append(layers, layer{s.Name, λ})
	}
	return layers
}

// layer is the measure of one layer; not ok where the fit fails.
func (m Measure) layer(l layer, clip bool) (v float64, ok bool, err error) {
	var norm float64
	for _, x := range l.λ {
		norm += x
	}
	top := l.λ[len(l.λ)-1]
	if top == 0 {
		return 0, false, measure.Undefined("the weights %s are all 0", l.name)
	}
	switch m.form {
	case logNorm:
		return math.Log10(norm), true, nil
	case logSpectralNorm:
		return math.Log10(top), true, nil
	case stableRank:
		return norm / top, true, nil
	}
	a, ok := exponent(l.λ, clip)
	if !ok {
		return 0, false, nil
	}
	if math.IsInf(a, 0) {
		return 0, false, measure.Undefined("%s: the largest eigenvalues are equal, the power law's exponent is infinite", l.name)
	}
	switch m.form {
	case alphaHat:
		return a * math.Log10(top), true, nil
	case logAlphaNorm:
		return logPowerSum(l.λ, a), true, nil
	}
	return a, true, nil
}

// logPowerSum is log10 Σ λ^a, scaled by the largest so that it does not overflow.
func logPowerSum(λ []float64, a float64) float64 {
	top := λ[len(λ)-1]
	var sum float64
	for _, x := range λ {
		sum += math.Pow(x/top, a)
	}
	return a*math.Log10(top) + math.Log10(sum)
}
