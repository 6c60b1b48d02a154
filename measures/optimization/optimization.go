// Package optimization holds the measures of how the training went: how fast, over which losses, and with how noisy
// gradients. They read what was recorded while the network was trained and need nothing else.
//
//	steps-0.1          optimizer steps until the train cross-entropy was first <= 0.1                  FGM eq. 63 [M]
//	steps-0.1-0.01     steps from there until it was first <= 0.01                                     FGM eq. 64 [M]
//	grad-noise-1       trace of the covariance of the per-example gradients after the first epoch      FGM eq. 65 [M]
//	grad-noise-final   the same at the end of training                                                 FGM eq. 66 [M]
//	sotl               Σ_e L_e, L_e the mean loss of the steps of epoch e, nats
//	sotl-e             the same over the last 10 epochs; over all where there were fewer
//
// FGM is Jiang et al., "Fantastic Generalization Measures and Where to Find Them", 2019, arXiv:1912.02178; [M]: its form
// and the equation's number are from memory, not checked. sotl is the sum over training losses of Ru, Lyle,
// Schut, Fil, van der Wilk and Gal, "Speedy Performance Estimation for Neural Architecture Search", 2021, arXiv:2006.04492;
// what is summed is what le-big-mac/robust-generalization-measures, measures.py, sums (SOTL, SOTL_10).
//
// What was not recorded, as for networks that were trained elsewhere, makes a measure skipped; a loss that was
// never reached makes it undefined.
package optimization

import (
	"context"
	"math"

	"github.com/genbench/genbench/harness/measure"
)

// form is what a measure reads of the history.
type form int

const (
	steps01 form = iota
	steps01to001
	noise1
	noiseFinal
	lossSum
	lossSumLast
)

// lastEpochs is how many epochs sotl-e sums.
const lastEpochs = 10

// Measure is one of the folder's measures.
type Measure struct{ form form }

// All lists the folder's measures.
func All() []measure.Measure {
	var all []measure.Measure
	for f := steps01; f <= lossSumLast; f++ {
		all = append(all, Measure{f})
	}
	return all
}

const (
	fgm = "Jiang, Neyshabur, Mobahi, Krishnan and Bengio, Fantastic generalization measures and where to find them, 2019, arXiv:1912.02178, "
	ru  = "Ru, Lyle, Schut, Fil, van der Wilk and Gal, Speedy performance estimation for neural architecture search, 2021, arXiv:2006.04492"

	wholeEpochs = "the loss is looked at after whole epochs, so steps are those at the end of the first epoch that reaches it; the loss is that of the whole training set in evaluation mode"
	trace       = "the sum over all trainable values, biases and batch norm's included, of the variance over examples, not its mean over them: the order of networks of one architecture is the same, across sizes it is not; in evaluation mode, on the network as stored; the variance divides by m"
	meanLosses  = "L_e is the mean of the losses of the epoch's mini-batches, each before its update, as in le-big-mac/robust-generalization-measures (SOTL, SOTL_10), whose last epoch may be a part of one"
)

// Info describes the measure.
func (m Measure) Info() measure.Info {
	info := measure.Info{Version: "1", Family: "optimization", Needs: measure.Needs{measure.History}, Larger: measure.PredictsLargerGap}
	switch m.form {
	case steps01:
		info.Name, info.Doc = "steps-0.1", "optimizer steps until the train cross-entropy was 0.1"
		info.Citation, info.Formula, info.Deviations = fgm+"eq. 63, unverified", "the number of optimizer steps until the mean cross-entropy of the training set is first <= 0.1 nats", wholeEpochs
	case steps01to001:
		info.Name, info.Doc = "steps-0.1-0.01", "optimizer steps from a train cross-entropy of 0.1 to 0.01"
		info.Citation, info.Formula, info.Deviations = fgm+"eq. 64, unverified", "the number of optimizer steps from the mean cross-entropy of the training set first <= 0.1 nats to first <= 0.01", wholeEpochs
	case noise1:
		info.Name, info.Doc = "grad-noise-1", "variance of the per-example gradients after the first epoch"
		info.Citation, info.Formula, info.Deviations = fgm+"eq. 65, unverified", "(1/m) Σ_i ‖g_i‖² - ‖(1/m) Σ_i g_i‖²; g_i the gradient of example i's cross-entropy with respect to all trainable values, after the first epoch", trace
	case noiseFinal:
		info.Name, info.Doc = "grad-noise-final", "variance of the per-example gradients at the end of training"
		info.Citation, info.Formula, info.Deviations = fgm+"eq. 66, unverified", "(1/m) Σ_i ‖g_i‖² - ‖(1/m) Σ_i g_i‖²; g_i the gradient of example i's cross-entropy with respect to all trainable values, at the end of training", trace
	case lossSum:
		info.Name, info.Doc, info.Aliases = "sotl", "sum of the epochs' mean training losses", []string{"SOTL"}
		info.Citation, info.Formula, info.Deviations = ru, "Σ_e L_e; L_e the mean loss of the steps of epoch e, nats", meanLosses
	case lossSumLast:
		info.Name, info.Doc, info.Aliases = "sotl-e", "sum of the last 10 epochs' mean training losses", []string{"SOTL_10"}
		info.Citation, info.Formula, info.Deviations = ru, "Σ_{e > E-10} L_e; E the number of epochs, L_e the mean loss of the steps of epoch e, nats", meanLosses+"; with fewer than 10 epochs all are summed"
	}
	return info
}

// Compute answers the measure.
func (m Measure) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	h, err := net.History(ctx)
	if err != nil {
		return 0, err
	}
	switch m.form {
	case steps01, steps01to001:
		return m.steps(h)
	case noise1:
		return noise(h.GradientNoise1, "after epoch 1")
	case noiseFinal:
		return noise(h.GradientNoiseFinal, "at the end")
	}
	return m.losses(net, h.MeanLosses)
}

func (m Measure) steps(h measure.TrainingHistory) (float64, error) {
	if h.Steps <= 0 && h.StepsTo01 < 0 {
		return 0, missing("the training was not recorded")
	}
	if h.StepsTo01 < 0 {
		return 0, measure.Undefined("the train cross-entropy was not seen to reach 0.1 in %d steps", h.Steps)
	}
	if m.form == steps01 {
		return float64(h.StepsTo01), nil
	}
	if h.StepsTo001 < 0 {
		return 0, measure.Undefined("the train cross-entropy was not seen to reach 0.01 in %d steps", h.Steps)
	}
	return float64(h.StepsTo001 - h.StepsTo01), nil
}

func noise(v *float64, when string) (float64, error) {
	if v == nil {
		return 0, missing("the gradient noise " + when + " was not recorded, or the training diverged before")
	}
	return *v, nil
}

func (m Measure) losses(net *measure.Network, losses []float64) (float64, error) {
	if len(losses) == 0 {
		return 0, missing("no epoch's loss was recorded")
	}
	if m.form == lossSumLast {
		losses = losses[max(0, len(losses)-lastEpochs):]
	}
	var sum float64
	for _, l := range losses {
		sum += l
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return 0, measure.Undefined("the losses of the %d epochs sum to %v", len(losses), sum)
	}
	net.Diagnose("epochs", float64(len(losses)))
	return sum, nil
}

func missing(reason string) error {
	return &measure.MissingError{Need: measure.History, Reason: reason}
}
