package reference

import (
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/genbench/genbench/models"
)

// derive computes y, of any shape, from x, [rows, features], and the derivative of Σ weights ⊙ y by x. weights nil: ones.
func derive(rows int, values, weights []float64, layer func(b *builder, x *G.Node) *G.Node) (out, derivative []float64, err error) {
	defer caught(&err)
	b := &builder{g: G.NewGraph(), rows: rows, p: &program{rows: rows}}
	x, backing := b.input(rows, len(values)/rows)
	copy(backing, values)
	y := layer(b, x)
	if b.err != nil {
		return nil, nil, b.err
	}
	y = b.reshape(y, 1, y.Shape().TotalSize())
	ones, backing := b.input(1, y.Shape().TotalSize())
	for i := range backing {
		backing[i] = 1
	}
	copy(backing, weights)
	sum := b.unary(func(y *G.Node) (*G.Node, error) { return G.Sum(y) }, b.binary(G.HadamardProd, y, ones))
	if b.err != nil {
		return nil, nil, b.err
	}
	grads, err := G.Grad(sum, x)
	if err != nil {
		return nil, nil, err
	}
	if err := b.p.schedule(b.g, G.Nodes{y}, sum, grads, nil, nil); err != nil {
		return nil, nil, err
	}
	if err := b.p.compute(0, len(b.p.nodes)); err != nil {
		return nil, nil, err
	}
	if out, err = b.p.matrix(b.p.outs[0]); err != nil {
		return nil, nil, err
	}
	derivative, err = b.p.matrix(b.p.grads[0])
	return out, derivative, err
}

// TestGorgoniaLayers shows why windows.go leaves gorgonia's pooling aside: should a test here fail, a later version is better.
func TestGorgoniaLayers(t *testing.T) {
	pooled := func(image []float64, pool func(x *G.Node) (*G.Node, error)) (out, derivative []float64, err error) {
		return derive(1, image, nil, func(b *builder, x *G.Node) *G.Node { return b.unary(pool, b.reshape(x, 1, 1, 2, 2)) })
	}
	whole, none, one := tensor.Shape{2, 2}, []int{0, 0}, []int{1, 1}
	average := func(x *G.Node) (*G.Node, error) { return G.AveragePool2D(x, whole, none, one) }
	largest := func(x *G.Node) (*G.Node, error) { return G.MaxPool2D(x, whole, none, one) }

	out, derivative, err := pooled([]float64{1, 2, 3, 4}, average)
	if err != nil || slices.Equal(out, []float64{2.5}) || slices.Equal(derivative, []float64{0.25, 0.25, 0.25, 0.25}) {
		t.Errorf("AveragePool2D of 1 2 3 4 is %v with derivative %v, %v: it was wrong", out, derivative, err)
	}
	nan := math.NaN()
	if _, _, err = pooled([]float64{nan, nan, nan, nan}, largest); err == nil || !strings.Contains(err.Error(), "index out of range [-1]") {
		t.Errorf("MaxPool2D of NaN: %v: it panicked", err)
	}
	if _, _, err = pooled([]float64{1, 2, 3, 4}, G.GlobalAveragePool2D); err == nil {
		t.Error("GlobalAveragePool2D has a derivative: it had none")
	}
}

// TestMaxPoolIsGorgonias compares max pooling with gorgonia's own, which is right on numbers: values, ties and padding.
func TestMaxPoolIsGorgonias(t *testing.T) {
	const rows = 3
	for _, c := range []struct{ channels, h, w, kernel, stride, padding int }{
		{1, 4, 4, 2, 2, 0}, {2, 5, 7, 3, 2, 1}, {3, 6, 5, 3, 1, 0}, {2, 7, 4, 2, 3, 1}, {1, 3, 3, 4, 2, 2},
	} {
		in := models.Shape{C: c.channels, H: c.h, W: c.w}
		layer := models.Layer{Name: "p", Kind: models.MaxPool, Kernel: c.kernel, Stride: c.stride, Padding: c.padding, In: in.Size()}
		written := models.Architecture{Input: in, Layers: []models.Layer{layer}}.Shapes()[0]
		layer.Out = written.Size()
		values, weights := make([]float64, rows*layer.In), make([]float64, rows*layer.Out)
		for i := range values {
			values[i] = float64(i*7%5 - 3) // many are equal, and many below 0
		}
		for i := range weights {
			weights[i] = float64(i + 1)
		}
		out, derivative, err := derive(rows, values, weights, func(b *builder, x *G.Node) *G.Node { return b.maxPool(x, layer, in, written) })
		if err != nil {
			t.Fatal(err)
		}
		wantOut, wantDerivative, err := derive(rows, values, weights, func(b *builder, x *G.Node) *G.Node {
			return b.unary(func(x *G.Node) (*G.Node, error) {
				return G.MaxPool2D(x, tensor.Shape{c.kernel, c.kernel}, []int{c.padding, c.padding}, []int{c.stride, c.stride})
			}, b.reshape(x, rows, in.C, in.H, in.W))
		})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(out, wantOut) {
			t.Errorf("%+v: values %v, gorgonia has %v", c, out, wantOut)
		}
		if !slices.Equal(derivative, wantDerivative) {
			t.Errorf("%+v: derivatives %v, gorgonia has %v", c, derivative, wantDerivative)
		}
	}
}
