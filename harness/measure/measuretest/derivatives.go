package measuretest

import (
	"math/rand/v2"
	"strconv"

	"github.com/genbench/genbench/harness/measure"
)

// derivative returns the arrays of a quantity of gradients, curvature or losses near the weights, nil for what
// is not set.
func (n Net) derivative(need measure.Need, args map[string]string) ([]measure.Array, error) {
	switch need {
	case measure.GradientNorms:
		return optional(n.GradientNorms != nil, func() measure.Array {
			norms := n.GradientNorms(args["labels"])
			return floats("norms", norms, len(norms))
		}), nil
	case measure.GradientDots:
		return optional(n.GradientDots != nil, func() measure.Array { return floats("dots", n.GradientDots, len(n.GradientDots)) }), nil
	case measure.GradientMoments:
		if n.GradientMean == nil {
			return nil, nil
		}
		return []measure.Array{floats("mean", n.GradientMean, len(n.GradientMean)), floats("variance", n.GradientVariance, len(n.GradientVariance))}, nil
	case measure.HessianTop, measure.HessianTrace:
		return n.curvature(need, whole(args, "examples"))
	case measure.NoiseLoss:
		if n.NoiseLoss == nil {
			return nil, nil
		}
		loss, losses := n.NoiseLoss(measure.NoiseOptions{
			Norm: args["norm"], Adaptive: args["adaptive"] == "true", Normalize: args["normalize_logits"] == "true", Rho: number(args, "rho"), Draws: whole(args, "draws"),
		})
		return append(scalars("loss", loss), floats("losses", losses, len(losses))), nil
	}
	return n.perturbed(need, args)
}

func (n Net) curvature(need measure.Need, examples int) ([]measure.Array, error) {
	if need == measure.HessianTrace {
		if n.HessianTrace == nil {
			return nil, nil
		}
		t, err := n.HessianTrace(examples)
		return scalars("trace", t.Value, "error", t.Error, "examples", float64(t.Examples)), err
	}
	if n.HessianTop == nil {
		return nil, nil
	}
	e, err := n.HessianTop(examples)
	converged := 0.0
	if e.Converged {
		converged = 1
	}
	return scalars("eigenvalue", e.Value, "smallest", e.Smallest, "residual", e.Residual, "products", float64(e.Products),
		"examples", float64(e.Examples), "converged", converged), err
}

func (n Net) perturbed(need measure.Need, args map[string]string) ([]measure.Array, error) {
	var l measure.PerturbedLoss
	var err error
	switch {
	case need == measure.StepLoss && n.StepLoss != nil:
		l, err = n.StepLoss(measure.StepOptions{Adaptive: args["adaptive"] == "true", Rho: number(args, "rho"), Eta: number(args, "eta"), Batch: whole(args, "m")})
	case need == measure.WorstLoss && n.WorstLoss != nil:
		l, err = n.WorstLoss(measure.WorstOptions{
			Norm: args["norm"], Adaptive: args["adaptive"] == "true", Normalize: args["normalize_logits"] == "true", Rho: number(args, "rho"),
			Batch: whole(args, "m"), Iterations: whole(args, "iterations"), Examples: whole(args, "examples"),
		})
	default:
		return nil, nil
	}
	return scalars("loss", l.Loss, "perturbed", l.Perturbed), err
}

func whole(args map[string]string, name string) int {
	v, _ := strconv.Atoi(args[name])
	return v
}

func number(args map[string]string, name string) float64 {
	v, _ := strconv.ParseFloat(args[name], 64)
	return v
}

// derivatives fills in made-up gradients, curvature and losses near the weights; networks that
// are degenerate have no curvature, and gradients of 0.
func (t toy) derivatives(n *Net, rng *rand.Rand, loss float64) {
	parameters := 0
	for _, w := range n.Weights {
		parameters += len(w.Data)
	}
	random := func(count int) []float64 {
		v := make([]float64, count)
		for i := range v {
			if !t.degenerate {
				v[i] = rng.Float64()
			}
		}
		return v
	}
	norms := map[string][]float64{"given": random(t.examples), "sampled": random(t.examples), "expected": random(t.examples)}
	norms[""] = norms["given"]
	n.GradientNorms = func(labels string) []float64 { return norms[labels] }
	n.GradientDots, n.GradientMean, n.GradientVariance = random(t.examples), random(parameters), random(parameters)
	none := measure.Undefined("the training loss overflows near the weights")
	n.HessianTop = func(int) (measure.Eigenvalue, error) {
		if t.degenerate {
			return measure.Eigenvalue{}, none
		}
		return measure.Eigenvalue{Value: 3, Smallest: -0.5, Residual: 0.01, Products: 9, Examples: t.examples, Converged: true}, nil
	}
	n.HessianTrace = func(int) (measure.Trace, error) {
		if t.degenerate {
			return measure.Trace{}, none
		}
		return measure.Trace{Value: 8, Error: 0.7, Examples: t.examples}, nil
	}
	rise := func(rho float64) (measure.PerturbedLoss, error) {
		if t.degenerate {
			return measure.PerturbedLoss{}, none
		}
		return measure.PerturbedLoss{Loss: loss, Perturbed: loss + rho}, nil
	}
	n.StepLoss = func(o measure.StepOptions) (measure.PerturbedLoss, error) { return rise(o.Rho) }
	n.WorstLoss = func(o measure.WorstOptions) (measure.PerturbedLoss, error) { return rise(o.Rho) }
	n.NoiseLoss = func(o measure.NoiseOptions) (float64, []float64) {
		losses := make([]float64, max(o.Draws, 1))
		for i := range losses {
			losses[i] = 1 + o.Rho/float64(1+i)
		}
		return 1, losses
	}
}
