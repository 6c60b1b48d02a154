package quantity

import (
	"context"
	"math"
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
// ‖K‖_F and √(‖K‖₁‖K‖_∞) are below what was found are passed over.
func circularNorm(ctx context.Context, k kernel, height, width int) (float64, error) {
	best := 0.0
	for a := range height {
		for b := range width {
			if mirrorA, mirrorB := (height-a)%height, (width-b)%width; mirrorA < a || mirrorA == a && mirrorB < b {
				continue
			}
			re, im := k.frequency(a, b, height, width)
			if upperBound(re, im, k.out, k.in) <= best {
				continue
			}
			m, scale := embed(re, im, k.out, k.in)
			n, err := spectralNorm(ctx, m, scale*k.out, scale*k.in)
			if err != nil {
				return 0, err
			}
			best = math.Max(best, n)
		}
	}
	return best, nil
}

// frequency is K(a, b), [out, in], in real and imaginary parts.
func (k kernel) frequency(a, b, height, width int) (re, im []float64) {
	re, im = make([]float64, k.out*k.in), make([]float64, k.out*k.in)
	n := k.positions()
	for p := range min(k.h, height) {
		for q := range min(k.w, width) {
			// Whole turns are taken off before the division, so that multiples of a quarter turn are exact enough.
			turn := float64(p*a%height)/float64(height) + float64(q*b%width)/float64(width)
			sin, cos := math.Sincos(-2 * math.Pi * turn)
			at := p*k.w + q
			for i := range re {
				v := k.v[i*n+at]
				re[i] += v * cos
				im[i] += v * sin
			}
		}
	}
	return re, im
}

// upperBound is the smaller of two bounds of the spectral norm of re + i·im, [rows, cols].
func upperBound(re, im []float64, rows, cols int) float64 {
	var squares, widest float64
	columns := make([]float64, cols)
	for r := range rows {
		var sum float64
		for c := range cols {
			x, y := re[r*cols+c], im[r*cols+c]
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

// embed is a real matrix of the same spectral norm: re where im is 0, else [re, -im; im, re], twice as high
// and wide, which has each singular value twice.
func embed(re, im []float64, rows, cols int) (m []float64, scale int) {
	zero := true
	for _, v := range im {
		zero = zero && v == 0
	}
	if zero {
		return re, 1
	}
	m = make([]float64, 4*rows*cols)
	for r := range rows {
		for c := range cols {
			x, y := re[r*cols+c], im[r*cols+c]
			top, below := m[r*2*cols:], m[(rows+r)*2*cols:]
			top[c], top[cols+c] = x, -y
			below[c], below[cols+c] = y, x
		}
	}
	return m, 2
}
