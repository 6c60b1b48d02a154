package models

import (
	"fmt"
	"strconv"
)

// LayerError says which layer makes an architecture unusable.
type LayerError struct {
	Layer int    // index into Architecture.Layers
	Name  string // the layer's
	Err   error
}

// Error names the layer and the reason.
func (e *LayerError) Error() string { return fmt.Sprintf("layer %d (%s): %v", e.Layer, e.Name, e.Err) }

// Unwrap gives the reason.
func (e *LayerError) Unwrap() error { return e.Err }

// Build completes a list of layers to an architecture. What a layer leaves at zero is filled in:
//
//	In, Out            from the input's shape and what the layer reads
//	Stride             1 for a conv2d, the kernel's size for a pool: torch's defaults
//	Epsilon, Momentum  1e-5 and 0.1, torch's defaults
//	Out of a dense layer, Channels of a conv2d   one for each class
//	Name               the kind's short name and a number that counts them from 1: conv1, bn1, relu1, drop1, pool1, flatten1, add1, fc1
//
// The layers are left as they are. A layer that cannot be is a [LayerError].
func Build(family string, input Shape, classes int, layers []Layer) (Architecture, error) {
	a := Architecture{Family: family, Input: input, Classes: classes}
	if err := a.validateEnds(); err != nil {
		return Architecture{}, err
	}
	written := map[string]Shape{}
	count := map[string]int{}
	before := input
	for i, layer := range layers {
		if layer.Name == "" {
			short := shortNames[layer.Kind]
			count[short]++
			layer.Name = short + strconv.Itoa(count[short])
		}
		in := before
		if from, ok := written[layer.From]; ok {
			in = from
		}
		err := layer.complete(in, classes)
		if err == nil {
			before, err = layer.follow(before, written)
		}
		if err != nil {
			return Architecture{}, &LayerError{i, layer.Name, err}
		}
		written[layer.Name] = before
		a.Layers = append(a.Layers, layer)
	}
	if err := a.Validate(); err != nil {
		return Architecture{}, err
	}
	return a, nil
}

// shortNames begin the names of layers that were given none.
var shortNames = map[Kind]string{
	Dense: "fc", Conv2D: "conv", BatchNorm: "bn", ReLU: "relu", Dropout: "drop",
	MaxPool: "pool", AvgPool: "pool", GlobalAvgPool: "pool", Flatten: "flatten", Add: "add",
}

// complete fills in what follows from the shape that the layer reads, and torch's defaults.
func (l *Layer) complete(in Shape, classes int) error {
	l.In = in.Size()
	switch l.Kind {
	case Dense:
		if l.Out == 0 {
			l.Out = classes
		}
		return nil
	case Conv2D:
		if l.Channels == 0 {
			l.Channels = classes
		}
		if l.Stride == 0 {
			l.Stride = 1
		}
	case MaxPool, AvgPool:
		if l.Stride == 0 {
			l.Stride = l.Kernel
		}
	case BatchNorm:
		if l.Epsilon == 0 {
			l.Epsilon = batchNormEpsilon
		}
		if l.Momentum == 0 {
			l.Momentum = batchNormMomentum
		}
	}
	if l.Kind == Conv2D || l.Kind == MaxPool || l.Kind == AvgPool {
		if err := l.validateWindow(in); err != nil { // before Out is taken from it
			return err
		}
	}
	l.Out = l.writes(in).Size()
	return nil
}

// MultiplyAdds counts the multiplications with a weight that one example's forward pass takes, those of dense and
// conv2d layers: a measure of cost. Windows that hang over the edge count in full. A training step takes about three times as many for each example.
func (a Architecture) MultiplyAdds() int64 {
	var n int64
	shapes := a.Shapes()
	for l, layer := range a.Layers {
		switch layer.Kind {
		case Dense:
			n += int64(layer.In) * int64(layer.Out)
		case Conv2D:
			n += int64(layer.Out) * int64(a.reads(l, shapes).C) * int64(layer.Kernel*layer.Kernel)
		}
	}
	return n
}
