package measure

import (
	"context"
	"strconv"
)

// Eigenvalue is the largest eigenvalue of the Hessian of the training loss, as an iteration found it.
type Eigenvalue struct {
	Value     float64
	Smallest  float64 // the smallest eigenvalue seen on the way: not below the true one
	Residual  float64 // an eigenvalue is within it of Value
	Products  int     // with the Hessian
	Examples  int     // looked at
	Converged bool    // Residual is at most 1e-2 of |Value|
}

// Trace is an estimate of the trace of the Hessian of the training loss.
type Trace struct {
	Value    float64
	Error    float64 // standard error, from the spread of the samples
	Examples int     // looked at
}

// PerturbedLoss is a mean cross-entropy, in nats, at the weights and at perturbed ones.
type PerturbedLoss struct{ Loss, Perturbed float64 }

// StepOptions chooses the step of [Network.StepLoss]. Zero values are the host's defaults, named first.
type StepOptions struct {
	Adaptive bool    // false, true
	Rho      float64 // radius; 0: 0.05
	Eta      float64 // of an adaptive step; 0 is 0
	Batch    int     // examples that share a step; 0: all
}

// NoiseOptions chooses the noise of [Network.NoiseLoss]. Zero values are the host's defaults, named first.
type NoiseOptions struct {
	Norm      string // "l2": normal noise, "linf": uniform
	Adaptive  bool   // false, true: in units of each weight
	Normalize bool   // false, true: the loss of normalized logits
	Rho       float64
	Draws     int // 0: 20
}

// WorstOptions chooses the ball and the ascent of [Network.WorstLoss]. Zero values are the host's defaults,
// named first.
type WorstOptions struct {
	Norm       string // "l2", "linf"
	Adaptive   bool   // false, true: in units of each weight
	Normalize  bool   // false, true: the loss of normalized logits
	Rho        float64
	Batch      int // examples that share a perturbation; 0: 128
	Iterations int // 0: 20
	Examples   int // the first so many of a seeded permutation; all where there are fewer
}

// GradientNorms returns ‖g_n‖² of every training example, [N], g_n the gradient of its cross-entropy with
// respect to all trainable values of the network as it is stored, in evaluation mode. labels is "given",
// "sampled" (from the network's own softmax) or "expected" (the expectation of the one before).
func (n *Network) GradientNorms(ctx context.Context, labels string) ([]float64, error) {
	args := arguments{}
	args.text("labels", labels)
	q, err := n.group(ctx, string(GradientNorms), args)
	if err != nil {
		return nil, err
	}
	return vector[float64](q, "norms", "f64")
}

// GradientDots returns <w, g_n> of every training example, [N], over all weights and biases of the network with batch
// norm folded in, g_n the gradient of its cross-entropy with respect to them.
func (n *Network) GradientDots(ctx context.Context) ([]float64, error) {
	q, err := n.group(ctx, string(GradientDots), nil)
	if err != nil {
		return nil, err
	}
	return vector[float64](q, "dots", "f64")
}

// GradientMoments returns mean and population variance over the training set of every coordinate of g_n, both
// [P], in the order of the trainable tensors; g_n as of GradientNorms with the labels trained on.
func (n *Network) GradientMoments(ctx context.Context) (mean, variance []float64, err error) {
	q, err := n.group(ctx, string(GradientMoments), nil)
	if err != nil {
		return nil, nil, err
	}
	if mean, err = vector[float64](q, "mean", "f64"); err != nil {
		return nil, nil, err
	}
	variance, err = vector[float64](q, "variance", "f64")
	return mean, variance, err
}

// HessianTop returns the largest eigenvalue of the Hessian of the mean cross-entropy with respect to all
// trainable values of the network as it is stored, on the first examples of a seeded permutation of the
// training set; 0 is all.
func (n *Network) HessianTop(ctx context.Context, examples int) (Eigenvalue, error) {
	q, err := n.group(ctx, string(HessianTop), examplesArgument(examples))
	if err != nil {
		return Eigenvalue{}, err
	}
	v, err := q.scalars("eigenvalue", "smallest", "residual", "products", "examples", "converged")
	if err != nil {
		return Eigenvalue{}, err
	}
	return Eigenvalue{Value: v[0], Smallest: v[1], Residual: v[2], Products: int(v[3]), Examples: int(v[4]), Converged: v[5] != 0}, nil
}

// HessianTrace returns an estimate of the trace of the Hessian of HessianTop, on the same examples.
func (n *Network) HessianTrace(ctx context.Context, examples int) (Trace, error) {
	q, err := n.group(ctx, string(HessianTrace), examplesArgument(examples))
	if err != nil {
		return Trace{}, err
	}
	v, err := q.scalars("trace", "error", "examples")
	if err != nil {
		return Trace{}, err
	}
	return Trace{Value: v[0], Error: v[1], Examples: int(v[2])}, nil
}

// StepLoss returns the training loss before and after one step of steepest ascent to the edge of a ball around
// the weights.
func (n *Network) StepLoss(ctx context.Context, o StepOptions) (PerturbedLoss, error) {
	args := arguments{}
	args.flag("adaptive", o.Adaptive)
	args.real("rho", o.Rho)
	if o.Adaptive {
		args["eta"] = strconv.FormatFloat(o.Eta, 'g', -1, 64)
	}
	args.count("m", o.Batch)
	return n.perturbedLoss(ctx, StepLoss, args)
}

// WorstLoss returns the loss of some of the training set before, and the largest that ascent found within a
// ball around the weights.
func (n *Network) WorstLoss(ctx context.Context, o WorstOptions) (PerturbedLoss, error) {
	args := arguments{}
	args.text("norm", o.Norm)
	args.flag("adaptive", o.Adaptive)
	args.flag("normalize_logits", o.Normalize)
	args.real("rho", o.Rho)
	args.count("m", o.Batch)
	args.count("iterations", o.Iterations)
	args["examples"] = strconv.Itoa(o.Examples)
	return n.perturbedLoss(ctx, WorstLoss, args)
}

func (n *Network) perturbedLoss(ctx context.Context, need Need, args arguments) (PerturbedLoss, error) {
	q, err := n.group(ctx, string(need), args)
	if err != nil {
		return PerturbedLoss{}, err
	}
	v, err := q.scalars("loss", "perturbed")
	if err != nil {
		return PerturbedLoss{}, err
	}
	return PerturbedLoss{Loss: v[0], Perturbed: v[1]}, nil
}

// NoiseLoss returns the training loss at the weights and at every draw of weights near them, [draws].
func (n *Network) NoiseLoss(ctx context.Context, o NoiseOptions) (loss float64, losses []float64, err error) {
	args := arguments{}
	args.text("norm", o.Norm)
	args.flag("adaptive", o.Adaptive)
	args.flag("normalize_logits", o.Normalize)
	args.real("rho", o.Rho)
	args.count("draws", o.Draws)
	q, err := n.group(ctx, string(NoiseLoss), args)
	if err != nil {
		return 0, nil, err
	}
	if loss, err = q.scalar("loss"); err != nil {
		return 0, nil, err
	}
	losses, err = vector[float64](q, "losses", "f64")
	return loss, losses, err
}

func examplesArgument(examples int) arguments {
	return arguments{"examples": strconv.Itoa(examples)}
}

func (a arguments) real(name string, v float64) {
	if v != 0 {
		a[name] = strconv.FormatFloat(v, 'g', -1, 64)
	}
}

func (g group) scalars(names ...string) ([]float64, error) {
	v := make([]float64, len(names))
	for i, name := range names {
		var err error
		if v[i], err = g.scalar(name); err != nil {
			return nil, err
		}
	}
	return v, nil
}
