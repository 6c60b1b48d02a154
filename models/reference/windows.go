package reference

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/genbench/genbench/models"
)

// Of gorgonia's layers with windows (v0.9.18) Conv2d is used. AveragePool2D is not: it divides by the image's width, not
// by the window's size. MaxPool2D is not, though it is right on numbers: the derivative of a window of NaN indexes with
// -1, and a training that diverges is no error. GlobalAveragePool2D has no derivative. TestGorgoniaLayers shows all this.

// reshape views a matrix in another shape, row-major.
func (b *builder) reshape(x *G.Node, shape ...int) *G.Node {
	return b.unary(func(x *G.Node) (*G.Node, error) { return G.Reshape(x, tensor.Shape(shape)) }, x)
}

// conv is a layer's cross-correlation without bias, [rows, Channels·H'·W'], by gorgonia's Im2Col, a product and a transposition.
func (b *builder) conv(x, weight *G.Node, layer models.Layer, in models.Shape) *G.Node {
	k, s, p := layer.Kernel, layer.Stride, layer.Padding
	image := b.reshape(x, b.rows, in.C, in.H, in.W)
	filter := b.reshape(weight, layer.Channels, in.C, k, k)
	out := b.binary(func(x, y *G.Node) (*G.Node, error) {
		return G.Conv2d(x, y, tensor.Shape{k, k}, []int{p, p}, []int{s, s}, []int{1, 1})
	}, image, filter)
	return b.reshape(out, b.rows, layer.Out)
}

// taps calls visit for every window of a layer and the pixels of it inside the image: the indices of the window in
// [H', W'], of the tap in [Kernel, Kernel] and of the pixel in [H, W].
func taps(layer models.Layer, in, out models.Shape, visit func(window, tap, pixel int)) {
	k := layer.Kernel
	for i := range out.H * out.W * k * k {
		window, tap := i/(k*k), i%(k*k)
		row := window/out.W*layer.Stride + tap/k - layer.Padding
		column := window%out.W*layer.Stride + tap%k - layer.Padding
		if row >= 0 && row < in.H && column >= 0 && column < in.W {
			visit(window, tap, row*in.W+column)
		}
	}
}

// averagePool is a product with the matrix of the windows' weights, [H·W, H'·W'].
func (b *builder) averagePool(x *G.Node, layer models.Layer, in, out models.Shape) *G.Node {
	weights, backing := b.input(in.H*in.W, out.H*out.W)
	taps(layer, in, out, func(window, _, pixel int) {
		backing[pixel*out.H*out.W+window] = 1 / float64(layer.Kernel*layer.Kernel)
	})
	x = b.binary(G.Mul, b.reshape(x, b.rows*in.C, in.H*in.W), weights)
	return b.reshape(x, b.rows, layer.Out)
}

// globalAverage is the mean of each channel, [rows, C].
func (b *builder) globalAverage(x *G.Node, in models.Shape) *G.Node {
	places := in.H * in.W
	x = b.binary(G.Mul, b.reshape(x, b.rows*in.C, places), b.filled(places, 1, 1/float64(places)))
	return b.reshape(x, b.rows, in.C)
}

// outside is below every value that a max pool reads.
const outside = -1e300

// maxPool takes one tap of all windows after the other, each picked by a product with a matrix of zeros and ones, and
// keeps what is greater: of equal values the first. A tap outside the image is the constant outside. A NaN or an infinity
// in a channel makes NaN of all its windows.
func (b *builder) maxPool(x *G.Node, layer models.Layer, in, out models.Shape) *G.Node {
	n, windows := b.rows*in.C, out.H*out.W
	picks, fills := make([]*G.Node, layer.Kernel*layer.Kernel), make([]*G.Node, layer.Kernel*layer.Kernel)
	pick, fill := make([][]float64, len(picks)), make([][]float64, len(picks))
	for tap := range picks {
		picks[tap], pick[tap] = b.input(in.H*in.W, windows)
		fills[tap], fill[tap] = b.input(1, windows)
		for i := range fill[tap] {
			fill[tap][i] = outside
		}
	}
	taps(layer, in, out, func(window, tap, pixel int) {
		pick[tap][pixel*windows+window], fill[tap][window] = 1, 0
	})
	x = b.reshape(x, n, in.H*in.W)
	var top *G.Node
	for tap := range picks {
		next := b.binary(G.Add, b.binary(G.Mul, x, picks[tap]), b.binary(G.Mul, b.filled(n, 1, 1), fills[tap])) // [rows·C, H'·W']
		if top == nil {
			top = next
			continue
		}
		wins := b.greater(next, top)
		stays := b.binary(G.Sub, b.filled(n, windows, 1), wins)
		top = b.binary(G.Add, b.binary(G.HadamardProd, top, stays), b.binary(G.HadamardProd, next, wins))
	}
	return b.reshape(top, b.rows, layer.Out)
}
