package models_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/models"
)

// torchCase is one network of testdata/architectures.json, made by make_architectures.py.
type torchCase struct {
	Family  string `json:"family"`
	Shape   [3]int `json:"shape"`
	Classes int    `json:"classes"`
	Options struct {
		Layers, Depth, Width, Dense int
		Dropout                     float64
		BatchNorm                   bool
		Stem                        string
	} `json:"options"`
	Tensors      []torchTensor `json:"tensors"`
	Parameters   int           `json:"parameters"`
	MultiplyAdds int64         `json:"multiply_adds"`
}

// torchTensor is the triple name, shape, largest absolute value of a freshly made network.
type torchTensor struct {
	name  string
	shape []int
	top   float64
}

func (t *torchTensor) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&t.name, &t.shape, &t.top})
}

func (c *torchCase) build(t *testing.T) models.Architecture {
	t.Helper()
	input, o := models.Shape{C: c.Shape[0], H: c.Shape[1], W: c.Shape[2]}, c.Options
	var a models.Architecture
	var err error
	switch c.Family {
	case "mlp":
		a, err = models.MLP(input, c.Classes, models.MLPOptions{Width: o.Width, Depth: o.Depth})
	case "nin":
		a, err = models.NiN(input, c.Classes, models.NiNOptions{Width: o.Width, Depth: o.Depth, Dropout: o.Dropout, BatchNorm: o.BatchNorm})
	case "vgg":
		a, err = models.VGG(input, c.Classes, models.VGGOptions{Width: o.Width, Depth: o.Depth, Dense: o.Dense, Dropout: o.Dropout, BatchNorm: o.BatchNorm, Stem: o.Stem})
	case "resnet":
		if o.Width == 0 {
			o.Width = 64 // the published ones'
		}
		a, err = models.ResNet(input, c.Classes, models.ResNetOptions{Layers: o.Layers, Width: o.Width, Stem: o.Stem})
	}
	if err != nil {
		t.Fatalf("%s %+v: %v", c.Family, o, err)
	}
	return a
}

func torchCases(t *testing.T) []torchCase {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "architectures.json"))
	if err != nil {
		t.Fatal(err)
	}
	var made struct {
		Cases []torchCase `json:"cases"`
	}
	if err := json.Unmarshal(b, &made); err != nil {
		t.Fatal(err)
	}
	if len(made.Cases) < 18 {
		t.Fatalf("%d cases", len(made.Cases))
	}
	return made.Cases
}

// TestArchitecturesAsTorch compares names, order and shapes of all tensors, the number of parameters and the multiply-adds with torch's.
func TestArchitecturesAsTorch(t *testing.T) {
	for _, c := range torchCases(t) {
		a := c.build(t)
		specs := a.Tensors()
		if len(specs) != len(c.Tensors) {
			t.Errorf("%s %+v: %d tensors, torch has %d", c.Family, c.Options, len(specs), len(c.Tensors))
			continue
		}
		for i, s := range specs {
			if want := c.Tensors[i]; s.Name != want.name || !slices.Equal(s.Shape, want.shape) {
				t.Errorf("%s %+v: tensor %d is %s %v, torch's %s %v", c.Family, c.Options, i, s.Name, s.Shape, want.name, want.shape)
				break
			}
		}
		if got := a.NumParameters(); got != c.Parameters {
			t.Errorf("%s %+v: %d parameters, torch has %d", c.Family, c.Options, got, c.Parameters)
		}
		if got := a.MultiplyAdds(); got != c.MultiplyAdds {
			t.Errorf("%s %+v: %d multiply-adds, torch does %d", c.Family, c.Options, got, c.MultiplyAdds)
		}
	}
}

// TestInitialBoundsAsTorch: the largest of many uniform values is near their bound, in torch's draw and in ours. Of n values it is below
// (1 - 20/n) of the bound with probability e⁻²⁰, so that two such draws differ by no more than that.
func TestInitialBoundsAsTorch(t *testing.T) {
	for _, c := range torchCases(t) {
		a := c.build(t)
		if a.NumParameters() > 2_000_000 {
			continue // the small ones have every kind of layer
		}
		s, err := models.InitialState(a, "pytorch", 3)
		if err != nil {
			t.Fatal(err)
		}
		for i, tensor := range s {
			var top float64
			for _, v := range tensor.Data {
				top = math.Max(top, math.Abs(float64(v)))
			}
			want, slack := c.Tensors[i].top, 20/float64(len(tensor.Data))
			if len(tensor.Data) >= 100 && math.Abs(top-want) > slack*math.Max(top, want)+1e-7 {
				t.Errorf("%s %+v: %s starts with values up to %v, torch's up to %v", c.Family, c.Options, tensor.Name, top, want)
			}
		}
	}
}

func TestArchitecturesRefused(t *testing.T) {
	mini, cifar := models.Shape{C: 1, H: 14, W: 14}, models.Shape{C: 3, H: 32, W: 32}
	nin := func(in models.Shape, o models.NiNOptions) error { _, err := models.NiN(in, 10, o); return err }
	vgg := func(in models.Shape, o models.VGGOptions) error { _, err := models.VGG(in, 10, o); return err }
	resnet := func(in models.Shape, o models.ResNetOptions) error { _, err := models.ResNet(in, 10, o); return err }
	for _, c := range []struct {
		err  error
		want string
	}{
		{nin(cifar, models.NiNOptions{Width: 8}), "building nin: 0 blocks of 8 channels"},
		{nin(cifar, models.NiNOptions{Width: 8, Depth: 1, Dropout: 1}), "dropout 1 is not in [0, 1)"},
		{nin(models.Shape{}, models.NiNOptions{Width: 8, Depth: 1}), "building nin: input shape [0, 0, 0]"},
		{vgg(cifar, models.VGGOptions{Width: 8, Depth: 6}), "building vgg: 6 stages: 1 to 5"},
		{vgg(cifar, models.VGGOptions{Depth: 1}), "building vgg: 0 channels"},
		{vgg(mini, models.VGGOptions{Width: 8, Depth: 4}), "a window of 2 x 2 does not fit into 1 x 1"},
		{vgg(mini, models.VGGOptions{Width: 8, Depth: 2, Stem: "cna"}), "the stem cna is for images of 28 x 28 and 32 x 32, not 14 x 14"},
		{vgg(cifar, models.VGGOptions{Width: 8, Depth: 2, Stem: "big"}), `unknown stem "big"`},
		{resnet(cifar, models.ResNetOptions{Layers: 20, Width: 8}), "20 layers: 18, 34, 50 and 101"},
		{resnet(cifar, models.ResNetOptions{Layers: 18}), "building resnet18: 0 channels"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("error %v, want %q", c.err, c.want)
		}
	}
}

// TestBuild: sizes by torch's formulas, names by hand.
func TestBuild(t *testing.T) {
	layers := []models.Layer{
		{Kind: models.Conv2D, Channels: 4, Kernel: 3, Padding: 1}, {Kind: models.BatchNorm}, {Kind: models.ReLU}, {Kind: models.MaxPool, Kernel: 2},
		{Name: "inner", Kind: models.Conv2D, Channels: 4, Kernel: 1}, {Kind: models.Add, With: "pool1"}, {Kind: models.AvgPool, Kernel: 3, Stride: 2},
		{Kind: models.Flatten}, {Kind: models.Dense, Out: 5}, {Kind: models.ReLU}, {Kind: models.Dropout, Rate: 0.5}, {Kind: models.Dense},
	}
	before := slices.Clone(layers)
	a, err := models.Build("custom", models.Shape{C: 2, H: 10, W: 10}, 7, layers)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(layers, before) {
		t.Error("the caller's layers were changed")
	}
	var names []string
	var outs []int
	for _, l := range a.Layers {
		names, outs = append(names, l.Name), append(outs, l.Out)
	}
	if want := "conv1 bn1 relu1 pool1 inner add1 pool2 flatten1 fc1 relu2 drop1 fc2"; strings.Join(names, " ") != want {
		t.Errorf("names %v, want %s", names, want)
	}
	if want := []int{400, 400, 400, 100, 100, 100, 16, 16, 5, 5, 5, 7}; !slices.Equal(outs, want) {
		t.Errorf("sizes %v, want %v", outs, want)
	}
	if bn := a.Layers[1]; bn.Epsilon != 1e-5 || bn.Momentum != 0.1 {
		t.Errorf("batch norm %+v", bn)
	}
	layers[3].Kernel = 20
	_, err = models.Build("custom", models.Shape{C: 2, H: 10, W: 10}, 7, layers)
	if wrong := (*models.LayerError)(nil); !errors.As(err, &wrong) || wrong.Layer != 3 || wrong.Name != "pool1" {
		t.Errorf("error %v, want one of layer 3", err)
	}
}
