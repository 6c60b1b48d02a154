package reference

import (
	G "gorgonia.org/gorgonia"

	"github.com/genbench/genbench/models"
)

// onRows repeats a [1, C] matrix on every row.
func (b *builder) onRows(x *G.Node) *G.Node {
	return b.binary(G.Mul, b.filled(b.rows, 1, 1), x) // [rows, C]
}

// meanOfRows is the mean over the rows of a [rows, C] matrix.
func (b *builder) meanOfRows(x *G.Node) *G.Node {
	return b.binary(G.Mul, b.filled(1, b.rows, 1/float64(b.rows)), x) // [1, C]
}

// onPlaces repeats a [1, C] matrix on every row and every place of a channel.
func (b *builder) onPlaces(x *G.Node, s models.Shape) *G.Node {
	x = b.onRows(x)
	if places := s.H * s.W; places > 1 {
		x = b.reshape(x, b.rows*s.C, 1)
		x = b.binary(G.Mul, x, b.filled(1, places, 1)) // [rows·C, H·W]
		x = b.reshape(x, b.rows, s.C*places)
	}
	return x // [rows, C·H·W]
}

// meanOfPlaces is the mean over the rows and places of a [rows, C·H·W] matrix.
func (b *builder) meanOfPlaces(x *G.Node, s models.Shape) *G.Node {
	if s.H*s.W > 1 {
		x = b.globalAverage(x, s)
	}
	return b.meanOfRows(x) // [1, C]
}

// layers appends the network and answers what each layer writes.
func (b *builder) layers(x *G.Node, params G.Nodes) (outs G.Nodes) {
	sources, shapes := b.arch.Sources(), b.arch.Shapes()
	b.values = G.Nodes{x}
	next := 0
	for l, layer := range b.arch.Layers {
		in, x := b.arch.Input, b.read(sources[l], layer.In)
		if sources[l] != models.Input {
			in = shapes[sources[l]]
		}
		switch layer.Kind {
		case models.Dense:
			x = b.binary(G.Add, b.binary(G.Mul, x, params[next]), b.onRows(params[next+1]))
			next += 2
		case models.Conv2D:
			x = b.conv(x, params[next], layer, in)
			next++
			if !layer.NoBias {
				x = b.binary(G.Add, x, b.onPlaces(params[next], shapes[l]))
				next++
			}
		case models.MaxPool:
			x = b.maxPool(x, layer, in, shapes[l])
		case models.AvgPool:
			x = b.averagePool(x, layer, in, shapes[l])
		case models.GlobalAvgPool:
			x = b.globalAverage(x, in)
		case models.Add:
			with, _ := b.arch.Summand(l)
			x = b.binary(G.Add, x, b.values[with+1])
		case models.ReLU:
			// Not G.Rectify: its derivative at 0 is 1, PyTorch's and ours is 0.
			x = b.binary(G.HadamardProd, x, b.greater(x, b.filled(b.rows, layer.Out, 0)))
		case models.Dropout:
			if b.p.mode == models.Learn {
				keep, backing := b.input(b.rows, layer.Out)
				b.p.keep[l] = backing
				x = b.binary(G.HadamardProd, x, keep)
			}
		case models.BatchNorm:
			x = b.batchNorm(x, l, in, params[next:next+4])
			next += 4
		}
		outs = append(outs, x)
		b.values = append(b.values, x)
	}
	return outs
}

// read is what a layer reads. In a program for Backward a zero is added, and later readers of the same value read the
// sum: the derivative by the zero is the sum over this reader and those.
func (b *builder) read(source, features int) *G.Node {
	x := b.values[source+1]
	if b.use == backward {
		probe := b.filled(b.rows, features, 0)
		b.probes = append(b.probes, probe)
		x = b.binary(G.Add, x, probe)
		b.values[source+1] = x
	}
	return x
}

// greater is 1 where x > y, else 0; a constant to the derivative.
func (b *builder) greater(x, y *G.Node) *G.Node {
	return b.binary(func(x, y *G.Node) (*G.Node, error) { return G.Gt(x, y, true) }, x, y)
}

func (b *builder) batchNorm(x *G.Node, l int, s models.Shape, params G.Nodes) *G.Node {
	mean, variance := params[2], params[3]
	if b.p.mode == models.Learn {
		mean = b.meanOfPlaces(x, s)
		variance = b.meanOfPlaces(b.unary(G.Square, b.binary(G.Sub, x, b.onPlaces(mean, s))), s)
		b.means[l], b.variances[l] = mean, variance
	}
	std := b.unary(G.Sqrt, b.binary(G.Add, variance, b.filled(1, s.C, b.arch.Layers[l].Epsilon)))
	x = b.binary(G.HadamardDiv, b.binary(G.Sub, x, b.onPlaces(mean, s)), b.onPlaces(std, s))
	return b.binary(G.Add, b.binary(G.HadamardProd, x, b.onPlaces(params[0], s)), b.onPlaces(params[1], s))
}
