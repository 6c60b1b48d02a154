package measure

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"
)

// Tensor is one named array of weights, row-major; a dense weight is [Out, In].
type Tensor struct {
	Name  string // as in PyTorch: "fc1.weight"
	Shape []int
	Data  []float32
}

// Matrix is [Rows, Cols], row-major.
type Matrix struct {
	Rows, Cols int
	Data       []float64
}

// At returns the value in row i and column j.
func (m Matrix) At(i, j int) float64 { return m.Data[i*m.Cols+j] }

// Row returns row i, [Cols].
func (m Matrix) Row(i int) []float64 { return m.Data[i*m.Cols : (i+1)*m.Cols] }

// Matrix32 is [Rows, Cols], row-major.
type Matrix32 struct {
	Rows, Cols int
	Data       []float32
}

// At returns the value in row i and column j.
func (m Matrix32) At(i, j int) float32 { return m.Data[i*m.Cols+j] }

// Row returns row i, [Cols].
func (m Matrix32) Row(i int) []float32 { return m.Data[i*m.Cols : (i+1)*m.Cols] }

// Search is the outcome of a search for the largest perturbation that the
// network stands.
type Search struct {
	Scale        float64 // what was searched for: σ, or α for sharpness
	Drop         float64 // fall of the training accuracy at Scale, a fraction
	Lower, Upper float64 // the last bracket
	Converged    bool
	Evaluations  int // passes over the training set
}

// TrainingHistory is what was recorded while the network was trained. Values
// that were not recorded are nil, or -1 for a number of steps.
type TrainingHistory struct {
	Epochs, Steps         int
	StepsTo01, StepsTo001 int // optimizer steps when the train cross-entropy first was <= 0.1 and <= 0.01; -1: never
	GradientNoise1        *float64
	GradientNoiseFinal    *float64  // trace of the covariance of the per-example gradients, after epoch 1 and at the end
	MeanLosses            []float64 // [E], mean loss of the steps of each epoch, nats
}

// LayerSumsOptions chooses what [Network.LayerSums] sums. Zero values are the
// host's defaults, named first.
type LayerSumsOptions struct {
	Split         string // "train", "test"
	Layers        string // "released", "paper", "post_relu"
	Reduce        string // "sum", "mean", "abs_sum", "mean_channel_sum_space"
	IncludeLogits bool
	Examples      int // the first so many of a seeded permutation; 0: all
}

// ComplexityOptions chooses how [Network.Complexity] reads an input. Zero values
// are the host's defaults, named first.
type ComplexityOptions struct {
	Split      string // "train", "test"
	Complexity string // "entropy", "gzip", "png"
	OutOfRange string // "error", "drop", "clip"
	Scale      string // "bits", "published"
	Bins       int    // of the entropy's histogram; 0: 256
	Range      string // of the entropy's histogram, "LOW:HIGH"; "": "0:1"
	Examples   int    // the first so many of a seeded permutation; 0: all
	Noised     bool   // the input as the network sees it, not the original image
}

// Weights returns every tensor of the network as it is stored, in the order of
// its layers: batch norm's included.
func (n *Network) Weights(ctx context.Context) ([]Tensor, error) { return n.tensors(ctx, Weights) }

// InitWeights returns the tensors before training.
func (n *Network) InitWeights(ctx context.Context) ([]Tensor, error) {
	return n.tensors(ctx, InitWeights)
}

// FusedWeights returns the weights and biases of the dense layers, with every
// batch norm folded into the layer before it: the function that the network
// computes is the same.
func (n *Network) FusedWeights(ctx context.Context) ([]Tensor, error) {
	return n.tensors(ctx, FusedWeights)
}

// FusedInitWeights is FusedWeights before training.
func (n *Network) FusedInitWeights(ctx context.Context) ([]Tensor, error) {
	return n.tensors(ctx, FusedInitWeights)
}

func (n *Network) tensors(ctx context.Context, need Need) ([]Tensor, error) {
	arrays, err := n.get(ctx, string(need), nil)
	if err != nil {
		return nil, err
	}
	ts := make([]Tensor, len(arrays))
	for i, a := range arrays {
		data, err := view[float32](a, "f32")
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", need, err)
		}
		ts[i] = Tensor{Name: a.name, Shape: append([]int(nil), a.shape...), Data: data}
	}
	return ts, nil
}

// TrainInputs returns the training inputs as the network sees them, [N, D].
func (n *Network) TrainInputs(ctx context.Context) (Matrix32, error) {
	return n.matrix32(ctx, TrainInputs, "x")
}

// TestInputs returns the test inputs as the network sees them, [Nt, D].
func (n *Network) TestInputs(ctx context.Context) (Matrix32, error) {
	return n.matrix32(ctx, TestInputs, "x")
}

// TrainLogits returns the pre-softmax scores of the training set, [N, K].
func (n *Network) TrainLogits(ctx context.Context) (Matrix32, error) {
	return n.matrix32(ctx, TrainLogits, "logits")
}

// TrainLabels returns the labels trained on, [N], in [0, K): corrupted ones
// where the corpus corrupts labels.
func (n *Network) TrainLabels(ctx context.Context) ([]int32, error) {
	q, err := n.group(ctx, string(TrainLabels), nil)
	if err != nil {
		return nil, err
	}
	return vector[int32](q, "y", "i32")
}

// TrainMargins returns f_y - max_{j != y} f_j over the training set, [N].
func (n *Network) TrainMargins(ctx context.Context) ([]float64, error) {
	q, err := n.group(ctx, string(TrainMargins), nil)
	if err != nil {
		return nil, err
	}
	return vector[float64](q, "margins", "f64")
}

// TrainLoss returns the mean cross-entropy, in nats, and the accuracy, a
// fraction, over the training set with the labels trained on.
func (n *Network) TrainLoss(ctx context.Context) (loss, accuracy float64, err error) {
	q, err := n.group(ctx, string(TrainLoss), nil)
	if err != nil {
		return 0, 0, err
	}
	loss, err1 := q.scalar("loss")
	accuracy, err2 := q.scalar("accuracy")
	return loss, accuracy, errors.Join(err1, err2)
}

// LayerSums returns one number per example and layer, [N, L], and which example
// each row is, [N].
func (n *Network) LayerSums(ctx context.Context, o LayerSumsOptions) (Matrix, []int32, error) {
	args := arguments{}
	args.text("split", o.Split)
	args.text("layers", o.Layers)
	args.text("reduce", o.Reduce)
	args.flag("include_logits", o.IncludeLogits)
	args.count("examples", o.Examples)
	q, err := n.group(ctx, string(LayerSums), args)
	if err != nil {
		return Matrix{}, nil, err
	}
	m, err := q.matrix("sums")
	if err != nil {
		return Matrix{}, nil, err
	}
	index, err := vector[int32](q, "index", "i32")
	if err == nil && len(index) != m.Rows {
		err = fmt.Errorf("reading %s: %d rows, %d indices", q.name, m.Rows, len(index))
	}
	return m, index, err
}

// Complexity returns the complexity of each input, [N], and which example each
// is, [N]: the same examples, in the same order, as LayerSums with the same
// Split and Examples.
func (n *Network) Complexity(ctx context.Context, o ComplexityOptions) ([]float64, []int32, error) {
	args := arguments{}
	args.text("split", o.Split)
	args.text("complexity", o.Complexity)
	args.text("out_of_range", o.OutOfRange)
	args.text("scale", o.Scale)
	args.count("bins", o.Bins)
	args.text("range", o.Range)
	args.count("examples", o.Examples)
	args.flag("noised", o.Noised)
	q, err := n.group(ctx, string(Complexity), args)
	if err != nil {
		return nil, nil, err
	}
	values, err := vector[float64](q, "values", "f64")
	if err != nil {
		return nil, nil, err
	}
	index, err := vector[int32](q, "index", "i32")
	if err == nil && len(index) != len(values) {
		err = fmt.Errorf("reading %s: %d values, %d indices", q.name, len(values), len(index))
	}
	return values, index, err
}

// PACBayes returns the largest σ whose Gaussian noise on the weights costs the
// training accuracy 0.1 in the mean; with magnitude, noise in units of each
// weight's size.
func (n *Network) PACBayes(ctx context.Context, magnitude bool) (Search, error) {
	return n.search(ctx, PACBayes, "sigma", magnitude, nil)
}

// PACBayesRGM is PACBayes by the procedure of nitarshan/robust-generalization-measures: at most 15 bisections of [0, 2],
// the last scale tried; the noise's standard deviation is σ², with magnitude σ² w² + 1e-6.
func (n *Network) PACBayesRGM(ctx context.Context, magnitude bool) (Search, error) {
	return n.search(ctx, PACBayes, "sigma", magnitude, map[string]string{"rgm_compat": "true"})
}

// Sharpness returns the largest α such that no perturbation within α costs the
// training accuracy 0.1; with magnitude, in units of each weight's size.
func (n *Network) Sharpness(ctx context.Context, magnitude bool) (Search, error) {
	return n.search(ctx, Sharpness, "alpha", magnitude, nil)
}

func (n *Network) search(ctx context.Context, need Need, scale string, magnitude bool, more map[string]string) (Search, error) {
	args := map[string]string{"kind": "plain"}
	maps.Copy(args, more)
	if magnitude {
		args["kind"] = "magnitude"
	}
	q, err := n.group(ctx, string(need), args)
	if err != nil {
		return Search{}, err
	}
	v := make([]float64, 6)
	for i, name := range []string{scale, "drop", "lower", "upper", "converged", "evaluations"} {
		if v[i], err = q.scalar(name); err != nil {
			return Search{}, err
		}
	}
	return Search{Scale: v[0], Drop: v[1], Lower: v[2], Upper: v[3], Converged: v[4] != 0, Evaluations: int(v[5])}, nil
}

// History returns what was recorded while the network was trained.
func (n *Network) History(ctx context.Context) (TrainingHistory, error) {
	q, err := n.group(ctx, string(History), nil)
	if err != nil {
		return TrainingHistory{}, err
	}
	steps := func(name string) int {
		if v := q.optional(name); v != nil {
			return int(*v)
		}
		return -1
	}
	h := TrainingHistory{
		Epochs: steps("epochs"), Steps: steps("steps"), StepsTo01: steps("steps_to_0.1"), StepsTo001: steps("steps_to_0.01"),
		GradientNoise1: q.optional("gradient_noise_1"), GradientNoiseFinal: q.optional("gradient_noise_final"),
	}
	if _, ok := q.arrays["mean_losses"]; ok {
		h.MeanLosses, err = vector[float64](q, "mean_losses", "f64")
	}
	return h, err
}

// Evaluate returns the training loss and accuracy at each perturbation of the
// weights, in their order. One call with many is much faster than many calls.
func (n *Network) Evaluate(ctx context.Context, ps []Perturbation) ([]Evaluated, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i, p := range ps {
		if !(p.Scale >= 0) || math.IsInf(p.Scale, 0) {
			return nil, fmt.Errorf("evaluating perturbation %d: scale %v is not finite and >= 0", i, p.Scale)
		}
	}
	var out []Evaluated
	err := n.wait(func() (err error) {
		out, err = n.src.Evaluate(ctx, ps)
		return err
	})
	if err == nil && len(out) != len(ps) {
		err = fmt.Errorf("evaluating: %d answers to %d perturbations", len(out), len(ps))
	}
	return out, err
}

// arguments are a quantity's arguments; what has its zero value is left to the
// host's default.
type arguments map[string]string

func (a arguments) text(name, v string) {
	if v != "" {
		a[name] = v
	}
}

func (a arguments) count(name string, v int) {
	if v != 0 {
		a[name] = strconv.Itoa(v)
	}
}

func (a arguments) flag(name string, v bool) {
	if v {
		a[name] = "true"
	}
}

// group is a quantity whose arrays are read by name.
type group struct {
	name   string
	arrays map[string]array
}

func (n *Network) group(ctx context.Context, name string, args map[string]string) (group, error) {
	arrays, err := n.get(ctx, name, args)
	if err != nil {
		return group{}, err
	}
	g := group{name: name, arrays: make(map[string]array, len(arrays))}
	for _, a := range arrays {
		g.arrays[a.name] = a
	}
	return g, nil
}

func (g group) find(name string, dims int) (array, error) {
	a, ok := g.arrays[name]
	if !ok {
		return array{}, fmt.Errorf("reading %s: it has no array %q", g.name, name)
	}
	if len(a.shape) != dims {
		return array{}, fmt.Errorf("reading %s: array %q has shape %v, %d dimensions were expected", g.name, name, a.shape, dims)
	}
	return a, nil
}

func vector[T float32 | float64 | int32 | uint8](g group, name, dtype string) ([]T, error) {
	a, err := g.find(name, 1)
	if err != nil {
		return nil, err
	}
	v, err := view[T](a, dtype)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", g.name, err)
	}
	return v, nil
}

func (g group) matrix(name string) (Matrix, error) {
	a, err := g.find(name, 2)
	if err != nil {
		return Matrix{}, err
	}
	data, err := view[float64](a, "f64")
	if err != nil {
		return Matrix{}, fmt.Errorf("reading %s: %w", g.name, err)
	}
	return Matrix{Rows: a.shape[0], Cols: a.shape[1], Data: data}, nil
}

func (n *Network) matrix32(ctx context.Context, need Need, name string) (Matrix32, error) {
	g, err := n.group(ctx, string(need), nil)
	if err != nil {
		return Matrix32{}, err
	}
	a, err := g.find(name, 2)
	if err != nil {
		return Matrix32{}, err
	}
	data, err := view[float32](a, "f32")
	if err != nil {
		return Matrix32{}, fmt.Errorf("reading %s: %w", need, err)
	}
	return Matrix32{Rows: a.shape[0], Cols: a.shape[1], Data: data}, nil
}

func (g group) scalar(name string) (float64, error) {
	a, err := g.find(name, 0)
	if err != nil {
		return 0, err
	}
	v, err := view[float64](a, "f64")
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", g.name, err)
	}
	return v[0], nil
}

// optional is a scalar that may be absent; NaN counts as absent.
func (g group) optional(name string) *float64 {
	v, err := g.scalar(name)
	if err != nil || math.IsNaN(v) {
		return nil
	}
	return &v
}
