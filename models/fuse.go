package models

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Fuse folds every batch norm into the dense or conv2d layer that it reads and answers the
// architecture and tensors without batch norm, which give the same logits in
// evaluation mode:
//
//	s = weight / √(running_var + ε)
//	W ← s W (output by output), b ← bias + s (b - running_mean)
//
// A conv2d without a bias, b = 0, gets one. What read the batch norm reads the layer that it went into.
//
// This is what the reference code of the weight-based measures does
// (nitarshan/robust-generalization-measures and bneyshabur/generalization-bounds, "fuse_batchnorm").
// Differs from it: there batch norm stays behind with variance 1 and so leaves
// a factor 1/√(1+ε) in every fused layer; here it is gone and the fold is
// exact, computed in float64 and rounded once. There a batch norm goes into the convolution defined before it, which must have a
// bias and no branch; here it goes into the one that it reads, so that residual networks can be fused, too. An initial network is fused
// with its own initial running statistics.
//
// A batch norm that reads another kind of layer, or one that other layers read, too (they would see it scaled), a state that does
// not fit and a negative running variance are errors. The arguments are left
// as they are; a network without batch norm is copied.
func Fuse(a Architecture, s State) (Architecture, State, error) {
	if err := a.Validate(); err != nil {
		return Architecture{}, nil, fmt.Errorf("fusing batch norm: %w", err)
	}
	if err := s.Fits(a); err != nil {
		return Architecture{}, nil, fmt.Errorf("fusing batch norm: %w", err)
	}
	f := fusing{a: a, from: a.Sources(), first: make([]int, len(a.Layers)), into: make([]string, len(a.Layers)), readers: make([]int, len(a.Layers))}
	for i, t := range slices.Backward(a.Tensors()) {
		f.first[t.Layer] = i
	}
	for l, from := range f.from {
		if from != Input {
			f.readers[from]++
		}
		if with, ok := a.Summand(l); ok {
			f.readers[with]++
		}
	}
	fused := a
	fused.Layers = nil
	var tensors State
	for l, layer := range a.Layers {
		if layer.Kind == BatchNorm {
			if err := f.fold(l, tensors, s); err != nil {
				return Architecture{}, nil, fmt.Errorf("fusing batch norm %q: %w", layer.Name, err)
			}
			continue
		}
		f.into[l] = layer.Name
		before := ""
		if n := len(fused.Layers); n > 0 {
			before = fused.Layers[n-1].Name
		}
		f.connect(&layer, l, before)
		next := f.first[l]
		switch {
		case layer.Kind == Conv2D && layer.NoBias:
			layer.NoBias = !f.normed(l)
			tensors = append(tensors, s[next:next+1].Clone()...)
			if !layer.NoBias {
				tensors = append(tensors, Tensor{Name: layer.Name + ".bias", Shape: []int{layer.Channels}, Data: make([]float32, layer.Channels)})
			}
		case layer.Kind == Dense || layer.Kind == Conv2D:
			tensors = append(tensors, s[next:next+2].Clone()...)
		}
		fused.Layers = append(fused.Layers, layer)
	}
	return fused, tensors, nil
}

// fusing is one call of Fuse.
type fusing struct {
	a       Architecture
	from    []int    // [Architecture.Sources]
	first   []int    // of a layer with tensors: the index of the first
	into    []string // the layer that now writes what layer l wrote
	readers []int    // how many layers read layer l
}

// normed says that a batch norm goes into layer l.
func (f *fusing) normed(l int) bool {
	for n, from := range f.from {
		if from == l && f.a.Layers[n].Kind == BatchNorm {
			return true
		}
	}
	return false
}

// connect lets the layer read what it read where that is now; before is the layer that now stands before it.
func (f *fusing) connect(layer *Layer, l int, before string) {
	layer.From = ""
	if from := f.from[l]; from != Input && f.into[from] != before {
		layer.From = f.into[from]
	}
	if with, ok := f.a.Summand(l); ok {
		layer.With = f.into[with]
	}
}

// fold puts the batch norm of layer l into the tensors of the layer that it reads.
func (f *fusing) fold(l int, tensors, s State) error {
	from := f.from[l]
	switch {
	case from == Input || f.a.Layers[from].Kind != Dense && f.a.Layers[from].Kind != Conv2D:
		return errors.New("it does not directly follow a dense or conv2d layer")
	case f.readers[from] > 1:
		return fmt.Errorf("another layer reads %q, too, and would see it scaled", f.a.Layers[from].Name)
	}
	f.into[l] = f.a.Layers[from].Name
	weight := tensors.Find(f.into[l] + ".weight")
	bias := tensors.Find(f.into[l] + ".bias")
	return fold(*weight, *bias, s[f.first[l]:f.first[l]+4], f.a.Layers[l])
}

// fold changes a layer's weight [Out, ...] and bias [Out] so that they do
// what the batch norm bn (weight, bias, running_mean, running_var) does after them.
func fold(weight, bias Tensor, bn State, layer Layer) error {
	in := len(weight.Data) / weight.Shape[0]
	for o := range bias.Data {
		variance := float64(bn[3].Data[o])
		if !(variance >= 0) {
			return fmt.Errorf("running variance %v of feature %d is not a positive number", variance, o)
		}
		scale := float64(bn[0].Data[o]) / math.Sqrt(variance+layer.Epsilon)
		row := weight.Data[o*in:][:in]
		for i := range row {
			row[i] = float32(scale * float64(row[i]))
		}
		bias.Data[o] = float32(float64(bn[1].Data[o]) + scale*(float64(bias.Data[o])-float64(bn[2].Data[o])))
	}
	return nil
}

// Arrange answers the tensors of s in the order of the architecture, sharing
// their data: files written elsewhere have orders of their own. Tensors that
// are missing or too many, and shapes that differ, are errors.
func (s State) Arrange(a Architecture) (State, error) {
	specs := a.Tensors()
	arranged := make(State, len(specs))
	byName := make(map[string]int, len(s))
	for i, t := range s {
		if _, taken := byName[t.Name]; taken {
			return nil, fmt.Errorf("two tensors are named %q", t.Name)
		}
		byName[t.Name] = i
	}
	for i, t := range specs {
		at, ok := byName[t.Name]
		if !ok {
			return nil, fmt.Errorf("tensor %q %v is missing", t.Name, t.Shape)
		}
		arranged[i] = s[at]
		delete(byName, t.Name)
	}
	for _, t := range s {
		if _, left := byName[t.Name]; left {
			return nil, fmt.Errorf("tensor %q is not one of the architecture's", t.Name)
		}
	}
	if err := arranged.Fits(a); err != nil {
		return nil, err
	}
	return arranged, nil
}
