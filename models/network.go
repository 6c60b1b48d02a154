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
//	D  input features, flattened as [C, H, W]
//	K  classes
//	L  layers, counted from the input, 0-based
//
// Tensors have PyTorch's names and layout (a dense weight is [Out, In]), so a
// checkpoint can be read there as it is. Tensors are float32; reductions are
// accumulated in float64.
package models

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Shape is the shape of one input example, flattened as [C, H, W].
type Shape struct {
	C int `json:"c"`
	H int `json:"h"`
	W int `json:"w"`
}

// Size is the number of features D of one example.
func (s Shape) Size() int { return s.C * s.H * s.W }

// Kind is what a layer does.
type Kind string

// The kinds of layer that every engine knows.
const (
	Dense     Kind = "dense"     // y = x Wᵀ + b; tensors NAME.weight [Out, In] and NAME.bias [Out]
	BatchNorm Kind = "batchnorm" // over the batch; tensors NAME.weight, .bias, .running_mean, .running_var, each [Out]
	ReLU      Kind = "relu"      // max(0, x)
	Dropout   Kind = "dropout"   // inverted dropout: training zeroes with probability Rate and scales by 1/(1-Rate); nothing when evaluating
)

// Layer is one step of a network. The layers of an [Architecture] form a chain:
// each reads what the one before it wrote.
type Layer struct {
	Name string `json:"name"` // unique; the tensors are named after it
	Kind Kind   `json:"kind"`
	In   int    `json:"in"`  // features read
	Out  int    `json:"out"` // features written

	Rate     float64 `json:"rate,omitempty"`     // dropout: probability of zeroing, in [0, 1)
	Epsilon  float64 `json:"epsilon,omitempty"`  // batchnorm: added to the variance; PyTorch's default is 1e-5
	Momentum float64 `json:"momentum,omitempty"` // batchnorm: weight of the new batch in the running statistics; PyTorch's default is 0.1
}

// Architecture is a chain of layers from an input to K logits. The softmax
// cross-entropy is not a layer: it belongs to the loss.
type Architecture struct {
	Family  string  `json:"family"` // "mlp", ...
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
	for l, layer := range a.Layers {
		add := func(name string, trainable bool, shape ...int) {
			ts = append(ts, TensorSpec{Name: layer.Name + "." + name, Shape: shape, Layer: l, Trainable: trainable})
		}
		switch layer.Kind {
		case Dense:
			add("weight", true, layer.Out, layer.In)
			add("bias", true, layer.Out)
		case BatchNorm:
			add("weight", true, layer.Out)
			add("bias", true, layer.Out)
			add("running_mean", false, layer.Out)
			add("running_var", false, layer.Out)
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

// Bounds on one layer, far above any network that trains here: a slip of the
// pen in a specification is an error and not an attempt to allocate it, and
// sizes in bytes stay within an int.
const (
	maxFeatures = 1 << 20
	maxWeights  = 1 << 31
)

// Validate reports the first thing that makes the architecture unusable.
func (a Architecture) Validate() error {
	for _, d := range []int{a.Input.C, a.Input.H, a.Input.W} {
		if d < 1 || d > maxFeatures {
			return fmt.Errorf("input shape [%d, %d, %d] is not positive, or beyond %d", a.Input.C, a.Input.H, a.Input.W, maxFeatures)
		}
	}
	if a.Classes < 2 {
		return fmt.Errorf("%d classes: at least 2 are needed", a.Classes)
	}
	if len(a.Layers) == 0 {
		return errors.New("no layers")
	}
	width := a.Input.Size()
	seen := map[string]bool{}
	for l, layer := range a.Layers {
		if err := layer.validate(width); err != nil {
			return fmt.Errorf("layer %d (%s): %w", l, layer.Name, err)
		}
		if seen[layer.Name] {
			return fmt.Errorf("layer %d: the name %q is taken", l, layer.Name)
		}
		seen[layer.Name] = true
		width = layer.Out
	}
	if last := a.Layers[len(a.Layers)-1]; last.Kind != Dense || last.Out != a.Classes {
		return fmt.Errorf("the last layer must be dense with %d outputs, one a class", a.Classes)
	}
	return nil
}

func (l Layer) validate(width int) error {
	if l.Name == "" {
		return errors.New("has no name")
	}
	if l.In != width {
		return fmt.Errorf("reads %d features, but the layer before it writes %d", l.In, width)
	}
	if l.Out < 1 || l.Out > maxFeatures || l.In > maxFeatures {
		return fmt.Errorf("reads %d and writes %d features: at least 1 and at most %d are possible", l.In, l.Out, maxFeatures)
	}
	switch l.Kind {
	case Dense:
		if int64(l.In)*int64(l.Out) > maxWeights {
			return fmt.Errorf("%d x %d weights: at most %d are possible", l.Out, l.In, int64(maxWeights))
		}
		return nil
	case BatchNorm, ReLU, Dropout:
	default:
		return fmt.Errorf("unknown kind %q (known: %s, %s, %s, %s)", l.Kind, Dense, BatchNorm, ReLU, Dropout)
	}
	if l.In != l.Out {
		return fmt.Errorf("%s reads %d features and writes %d", l.Kind, l.In, l.Out)
	}
	if l.Kind == Dropout && !(l.Rate >= 0 && l.Rate < 1) {
		return fmt.Errorf("dropout rate %v is not in [0, 1)", l.Rate)
	}
	if l.Kind == BatchNorm && !(l.Epsilon > 0 && l.Momentum >= 0 && l.Momentum <= 1) {
		return fmt.Errorf("batch norm needs epsilon > 0 and momentum in [0, 1], not %v and %v", l.Epsilon, l.Momentum)
	}
	return nil
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
