package models

import "fmt"

// Batch norm's constants in networks built here: PyTorch's defaults.
const (
	batchNormEpsilon  = 1e-5
	batchNormMomentum = 0.1
)

// MLPOptions are the hidden layers of a multi-layer perceptron.
type MLPOptions struct {
	Width  int   // units in each hidden layer
	Depth  int   // hidden layers; 0 is a linear classifier
	Widths []int // units of each hidden layer in turn; overrides Width and Depth

	Dropout   float64 // probability of zeroing a hidden unit, in [0, 1); 0: no dropout layers
	BatchNorm bool    // batch norm between a hidden layer's dense part and its ReLU
}

// MLP builds a multi-layer perceptron. Hidden layer i (from 1) is
//
//	fcI (dense), bnI (batch norm), reluI, dropI (dropout)
//
// with bn and drop present where asked; the classifier is the last fc.
func MLP(input Shape, classes int, o MLPOptions) (Architecture, error) {
	widths := o.Widths
	if widths == nil {
		if o.Depth < 0 {
			return Architecture{}, fmt.Errorf("building mlp: depth %d is negative", o.Depth)
		}
		for range o.Depth {
			widths = append(widths, o.Width)
		}
	}
	if !(o.Dropout >= 0 && o.Dropout < 1) {
		return Architecture{}, fmt.Errorf("building mlp: dropout %v is not in [0, 1)", o.Dropout)
	}
	a := Architecture{Family: "mlp", Input: input, Classes: classes}
	in := input.Size()
	for i, width := range widths {
		name := func(kind string) string { return fmt.Sprintf("%s%d", kind, i+1) }
		a.Layers = append(a.Layers, Layer{Name: name("fc"), Kind: Dense, In: in, Out: width})
		if o.BatchNorm {
			a.Layers = append(a.Layers, Layer{Name: name("bn"), Kind: BatchNorm, In: width, Out: width, Epsilon: batchNormEpsilon, Momentum: batchNormMomentum})
		}
		a.Layers = append(a.Layers, Layer{Name: name("relu"), Kind: ReLU, In: width, Out: width})
		if o.Dropout > 0 {
			a.Layers = append(a.Layers, Layer{Name: name("drop"), Kind: Dropout, In: width, Out: width, Rate: o.Dropout})
		}
		in = width
	}
	a.Layers = append(a.Layers, Layer{Name: fmt.Sprintf("fc%d", len(widths)+1), Kind: Dense, In: in, Out: classes})
	if err := a.Validate(); err != nil {
		return Architecture{}, fmt.Errorf("building mlp: %w", err)
	}
	return a, nil
}

// Has reports whether a layer of that kind is in the chain.
func (a Architecture) Has(k Kind) bool {
	for _, l := range a.Layers {
		if l.Kind == k {
			return true
		}
	}
	return false
}
