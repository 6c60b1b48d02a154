package cpu

import "math"

// goKernels are the kernels in plain Go, for every processor. Products are
// rounded before they are added (the conversions forbid fusing), so the bits are the same everywhere.
func goKernels() *kernels {
	return &kernels{
		name:      "go",
		transpose: transposeGo,
		rowSum:    rowSumGo,
		rowDot:    rowDotGo,
		rowSquare: rowSquareGo,
		columnDot: columnDotGo,
		add: func(dst []float64, x []float32) {
			for i, v := range x {
				dst[i] += float64(v)
			}
		},
		relu: func(dst, src []float32) {
			for i := range dst {
				dst[i] = max(0, src[i])
			}
		},
		mask: func(d, a []float32) {
			for i := range d {
				if a[i] <= 0 {
					d[i] = 0
				}
			}
		},
		multiply: func(dst, x, y []float32) {
			for i := range dst {
				dst[i] = x[i] * y[i]
			}
		},
		axpy: func(dst, x []float32, a float32) {
			for i := range dst {
				dst[i] += float32(a * x[i])
			}
		},
		maximum: func(dst, x []float32) {
			for i := range dst {
				if !(dst[i] > x[i]) {
					dst[i] = x[i]
				}
			}
		},
		pick: func(dx, x, highest, dy, left []float32) {
			for i := range dx {
				if x[i] == highest[i] && math.Float32bits(left[i]) != 0 {
					dx[i] += dy[i]
					left[i] = 0
				}
			}
		},
		normalize: normalizeGo,
		inverse: func(dy, xhat, scale, mean, slope []float32, rows, w int) {
			for r := range rows {
				xhat := xhat[r*w : (r+1)*w]
				dy := dy[r*w : (r+1)*w]
				for i := range dy {
					dy[i] = scale[r] * (dy[i] - mean[r] - float32(xhat[i]*slope[r]))
				}
			}
		},
		blend:   blendGo,
		softmax: softmaxGo,
		spread: func(delta []float32, e, factor []float64, k, w int) {
			for i := range k * w {
				delta[i] = float32(e[i] * factor[i%w])
			}
		},
		sgd:     sgdGo,
		adam:    adamGo,
		rmsprop: rmspropGo,
	}
}

func transposeGo(dst []float32, ds int, src []float32, ss, rows, cols int) {
	for r := range rows {
		for c, v := range src[r*ss : r*ss+cols] {
			dst[c*ds+r] = v
		}
	}
}

func normalizeGo(y, xhat, x, mean, inv, gamma, beta []float32, rows, w int) {
	for r := range rows {
		for i := r * w; i < (r+1)*w; i++ {
			v := (x[i] - mean[r]) * inv[r]
			xhat[i] = v
			y[i] = float32(gamma[r]*v) + beta[r]
		}
	}
}

func blendGo(dst, x, y, a, b, c []float32, rows, w int) {
	for r := range rows {
		for i := r * w; i < (r+1)*w; i++ {
			dst[i] = float32(a[r]*x[i]) + (float32(b[r]*y[i]) + c[r])
		}
	}
}

func softmaxGo(e, sum []float64, highest, logits []float32, k, w int) {
	for j := range w {
		top := logits[j]
		for c := 1; c < k; c++ {
			top = max(top, logits[c*w+j])
		}
		highest[j], sum[j] = top, 0
		for c := range k {
			v := math.Exp(float64(logits[c*w+j]) - float64(top))
			e[c*w+j] = v
			sum[j] += v
		}
	}
}

func sgdGo(w, g, v []float32, lr, mu, wd float32) {
	for i, x := range w {
		u := float32(mu*v[i]) + (g[i] + float32(wd*x))
		v[i] = u
		w[i] = x - float32(lr*u)
	}
}

func adamGo(w, g, m, v []float32, r adamRates) {
	for i, x := range w {
		y := g[i] + float32(r.wd*x)
		m[i] = float32(r.b1*m[i]) + float32(r.c1*y)
		v[i] = float32(r.b2*v[i]) + float32(r.c2*float32(y*y))
		root := float32(math.Sqrt(float64(v[i])))
		w[i] = x - float32(r.step*(m[i]/(float32(root*r.root)+r.eps)))
	}
}

func rmspropGo(w, g, v, b []float32, lr, alpha, rest, eps, mu, wd float32) {
	for i, x := range w {
		y := g[i] + float32(wd*x)
		v[i] = float32(alpha*v[i]) + float32(rest*float32(y*y))
		b[i] = float32(mu*b[i]) + y/(float32(math.Sqrt(float64(v[i])))+eps)
		w[i] = x - float32(lr*b[i])
	}
}

func rowSumGo(dst []float64, x []float32, rows, w int) {
	for r := range rows {
		s := 0.0
		for _, v := range x[r*w : (r+1)*w] {
			s += float64(v)
		}
		dst[r] += s
	}
}

func rowDotGo(dst []float64, x, y []float32, rows, w int) {
	for r := range rows {
		s := 0.0
		y := y[r*w : (r+1)*w]
		for i, v := range x[r*w : (r+1)*w] {
			s += float64(float64(v) * float64(y[i]))
		}
		dst[r] += s
	}
}

func rowSquareGo(dst []float64, x []float32, mean []float64, rows, w int) {
	for r := range rows {
		s := 0.0
		for _, v := range x[r*w : (r+1)*w] {
			d := float64(v) - mean[r]
			s += float64(d * d)
		}
		dst[r] += s
	}
}

func columnDotGo(dst []float64, x, y []float32, rows, w int) {
	for r := range rows {
		y := y[r*w : (r+1)*w]
		for e, v := range x[r*w : (r+1)*w] {
			dst[e] += float64(float64(v) * float64(y[e]))
		}
	}
}
