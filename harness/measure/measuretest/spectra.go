package measuretest

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/genbench/genbench/harness/measure"
)

// spectral returns the quantities spectra and spectral-norms: what the net's functions say, or the singular values of its
// own weights as matrices.
func (n Net) spectral(need measure.Need, args map[string]string) ([]measure.Array, error) {
	o := measure.SpectraOptions{Weights: args["weights"], Stored: args["fused"] == "false", Conv: args["conv"]}
	norms, spectra := n.SpectralNorms, n.Spectra
	if spectra == nil {
		spectra = n.decompose
	}
	if need == measure.SpectralNorms && norms != nil {
		values, err := norms(o)
		var arrays []measure.Array
		for _, v := range values {
			arrays = append(arrays, floats("weight", []float64{v}))
		}
		return arrays, err
	}
	ss, err := spectra(o)
	if ss == nil || err != nil {
		return nil, err
	}
	var arrays []measure.Array
	var shapes []int32
	for _, s := range ss {
		if need == measure.SpectralNorms {
			arrays = append(arrays, floats(s.Name, s.Values[:1]))
			continue
		}
		arrays = append(arrays, floats(s.Name, s.Values, len(s.Values)))
		dims := int32(2)
		if s.Kernel {
			dims = 4
		}
		shapes = append(shapes, int32(s.Rows), int32(s.Cols), dims)
	}
	if need == measure.Spectra {
		a := ints("shapes", shapes)
		a.Shape = []int{len(ss), 3}
		arrays = append(arrays, a)
	}
	return arrays, nil
}

// decompose returns nil where the weights asked for are not set.
func (n Net) decompose(o measure.SpectraOptions) ([]measure.Spectrum, error) {
	final, initial := n.Weights, n.Init
	if !o.Stored {
		final, initial = either(n.Fused, final), either(n.FusedInit, initial)
	}
	ts := final
	if o.Weights == "init" {
		ts = initial
	}
	if ts == nil || o.Weights == "difference" && initial == nil {
		return nil, nil
	}
	var out []measure.Spectrum
	for i, t := range ts {
		if len(t.Shape) < 2 || len(t.Data) == 0 {
			continue
		}
		w := make([]float64, len(t.Data))
		for j, v := range t.Data {
			w[j] = float64(v)
			if o.Weights == "difference" {
				w[j] -= float64(initial[i].Data[j])
			}
			if math.IsNaN(w[j]) || math.IsInf(w[j], 0) {
				return nil, measure.Undefined("%s holds %v", t.Name, w[j])
			}
		}
		rows, cols := t.Shape[0], len(w)/t.Shape[0]
		var svd mat.SVD
		if !svd.Factorize(mat.NewDense(rows, cols, w), mat.SVDNone) {
			return nil, measure.Undefined("the singular values of %s did not converge", t.Name)
		}
		out = append(out, measure.Spectrum{Name: t.Name, Kernel: len(t.Shape) == 4, Rows: rows, Cols: cols, Values: svd.Values(nil)})
	}
	if out == nil {
		return nil, measure.Undefined("the network has no weight matrix")
	}
	return out, nil
}
