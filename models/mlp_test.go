package models_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/reference"
)

func TestMLP(t *testing.T) {
	for _, c := range []struct {
		o          models.MLPOptions
		layers     string // name:kind:in>out
		parameters int    // by hand
	}{
		{models.MLPOptions{}, "fc1:dense:12>10", 12*10 + 10},
		{models.MLPOptions{Width: 5, Depth: 1}, "fc1:dense:12>5 relu1:relu:5>5 fc2:dense:5>10", 12*5 + 5 + 5*10 + 10},
		{models.MLPOptions{Widths: []int{7, 4}, Width: 9, Depth: 9, BatchNorm: true, Dropout: 0.5},
			"fc1:dense:12>7 bn1:batchnorm:7>7 relu1:relu:7>7 drop1:dropout:7>7 fc2:dense:7>4 bn2:batchnorm:4>4 relu2:relu:4>4 drop2:dropout:4>4 fc3:dense:4>10",
			12*7 + 7 + 2*7 + 7*4 + 4 + 2*4 + 4*10 + 10},
	} {
		a, err := models.MLP(models.Shape{C: 3, H: 2, W: 2}, 10, c.o)
		if err != nil {
			t.Fatal(err)
		}
		var layers []string
		for _, l := range a.Layers {
			layers = append(layers, fmt.Sprintf("%s:%s:%d>%d", l.Name, l.Kind, l.In, l.Out))
		}
		if diff := cmp.Diff(c.layers, strings.Join(layers, " ")); diff != "" {
			t.Errorf("%+v: layers (-want +got):\n%s", c.o, diff)
		}
		if a.NumParameters() != c.parameters {
			t.Errorf("%+v: %d parameters, want %d", c.o, a.NumParameters(), c.parameters)
		}
	}
	for what, o := range map[string]models.MLPOptions{
		"width 0":    {Depth: 1},
		"depth -1":   {Width: 3, Depth: -1},
		"dropout 1":  {Width: 3, Depth: 1, Dropout: 1},
		"dropout -1": {Width: 3, Depth: 1, Dropout: -1},
		"width -4":   {Widths: []int{-4}},
		"too wide":   {Width: math.MaxInt / 2, Depth: 2},
	} {
		if _, err := models.MLP(models.Shape{C: 1, H: 1, W: 4}, 2, o); err == nil {
			t.Errorf("%s is not an error", what)
		}
	}
}

// noisyState has batch norm away from where it starts.
func noisyState(t *testing.T, a models.Architecture) models.State {
	t.Helper()
	s, err := models.InitialState(a, "he", 3)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, tensor := range s {
		if strings.HasPrefix(tensor.Name, "bn") {
			for i := range tensor.Data {
				tensor.Data[i] += float32(rng.Float64() - 0.3)
			}
		}
	}
	return s
}

// TestFuse compares the logits before and after folding, on the float64 engine.
func TestFuse(t *testing.T) {
	const tol = 1e-5 // float32 weights are rounded once more: 6e-8 times the terms of a sum
	a, err := models.MLP(models.Shape{C: 1, H: 3, W: 3}, 4, models.MLPOptions{Widths: []int{8, 6}, BatchNorm: true, Dropout: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	s := noisyState(t, a)
	before := s.Hash()
	fused, fs, err := models.Fuse(a, s)
	if err != nil {
		t.Fatal(err)
	}
	if s.Hash() != before || !a.Has(models.BatchNorm) {
		t.Error("the arguments were changed")
	}
	if fused.Has(models.BatchNorm) {
		t.Error("batch norm is still there")
	}
	if err := fs.Fits(fused); err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 20*9)
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	want, got := logits(t, a, s, x), logits(t, fused, fs, x)
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > tol*(1+math.Abs(float64(want[i]))) {
			t.Fatalf("logit %d is %v after folding, %v before", i, got[i], want[i])
		}
	}
}

// TestFuseByHand checks one unit at ε = 1: s = 2/√(3+1) = 1, so W = 1·[3, -1] and
// b = 5 + 1·(7 - 4) = 8.
func TestFuseByHand(t *testing.T) {
	a, err := models.MLP(models.Shape{C: 1, H: 1, W: 2}, 2, models.MLPOptions{Width: 1, Depth: 1, BatchNorm: true})
	if err != nil {
		t.Fatal(err)
	}
	a.Layers[1].Epsilon = 1
	s := models.NewState(a)
	for name, v := range map[string][]float32{"fc1.weight": {3, -1}, "fc1.bias": {7}, "bn1.weight": {2}, "bn1.bias": {5}, "bn1.running_mean": {4}, "bn1.running_var": {3}} {
		copy(s.Find(name).Data, v)
	}
	_, fs, err := models.Fuse(a, s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float32{3, -1}, fs.Find("fc1.weight").Data); diff != "" {
		t.Errorf("weight (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]float32{8}, fs.Find("fc1.bias").Data); diff != "" {
		t.Errorf("bias (-want +got):\n%s", diff)
	}
}

func TestFuseRefuses(t *testing.T) {
	a, err := models.MLP(models.Shape{C: 1, H: 1, W: 2}, 2, models.MLPOptions{Width: 3, Depth: 1, BatchNorm: true})
	if err != nil {
		t.Fatal(err)
	}
	s := noisyState(t, a)
	s.Find("bn1.running_var").Data[1] = -1
	if _, _, err := models.Fuse(a, s); err == nil || !strings.Contains(err.Error(), "bn1") {
		t.Errorf("a negative variance: %v; want an error that names bn1", err)
	}
	first := models.Architecture{Family: "mlp", Input: models.Shape{C: 1, H: 1, W: 2}, Classes: 2, Layers: []models.Layer{
		{Name: "bn", Kind: models.BatchNorm, In: 2, Out: 2, Epsilon: 1e-5, Momentum: 0.1},
		{Name: "fc", Kind: models.Dense, In: 2, Out: 2},
	}}
	if _, _, err := models.Fuse(first, models.NewState(first)); err == nil {
		t.Error("batch norm before any dense layer is not an error")
	}
	if _, _, err := models.Fuse(a, s[1:]); err == nil {
		t.Error("a state that does not fit is not an error")
	}
}

func logits(t *testing.T, a models.Architecture, s models.State, x []float32) []float32 {
	t.Helper()
	n := len(x) / a.Input.Size()
	session, err := reference.New().NewSession(a, n)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if err := session.SetState(s); err != nil {
		t.Fatal(err)
	}
	out := make([]float32, n*a.Classes)
	if err := session.Logits(out, x); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestArrange(t *testing.T) {
	a, err := models.MLP(models.Shape{C: 1, H: 1, W: 2}, 2, models.MLPOptions{Width: 3, Depth: 1})
	if err != nil {
		t.Fatal(err)
	}
	s := noisyState(t, a)
	mixed := models.State{s[2], s[0], s[3], s[1]}
	got, err := mixed.Arrange(a)
	if err != nil {
		t.Fatal(err)
	}
	if got.Hash() != s.Hash() {
		t.Error("the tensors are not in the architecture's order")
	}
	extra := append(s.Clone(), models.Tensor{Name: "other", Shape: []int{0}})
	reshaped := s.Clone()
	reshaped[0].Shape = []int{2, 3}
	for what, bad := range map[string]models.State{"a tensor missing": s[1:], "a tensor too many": extra, "a tensor twice": append(s.Clone(), s[0]), "another shape": reshaped} {
		if _, err := bad.Arrange(a); err == nil {
			t.Errorf("%s is not an error", what)
		}
	}
}
