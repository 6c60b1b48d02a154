// Package gradients holds the measures of the gradients of single training examples at the end of training.
//
// With g_n the gradient of the cross-entropy of training example n (nats, the label trained on, evaluation
// mode) with respect to all P trainable values, biases included, and N the number of training examples:
//
//	fisher-rao         1/N Σ_n <w, g_n>²                               Liang et al. 2017; options
//	fisher-trace       1/N Σ_n ‖g_n‖²                                  the trace of the empirical Fisher matrix; options
//	gradient-variance  1/P Σ_j Var_n g_nj                              the trace of the covariance of g_n over P
//	gsnr               mean over j of (mean_n g_nj)² / Var_n g_nj      Liu et al. 2020
//	tic                Tr C / Tr H, C = 1/N Σ_n g_n g_nᵀ               Thomas et al. 2020; H the Hessian of the training loss
//
// Variances are over the training set as a population (divided by N).
//
// # Which weights
//
// fisher-rao is of the network with its batch norms folded in: it is defined for networks of weights and
// rectifiers, and is there the same for all scalings of weights between layers that leave the function as it
// is. The others are of the network as it is stored, batch norm's scale and shift among the P values, as the
// optimizer saw it and as their sources' code takes model.parameters(); they change when the scale of weights
// moves from layer to layer.
//
// # What is the same by another name
//
// P · gradient-variance is the trace of the covariance of g_n, (1/N Σ‖g_n‖²) - ‖1/N Σ g_n‖²: what the training
// record holds as gradient noise at the end, computed at the stored weights, up to rounding. The two rows then
// differ by the factor P alone, so they order networks of one architecture alike. fisher-trace with
// labels=given is the same trace with the mean gradient left in, about the same at a minimum.
//
// The Fisher matrix and the Hessian have the same trace wherever the network is linear in each single
// parameter, piece by piece: the second derivatives of the logits that they differ by are then 0 on the
// diagonal. Layers of weights, batch norm in evaluation mode, rectifiers and pooling make such networks. So the
// tic of both options is one number, but for the error of the Hessian's estimate.
package gradients

import "github.com/genbench/genbench/harness/measure"

// All lists the folder's measures.
func All() []measure.Measure {
	return []measure.Measure{FisherRao{}, FisherTrace{}, Variance{}, SignalToNoise{}, TIC{}}
}

func mean(x []float64) float64 {
	var s float64
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}
