package quantity

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/gonum"

	"github.com/genbench/genbench/models"
)

var (
	argWeights = argument{name: "weights", values: []string{"final", "init", "difference"}}
	argFused   = argument{name: "fused", values: []string{"true", "false"}}
)

// computeSpectra serves all singular values of every weight tensor, largest first, one array
// [R] a tensor under the tensor's name, and last an array "shapes", [tensors, 3], of the matrices' rows and columns
// and the tensor's dimensions:
//
//	weights=final | init | difference   difference: after training minus before it, in float64
//	fused=true | false                  batch norm folded in, each network with its own statistics; or as stored
//	conv=matrix                         a kernel [Out, In, kh, kw] is the matrix [Out, In·kh·kw]; R = min(Out, In·kh·kw)
//	conv=slices                         it is kh·kw matrices [Out, In], one a position; R = kh·kw·min(Out, In), position by position, row-major
//
// A dense weight is [Out, In] in both. Biases and batch norm's tensors are left out. Values come from
// bidiagonalization and implicit QR, as in LAPACK's dgesvd, of the float32 tensors in float64: the error is a few ulp of
// the largest value of its matrix. An eigenvalue decomposition of the smaller Gram matrix is slower
// (7.5 against 5.6 ms for 256 x 256) and would lose half of the digits of the small values.
func computeSpectra(ctx context.Context, p *Provider, a arguments) ([]payload, error) {
	ws, err := p.kernels(a)
	if err != nil {
		return nil, err
	}
	var ps []payload
	var shapes []int32
	for _, w := range ws {
		pieces := []kernel{w.flat()}
		if a["conv"] == "slices" {
			pieces = w.slices()
		}
		var values []float64
		for _, m := range pieces {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			s, err := singularValues(m.v, m.out, m.in)
			if err != nil {
				return nil, w.failed(err)
			}
			values = append(values, s...)
		}
		ps = append(ps, payload{name: w.name, shape: []int{len(values)}, f64: values})
		shapes = append(shapes, int32(pieces[0].out), int32(pieces[0].in), int32(w.dims))
	}
	return append(ps, payload{name: "shapes", shape: []int{len(ws), 3}, i32: shapes}), nil
}

// computeLayerNorms serves the spectral and the Frobenius norm of every weight tensor, [2] under the tensor's name.
// weights and fused are as in spectra. The spectral norm is
//
//	conv=matrix   that of the matrix [Out, In·kh·kw] (Yoshida and Miyato 2017, arXiv:1705.10941, section 3.2)
//	conv=fft      that of the circular convolution with the kernel, stride 1, over an image of the network's input size
//	              (Sedghi, Gupta and Long 2018, arXiv:1805.10408), for every layer, however small its own images are
//
// For a dense weight both are the same. See [spectralNorm] for how it is found, and how exactly.
func computeLayerNorms(ctx context.Context, p *Provider, a arguments) ([]payload, error) {
	ws, err := p.kernels(a)
	if err != nil {
		return nil, err
	}
	var ps []payload
	for _, w := range ws {
		all := blas64.Vector{N: len(w.v), Inc: 1, Data: w.v}
		frobenius := math.Sqrt(blas64.Dot(all, all)) // of float32: nothing overflows
		var n float64
		if a["conv"] == "fft" && w.positions() > 1 {
			n, err = circularNorm(ctx, w, p.subject.Arch.Input.H, p.subject.Arch.Input.W)
		} else {
			m := w.flat()
			n, err = spectralNorm(ctx, m.v, m.out, m.in)
		}
		if err != nil {
			return nil, w.failed(err)
		}
		ps = append(ps, payload{name: w.name, shape: []int{2}, f64: []float64{n, frobenius}})
	}
	return ps, nil
}

// kernel is one weight tensor in float64, [out, in, h, w]; h = w = 1 for a dense one.
type kernel struct {
	name          string
	dims          int // of the tensor
	out, in, h, w int
	v             []float64
}

func (k kernel) positions() int { return k.h * k.w }

// flat is the matrix [out, in·h·w].
func (k kernel) flat() kernel {
	return kernel{name: k.name, out: k.out, in: k.in * k.positions(), h: 1, w: 1, v: k.v}
}

// slices are the matrices [out, in], one a position.
func (k kernel) slices() []kernel {
	n := k.positions()
	ms := make([]kernel, n)
	for at := range ms {
		m := kernel{name: k.name, out: k.out, in: k.in, h: 1, w: 1, v: make([]float64, k.out*k.in)}
		for i := range m.v {
			m.v[i] = k.v[i*n+at]
		}
		ms[at] = m
	}
	return ms
}

// kernels are the weight tensors that the arguments weights and fused name.
func (p *Provider) kernels(a arguments) ([]kernel, error) {
	state := func(s models.State) (models.State, error) {
		if !a.flag("fused") {
			return s, nil
		}
		_, fused, err := models.Fuse(p.subject.Arch, s)
		if err != nil {
			return nil, undefined("%s", err)
		}
		return fused, nil
	}
	from := p.subject.Final
	if a["weights"] == "init" {
		from = p.subject.Init
	}
	s, err := state(from)
	if err != nil {
		return nil, err
	}
	var before models.State
	if a["weights"] == "difference" {
		if before, err = state(p.subject.Init); err != nil {
			return nil, err
		}
	}
	var ks []kernel
	for t, tensor := range s {
		k, ok := kernelOf(tensor)
		if !ok {
			continue
		}
		if before != nil {
			for i, v := range before[t].Data {
				k.v[i] -= float64(v)
			}
		}
		for i, v := range k.v {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, undefined("%s (weights=%s) holds %v at index %d", k.name, a["weights"], v, i)
			}
		}
		ks = append(ks, k)
	}
	if len(ks) == 0 {
		return nil, undefined("the network has no weight matrix")
	}
	return ks, nil
}

// kernelOf widens a tensor; ok is false for one that is no weight.
func kernelOf(t models.Tensor) (k kernel, ok bool) {
	if len(t.Shape) < 2 {
		return kernel{}, false
	}
	k = kernel{name: t.Name, dims: len(t.Shape), out: t.Shape[0], in: t.Shape[1], h: 1, w: 1, v: make([]float64, len(t.Data))}
	if k.dims == 4 {
		k.h, k.w = t.Shape[2], t.Shape[3]
	}
	for i, v := range t.Data {
		k.v[i] = float64(v)
	}
	return k, true
}

var errNoConvergence = errors.New("the singular values did not converge")

// failed tells what cannot be computed of a tensor from what was not.
func (k kernel) failed(err error) error {
	if errors.Is(err, errNoConvergence) {
		return undefined("%s [%d, %d]: %v", k.name, k.out, k.in*k.positions(), err)
	}
	return err
}

// singularValues of v, [rows, cols], which is overwritten; largest first. LAPACK's dgebd2 and dbdsqr are called as they
// are: what gonum's mat.SVD does around them, blocks of columns and scaling, takes a third longer at these sizes (7.4 against 5.6 ms for
// 256 x 256 on one core), and weights of float32 are far from float64's limits.
func singularValues(v []float64, rows, cols int) ([]float64, error) {
	n := min(rows, cols)
	d, e := make([]float64, n), make([]float64, n-1)
	work := make([]float64, max(rows, cols, 4*n))
	var lapack gonum.Implementation
	lapack.Dgebd2(rows, cols, v, cols, d, e, make([]float64, n), make([]float64, n), work)
	uplo := blas.Upper
	if rows < cols {
		uplo = blas.Lower
	}
	if !lapack.Dbdsqr(uplo, n, 0, 0, 0, d, e, nil, 1, nil, 1, nil, 1, work) {
		return nil, errNoConvergence
	}
	return d, nil
}

// settleSpectra removes differences between arguments that make none for this architecture, so that they
// share a file.
func (a arguments) settleSpectra(arch models.Architecture) {
	if a["fused"] == "true" && !arch.Has(models.BatchNorm) {
		a["fused"] = "false" // folding in nothing copies the tensors
	}
	if a["conv"] == "" {
		return
	}
	for _, t := range arch.Tensors() {
		if len(t.Shape) == 4 && t.Shape[2]*t.Shape[3] > 1 {
			return
		}
	}
	a["conv"] = "matrix"
}

// readsInit reports whether the quantity rests on the initial tensors.
func (k kind) readsInit(a arguments) bool {
	return k.init || a["weights"] == "init" || a["weights"] == "difference"
}
