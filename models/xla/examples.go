package xla

import (
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/hlo"
)

// What is asked of each example's own gradient. seed is then that of every example's own cross-entropy, and no gradient is stored for longer than its layer.

// gradientNorms are ‖g_n‖², [K, N] in float64.
func (l *lowering) gradientNorms(p *pass, seed hlo.Value) hlo.Value {
	total := l.Const(hlo.F64, 0, l.k, l.n)
	square := func(x hlo.Value, axes ...int) hlo.Value { return l.sum(l.Mul(x, x), axes...) }
	l.backward(p, seed, func(i int, dy hlo.Value) {
		switch l.a.Layers[i].Kind {
		case models.Dense: // ‖dy xᵀ‖² = ‖dy‖² ‖x‖², and 1 for the bias
			size := l.Add(square(l.in(p, i), 1, 3, 4), l.Const(hlo.F64, 1, l.k, l.n))
			total = l.Add(total, l.Mul(square(dy, 1, 3, 4), size))
		case models.Conv2D:
			total = l.Add(total, square(l.exampleFilters(i, p, dy), 2, 3))
			if l.hasBias(i) {
				bias := l.sum(dy, 3, 4) // [K, C, N]
				total = l.Add(total, l.Reduce("add", l.Mul(bias, bias), 0, 1))
			}
		case models.BatchNorm:
			for _, g := range l.exampleNorms(i, p, dy) {
				total = l.Add(total, l.Reduce("add", l.Mul(g, g), 0, 1))
			}
		}
	}, nil)
	return total
}

// gradientDots are <w, g_n>, [K, N] in float64. A layer with tensors writes an output y linear in them all, so that what it adds is <dy, y>.
func (l *lowering) gradientDots(p *pass, seed hlo.Value) hlo.Value {
	total := l.Const(hlo.F64, 0, l.k, l.n)
	l.backward(p, seed, func(i int, dy hlo.Value) {
		switch l.a.Layers[i].Kind {
		case models.Dense, models.Conv2D, models.BatchNorm:
			product := l.Mul(l.Convert(dy, hlo.F64), l.Convert(p.outs[i], hlo.F64))
			total = l.Add(total, l.Reduce("add", product, 0, 1, 3, 4))
		}
	}, nil)
	return total
}

// gradientSquares are Σ_n g_n², for every trainable tensor.
func (l *lowering) gradientSquares(p *pass, seed hlo.Value) []hlo.Value {
	squares := make([]hlo.Value, len(l.specs))
	l.backward(p, seed, func(i int, dy hlo.Value) {
		first := l.first[i]
		switch l.a.Layers[i].Kind {
		case models.Dense: // Σ dy² (x²)ᵀ
			x := l.in(p, i)
			squares[first] = l.Dot(hlo.Highest, l.flat(l.Mul(dy, dy)), l.flat(l.Mul(x, x)), 1, 2, 2)
			squares[first+1] = l.narrow(l.sum(l.Mul(dy, dy), 2, 3, 4))
		case models.Conv2D:
			g := l.exampleFilters(i, p, dy)
			shape := append([]int{l.k}, l.specs[first].Shape...)
			squares[first] = l.Reshape(l.narrow(l.sum(l.Mul(g, g), 1)), shape...)
			if l.hasBias(i) {
				bias := l.sum(dy, 3, 4)
				squares[first+1] = l.narrow(l.Reduce("add", l.Mul(bias, bias), 0, 2))
			}
		case models.BatchNorm:
			for j, g := range l.exampleNorms(i, p, dy) {
				squares[first+j] = l.narrow(l.Reduce("add", l.Mul(g, g), 0, 2))
			}
		}
	}, nil)
	return squares
}

// exampleFilters are the gradients of a convolution's weights, each example's own: [K, N, Channels, C Kernel²].
func (l *lowering) exampleFilters(i int, p *pass, dy hlo.Value) hlo.Value {
	out := l.shapes[i]
	places := out.H * out.W
	columns := l.patches(i, l.in(p, i))
	each := func(x hlo.Value) hlo.Value {
		return l.Reshape(l.Transpose(l.Reshape(x, l.k, x.Dims[1], l.n, places), 0, 2, 1, 3), l.k*l.n, x.Dims[1], places)
	}
	g := l.Dot(l.how.precision, each(l.places(dy)), each(columns), 1, 2, 2)
	return l.Reshape(g, l.k, l.n, out.C, columns.Dims[1])
}

// exampleNorms are the gradients of a batch norm's weight and bias, [K, C, N] each.
func (l *lowering) exampleNorms(i int, p *pass, dy hlo.Value) [2]hlo.Value {
	return [2]hlo.Value{l.sum(l.Mul(dy, p.norm[i].xhat), 3, 4), l.sum(dy, 3, 4)}
}
