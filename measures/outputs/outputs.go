// Package outputs holds the measures that look at the network's outputs on the training set alone: those of Jiang et al.,
// "Fantastic Generalization Measures and Where to Find Them", 2019, arXiv:1912.02178 (FGM).
//
// With p_ij the softmax output of class j for training example i of m, y_i its label (the one trained on), and γ the
// training margin:
//
//	cross-entropy    -(1/m) Σ_i ln p_i,y_i            nats   eq. 21 [M]
//	neg-entropy      (1/m) Σ_i Σ_j p_ij ln p_ij       nats, in [-ln K, 0]   eq. 23 [M]
//	inverse-margin   1/γ²                             eq. 22 [S]
//
// [S]: checked against the reference code nitarshan/robust-generalization-measures, whose enumeration carries FGM's
// numbers. [M]: from memory, not checked. Everything is in evaluation mode and computed in float64 from the engine's
// float32 logits. Values are not adjusted for m.
package outputs

import (
	"context"
	"math"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/measures/internal/margin"
)

const citation = "Jiang, Neyshabur, Mobahi, Krishnan and Bengio, Fantastic generalization measures and where to find them, 2019, arXiv:1912.02178, "

// All lists the folder's measures.
func All() []measure.Measure { return []measure.Measure{CrossEntropy{}, NegEntropy{}, InverseMargin{}} }

// CrossEntropy is the training loss. The board's control train-loss is the same number from the corpus's record.
type CrossEntropy struct{}

// Info describes the measure.
func (CrossEntropy) Info() measure.Info {
	return measure.Info{
		Name: "cross-entropy", Version: "1", Family: "output", Doc: "mean cross-entropy of the training set",
		Citation: citation + "eq. 21, unverified",
		Formula:  "-(1/m) Σ_i ln p_i,y_i; p_ij the softmax output of class j for training example i of m, y_i its label",
		Needs:    measure.Needs{measure.TrainLoss}, Larger: measure.PredictsLargerGap,
	}
}

// Compute answers the mean cross-entropy, nats.
func (CrossEntropy) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	loss, _, err := net.TrainLoss(ctx)
	if err != nil {
		return 0, err
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return 0, measure.Undefined("the mean cross-entropy is %v", loss)
	}
	return loss, nil
}

// NegEntropy is how sure of itself the network is.
type NegEntropy struct{}

// Info describes the measure. The direction: outputs of low entropy are said to overfit (Pereyra et al. 2017, arXiv:1701.06548).
func (NegEntropy) Info() measure.Info {
	return measure.Info{
		Name: "neg-entropy", Version: "1", Family: "output", Doc: "mean negative entropy of the softmax outputs on the training set",
		Citation:   citation + "eq. 23, unverified",
		Formula:    "(1/m) Σ_i Σ_j p_ij ln p_ij; p_ij the softmax output of class j for training example i of m; 0 ln 0 = 0",
		Deviations: "the paper's sign and number of equation are from memory",
		Needs:      measure.Needs{measure.TrainLogits}, Larger: measure.PredictsLargerGap,
	}
}

// Compute answers the mean of Σ_j p_j ln p_j, nats; never above 0.
func (NegEntropy) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	logits, err := net.TrainLogits(ctx)
	if err != nil {
		return 0, err
	}
	if logits.Rows == 0 {
		return 0, measure.Undefined("there are no training examples")
	}
	var total float64
	for i := range logits.Rows {
		total += negEntropy(logits.Row(i))
	}
	if math.IsNaN(total) || math.IsInf(total, 0) {
		return 0, measure.Undefined("a logit is not finite")
	}
	return total / float64(logits.Rows), nil
}

// negEntropy is Σ_j p_j ln p_j = Σ_j p_j (f_j - top) - ln Σ_j exp(f_j - top) of logits f, [K].
func negEntropy(f []float32) float64 {
	top := math.Inf(-1)
	for _, v := range f {
		top = math.Max(top, float64(v)) // math.Max keeps NaN
	}
	var sum, weighted float64
	for _, v := range f {
		d := float64(v) - top
		e := math.Exp(d)
		sum += e
		if e > 0 {
			weighted += e * d
		}
	}
	return weighted/sum - math.Log(sum)
}

// InverseMargin is 1/γ².
type InverseMargin struct{}

// Info describes the measure.
func (InverseMargin) Info() measure.Info {
	return measure.Info{
		Name: "inverse-margin", Version: "1", Family: "margin", Doc: "inverse square of the training margin", Aliases: []string{"INVERSE_MARGIN"},
		Citation:   citation + "eq. 22",
		Formula:    "1/γ²; γ the 10th percentile of the training margins f_y - max_{j≠y} f_j",
		Deviations: margin.Deviations + "; not adjusted for the number of examples (√(value/m)), which the statistics do where asked",
		Needs:      measure.Needs{measure.TrainMargins}, Larger: measure.PredictsLargerGap,
		Options: []measure.Option{margin.Option()},
	}
}

// Compute answers 1/γ²; undefined where γ is.
func (InverseMargin) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	gamma, err := margin.Gamma(ctx, net)
	if err != nil {
		return 0, err
	}
	return 1 / (gamma * gamma), nil
}
