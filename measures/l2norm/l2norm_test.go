package l2norm_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/measure/measuretest"
	"github.com/genbench/genbench/internal/evidence"
	"github.com/genbench/genbench/measures/l2norm"
)

func tensor(name string, shape []int, v []float32) measure.Tensor {
	return measure.Tensor{Name: name, Shape: shape, Data: v}
}

// compute runs a measure on weights and margins with options given. Spectral norms are measuretest's: the largest of gonum's
// singular values; how the host finds them is tested in harness/quantity.
func compute(t *testing.T, m l2norm.Norm, tensors []measure.Tensor, margins []float64, given map[string]string) (float64, error) {
	t.Helper()
	return measuretest.Net{Weights: tensors, Margins: margins, Classes: 2}.Compute(context.Background(), m, given)
}

// v6 is the network of the specification's vector V6: diag(1, 2), diag(3, 1), and margins of 0.5.
func v6() ([]measure.Tensor, []float64) {
	return []measure.Tensor{
		tensor("fc1.weight", []int{2, 2}, []float32{1, 0, 0, 2}), tensor("fc1.bias", []int{2}, []float32{7, 7}),
		tensor("fc2.weight", []int{2, 2}, []float32{3, 0, 0, 1}), tensor("fc2.bias", []int{2}, []float32{7, 7}),
	}, []float64{.5, .5, .5}
}

func TestV6(t *testing.T) {
	ev := evidence.Open(t)
	tensors, margins := v6()
	for _, c := range []struct {
		m     l2norm.Norm
		given map[string]string
		want  float64
	}{
		{l2norm.L2(), nil, 20},                                                  // (2+3)/0.25
		{l2norm.Fro(), nil, 4 * (math.Sqrt(5) + math.Sqrt(10))},                 // 21.5933826...
		{l2norm.Product(), nil, math.Log(math.Sqrt(5*10) / 0.5)},                // √(prod-of-fro/margin) = √200
		{l2norm.Product(), map[string]string{"norm": "spectral"}, math.Log(12)}, // √(prod-of-spec/margin) = √144
	} {
		got, err := compute(t, c.m, tensors, margins, c.given)
		if err != nil {
			t.Errorf("%s %v: %v", c.m.Info().Name, c.given, err)
		}
		ev.Measure(named(c.m, c.given), "closed form: diagonal layers", evidence.Relative(1e-14), got, c.want) // a root and a logarithm
	}
}

// named is the measure's name with the options given.
func named(m l2norm.Norm, given map[string]string) string {
	name := m.Info().Name
	for k, v := range given {
		name += "[" + k + "=" + v + "]" // one option at most
	}
	return name
}

// fromNumPy is testdata/l2norm.json, made by testdata/make.py: random layers, singular values and
// percentiles by NumPy.
type fromNumPy struct {
	NumPy           string
	Shapes          [][]int
	Weights, Biases [][]float32
	Margins         []float64
	L2              float64 `json:"l2norm"`
	L2At5           float64 `json:"l2norm-5"`
	Fro             float64 `json:"l2norm-fro"`
	Product         float64 `json:"l2norm-product"`
	ProductSpectral float64 `json:"product-spectral"`
}

func readNumPy(t *testing.T) (fromNumPy, []measure.Tensor) {
	t.Helper()
	raw, err := os.ReadFile("testdata/l2norm.json")
	if err != nil {
		t.Fatal(err)
	}
	var e fromNumPy
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	return e, tensorsOf(e, e.Weights)
}

func tensorsOf(e fromNumPy, weights [][]float32) []measure.Tensor {
	var tensors []measure.Tensor
	for i, s := range e.Shapes {
		tensors = append(tensors, tensor("w", s, weights[i]), tensor("b", s[:1], e.Biases[i]))
	}
	return tensors
}

func TestNumPy(t *testing.T) {
	ev := evidence.Open(t)
	e, tensors := readNumPy(t)
	for _, c := range []struct {
		m     l2norm.Norm
		given map[string]string
		want  float64
	}{
		{l2norm.L2(), nil, e.L2},
		{l2norm.L2(), map[string]string{"percentile": "5"}, e.L2At5},
		{l2norm.Fro(), nil, e.Fro},
		{l2norm.Product(), nil, e.Product},
		{l2norm.Product(), map[string]string{"norm": "spectral"}, e.ProductSpectral},
	} {
		got, err := compute(t, c.m, tensors, e.Margins, c.given)
		if err != nil {
			t.Errorf("%s %v: %v", c.m.Info().Name, c.given, err)
		}
		ev.Measure(named(c.m, c.given), "NumPy "+e.NumPy+": linalg.norm, percentile", evidence.Relative(1e-12), got, c.want)
	}
}

// TestInvariances: all weights times 4 (exact in float32) give norms times 4 and a product times 4³; permuting the
// first layer's hidden units changes nothing beyond rounding.
func TestInvariances(t *testing.T) {
	e, tensors := readNumPy(t)
	scaled := make([][]float32, len(e.Weights))
	for i, w := range e.Weights {
		for _, v := range w {
			scaled[i] = append(scaled[i], 4*v)
		}
	}
	permuted := [][]float32{slices.Clone(e.Weights[0]), slices.Clone(e.Weights[1]), e.Weights[2]}
	rows, cols := e.Shapes[0][0], e.Shapes[0][1]
	for r := range rows { // unit r moves to rows-1-r
		copy(permuted[0][(rows-1-r)*cols:], e.Weights[0][r*cols:(r+1)*cols])
		for o := range e.Shapes[1][0] {
			permuted[1][o*rows+rows-1-r] = e.Weights[1][o*rows+r]
		}
	}
	for _, m := range []l2norm.Norm{l2norm.L2(), l2norm.Fro(), l2norm.Product()} {
		name := m.Info().Name
		plain, err := compute(t, m, tensors, e.Margins, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := 4 * plain
		if name == "l2norm-product" {
			want = plain + 3*math.Log(4)
		}
		if got, err := compute(t, m, tensorsOf(e, scaled), e.Margins, nil); err != nil || math.Abs(got-want) > 1e-12*want {
			t.Errorf("%s scaled: %v, %v, want %v", name, got, err, want)
		}
		if got, err := compute(t, m, tensorsOf(e, permuted), e.Margins, nil); err != nil || math.Abs(got-plain) > 1e-12*plain {
			t.Errorf("%s permuted: %v, %v, want %v", name, got, err, plain)
		}
	}
}

func TestDegenerate(t *testing.T) {
	tensors, margins := v6()
	zero := []measure.Tensor{tensor("fc1.weight", []int{2, 2}, make([]float32, 4))}
	nan := []measure.Tensor{tensor("fc1.weight", []int{1, 2}, []float32{1, float32(math.NaN())})}
	bias := []measure.Tensor{tensor("fc1.bias", []int{2}, []float32{1, 2})}
	for _, c := range []struct {
		name    string
		m       l2norm.Norm
		tensors []measure.Tensor
		margins []float64
	}{
		{"negative margin", l2norm.L2(), tensors, []float64{-1, -1, -1}},
		{"zero margin", l2norm.Fro(), tensors, []float64{0, 0}},
		{"no margins", l2norm.Product(), tensors, []float64{}},
		{"NaN margin", l2norm.L2(), tensors, []float64{1, math.NaN()}},
		{"zero weights", l2norm.Product(), zero, margins},
		{"NaN weight", l2norm.L2(), nan, margins},
		{"no weights", l2norm.Fro(), bias, margins},
	} {
		v, err := compute(t, c.m, c.tensors, c.margins, nil)
		if _, ok := measure.IsUndefined(err); !ok {
			t.Errorf("%s: %v, %v, want undefined", c.name, v, err)
		}
	}
	if v, err := compute(t, l2norm.L2(), zero, margins, nil); err != nil || v != 0 {
		t.Errorf("l2norm of zero weights: %v, %v, want 0", v, err)
	}
	if v, err := compute(t, l2norm.L2(), tensors, []float64{-.5, -.5}, map[string]string{"margin_abs": "true"}); err != nil || v != 20 {
		t.Errorf("margin_abs: %v, %v, want 20", v, err)
	}
}
