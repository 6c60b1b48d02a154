package enginetest

import (
	_ "embed"
	"encoding/json"
	"testing"

	"github.com/genbench/genbench/models"
)

// gradientsJSON is made by testdata/make_gradients.py.
//
//go:embed testdata/gradients.json
var gradientsJSON []byte

// gradientsFile is what testdata/make_gradients.py writes.
type gradientsFile struct {
	Cases []gradientCase `json:"cases"`
}

type gradientCase struct {
	Name         string               `json:"name"`
	Architecture models.Architecture  `json:"architecture"`
	Initial      map[string][]float32 `json:"initial"`
	X            []float32            `json:"x"`    // [N, D]
	Y            []int32              `json:"y"`    // [N]
	Seed         []float32            `json:"seed"` // [N, K]
	V            map[string][]float32 `json:"v"`

	Inputs  [][]float64          `json:"inputs"` // of each layer, [N, In]
	Dots    []float64            `json:"dots"`   // [N]
	Sum     map[string][]float64 `json:"sum"`
	Squares map[string][]float64 `json:"squares"`
	Product map[string][]float64 `json:"product"` // the Hessian's with V
}

// network is the case as the suite has its own.
func (f gradientCase) network(t *testing.T) network {
	t.Helper()
	must(t, f.Architecture.Validate())
	c := network{name: f.Name, arch: f.Architecture, state: models.NewState(f.Architecture), x: f.X, y: f.Y, rows: len(f.Y), scale: 1}
	fillState(t, c.state, f.Initial)
	return c
}

// testPyTorchGradients compares gradients, their moments and second derivatives with PyTorch's in float64.
func testPyTorchGradients(t *testing.T, e models.Engine) {
	var file gradientsFile
	must(t, json.Unmarshal(gradientsJSON, &file))
	if len(file.Cases) < 3 {
		t.Fatalf("gradients.json has %d cases", len(file.Cases))
	}
	for _, f := range file.Cases {
		t.Run(f.Name, func(t *testing.T) { testGradientCase(t, e, f) })
	}
}

func testGradientCase(t *testing.T, e models.Engine, f gradientCase) {
	c := f.network(t)
	s := c.session(t, e, c.rows)
	visited := 0
	must(t, s.Backward(f.X, f.Seed, func(l int, gradient []float32) {
		visited++
		closeTo(t, "gradient by the input of "+c.arch.Layers[l].Name, gradient, f.Inputs[l], 0)
	}))
	if visited != len(f.Inputs) {
		t.Errorf("%d layers visited, want %d", visited, len(f.Inputs))
	}
	dots := make([]float64, c.rows)
	must(t, s.GradientDots(dots, f.X, f.Y))
	for i, want := range f.Dots {
		closeScalar(t, "inner product of weights and gradient", dots[i], want, floor*largest(f.Dots))
	}
	sum, squares := moments(c.arch, 0), moments(c.arch, 0)
	must(t, s.GradientMoments(sum, squares, f.X, f.Y))
	closeMoments(t, "sum of gradients", sum, inOrder(t, c.arch, f.Sum), 0)
	closeMoments(t, "sum of squared gradients", squares, inOrder(t, c.arch, f.Squares), 0)
	second, ok := s.(models.SecondOrder)
	if !ok {
		return
	}
	v, product := models.NewState(c.arch), nanState(c.arch)
	fillState(t, v, f.V)
	must(t, second.HessianVector(product, v, f.X, f.Y))
	closeStates(t, "Hessian times vector", product, withZeros(t, c.arch, f.Product))
}

// withZeros lists named values as a state does, with 0 where a tensor is not trainable.
func withZeros(t *testing.T, a models.Architecture, values map[string][]float64) [][]float64 {
	t.Helper()
	list := inOrder(t, a, values)
	for i, spec := range a.Tensors() {
		if !spec.Trainable {
			list[i] = make([]float64, spec.Size())
		}
	}
	return list
}

// fillState copies named values into a state; tensors without any must not be trainable and stay 0.
func fillState(t *testing.T, s models.State, values map[string][]float32) {
	t.Helper()
	found := 0
	for i := range s {
		from, ok := values[s[i].Name]
		if !ok {
			continue
		}
		found++
		if len(from) != len(s[i].Data) {
			t.Fatalf("the file has %d values for %s", len(from), s[i].Name)
		}
		copy(s[i].Data, from)
	}
	if found != len(values) {
		t.Fatalf("the file has %d tensors, %d are in the architecture", len(values), found)
	}
}

// inOrder lists named values as a state does; nil where a tensor is not trainable.
func inOrder(t *testing.T, a models.Architecture, values map[string][]float64) [][]float64 {
	t.Helper()
	list := make([][]float64, len(a.Tensors()))
	for i, spec := range a.Tensors() {
		if !spec.Trainable {
			continue
		}
		list[i] = values[spec.Name]
		if len(list[i]) != spec.Size() {
			t.Fatalf("the file has %d values for %s", len(list[i]), spec.Name)
		}
	}
	return list
}
