package models

import "fmt"

// Engine computes with networks. Its three implementations are models/cpu (the
// default), models/xla (GPU) and models/reference (gorgonia); the conformance
// suite in models/enginetest holds them against each other and against float64
// finite differences.
type Engine interface {
	// Name names the engine and its kernels, "cpu/avx512". It is part of every
	// record and result: between engines values agree within bounds, not in bits.
	Name() string

	// NewSession makes a place to compute with one network of this
	// architecture, in batches of at most maxBatch examples.
	NewSession(a Architecture, maxBatch int) (Session, error)
}

// Session holds the tensors of one network on an engine, and the buffers to
// compute with it. After a warm-up call no method allocates. It is not safe for concurrent use;
// different sessions are independent. Equal calls give equal bits.
//
// N is taken from the arguments and must be in [1, maxBatch]; x is [N, D] and
// labels are in [0, K). Wrong lengths are errors.
type Session interface {
	// SetState copies the tensors of s into the session.
	SetState(s State) error

	// State copies the session's tensors into dst, a state of the same architecture.
	State(dst State) error

	// Logits writes the logits of x into dst, [N, K]. Evaluation mode: batch norm uses its
	// running statistics, dropout does nothing.
	Logits(dst, x []float32) error

	// Outputs runs x through the network in evaluation mode and calls visit
	// with the output of every layer, out [N, Out], in order. out is valid during the call only.
	Outputs(x []float32, visit func(layer int, out []float32)) error

	// Gradient writes the gradient of the mean cross-entropy (nats) over the batch with
	// respect to every trainable tensor into dst (running statistics get 0) and returns that cross-entropy. In
	// Learn mode batch norm uses the batch's statistics and updates its running ones, and dropout draws its mask from d.
	// The running variance is updated with the unbiased variance, as PyTorch does, so a Learn batch of a single
	// example is an error when a batch norm reads one place a channel: see [Architecture.LeastLearn].
	Gradient(dst State, x []float32, y []int32, mode Mode, d Draw) (loss float64, err error)

	// GradientNorms writes, for each example, the squared L2 norm of the
	// gradient of its own cross-entropy with respect to all trainable values into dst, [N].
	// Evaluation mode.
	GradientNorms(dst []float64, x []float32, y []int32) error

	// Backward runs x, [N, D], forward in evaluation mode and takes seed [N, K], a gradient with respect to
	// the logits, backward. It calls visit for each layer from the last to the first with
	// the gradient with respect to what that layer reads, [N, In], valid during the call only and not to be
	// changed; visit must not use the session. visit of layer 0 is the gradient with respect to the inputs.
	// Where several layers read the same value (an add reads two), each is told the sum of its own part and those of
	// the readers behind it, so that the first of them sees the whole gradient. For an add it is that by what From names, or the layer before it.
	// Examples do not mix: row n is the gradient of Σ_k seed[n, k] logits[n, k]. The derivative of a ReLU at 0 is 0.
	Backward(x, seed []float32, visit func(layer int, gradient []float32)) error

	// GradientDots writes, for each example, the inner product <w, g_n> of all trainable
	// values with the gradient g_n of its own cross-entropy into dst, [N]. Evaluation mode. The sum is taken in float64.
	GradientDots(dst []float64, x []float32, y []int32) error

	// GradientMoments adds, for every trainable tensor t (State order; entries of tensors that are
	// not trainable may be nil and are left alone), the sum over the batch's examples of g_n to sum[t] and
	// of g_n² (coordinate by coordinate) to squares[t], g_n the gradient of the example's own cross-entropy.
	// Evaluation mode. An engine may sum one batch in float32; between batches the sums are float64.
	GradientMoments(sum, squares [][]float64, x []float32, y []int32) error

	// Begin sets the optimizer and clears its state (momentum, moments, step count).
	Begin(o Optimizer) error

	// Step does one training step on the batch (Learn-mode forward and backward, and the
	// optimizer's update) and returns the batch's mean cross-entropy before the update.
	// A Step before Begin is an error. A loss that is not finite is returned as it is, without an error.
	Step(x []float32, y []int32, d Draw) (loss float64, err error)

	// Close frees what the session holds.
	Close() error
}

// SecondOrder is what a session may be able to do beyond Session: an engine that
// cannot does not implement it. Ask with a type assertion.
type SecondOrder interface {
	// HessianVector writes H v into dst, H the Hessian of the batch's mean cross-entropy in
	// evaluation mode with respect to all trainable values: running statistics get 0 and those of v are not
	// read. A ReLU's second derivative is 0 everywhere, as in PyTorch. dst may be v.
	HessianVector(dst, v State, x []float32, y []int32) error
}

// Mode says how batch norm and dropout behave.
type Mode int

// The two modes.
const (
	Eval  Mode = iota // running statistics, no dropout; PyTorch's model.eval()
	Learn             // batch statistics, dropout; PyTorch's model.train(). Not called Train: that is the training loop
)

// Draw names the random numbers of one training step; dropout masks depend on
// nothing else, so engines agree on them.
type Draw struct {
	Seed uint64 // the network's dropout seed
	Step uint64 // optimizer step, from 0
}

// Optimizer is an update rule with PyTorch's definitions and names
// (torch.optim.SGD, Adam, RMSprop; PyTorch 1.13). Weight decay is the L2 term added to the
// gradient of every trainable tensor, biases included, as torch does by default.
type Optimizer struct {
	Name         string  `json:"name"`          // "sgd", "adam", "rmsprop"
	LearningRate float64 `json:"learning_rate"` // in (0, 1e6]
	Momentum     float64 `json:"momentum"`      // sgd and rmsprop: in [0, 1); no dampening, no Nesterov
	WeightDecay  float64 `json:"weight_decay"`  // in [0, 1e6]
	Beta1        float64 `json:"beta1"`         // adam; torch's default 0.9
	Beta2        float64 `json:"beta2"`         // adam; 0.999
	Alpha        float64 `json:"alpha"`         // rmsprop's smoothing; 0.99
	Epsilon      float64 `json:"epsilon"`       // adam, rmsprop: in (0, 1e6]; 1e-8
}

// maxRate bounds what is sensible of a learning rate, a weight decay and an epsilon; specs have the same bound.
const maxRate = 1_000_000

// Validate reports the first value that the rule cannot use.
func (o Optimizer) Validate() error {
	switch o.Name {
	case "sgd", "adam", "rmsprop":
	default:
		return fmt.Errorf("unknown optimizer %q (known: sgd, adam, rmsprop)", o.Name)
	}
	in01 := func(v float64) bool { return v >= 0 && v < 1 }
	switch {
	case !(o.LearningRate > 0 && o.LearningRate <= maxRate):
		return fmt.Errorf("learning rate %v is not in (0, %d]", o.LearningRate, maxRate)
	case !(o.WeightDecay >= 0 && o.WeightDecay <= maxRate):
		return fmt.Errorf("weight decay %v is not in [0, %d]", o.WeightDecay, maxRate)
	case !in01(o.Momentum):
		return fmt.Errorf("momentum %v is not in [0, 1)", o.Momentum)
	case o.Name == "adam" && !(in01(o.Beta1) && in01(o.Beta2)):
		return fmt.Errorf("adam's betas %v and %v are not in [0, 1)", o.Beta1, o.Beta2)
	case o.Name == "adam" && o.Momentum != 0:
		return fmt.Errorf("adam takes no momentum (got %v); its beta1 plays that part", o.Momentum)
	case o.Name == "rmsprop" && !in01(o.Alpha):
		return fmt.Errorf("rmsprop's alpha %v is not in [0, 1)", o.Alpha)
	case o.Name != "sgd" && !(o.Epsilon > 0 && o.Epsilon <= maxRate):
		return fmt.Errorf("%s's epsilon %v is not in (0, %d]", o.Name, o.Epsilon, maxRate)
	}
	return nil
}

// DropoutMask fills keep, of the layer's [N, Out], with 1/(1-rate) where the value is kept and 0
// where it is dropped. The value at index i depends on (d, layer, i) alone, through a
// counter-based generator (SplitMix64 of a hash of d and layer, plus i), so every engine and
// every batch layout draws the same mask.
func DropoutMask(keep []float32, rate float64, d Draw, layer int) {
	key := mix64(mix64(d.Seed^0x9e3779b97f4a7c15) + mix64(d.Step+1)*0xbf58476d1ce4e5b9 + uint64(layer)*0x94d049bb133111eb)
	threshold := uint64(rate * (1 << 53))
	scale := float32(1 / (1 - rate))
	for i := range keep {
		if mix64(key+uint64(i)*0x9e3779b97f4a7c15)>>11 < threshold {
			keep[i] = 0
		} else {
			keep[i] = scale
		}
	}
}

// mix64 is SplitMix64's finalizer (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195).
func mix64(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
