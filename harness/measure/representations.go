package measure

import (
	"context"
	"fmt"
	"strconv"
)

// What layers with weights (a matrix or a kernel) read are the representations x^l, numbered in the order of the layers: x^0 is the
// network's input, x^l for l >= 1 the output of hidden block l, after its
// batch norm and ReLU, pooling and residual sum. What two layers read, the first convolution of a residual block and that of its shortcut, is one
// representation. A map is flattened, [C, H, W] row-major. The logits are none. Everything in this file is in evaluation mode.

// SampleOptions choose training examples. They are taken in rounds, cut out of seeded permutations of the training
// set: the examples of a round differ, and rounds share examples only when all have had their turn.
type SampleOptions struct {
	Rounds   int // 0: 1
	Examples int // of a round; 0, or more than there are: one round of all
	Pool     int // of LayerFeatures alone: a map is max-pooled in whole windows of Pool x Pool, Pool apart, no larger than the map; 0: 1, not at all. Vectors stay as they are
}

func (o SampleOptions) put(a arguments) {
	a.count("rounds", o.Rounds)
	a.count("examples", o.Examples)
}

// Features are representations of sampled training examples.
type Features struct {
	Rounds, Examples, Units int
	Data                    []float32 // [Rounds, Examples, Units]
	Index                   []int32   // [Rounds, Examples], which training examples
}

// Round returns the representations of one round, [Examples, Units], and its examples, [Examples].
func (f Features) Round(r int) (Matrix32, []int32) {
	n := f.Examples * f.Units
	return Matrix32{Rows: f.Examples, Cols: f.Units, Data: f.Data[r*n : (r+1)*n]}, f.Index[r*f.Examples : (r+1)*f.Examples]
}

// LayerFeatures returns x^l of sampled training examples. Layer is a number or "last"; a network
// without that layer has none (undefined).
func (n *Network) LayerFeatures(ctx context.Context, layer string, o SampleOptions) (Features, error) {
	args := arguments{}
	args.text("layer", layer)
	o.put(args)
	args.count("pool", o.Pool)
	q, err := n.group(ctx, string(LayerFeatures), args)
	if err != nil {
		return Features{}, err
	}
	a, err := q.find("features", 3)
	if err != nil {
		return Features{}, err
	}
	f := Features{Rounds: a.shape[0], Examples: a.shape[1], Units: a.shape[2]}
	if f.Data, err = view[float32](a, "f32"); err != nil {
		return Features{}, fmt.Errorf("reading %s: %w", q.name, err)
	}
	if f.Index, err = table[int32](q, "index", "i32", f.Rounds, f.Examples); err != nil {
		return Features{}, err
	}
	return f, nil
}

// Margins are the margins of examples at every representation.
type Margins struct {
	Difference []float64 // [N], f_y - max_{j != y} f_j; j is the first of equal ones
	Norms      Matrix    // [N, L], ‖∇_{x^l}(f_y - f_j)‖₂
	Variances  []float64 // [L], Σ over units of the variance of x^l over the examples, divisor N
}

// LayerMargins returns the margins of the whole training set, with the labels trained on.
func (n *Network) LayerMargins(ctx context.Context) (Margins, error) {
	q, err := n.group(ctx, string(LayerMargins), nil)
	if err != nil {
		return Margins{}, err
	}
	var m Margins
	if m.Norms, err = q.matrix("norms"); err != nil {
		return Margins{}, err
	}
	if m.Difference, err = table[float64](q, "difference", "f64", m.Norms.Rows); err != nil {
		return Margins{}, err
	}
	m.Variances, err = table[float64](q, "variances", "f64", m.Norms.Cols)
	return m, err
}

// Pairs are what the network answers to means of two training examples of one class, one entry a pair.
type Pairs struct {
	Class     []int32 // [P], label trained on of both
	Round     []int32 // [P], round of the sample
	Predicted []int32 // [P], the first index of the largest logit
}

// Layer is the number of a layer given as a number or "last"; undefined where the network has no such layer.
func (m Margins) Layer(name string) (int, error) {
	if name == "last" {
		return m.Norms.Cols - 1, nil
	}
	l, err := strconv.Atoi(name)
	if err != nil || l < 0 {
		return 0, fmt.Errorf("layer %q is neither a number from 0 nor last", name)
	}
	if l >= m.Norms.Cols {
		return 0, Undefined("the network has %d representations that layers with weights read, numbered from 0: none is number %d", m.Norms.Cols, l)
	}
	return l, nil
}

// MixupPredictions returns the answers to all pairs of one class within each round.
func (n *Network) MixupPredictions(ctx context.Context, o SampleOptions) (Pairs, error) {
	args := arguments{}
	o.put(args)
	q, err := n.group(ctx, string(MixupPredictions), args)
	if err != nil {
		return Pairs{}, err
	}
	var p Pairs
	if p.Class, err = vector[int32](q, "class", "i32"); err != nil {
		return Pairs{}, err
	}
	if p.Round, err = table[int32](q, "round", "i32", len(p.Class)); err != nil {
		return Pairs{}, err
	}
	p.Predicted, err = table[int32](q, "predicted", "i32", len(p.Class))
	return p, err
}

// ChangedMargins are the margins of changed training examples at one layer.
type ChangedMargins struct {
	Difference []float64 // [N], f_y - max_{j != y} f_j
	Norms      []float64 // [N], ‖∇_{x^l}(f_y - f_j)‖₂
	Variances  []float64 // [units], of each unit of x^l over the examples, divisor N
}

// TransformedMargins returns the margins of sampled training examples, each averaged with another of its class
// and round (transform "mixup") or augmented as an image ("augment"), at a layer: a number or "last". Inputs that are no
// images have no augmented margins (undefined).
func (n *Network) TransformedMargins(ctx context.Context, transform, layer string, o SampleOptions) (ChangedMargins, error) {
	args := arguments{}
	args.text("transform", transform)
	args.text("layer", layer)
	o.put(args)
	q, err := n.group(ctx, string(TransformedMargins), args)
	if err != nil {
		return ChangedMargins{}, err
	}
	var m ChangedMargins
	if m.Difference, err = vector[float64](q, "difference", "f64"); err != nil {
		return ChangedMargins{}, err
	}
	if m.Norms, err = table[float64](q, "norms", "f64", len(m.Difference)); err != nil {
		return ChangedMargins{}, err
	}
	m.Variances, err = vector[float64](q, "variances", "f64")
	return m, err
}

// Answers are what the network answers to training images and to seven disturbances of each. Row 0 is the image as it is;
// the others are mirrored, saturation changed, centre enlarged, horizontal edges, brighter, mirrored with saturation
// changed, a rectangle erased.
type Answers struct {
	Rows, Examples int
	Predicted      []int32   // [Rows, Examples], the first index of the largest logit
	Confidence     []float64 // [Rows, Examples], its softmax probability
}

// TransformedPredictions returns the answers to the first so many images of a seeded permutation of the training
// set, 0 for all. Inputs that are no images have none (undefined).
func (n *Network) TransformedPredictions(ctx context.Context, examples int) (Answers, error) {
	args := arguments{}
	args.count("examples", examples)
	q, err := n.group(ctx, string(TransformedPredictions), args)
	if err != nil {
		return Answers{}, err
	}
	m, err := q.matrix("confidence")
	if err != nil {
		return Answers{}, err
	}
	a := Answers{Rows: m.Rows, Examples: m.Cols, Confidence: m.Data}
	a.Predicted, err = table[int32](q, "predicted", "i32", a.Rows, a.Examples)
	return a, err
}

// Jacobians are squared norms of derivatives of the network's outputs.
type Jacobians struct {
	Squares Matrix  // [N, L], Σ_k ‖∂o_k/∂x^l‖²
	Units   []int32 // [L], values of x^l
}

// JacobianNorms returns them for the first so many examples of a seeded permutation of the training set, 0 for
// all. Outputs o are the K logits or, with probabilities, their softmax.
func (n *Network) JacobianNorms(ctx context.Context, examples int, probabilities bool) (Jacobians, error) {
	args := arguments{}
	args.count("examples", examples)
	if probabilities {
		args.text("of", "probabilities")
	}
	q, err := n.group(ctx, string(JacobianNorms), args)
	if err != nil {
		return Jacobians{}, err
	}
	var j Jacobians
	if j.Squares, err = q.matrix("squares"); err != nil {
		return Jacobians{}, err
	}
	j.Units, err = table[int32](q, "units", "i32", j.Squares.Cols)
	return j, err
}

// TestPredictions returns the class that the network answers to each unlabelled test input, [Nt].
func (n *Network) TestPredictions(ctx context.Context) ([]int32, error) {
	return n.predictions(ctx, TestPredictions)
}

// SiblingPredictions returns what the network of the same configuration with the next seed answers to the same
// inputs, [Nt].
func (n *Network) SiblingPredictions(ctx context.Context) ([]int32, error) {
	return n.predictions(ctx, Sibling)
}

func (n *Network) predictions(ctx context.Context, need Need) ([]int32, error) {
	q, err := n.group(ctx, string(need), nil)
	if err != nil {
		return nil, err
	}
	return vector[int32](q, "predicted", "i32")
}

// table is an array that must have that shape.
func table[T float32 | float64 | int32 | uint8](g group, name, dtype string, shape ...int) ([]T, error) {
	a, err := g.find(name, len(shape))
	if err != nil {
		return nil, err
	}
	for i, d := range shape {
		if a.shape[i] != d {
			return nil, fmt.Errorf("reading %s: array %q has shape %v, %v was expected", g.name, name, a.shape, shape)
		}
	}
	v, err := view[T](a, dtype)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", g.name, err)
	}
	return v, nil
}
