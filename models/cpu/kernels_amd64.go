package cpu

import "golang.org/x/sys/cpu"

// assemblerKernels returns the sets that the processor runs and whose registers the
// operating system saves (x/sys/cpu asks XGETBV for that before it says yes).
func assemblerKernels() []*kernels {
	if !cpu.X86.HasAVX2 || !cpu.X86.HasFMA {
		return nil
	}
	k := &kernels{
		name:  "avx2",
		tiles: []tileSet{{width: 16, rows: avx2Tiles16[:]}, {width: 8, rows: avx2Tiles8[:]}},
	}
	k.setRows()
	k.setLayers()
	k.setOptimizers()
	if !cpu.X86.HasAVX512F {
		return []*kernels{k}
	}
	wide := *k
	wide.name = "avx512"
	// Narrower tiles stay with AVX2: one 512-bit register a row means one spread
	// load for each multiplication, and Zen 4 does one of those a cycle (86 GFLOP/s against 109).
	wide.tiles = []tileSet{{width: 32, rows: avx512Tiles32[:]}, k.tiles[0], k.tiles[1]}
	return []*kernels{&wide, k}
}

// setRows sets the kernels on rows and single values. Here and below the farthest
// element is touched in Go first: an operand that is too short panics instead of being read past its end.
func (k *kernels) setRows() {
	k.transpose = func(dst []float32, ds int, src []float32, ss, rows, cols int) {
		_, _ = src[(rows-1)*ss+cols-1], dst[(cols-1)*ds+rows-1]
		transposeAVX2(&dst[0], 4*ds, &src[0], 4*ss, rows, cols)
	}
	k.rowSum = func(dst []float64, x []float32, rows, w int) {
		_, _ = dst[rows-1], x[rows*w-1]
		rowSumAVX2(&dst[0], &x[0], rows, w)
	}
	k.rowDot = func(dst []float64, x, y []float32, rows, w int) {
		_, _, _ = dst[rows-1], x[rows*w-1], y[rows*w-1]
		rowDotAVX2(&dst[0], &x[0], &y[0], rows, w)
	}
	k.rowSquare = func(dst []float64, x []float32, mean []float64, rows, w int) {
		_, _, _ = dst[rows-1], x[rows*w-1], mean[rows-1]
		rowDeviationAVX2(&dst[0], &x[0], &mean[0], rows, w)
	}
	k.columnDot = func(dst []float64, x, y []float32, rows, w int) {
		_, _, _ = dst[w-1], x[rows*w-1], y[rows*w-1]
		columnDotAVX2(&dst[0], &x[0], &y[0], rows, w)
	}
	k.add = func(dst []float64, x []float32) {
		_ = dst[len(x)-1]
		addAVX2(&dst[0], &x[0], len(x))
	}
	k.relu = func(dst, src []float32) {
		_ = src[len(dst)-1]
		reluAVX2(&dst[0], &src[0], len(dst))
	}
	k.mask = func(d, a []float32) {
		_ = a[len(d)-1]
		maskAVX2(&d[0], &a[0], len(d))
	}
	k.multiply = func(dst, x, y []float32) {
		_, _ = x[len(dst)-1], y[len(dst)-1]
		multiplyAVX2(&dst[0], &x[0], &y[0], len(dst))
	}
	k.axpy = func(dst, x []float32, a float32) {
		_ = x[len(dst)-1]
		axpyAVX2(&dst[0], &x[0], len(dst), a)
	}
	k.maximum = func(dst, x []float32) {
		_ = x[len(dst)-1]
		maximumAVX2(&dst[0], &x[0], len(dst))
	}
	k.pick = func(dx, x, highest, dy, left []float32) {
		n := len(dx) - 1
		_, _, _, _ = x[n], highest[n], dy[n], left[n]
		pickAVX2(&dx[0], &x[0], &highest[0], &dy[0], &left[0], len(dx))
	}
}

// setLayers sets the kernels of batch norm and softmax.
func (k *kernels) setLayers() {
	k.normalize = func(y, xhat, x, mean, inv, gamma, beta []float32, rows, w int) {
		n := rows*w - 1
		_, _, _, _, _, _, _ = y[n], xhat[n], x[n], mean[rows-1], inv[rows-1], gamma[rows-1], beta[rows-1]
		normalizeAVX2(&y[0], &xhat[0], &x[0], &mean[0], &inv[0], &gamma[0], &beta[0], rows, w)
	}
	k.inverse = func(dy, xhat, scale, mean, slope []float32, rows, w int) {
		n := rows*w - 1
		_, _, _, _, _ = dy[n], xhat[n], scale[rows-1], mean[rows-1], slope[rows-1]
		denormalizeAVX2(&dy[0], &xhat[0], &scale[0], &mean[0], &slope[0], rows, w)
	}
	k.blend = func(dst, x, y, a, b, c []float32, rows, w int) {
		n := rows*w - 1
		_, _, _, _, _, _ = dst[n], x[n], y[n], a[rows-1], b[rows-1], c[rows-1]
		blendAVX2(&dst[0], &x[0], &y[0], &a[0], &b[0], &c[0], rows, w)
	}
	k.softmax = func(e, sum []float64, highest, logits []float32, k, w int) {
		_, _, _, _ = e[k*w-1], sum[w-1], highest[w-1], logits[k*w-1]
		softmaxAVX2(&e[0], &sum[0], &highest[0], &logits[0], k, w)
	}
	k.spread = func(delta []float32, e, factor []float64, k, w int) {
		_, _, _ = delta[k*w-1], e[k*w-1], factor[w-1]
		spreadAVX2(&delta[0], &e[0], &factor[0], k, w)
	}
}

func (k *kernels) setOptimizers() {
	k.sgd = func(w, g, v []float32, lr, mu, wd float32) {
		n := len(w) - 1
		_, _ = g[n], v[n]
		sgdAVX2(&w[0], &g[0], &v[0], len(w), lr, mu, wd)
	}
	k.adam = func(w, g, m, v []float32, r adamRates) {
		n := len(w) - 1
		_, _, _ = g[n], m[n], v[n]
		adamAVX2(&w[0], &g[0], &m[0], &v[0], len(w), r.b1, r.c1, r.b2, r.c2, r.step, r.root, r.eps, r.wd)
	}
	k.rmsprop = func(w, g, v, b []float32, lr, alpha, rest, eps, mu, wd float32) {
		n := len(w) - 1
		_, _, _ = g[n], v[n], b[n]
		rmspropAVX2(&w[0], &g[0], &v[0], &b[0], len(w), lr, alpha, rest, eps, mu, wd)
	}
}

// The micro-kernels by number of rows; index 0 is one row. The tables are never written.
var (
	avx512Tiles32 = [...]tileFunc{
		gemm1x32AVX512, gemm2x32AVX512, gemm3x32AVX512, gemm4x32AVX512, gemm5x32AVX512, gemm6x32AVX512, gemm7x32AVX512,
		gemm8x32AVX512, gemm9x32AVX512, gemm10x32AVX512, gemm11x32AVX512, gemm12x32AVX512, gemm13x32AVX512, gemm14x32AVX512,
	}
	avx2Tiles16 = [...]tileFunc{gemm1x16AVX2, gemm2x16AVX2, gemm3x16AVX2, gemm4x16AVX2, gemm5x16AVX2, gemm6x16AVX2}
	avx2Tiles8  = [...]tileFunc{
		gemm1x8AVX2, gemm2x8AVX2, gemm3x8AVX2, gemm4x8AVX2, gemm5x8AVX2, gemm6x8AVX2,
		gemm7x8AVX2, gemm8x8AVX2, gemm9x8AVX2, gemm10x8AVX2, gemm11x8AVX2, gemm12x8AVX2,
	}
)
