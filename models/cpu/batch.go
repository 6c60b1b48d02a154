package cpu

import "github.com/genbench/genbench/models"

// span is the examples of one panel, count real ones in w columns, or of several full ones (w is 32).
type span struct{ first, count, w int }

// columns is the number of columns in all panels of the span.
func (s span) columns() int { return max(s.count, s.w) }

// blocks are the full panels of a batch of n examples as one span, and the last
// one if it is not full; a span without examples stands for what is not there.
func blocks(n int) [2]span {
	full := n / panel * panel
	b := [2]span{{0, full, panel}, {first: full}}
	if full < n {
		b[1] = spanOf(n, full/panel)
	}
	return b
}

func panels(n int) int { return (n + panel - 1) / panel }

// spanOf is panel p of a batch of n examples.
func spanOf(n, p int) span {
	s := span{first: p * panel, count: min(panel, n-p*panel), w: panel}
	switch {
	case s.count <= 8:
		s.w = 8
	case s.count <= 16:
		s.w = 16
	}
	return s
}

// of is the span's part of values laid out [panel][features][w]; features are
// padded to whole registers.
func (s span) of(x []float32, features int) []float32 {
	ld := roundUp(features, 16)
	return x[s.first*ld : (s.first+s.columns())*ld]
}

// zeroSpare clears the columns of x [features, w] that hold no example.
func (s span) zeroSpare(x []float32, features int) {
	if s.count >= s.w {
		return
	}
	for f := range features {
		clear(x[f*s.w+s.count : (f+1)*s.w])
	}
}

// load writes rows of the examples x [N, D] to a panel [D, w], zeros in the spare
// columns, using rows [w, ld] as scratch where they cannot be read in place.
func (k *kernels) load(dst []float32, s span, x []float32, d int, scratch []float32) {
	if d%8 == 0 && s.count == s.w {
		k.transpose(dst, s.w, x[s.first*d:], d, s.w, d)
		return
	}
	ld := rowStride(d)
	for r := range s.count {
		row := scratch[r*ld : (r+1)*ld]
		copy(row, x[(s.first+r)*d:(s.first+r+1)*d])
		clear(row[d:])
	}
	clear(scratch[s.count*ld : s.w*ld])
	k.transpose(dst, s.w, scratch, ld, s.w, roundUp(d, 8))
}

// store writes a panel [D, w] to rows of the examples dst [N, D].
func (k *kernels) store(dst []float32, s span, x []float32, d int, scratch []float32) {
	if d%8 == 0 && s.count == s.w {
		k.transpose(dst[s.first*d:], d, x, s.w, d, s.w)
		return
	}
	if d < 16 {
		for r := range s.count {
			row := dst[(s.first+r)*d : (s.first+r+1)*d]
			for f := range row {
				row[f] = x[f*s.w+r]
			}
		}
		return
	}
	ld := rowStride(d)
	k.transpose(scratch, ld, x, s.w, roundUp(d, 8), s.w)
	for r := range s.count {
		copy(dst[(s.first+r)*d:(s.first+r+1)*d], scratch[r*ld:])
	}
}

// load writes rows of the values x [N, c, spots] to a panel of that form.
func (s *session) load(dst []float32, at span, x []float32, f form) {
	if !f.turned() {
		s.k.load(dst, at, x, f.c*f.spots, s.rows)
		return
	}
	s.k.load(s.turned, at, x, f.c*f.spots, s.rows)
	unturn(dst, s.turned, form{f.spots, f.c}, at.w)
}

// store writes a panel of a form to rows of the values dst [N, c, spots].
func (s *session) store(dst []float32, at span, x []float32, f form) {
	if f.turned() {
		unturn(s.turned, x, f, at.w)
		x = s.turned
	}
	s.k.store(dst, at, x, f.c*f.spots, s.rows)
}

// carry copies n values of src to dst, unless they are there.
func carry(dst, src []float32, n int) {
	if &dst[0] != &src[0] {
		copy(dst[:n], src)
	}
}

// eachPanel calls compute with what a layer reads, src, and where it writes, dst, panel by panel of n examples.
func (l *layer) eachPanel(n int, dst, src []float32, compute func(at span, dst, src []float32)) {
	for p := range panels(n) {
		at := spanOf(n, p)
		compute(at, at.of(dst, l.out), at.of(src, l.in))
	}
}

// unturn writes a panel x [spots, c, w] as [c, spots, w]. Such a panel is to one of the form [c, spots] what that is to it: with the form
// the other way round it turns a panel [c, spots, w] back.
func unturn(dst, x []float32, f form, w int) {
	for q := range f.spots {
		for c := range f.c {
			copy(dst[(c*f.spots+q)*w:][:w], x[(q*f.c+c)*w:])
		}
	}
}

// pass is the buffers of a forward and backward pass over a whole batch. Only
// methods that need one make it.
type pass struct {
	panels  int         // how many there is room for
	out     [][]float32 // per layer: what it wrote, [panel][Out][w]
	xhat    [][]float32 // per layer: batch norm's normalized input
	keep    [][]float32 // per layer: dropout's mask
	input   []float32   // the batch, [panel][D][w]
	rows    []float32   // a layer's input with examples as rows, [N, ld]
	delta   [2][]float32
	stash   [][]float32 // deltas that wait for their layer, see branch.go
	squares []float32   // arena like params: sums of the examples' squared gradients; made when first needed
	mask    []float32   // dropout's mask as models draws it, [N, Out]

	sums    [2][]float64 // per feature
	inverse []float32    // 1/sqrt(var+eps) of the features of all batch norm layers
	mean    []float32    // the mean of one layer's features
	scale   []float32
	slope   []float32
	centre  []float64

	columns [2][]float64 // per example of one panel

	// softmax of one panel
	powers           []float64 // [K, w]
	powerSum, factor []float64 // [w]
	highest          []float32 // [w]
}

func newPass(p *plan, examples int) *pass {
	n := panels(examples) * panel
	b := &pass{
		panels: panels(examples),
		out:    make([][]float32, len(p.layers)), xhat: make([][]float32, len(p.layers)), keep: make([][]float32, len(p.layers)),
		input: aligned(n * roundUp(p.input, 16)),
		rows:  aligned(p.exampleRows(n)),
		delta: [2][]float32{aligned(n * p.widest), aligned(n * p.widest)},
		sums:  [2][]float64{make([]float64, p.widest), make([]float64, p.widest)},
		mean:  aligned(p.widest), scale: aligned(p.widest), slope: aligned(p.widest), inverse: aligned(p.features),
		centre: make([]float64, p.widest), columns: [2][]float64{make([]float64, panel), make([]float64, panel)},
		powers: make([]float64, p.classes*panel), powerSum: make([]float64, panel), factor: make([]float64, panel), highest: aligned(panel),
	}
	for range p.stashes {
		b.stash = append(b.stash, aligned(n*p.widest))
	}
	masked := 0
	for i := range p.layers {
		l := &p.layers[i]
		b.out[i] = aligned(n * roundUp(l.out, 16))
		switch l.kind {
		case models.BatchNorm:
			b.xhat[i] = aligned(n * roundUp(l.out, 16))
		case models.Dropout:
			b.keep[i] = aligned(n * roundUp(l.out, 16))
			masked = max(masked, l.out)
		}
	}
	b.mask = aligned(n * masked)
	return b
}
