package models

import (
	"fmt"
	"math"
)

// Fuse folds every batch norm into the dense layer before it and answers the
// architecture and tensors without batch norm, which give the same logits in
// evaluation mode:
//
//	s = weight / √(running_var + ε)
//	W ← s W (row by row), b ← bias + s (b - running_mean)
//
// This is what the reference code of the weight-based measures does
// (nitarshan/robust-generalization-measures and bneyshabur/generalization-bounds, "fuse_batchnorm").
// Differs from it: there batch norm stays behind with variance 1 and so leaves
// a factor 1/√(1+ε) in every fused layer; here it is gone and the fold is
// exact, computed in float64 and rounded once. An initial network is fused
// with its own initial running statistics.
//
// A batch norm that does not directly follow a dense layer, a state that does
// not fit and a negative running variance are errors. The arguments are left
// as they are; a network without batch norm is copied.
func Fuse(a Architecture, s State) (Architecture, State, error) {
	if err := a.Validate(); err != nil {
		return Architecture{}, nil, fmt.Errorf("fusing batch norm: %w", err)
	}
	if err := s.Fits(a); err != nil {
		return Architecture{}, nil, fmt.Errorf("fusing batch norm: %w", err)
	}
	fused := a
	fused.Layers = nil
	var tensors State
	next := 0 // the first tensor of the layer at hand
	for l, layer := range a.Layers {
		switch layer.Kind {
		case Dense:
			tensors = append(tensors, s[next:next+2].Clone()...)
			next += 2
		case BatchNorm:
			if l == 0 || a.Layers[l-1].Kind != Dense {
				return Architecture{}, nil, fmt.Errorf("fusing batch norm: %q does not directly follow a dense layer", layer.Name)
			}
			i := len(tensors) - 2
			if err := fold(tensors[i], tensors[i+1], s[next:next+4], layer); err != nil {
				return Architecture{}, nil, fmt.Errorf("fusing batch norm %q: %w", layer.Name, err)
			}
			next += 4
			continue
		}
		fused.Layers = append(fused.Layers, layer)
	}
	return fused, tensors, nil
}

// fold changes a dense layer's weight [Out, In] and bias [Out] so that they do
// what the batch norm bn (weight, bias, running_mean, running_var) does after them.
func fold(weight, bias Tensor, bn State, layer Layer) error {
	in := weight.Shape[1]
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
