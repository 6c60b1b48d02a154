package quantity

import (
	"context"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas/blas64"
)

// circularNorm is the largest singular value of the linear map that convolves an image [in, height, width]
// circularly, stride 1, with the kernel. Its singular values are those of the matrices
//
//	K(a, b) = Σ_pq kernel[:, :, p, q] exp(-2πi (p a/height + q b/width)),   [out, in]
//
// for all frequencies a < height, b < width: numpy.fft.fft2(kernel, (height, width)) over the last two axes, which
// also cuts off the rows and columns of a kernel that is larger than the image.
// Sedghi, Gupta and Long 2018, "The Singular Values of Convolutional Layers", arXiv:1805.10408, theorem 6.
//
// K(-a, -b) is the complex conjugate and has the same values, so half of the frequencies are visited; those whose bounds
// ‖K‖_F and √(‖K‖₁‖K‖_∞) are below what was found are passed over, and others are given up once it is clear that they are (see bidiagonalize).
func circularNorm(ctx context.Context, k kernel, height, width int) (float64, error) {
	best := 0.0
	for a := range height {
		for b := range width {
			if mirrorA, mirrorB := (height-a)%height, (width-b)%width; mirrorA < a || mirrorA == a && mirrorB < b {
				continue
			}
			z := k.frequency(a, b, height, width)
			if z.upperBound() <= best {
				continue
			}
			n, err := z.norm(ctx, best)
			if err != nil {
				return 0, err
			}
			best = math.Max(best, n)
		}
	}
	return best, nil
}

// complexMatrix is [rows, cols] in real and imaginary parts. As a linear map it is the real matrix [re, -im; im, re], twice as
// high and wide, which has each singular value twice.
type complexMatrix struct {
	re, im     []float64
	rows, cols int
}

// frequency is K(a, b).
func (k kernel) frequency(a, b, height, width int) complexMatrix {
	z := complexMatrix{make([]float64, k.out*k.in), make([]float64, k.out*k.in), k.out, k.in}
	n := k.positions()
	for p := range min(k.h, height) {
		for q := range min(k.w, width) {
			// Whole turns are taken off before the division, so that multiples of a quarter turn are exact enough.
			turn := float64(p*a%height)/float64(height) + float64(q*b%width)/float64(width)
			sin, cos := math.Sincos(-2 * math.Pi * turn)
			at := p*k.w + q
			for i := range z.re {
				v := k.v[i*n+at]
				z.re[i] += v * cos
				z.im[i] += v * sin
			}
		}
	}
	return z
}

// upperBound is the smaller of two bounds of the spectral norm.
func (z complexMatrix) upperBound() float64 {
	var squares, widest float64
	columns := make([]float64, z.cols)
	for r := range z.rows {
		var sum float64
		for c := range z.cols {
			x, y := z.re[r*z.cols+c], z.im[r*z.cols+c]
			s := x*x + y*y
			squares += s
			s = math.Sqrt(s)
			sum += s
			columns[c] += s
		}
		widest = math.Max(widest, sum)
	}
	var tallest float64
	for _, s := range columns {
		tallest = math.Max(tallest, s)
	}
	return math.Min(math.Sqrt(squares), math.Sqrt(widest*tallest))
}

// norm is the spectral norm, or, where that is at most floor, any smaller value.
func (z complexMatrix) norm(ctx context.Context, floor float64) (float64, error) {
	if slices.IndexFunc(z.im, func(v float64) bool { return v != 0 }) < 0 {
		if min(z.rows, z.cols) > directSize {
			m := matrix{blas64.General{Rows: z.rows, Cols: z.cols, Stride: z.cols, Data: z.re}}
			if n, ok, err := bidiagonalize(ctx, m, floor); ok || err != nil {
				return n, err
			}
		}
		return spectralNorm(ctx, z.re, z.rows, z.cols)
	}
	if 2*min(z.rows, z.cols) > directSize {
		if n, ok, err := bidiagonalize(ctx, z, floor); ok || err != nil {
			return n, err
		}
	}
	return spectralNorm(ctx, z.embedded(), 2*z.rows, 2*z.cols)
}

// embedded is the real matrix.
func (z complexMatrix) embedded() []float64 {
	m := make([]float64, 4*z.rows*z.cols)
	for r := range z.rows {
		for c := range z.cols {
			x, y := z.re[r*z.cols+c], z.im[r*z.cols+c]
			top, below := m[r*2*z.cols:], m[(z.rows+r)*2*z.cols:]
			top[c], top[z.cols+c] = x, -y
			below[c], below[z.cols+c] = y, x
		}
	}
	return m
}

func (z complexMatrix) size() (rows, cols int) { return 2 * z.rows, 2 * z.cols }

// halves are the real and the imaginary part of a vector.
func halves(v blas64.Vector) (re, im blas64.Vector) {
	n := v.N / 2
	return blas64.Vector{N: n, Inc: 1, Data: v.Data[:n]}, blas64.Vector{N: n, Inc: 1, Data: v.Data[n:]}
}

func (z complexMatrix) row(r int) (re, im blas64.Vector) {
	return blas64.Vector{N: z.cols, Inc: 1, Data: z.re[r*z.cols:][:z.cols]}, blas64.Vector{N: z.cols, Inc: 1, Data: z.im[r*z.cols:][:z.cols]}
}

// apply reads each row once, while it is in the first-level cache: the matrices are larger than the second.
func (z complexMatrix) apply(dst, x blas64.Vector) {
	xre, xim := halves(x)
	for r := range z.rows {
		re, im := z.row(r)
		dst.Data[r] = blas64.Dot(re, xre) - blas64.Dot(im, xim)
		dst.Data[z.rows+r] = blas64.Dot(im, xre) + blas64.Dot(re, xim)
	}
}

func (z complexMatrix) adjoin(dst, x blas64.Vector) {
	clear(dst.Data)
	dre, dim := halves(dst)
	for r := range z.rows {
		re, im := z.row(r)
		a, b := x.Data[r], x.Data[z.rows+r]
		blas64.Axpy(a, re, dre)
		blas64.Axpy(b, im, dre)
		blas64.Axpy(b, re, dim)
		blas64.Axpy(-a, im, dim)
	}
}
