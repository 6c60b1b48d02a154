// Package models is the neural network: its layers, its tensors, the engine
// contract and the training loop.
//
// A network is data: an [Architecture] (a list of layers) and a [State] (its
// tensors, in the architecture's order). What computes with it is an [Engine];
// there are several and one conformance suite holds them together. The package
// knows nothing of data sets on disk, corpora or measures.
//
// Axes are named once, here, and used everywhere; every slice states its shape
// in brackets, row-major, slowest axis first:
//
//	N  examples in a batch
//	C  channels, H rows and W columns of an image or a feature map
//	D  input features, flattened as [C, H, W]
//	K  classes
//	L  layers, counted from the input, 0-based
//
// Tensors have PyTorch's names and layout (a dense weight is [Out, In]), so a
// checkpoint can be read there as it is. Tensors are float32; reductions are
// accumulated in float64.
package models

import (
	"fmt"
	"math"
	"slices"
)

// Shape is the shape of what one example is at some place of a network: an image, or a feature map,
// flattened as [C, H, W]. A vector of features is [C, 1, 1].
type Shape struct {
	C int `json:"c"`
	H int `json:"h"`
	W int `json:"w"`
}

// Size is the number of its values, D for an input.
func (s Shape) Size() int { return s.C * s.H * s.W }

// Kind is what a layer does.
type Kind string

// The kinds of layer.
const (
	Dense         Kind = "dense"         // y = x Wᵀ + b of the flattened input; tensors NAME.weight [Out, In] and NAME.bias [Out]
	Conv2D        Kind = "conv2d"        // cross-correlation, as torch.nn.Conv2d; tensors NAME.weight [Channels, C, Kernel, Kernel] and, unless NoBias, NAME.bias [Channels]
	BatchNorm     Kind = "batchnorm"     // a channel at a time, over the batch and the channel's H x W places; tensors NAME.weight, .bias, .running_mean, .running_var, each [C]
	ReLU          Kind = "relu"          // max(0, x)
	Dropout       Kind = "dropout"       // inverted dropout: training zeroes with probability Rate and scales by 1/(1-Rate); nothing when evaluating
	MaxPool       Kind = "maxpool"       // largest value in each Kernel x Kernel window; the padding never wins. Of equal values the first in row order has the gradient
	AvgPool       Kind = "avgpool"       // mean of each Kernel x Kernel window, without padding
	GlobalAvgPool Kind = "globalavgpool" // mean of each channel: [C, H, W] to [C, 1, 1]
	Flatten       Kind = "flatten"       // [C, H, W] to [C H W, 1, 1]; the values stay in their order
	Add           Kind = "add"           // the sum of two layers' outputs of one shape: a residual connection
)

// Layer is one step of a network. It reads what the layer before it wrote, or what the layer
// From wrote; the first reads the network's input.
type Layer struct {
	Name string `json:"name"`           // unique; the tensors are named after it
	Kind Kind   `json:"kind"`           //
	From string `json:"from,omitempty"` // the earlier layer whose output this one reads; "": the layer before it
	With string `json:"with,omitempty"` // add: the earlier layer whose output is added
	In   int    `json:"in"`             // values read, C H W
	Out  int    `json:"out"`            // values written

	Channels int  `json:"channels,omitempty"` // conv2d: channels written
	Kernel   int  `json:"kernel,omitempty"`   // conv2d, maxpool, avgpool: height and width of the window
	Stride   int  `json:"stride,omitempty"`   // conv2d, maxpool, avgpool: step of the window; at least 1
	Padding  int  `json:"padding,omitempty"`  // conv2d, maxpool: rows and columns added on every side, less than twice Kernel (maxpool: at most half of it)
	NoBias   bool `json:"no_bias,omitempty"`  // conv2d: there is no bias

	Rate     float64 `json:"rate,omitempty"`     // dropout: probability of zeroing, in [0, 1)
	Epsilon  float64 `json:"epsilon,omitempty"`  // batchnorm: added to the variance; PyTorch's default is 1e-5
	Momentum float64 `json:"momentum,omitempty"` // batchnorm: weight of the new batch in the running statistics; PyTorch's default is 0.1
}

// Architecture is a list of layers from an input to K logits, each after those that it reads. The softmax
// cross-entropy is not a layer: it belongs to the loss. [Architecture.Sources] and [Architecture.Shapes] say
// what each layer reads and the shape of what it writes.
type Architecture struct {
	Family  string  `json:"family"` // "mlp", "nin", "vgg", "resnet", ...
	Input   Shape   `json:"input"`
	Classes int     `json:"classes"` // K
	Layers  []Layer `json:"layers"`
}

// TensorSpec describes one tensor of an architecture.
type TensorSpec struct {
	Name      string
	Shape     []int
	Layer     int  // index into Architecture.Layers
	Trainable bool // false for batch norm's running statistics
}

// Size is the number of values in the tensor.
func (t TensorSpec) Size() int { return product(t.Shape) }

// Tensors lists the tensors of the architecture in their fixed order: layer by
// layer, and within a layer in the order that [Kind]'s comments give.
func (a Architecture) Tensors() []TensorSpec {
	var ts []TensorSpec
	shapes := a.Shapes()
	for l, layer := range a.Layers {
		add := func(name string, trainable bool, shape ...int) {
			ts = append(ts, TensorSpec{Name: layer.Name + "." + name, Shape: shape, Layer: l, Trainable: trainable})
		}
		switch layer.Kind {
		case Dense:
			add("weight", true, layer.Out, layer.In)
			add("bias", true, layer.Out)
		case Conv2D:
			add("weight", true, layer.Channels, a.reads(l, shapes).C, layer.Kernel, layer.Kernel)
			if !layer.NoBias {
				add("bias", true, layer.Channels)
			}
		case BatchNorm:
			features := shapes[l].C
			add("weight", true, features)
			add("bias", true, features)
			add("running_mean", false, features)
			add("running_var", false, features)
		}
	}
	return ts
}

// NumParameters counts the trainable values, biases included.
func (a Architecture) NumParameters() int {
	n := 0
	for _, t := range a.Tensors() {
		if t.Trainable {
			n += t.Size()
		}
	}
	return n
}

// Tensor is one named array, row-major.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// State is all tensors of a network, in the order of [Architecture.Tensors].
type State []Tensor

// NewState allocates a zero state for the architecture.
func NewState(a Architecture) State {
	specs := a.Tensors()
	s := make(State, len(specs))
	for i, t := range specs {
		s[i] = Tensor{Name: t.Name, Shape: slices.Clone(t.Shape), Data: make([]float32, t.Size())}
	}
	return s
}

// Clone returns a deep copy.
func (s State) Clone() State {
	c := make(State, len(s))
	for i, t := range s {
		c[i] = Tensor{Name: t.Name, Shape: slices.Clone(t.Shape), Data: slices.Clone(t.Data)}
	}
	return c
}

// Find returns the tensor of that name, or nil.
func (s State) Find(name string) *Tensor {
	for i := range s {
		if s[i].Name == name {
			return &s[i]
		}
	}
	return nil
}

// Fits reports how the state differs from what the architecture asks for in
// names, order, shapes or lengths; nil when it fits.
func (s State) Fits(a Architecture) error {
	specs := a.Tensors()
	if len(s) != len(specs) {
		return fmt.Errorf("%d tensors, the architecture has %d", len(s), len(specs))
	}
	for i, t := range specs {
		switch {
		case s[i].Name != t.Name:
			return fmt.Errorf("tensor %d is %q, the architecture has %q there", i, s[i].Name, t.Name)
		case !slices.Equal(s[i].Shape, t.Shape):
			return fmt.Errorf("tensor %q has shape %v, the architecture has %v", t.Name, s[i].Shape, t.Shape)
		case len(s[i].Data) != t.Size():
			return fmt.Errorf("tensor %q holds %d values, its shape %v has %d", t.Name, len(s[i].Data), t.Shape, t.Size())
		}
	}
	return nil
}

// Finite reports the first tensor that holds NaN or an infinity.
func (s State) Finite() error {
	for _, t := range s {
		for i, v := range t.Data {
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				return fmt.Errorf("tensor %q holds %v at index %d", t.Name, v, i)
			}
		}
	}
	return nil
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
