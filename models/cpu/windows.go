package cpu

import (
	"slices"

	"github.com/genbench/genbench/models"
)

// A convolution's feature maps lie [H, W, C, w] in a panel: pixel by pixel, the channels of a pixel side by side, each of w examples. So
// the Kernel rows of a window are runs of Kernel C values, and a convolution of a whole row of pixels is one matrix product whose second operand
// is the image itself, read where it lies (implicit im2col): only images with padding are copied, once a panel, to get a frame of zeros.

// scratch is the sizes of what convolutions need for one panel: see windows.
type scratch struct {
	framed, rows, flipped, products, channels int
	turns                                     bool // some values are laid out otherwise than tensors and inputs
}

// windows is what convolutions need for one panel.
type windows struct {
	framed   []float32 // an image or a delta with its frame, [H, W, C, w]
	rows     []float32 // an input with examples as rows, [w, ld]
	flipped  []float32 // weights for the delta below
	products []float32 // gradients of weights, [Kernel, Channels, ld]
	squares  []float32 // likewise, of their squares
	sums     []float64 // per channel and example
	more     []float64 // likewise; made when first needed
	factor   []float64 // average pooling: one over the size of a window, [w]
	left     []float32 // max pooling: whose maximum has not been found yet, [C, w]
}

// geometry is an image in its frame.
type geometry struct{ h, w, c, top, left int }

func (g geometry) size() int { return g.h * g.w * g.c }

// framed is the input of a convolution with its padding.
func (l *layer) framed() geometry {
	return geometry{l.from.H + 2*l.padding, l.from.W + 2*l.padding, l.from.C, l.padding, l.padding}
}

// deltaFrame is the delta above a convolution with as many zeros around it as the windows of the delta below see.
func (l *layer) deltaFrame() geometry {
	reach := (l.kernel+l.stride-1)/l.stride - 1
	after := func(in, out int) int { return max(0, (in-1+l.padding)/l.stride-(out-1)) }
	return geometry{
		h: reach + l.to.H + after(l.from.H, l.to.H), w: reach + l.to.W + after(l.from.W, l.to.W), c: l.to.C,
		top: reach, left: reach,
	}
}

// productStride is the distance between the rows of one kernel row's gradients.
func (l *layer) productStride() int { return roundUp(l.kernel*l.from.C, panel) }

// rowsStride is the distance between examples of the framed input as rows; a tile may read up to 32 values past the last.
func (l *layer) rowsStride() int { return rowStride(l.framed().size() + panel) }

// measure finds the sizes of the scratch.
func (p *plan) measure() {
	c := &p.conv
	for i := range p.layers {
		l := &p.layers[i]
		c.turns = c.turns || l.reads().turned() || l.writes().turned()
		if l.reads().spots > 1 || slices.Contains([]models.Kind{models.Conv2D, models.MaxPool, models.AvgPool, models.GlobalAvgPool}, l.kind) {
			c.channels = max(c.channels, roundUp(l.to.C, 16))
		}
		if l.kind != models.Conv2D {
			continue
		}
		c.framed = max(c.framed, l.framed().size()*panel, l.deltaFrame().size()*panel)
		c.rows = max(c.rows, l.rowsStride()*panel)
		c.flipped = max(c.flipped, l.flippedSize())
		c.products = max(c.products, l.kernel*l.to.C*l.productStride())
	}
}

// exampleRows is room for the input of the widest dense layer, as rows of n examples.
func (p *plan) exampleRows(n int) int {
	widest := 16
	for i := range p.layers {
		if p.layers[i].kind == models.Dense {
			widest = max(widest, roundUp(p.layers[i].in, 16))
		}
	}
	return n * rowStride(widest)
}

func newWindows(c scratch) windows {
	return windows{framed: aligned(c.framed), sums: make([]float64, c.channels*panel), factor: make([]float64, panel)}
}

// trainable makes what a backward pass needs.
func (w *windows) trainable(c scratch) {
	w.rows = aligned(c.rows)
	w.flipped = aligned(c.flipped)
	w.products = aligned(c.products)
	w.left = aligned(c.channels * panel)
}

// frame copies a panel of an image [H, W, C, w] into its frame of zeros.
func (s *session) frame(src []float32, g geometry, h, w int, at span) []float32 {
	if h == g.h && w == g.w {
		return src
	}
	dst := s.conv.framed
	line, row := g.w*g.c*at.w, w*g.c*at.w
	before := g.left * g.c * at.w
	clear(dst[:g.top*line])
	for y := range h {
		to := dst[(g.top+y)*line:][:line]
		clear(to[:before])
		copy(to[before:], src[y*row:][:row])
		clear(to[before+row:])
	}
	clear(dst[(g.top+h)*line : g.h*line])
	return dst
}

// convolve computes the convolution of one panel with the weights and biases that params holds for layer l. Each row of pixels goes to done when it is there.
func (s *session) convolve(params []float32, l *layer, at span, dst, src []float32, mode int, done func(row []float32)) {
	g := l.framed()
	x := s.frame(src, g, l.from.H, l.from.W, at)
	q := product{
		m: l.to.C, runs: l.kernel, steps: l.kernel * g.c,
		a: params[l.weight:], rs: l.ld, cs: 1,
		ldb: at.w, bgroup: l.stride * g.c * at.w, bjump: (g.w - l.kernel) * g.c * at.w,
		ldc: at.w, cgroup: l.to.C * at.w,
		still: true, mode: mode, aux: params[l.bias:],
	}
	pixels, rows := l.to.W, l.to.H
	if l.kernel == 1 && l.stride == 1 && l.padding == 0 && done == nil {
		pixels, rows = rows*pixels, 1
	}
	row := pixels * l.to.C * at.w
	for y := range rows {
		q.b, q.c = x[y*l.stride*g.w*g.c*at.w:], dst[y*row:][:row]
		s.pixels(q, pixels, at)
		if done != nil {
			done(q.c)
		}
	}
}

// pixels does a product whose columns are the examples of one pixel after the other: bgroup and cgroup lie between pixels.
func (s *session) pixels(q product, pixels int, at span) {
	if at.w == panel {
		q.n = pixels * panel
		s.k.gemm(q)
		return
	}
	b, c, aux := q.b, q.c, q.aux
	q.n = at.w
	for x := range pixels {
		q.b, q.c = b[x*q.bgroup:], c[x*q.cgroup:]
		if q.mode == modeMask {
			q.aux = aux[x*q.cgroup:]
		}
		s.k.gemm(q)
	}
}

// taps counts the places of the kernel that touch pixels whose distance from the frame's edge leaves the remainder r by the stride.
func (l *layer) taps(r int) int { return max(0, (l.kernel-r+l.stride-1)/l.stride) }

// flippedSize is room for the weights as flip lays them out.
func (l *layer) flippedSize() int {
	n := 0
	for ry := range l.stride {
		for rx := range l.stride {
			n += l.from.C * rowStride(l.taps(ry)*l.taps(rx)*l.to.C)
		}
	}
	return n
}

// flip lays the weights out for the delta below: for every remainder of row and column by the stride, [C] rows of the taps that see such pixels, last tap
// first, [taps, taps, Channels].
func (s *session) flip(params []float32, l *layer) {
	next := s.conv.flipped
	in, out := l.from.C, l.to.C
	for ry := range l.stride {
		for rx := range l.stride {
			ty, tx := l.taps(ry), l.taps(rx)
			ld := rowStride(ty * tx * out)
			for y := range ty {
				for x := range tx {
					ky, kx := ry+l.stride*(ty-1-y), rx+l.stride*(tx-1-x)
					src := params[l.weight+(ky*l.kernel+kx)*in:]
					dst := next[(y*tx+x)*out:]
					if in%8 == 0 && out%8 == 0 {
						s.k.transpose(dst, ld, src, l.ld, out, in)
					} else {
						transposeGo(dst, ld, src, l.ld, out, in)
					}
				}
			}
			next = next[in*ld:]
		}
	}
}

// spreadBack computes the delta below a convolution, dst [H, W, C, w], from the one above it, for one panel. The weights are those that flip laid out. mask, if
// there is one, lies as dst does, and dst becomes 0 where it is not positive. With add the result is added to dst instead.
func (s *session) spreadBack(l *layer, at span, dst, delta, mask []float32, add bool) {
	g := l.deltaFrame()
	d := s.frame(delta, g, l.to.H, l.to.W, at)
	weights, pixel, line := s.conv.flipped, l.from.C*at.w, g.w*g.c*at.w
	if !add && l.stride > l.kernel {
		clear(dst[:l.from.H*l.from.W*pixel]) // some pixels are seen by no window
	}
	for ry := range l.stride {
		for rx := range l.stride {
			ty, tx := l.taps(ry), l.taps(rx)
			ld := rowStride(ty * tx * l.to.C)
			firstX := remainder(rx-l.padding, l.stride)
			count := (l.from.W - firstX + l.stride - 1) / l.stride
			if ty > 0 && tx > 0 && count > 0 {
				q := product{
					m: l.from.C, runs: ty, steps: tx * g.c,
					a: weights, rs: ld, cs: 1,
					ldb: at.w, bgroup: g.c * at.w, bjump: (g.w - tx) * g.c * at.w,
					ldc: at.w, cgroup: l.stride * pixel, still: true,
				}
				switch {
				case add:
					q.mode = modeAccumulate
				case mask != nil:
					q.mode = modeMask
				}
				for y := remainder(ry-l.padding, l.stride); y < l.from.H; y += l.stride {
					from := g.top + (y+l.padding)/l.stride - (ty - 1)
					left := g.left + (firstX+l.padding)/l.stride - (tx - 1)
					to := (y*l.from.W + firstX) * pixel
					q.b, q.c = d[from*line+left*g.c*at.w:], dst[to:]
					if q.mode == modeMask {
						q.aux = mask[to:]
					}
					s.pixels(q, count, at)
				}
			}
			weights = weights[l.from.C*ld:]
		}
	}
}

// remainder is a modulo n in [0, n).
func remainder(a, n int) int { return (a%n + n) % n }

// exampleImages lays the framed input of one panel out with examples as rows, [w, rowsStride], each [H, W, C].
func (s *session) exampleImages(l *layer, at span, src []float32) {
	g := l.framed()
	x := s.frame(src, g, l.from.H, l.from.W, at)
	n, ld := g.size(), l.rowsStride()
	whole := n / 8 * 8
	if whole > 0 {
		s.k.transpose(s.conv.rows, ld, x, at.w, whole, at.w)
	}
	for f := whole; f < n; f++ {
		for e := range at.w {
			s.conv.rows[e*ld+f] = x[f*at.w+e]
		}
	}
	for e := range at.w {
		clear(s.conv.rows[e*ld+n : (e+1)*ld])
	}
}

// weightProducts adds the gradient of one panel's examples with respect to the weights of a convolution to s.conv.products, for rows of
// the input as exampleImages left them. A row of pixels is one product, so that no sum in float32 is longer than that.
func (s *session) weightProducts(l *layer, at span, delta []float32) {
	g, ld := l.framed(), l.rowsStride()
	line, width := l.to.W*l.to.C*at.w, l.productStride()
	q := product{
		m: l.to.C, n: roundUp(l.kernel*g.c, 8), runs: l.to.W, steps: at.count,
		rs: at.w, cs: 1, jump: l.to.C*at.w - at.count,
		ldb: ld, bgroup: panel, bjump: l.stride*g.c - at.count*ld,
		ldc: width, cgroup: panel, mode: modeAccumulate,
	}
	for y := range l.to.H {
		q.a = delta[y*line:]
		for ky := range l.kernel {
			q.b, q.c = s.conv.rows[(y*l.stride+ky)*g.w*g.c:], s.conv.products[ky*l.to.C*width:]
			s.k.gemm(q)
		}
	}
}

// exampleProducts computes the gradient of example e of the panel with respect to the weights into s.conv.products.
func (s *session) exampleProducts(l *layer, at span, delta []float32, e int) {
	g, ld := l.framed(), l.rowsStride()
	width := l.productStride()
	q := product{
		m: l.to.C, n: roundUp(l.kernel*g.c, 8), runs: l.to.H, steps: l.to.W,
		a: delta[e:], rs: at.w, cs: l.to.C * at.w,
		ldb: l.stride * g.c, bgroup: panel, bjump: l.stride * (g.w - l.to.W) * g.c,
		ldc: width, cgroup: panel,
	}
	for ky := range l.kernel {
		q.b, q.c = s.conv.rows[e*ld+ky*g.w*g.c:], s.conv.products[ky*l.to.C*width:]
		s.k.gemm(q)
	}
}

// productRow is the gradient of channel o in kernel row ky, [Kernel C].
func (l *layer) productRow(products []float32, ky, o int) []float32 {
	return products[(ky*l.to.C+o)*l.productStride():][:l.kernel*l.from.C]
}

// gather writes products to the weights' places in an arena.
func (l *layer) gather(arena, products []float32) {
	n := l.kernel * l.from.C
	for ky := range l.kernel {
		for o := range l.to.C {
			copy(arena[l.weight+o*l.ld+ky*n:][:n], l.productRow(products, ky, o))
		}
	}
}
