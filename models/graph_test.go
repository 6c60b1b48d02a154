package models

import (
	"slices"
	"strings"
	"testing"
)

// residual is one block with a shortcut: the smallest network that has every kind of layer.
func residual() Architecture {
	return Architecture{
		Family: "resnet", Input: Shape{C: 3, H: 9, W: 7}, Classes: 4,
		Layers: []Layer{
			{Name: "conv1", Kind: Conv2D, In: 189, Out: 126, Channels: 2, Kernel: 3, Stride: 1, Padding: 1, NoBias: true},
			{Name: "bn1", Kind: BatchNorm, In: 126, Out: 126, Epsilon: 1e-5, Momentum: 0.1},
			{Name: "relu1", Kind: ReLU, In: 126, Out: 126},
			{Name: "conv2", Kind: Conv2D, In: 126, Out: 100, Channels: 5, Kernel: 3, Stride: 2, Padding: 1},
			{Name: "short", Kind: Conv2D, From: "relu1", In: 126, Out: 100, Channels: 5, Kernel: 1, Stride: 2},
			{Name: "sum", Kind: Add, From: "conv2", With: "short", In: 100, Out: 100},
			{Name: "drop", Kind: Dropout, In: 100, Out: 100, Rate: 0.5},
			{Name: "max", Kind: MaxPool, In: 100, Out: 30, Kernel: 3, Stride: 2, Padding: 1},
			{Name: "avg", Kind: AvgPool, In: 30, Out: 10, Kernel: 2, Stride: 1},
			{Name: "flat", Kind: Flatten, From: "max", In: 30, Out: 30},
			{Name: "fc", Kind: Dense, In: 30, Out: 10},
			{Name: "flat2", Kind: Flatten, From: "avg", In: 10, Out: 10},
			{Name: "sum2", Kind: Add, With: "fc", In: 10, Out: 10},
			{Name: "out", Kind: Dense, In: 10, Out: 4},
		},
	}
}

// The shapes are those of torch's Conv2d, MaxPool2d and AvgPool2d by the formula of their documentation, floor((n + 2p - k)/s) + 1.
func TestShapes(t *testing.T) {
	a := residual()
	if err := a.Validate(); err != nil {
		t.Fatal(err)
	}
	want := []Shape{{2, 9, 7}, {2, 9, 7}, {2, 9, 7}, {5, 5, 4}, {5, 5, 4}, {5, 5, 4}, {5, 5, 4}, {5, 3, 2}, {5, 2, 1}, {30, 1, 1}, {10, 1, 1}, {10, 1, 1}, {10, 1, 1}, {4, 1, 1}}
	if got := a.Shapes(); !slices.Equal(got, want) {
		t.Errorf("shapes %v\nwant %v", got, want)
	}
	if got, want := a.Sources(), []int{Input, 0, 1, 2, 2, 3, 5, 6, 7, 7, 9, 8, 11, 12}; !slices.Equal(got, want) {
		t.Errorf("sources %v\nwant %v", got, want)
	}
	if with, ok := a.Summand(5); !ok || with != 4 {
		t.Errorf("the sum adds layer %d, %v", with, ok)
	}
	// 2*3*9 + 2*2 + (5*2*9 + 5) + (5*2 + 5) + 30*10+10 + 10*4+4
	if got := a.NumParameters(); got != 54+4+95+15+310+44 {
		t.Errorf("%d parameters", got)
	}
}

func TestGraphRefused(t *testing.T) {
	edit := func(f func(a *Architecture)) Architecture {
		a := Architecture{
			Family: "resnet", Input: Shape{C: 1, H: 4, W: 4}, Classes: 3,
			Layers: []Layer{
				{Name: "a", Kind: Conv2D, In: 16, Out: 32, Channels: 2, Kernel: 3, Stride: 1, Padding: 1},
				{Name: "b", Kind: Conv2D, In: 32, Out: 32, Channels: 2, Kernel: 3, Stride: 1, Padding: 1},
				{Name: "add", Kind: Add, With: "a", In: 32, Out: 32},
				{Name: "pool", Kind: GlobalAvgPool, In: 32, Out: 2},
				{Name: "fc", Kind: Dense, In: 2, Out: 3},
			},
		}
		f(&a)
		return a
	}
	if err := edit(func(*Architecture) {}).Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		edit func(a *Architecture)
		want string
	}{
		{"later summand", func(a *Architecture) { a.Layers[2].With = "fc" }, `adds "fc", which is no earlier layer`},
		{"later source", func(a *Architecture) { a.Layers[1].From = "pool" }, `reads from "pool", which is no earlier layer`},
		{"itself", func(a *Architecture) { a.Layers[1].From = "b" }, `reads from "b", which is no earlier layer`},
		{"two shapes", func(a *Architecture) {
			a.Layers[1].Channels, a.Layers[1].Out, a.Layers[2].In, a.Layers[2].Out = 1, 16, 16, 16
		}, `adds "a" of shape [2, 4, 4] to [1, 4, 4]`},
		{"with", func(a *Architecture) { a.Layers[3].With = "a" }, `globalavgpool cannot add "a"`},
		{"unread", func(a *Architecture) { a.Layers[1].From = "a"; a.Layers[2].From = "a" }, `layer 1 (b): no layer reads it`},
		{"kernel", func(a *Architecture) { a.Layers[0].Kernel = 0 }, "kernel 0, stride 1, padding 1"},
		{"stride", func(a *Architecture) { a.Layers[0].Stride = 0 }, "stride 0"},
		{"padding", func(a *Architecture) { a.Layers[0].Padding = 6 }, "padding 6: kernel and stride"},
		{"no place", func(a *Architecture) { a.Layers[0].Kernel, a.Layers[0].Padding = 7, 1 }, "a window of 7 x 7 does not fit into 4 x 4 with padding 1"},
		{"width", func(a *Architecture) { a.Layers[0].Out = 31; a.Layers[1].In = 31 }, "conv2d of [1, 4, 4] writes [2, 4, 4], not 31 features"},
		{"channels", func(a *Architecture) { a.Layers[0].Channels = 0 }, "writes 0 channels"},
		{"logits", func(a *Architecture) { a.Layers = a.Layers[:3] }, "the last layer must write 3 logits"},
	} {
		err := edit(c.edit).Validate()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}
