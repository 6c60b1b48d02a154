// Package sensitivity holds measures of how strongly the network's outputs react to what its layers read.
//
//	jacobian-norm  1/L Σ_l mean_x ‖∂f/∂x^l‖_F² / (K·D_l)
//
// over the L layers with weights; x^l is what layer l reads (x^0 the input, x^l after batch norm and ReLU), D_l its values, f the K
// logits, in evaluation mode, x from a sample of the training set.
//
// Sources: the baseline "jacobian norm" of the competition PGDL 2020 (its starting kit, contributed by Foret); Novak, Bahri,
// Abolafia, Pennington and Sohl-Dickstein, "Sensitivity and generalization in neural networks: an empirical study", 2018,
// arXiv:1802.08760, for the norm of the input-output Jacobian (options form and of).
package sensitivity

import (
	"context"
	"math"

	"github.com/genbench/genbench/harness/measure"
)

// All lists the folder's measures.
func All() []measure.Measure { return []measure.Measure{JacobianNorm{}} }

// JacobianNorm is the size of the derivatives of the outputs.
type JacobianNorm struct{}

// Info describes the measure.
func (JacobianNorm) Info() measure.Info {
	return measure.Info{
		Name: "jacobian-norm", Version: "1", Family: "sensitivity",
		Doc:      "mean square of the derivatives of the logits with respect to what each layer reads",
		Citation: "PGDL 2020 starting kit, baseline jacobian norm; Novak, Bahri, Abolafia, Pennington and Sohl-Dickstein, Sensitivity and generalization in neural networks: an empirical study, 2018, arXiv:1802.08760",
		Formula: "1/L Σ_l mean_x ‖∂f/∂x^l‖_F²/(K·D_l); x^l the D_l values that layer l with weights reads, f the K logits. form=squared-frobenius: mean_x ‖∂f/∂x⁰‖_F²; " +
			"form=frobenius: mean_x ‖∂f/∂x⁰‖_F; of=probabilities: f their softmax",
		Deviations: "The baseline counts every Keras layer, so a pooling or dropout layer reads once more; here the layers with weights count. Its 33 batches of 16 are the " +
			"first of the file, here a seeded sample; it averages batches, which are equal here. Novak et al. take the class probabilities (from memory) and test inputs; here training inputs.",
		Needs:      measure.Needs{measure.JacobianNorms},
		Larger:     measure.PredictsLargerGap, // sensitive networks are said to generalize worse
		Stochastic: true,
		Options: []measure.Option{
			{Name: "form", Default: "mean-square", Values: []string{"mean-square", "squared-frobenius", "frobenius"}, Doc: "over all layers, as PGDL; or the norm of the input-output Jacobian, squared or not, as Novak et al."},
			{Name: "of", Default: "logits", Values: []string{"logits", "probabilities"}, Doc: "what is derived"},
			{Name: "examples", Default: "528", Doc: "training examples looked at; 0 is all"},
		},
	}
}

// Compute answers a value >= 0.
func (JacobianNorm) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	examples, err := net.IntOption("examples")
	if err != nil {
		return 0, err
	}
	j, err := net.JacobianNorms(ctx, examples, net.Option("of") == "probabilities")
	if err != nil {
		return 0, err
	}
	v := combine(j, net.Option("form"), net.Classes())
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, measure.Undefined("the norm of the Jacobian is %v", v)
	}
	return v, nil
}

func combine(j measure.Jacobians, form string, classes int) float64 {
	n := float64(j.Squares.Rows)
	var sum float64
	switch form {
	case "squared-frobenius":
		for i := range j.Squares.Rows {
			sum += j.Squares.At(i, 0)
		}
		return sum / n
	case "frobenius":
		for i := range j.Squares.Rows {
			sum += math.Sqrt(j.Squares.At(i, 0))
		}
		return sum / n
	}
	for l, d := range j.Units {
		var layer float64
		for i := range j.Squares.Rows {
			layer += j.Squares.At(i, l)
		}
		sum += layer / n / float64(classes) / float64(d)
	}
	return sum / float64(len(j.Units))
}
