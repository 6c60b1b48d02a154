package measuretest

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/genbench/genbench/harness/measure"
)

// spectral returns the quantities spectra and layer-norms: what the net's functions say, or the singular values of its
// own weights as matrices.
func (n Net) spectral(need measure.Need, args map[string]string) ([]measure.Array, error) {
	o := measure.SpectraOptions{Weights: args["weights"], Stored: args["fused"] == "false", Conv: args["conv"]}
	before := measure.FusedInitWeights
	if o.Stored {
		before = measure.InitWeights
	}
	if err := n.Errors[string(before)]; err != nil && (o.Weights == "init" || o.Weights == "difference") {
		return nil, err
	}
	if need == measure.LayerNorms {
		return n.layerNorms(o)
	}
	ss, err := n.spectra(o)
	if ss == nil || err != nil {
		return nil, err
	}
	var arrays []measure.Array
	var shapes []int32
	for _, s := range ss {
		arrays = append(arrays, floats(s.Name, s.Values, len(s.Values)))
		dims := int32(2)
		if s.Kernel {
			dims = 4
		}
		shapes = append(shapes, int32(s.Rows), int32(s.Cols), dims)
	}
	a := ints("shapes", shapes)
	a.Shape = []int{len(ss), 3}
	return append(arrays, a), nil
}

func (n Net) spectra(o measure.SpectraOptions) ([]measure.Spectrum, error) {
	if n.Spectra != nil {
		return n.Spectra(o)
	}
	return n.decompose(o)
}

func (n Net) layerNorms(o measure.SpectraOptions) ([]measure.Array, error) {
	var norms []measure.LayerNorm
	if n.LayerNorms != nil {
		var err error
		if norms, err = n.LayerNorms(o); err != nil {
			return nil, err
		}
	} else {
		ss, err := n.spectra(o)
		if err != nil {
			return nil, err
		}
		for _, s := range ss {
			var squares float64
			for _, v := range s.Values {
				squares += v * v
			}
			norms = append(norms, measure.LayerNorm{Name: s.Name, Spectral: s.Values[0], Frobenius: math.Sqrt(squares)})
		}
	}
	var arrays []measure.Array
	for _, l := range norms {
		arrays = append(arrays, floats(l.Name, []float64{l.Spectral, l.Frobenius}, 2))
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
