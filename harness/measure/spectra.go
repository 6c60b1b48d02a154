package measure

import (
	"context"
	"fmt"
)

// Spectrum is the singular values of one weight tensor, largest first within each matrix.
type Spectrum struct {
	Name       string // of the tensor: "fc1.weight"
	Kernel     bool   // of a convolution, [Out, In, kh, kw]; else dense, [Out, In]
	Rows, Cols int    // of a matrix: that of a dense weight, a kernel's [Out, In·kh·kw], or each slice's [Out, In]
	Values     []float64
}

// SpectraOptions chooses what [Network.Spectra] and [Network.LayerNorms] are of.
// Zero values are the host's defaults, named first.
type SpectraOptions struct {
	Weights string // "final", "init", "difference": after training less before; the last two need FusedInitWeights or InitWeights too
	Stored  bool   // the weights as stored: batch norm is not folded in
	Conv    string // of a kernel [Out, In, kh, kw]: "matrix" [Out, In·kh·kw]; for Spectra "slices", one matrix a position; for LayerNorms "fft", the spectral norm of the circular convolution at the size of the network's input
}

func (o SpectraOptions) arguments() arguments {
	args := arguments{}
	args.text("weights", o.Weights)
	args.text("conv", o.Conv)
	if o.Stored {
		args["fused"] = "false"
	}
	return args
}

// Spectra returns all singular values of every weight tensor, in the order of the layers. It takes some
// milliseconds for each matrix of 256 x 256; see LayerNorms for the largest alone.
func (n *Network) Spectra(ctx context.Context, o SpectraOptions) ([]Spectrum, error) {
	arrays, err := n.get(ctx, string(Spectra), o.arguments())
	if err != nil {
		return nil, err
	}
	if len(arrays) == 0 || arrays[len(arrays)-1].name != "shapes" {
		return nil, fmt.Errorf("reading %s: its last array is not the shapes", Spectra)
	}
	tensors, last := arrays[:len(arrays)-1], arrays[len(arrays)-1]
	shapes, err := view[int32](last, "i32")
	if err == nil && len(shapes) != 3*len(tensors) {
		err = fmt.Errorf("%d numbers of 3 a tensor, %d tensors", len(shapes), len(tensors))
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", Spectra, err)
	}
	out := make([]Spectrum, len(tensors))
	for i, a := range tensors {
		values, err := view[float64](a, "f64")
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", Spectra, err)
		}
		out[i] = Spectrum{Name: a.name, Rows: int(shapes[3*i]), Cols: int(shapes[3*i+1]), Kernel: shapes[3*i+2] == 4, Values: values}
	}
	return out, nil
}

// LayerNorm is the norms of one weight tensor, as a matrix [Out, In·kh·kw].
type LayerNorm struct {
	Name      string // of the tensor: "fc1.weight"
	Spectral  float64
	Frobenius float64
}

// LayerNorms returns the norms of every weight tensor, in the order of the layers: those of [Network.FusedWeights] that
// have two or more dimensions.
func (n *Network) LayerNorms(ctx context.Context, o SpectraOptions) ([]LayerNorm, error) {
	arrays, err := n.get(ctx, string(LayerNorms), o.arguments())
	if err != nil {
		return nil, err
	}
	out := make([]LayerNorm, len(arrays))
	for i, a := range arrays {
		v, err := view[float64](a, "f64")
		if err == nil && len(v) != 2 {
			err = fmt.Errorf("array %q has %d values, 2 were expected", a.name, len(v))
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", LayerNorms, err)
		}
		out[i] = LayerNorm{Name: a.name, Spectral: v[0], Frobenius: v[1]}
	}
	return out, nil
}

// LogPathNorm returns the natural logarithm of the sum of the logits, at an input of ones, of the network with
// batch norm folded in and all weights and biases squared: that of the sum over paths of the product of squared weights.
func (n *Network) LogPathNorm(ctx context.Context) (float64, error) {
	q, err := n.group(ctx, string(PathNorm), nil)
	if err != nil {
		return 0, err
	}
	return q.scalar("log_path_norm")
}
