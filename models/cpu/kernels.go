package cpu

// kernels is one implementation of everything whose speed matters. It is
// never changed once made. Counts n and widths w are multiples of 8, strides are in floats, and
// no slice may be empty.
type kernels struct {
	name  string
	tiles []tileSet // micro-kernels for gemm, widest first; none: plain Go

	transpose func(dst []float32, ds int, src []float32, ss, rows, cols int)   // dst[c*ds+r] = src[r*ss+c]
	rowSum    func(dst []float64, x []float32, rows, w int)                    // dst[r] += Σ x[r]
	rowDot    func(dst []float64, x, y []float32, rows, w int)                 // dst[r] += Σ x[r] y[r]
	rowSquare func(dst []float64, x []float32, mean []float64, rows, w int)    // dst[r] += Σ (x[r] - mean[r])²
	columnDot func(dst []float64, x, y []float32, rows, w int)                 // dst[e] += Σ x[r, e] y[r, e], in the order of r; dst is [w]
	add       func(dst []float64, x []float32)                                 // dst += x
	relu      func(dst, src []float32)                                         // dst = max(0, src)
	mask      func(d, a []float32)                                             // d = 0 where a <= 0
	multiply  func(dst, x, y []float32)                                        // dst = x y
	axpy      func(dst, x []float32, a float32)                                // dst += a x
	maximum   func(dst, x []float32)                                           // dst = max(dst, x)
	pick      func(dx, x, highest, dy, left []float32)                         // where x = highest and left is all ones: dx += dy, left = 0
	normalize func(y, xhat, x, mean, inv, gamma, beta []float32, rows, w int)  // xhat = (x - mean) inv; y = gamma xhat + beta
	inverse   func(dy, xhat, scale, mean, slope []float32, rows, w int)        // dy = scale (dy - mean - xhat slope)
	blend     func(dst, x, y, a, b, c []float32, rows, w int)                  // dst = a x + b y + c; a, b and c one a row; dst may be x or y
	softmax   func(e, sum []float64, highest, logits []float32, k, w int)      // per column: the highest logit, e = exp(logit - highest), sum of e
	spread    func(delta []float32, e, factor []float64, k, w int)             // delta = e factor, factor one a column
	sgd       func(w, g, v []float32, lr, mu, wd float32)                      // v = mu v + g + wd w; w -= lr v
	adam      func(w, g, m, v []float32, r adamRates)                          //
	rmsprop   func(w, g, v, b []float32, lr, alpha, rest, eps, mu, wd float32) //
}

// adamRates are the constants of one Adam step, bias corrections folded in.
type adamRates struct{ b1, c1, b2, c2, step, root, eps, wd float32 }
