package models_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/genbench/genbench/models"
)

// TestFuseConvolutionByHand: two channels at ε = 1, s = 2/√(3+1) = 1 and 3/√(8+1) = 1: W = W, and b = 5 + 1·(0 - 4) = 1, b = 1 + 1·(0 + 2) = 3.
// What read the batch norm, and what adds it, reads the convolution.
func TestFuseConvolutionByHand(t *testing.T) {
	a, err := models.Build("custom", models.Shape{C: 1, H: 2, W: 2}, 2, []models.Layer{
		{Name: "conv", Kind: models.Conv2D, Channels: 2, Kernel: 1, NoBias: true}, {Name: "bn", Kind: models.BatchNorm, Epsilon: 1},
		{Name: "conv2", Kind: models.Conv2D, Channels: 2, Kernel: 1, NoBias: true}, {Name: "add", Kind: models.Add, With: "bn"},
		{Name: "pool", Kind: models.GlobalAvgPool, From: "add"}, {Name: "out", Kind: models.Dense},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := models.NewState(a)
	for name, v := range map[string][]float32{"conv.weight": {7, -1}, "bn.weight": {2, 3}, "bn.bias": {5, 1}, "bn.running_mean": {4, -2}, "bn.running_var": {3, 8}} {
		copy(s.Find(name).Data, v)
	}
	fused, fs, err := models.Fuse(a, s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float32{7, -1}, fs.Find("conv.weight").Data); diff != "" {
		t.Errorf("weight (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]float32{1, 3}, fs.Find("conv.bias").Data); diff != "" {
		t.Errorf("bias (-want +got):\n%s", diff)
	}
	if fs.Find("conv2.bias") != nil {
		t.Error("a convolution without batch norm was given a bias")
	}
	if err := fs.Fits(fused); err != nil {
		t.Error(err)
	}
	if err := fused.Validate(); err != nil {
		t.Error(err)
	}
	if l := fused.Layers[2]; l.Name != "add" || l.From != "" || l.With != "conv" {
		t.Errorf("the sum is %+v", l)
	}
}

// TestFuseResNet: every batch norm goes, the residual sums stay, and the parameters are torch's less the scales (each convolution's bias takes the place of its shift).
func TestFuseResNet(t *testing.T) {
	for _, layers := range []int{18, 101} {
		a, err := models.ResNet(models.Shape{C: 3, H: 32, W: 32}, 10, models.ResNetOptions{Layers: layers, Width: 4})
		if err != nil {
			t.Fatal(err)
		}
		s := noisyState(t, a)
		fused, fs, err := models.Fuse(a, s)
		if err != nil {
			t.Fatal(err)
		}
		if err := fused.Validate(); err != nil {
			t.Fatal(err)
		}
		if err := fs.Fits(fused); err != nil {
			t.Fatal(err)
		}
		norms, channels := 0, 0
		for l, layer := range a.Layers {
			if layer.Kind == models.BatchNorm {
				norms++
				channels += a.Shapes()[l].C
			}
		}
		if fused.Has(models.BatchNorm) || len(fused.Layers) != len(a.Layers)-norms || fused.NumParameters() != a.NumParameters()-channels {
			t.Errorf("%d layers: %d layers and %d parameters of %d and %d", layers, len(fused.Layers), fused.NumParameters(), len(a.Layers), a.NumParameters())
		}
	}
}

// TestFuseRefusesBranches: a scaled convolution would be seen by another reader, too.
func TestFuseRefusesBranches(t *testing.T) {
	for _, c := range []struct {
		layers []models.Layer
		want   string
	}{
		{[]models.Layer{
			{Name: "conv", Kind: models.Conv2D, Channels: 2, Kernel: 1}, {Name: "bn", Kind: models.BatchNorm}, {Name: "add", Kind: models.Add, With: "conv"},
			{Kind: models.GlobalAvgPool},
		}, `"bn": another layer reads "conv", too`},
		{[]models.Layer{
			{Name: "conv", Kind: models.Conv2D, Channels: 2, Kernel: 1}, {Name: "relu", Kind: models.ReLU}, {Name: "bn", Kind: models.BatchNorm},
			{Kind: models.GlobalAvgPool},
		}, `"bn": it does not directly follow a dense or conv2d layer`},
	} {
		a, err := models.Build("custom", models.Shape{C: 1, H: 2, W: 2}, 2, c.layers)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := models.Fuse(a, models.NewState(a)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}
