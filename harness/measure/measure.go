// Package measure is what the author of a generalization measure imports.
//
// A [Measure] reads what it needs of one trained network and answers one finite
// number. Its program is one line:
//
//	func main() { measure.Serve(Margin{}) }
//
// genbench runs that program once, asks it what it measures and what it
// [Needs], and then calls Compute for every network of a corpus. Everything
// expensive (logits, margins, sums of activations, losses at perturbed weights)
// is computed by genbench, once per network, and shared by all measures; a
// measure sees it as read-only slices mapped from the host's cache. A measure
// sees no test labels, no test metrics and no hyperparameters: it cannot read
// the answer by mistake.
//
// Axes have one letter each, and every slice states its shape in brackets,
// row-major: N examples, D input features flattened as [C, H, W], K classes,
// L layers counted from the input.
//
// The package knows nothing of corpora, engines or statistics. To test a
// measure use the package measuretest beside it.
package measure

import (
	"context"
	"errors"
	"fmt"
)

// Measure scores one trained network.
type Measure interface {
	// Info describes the measure. It is constant: two calls give equal answers.
	Info() Info

	// Compute returns a finite value, or an error. The same network, options and
	// seed give the same bits: [Network.Seed] is the only source of randomness.
	//
	// An error made by [Undefined] says that the value does not exist for this
	// network; NaN and infinities are taken for that, with no better reason than
	// themselves. Errors of net's methods are to be returned as they are, wrapped or
	// not. Any other error fails this cell, and no other.
	//
	// ctx ends at the deadline; a Compute that runs on is killed with its
	// process. What net's methods return is read-only and is unmapped when
	// Compute returns: copy what must live longer. One process may be asked for
	// many networks, one after another; state kept between them is a mistake.
	Compute(ctx context.Context, net *Network) (float64, error)
}

// Info describes a measure.
type Info struct {
	Name     string // [a-z], then at most 40 of a-z, 0-9, - and . before a digit; unique among all measures of a run
	Version  string // raised whenever a value may change: old results are then computed again
	Doc      string // one sentence, for the list of measures
	Family   string // "norm", "margin", "sharpness", ...; groups the list
	Citation string // author, title, year, arXiv id, equation

	Formula    string   // what is computed, in the paper's symbols, each of them explained
	Deviations string   // where that differs from the cited source, and why; "": nowhere
	Aliases    []string // other names that select the measure, for instance those of a paper's code

	Needs      Needs
	Larger     Direction // what a larger value predicts
	Scale      Scale
	Stochastic bool // the value depends on the seed
	Options    []Option
}

// Need names a quantity that the host provides. What a measure did not declare
// is refused.
type Need string

// The needs, each with the method of [Network] that reads it.
const (
	Weights          Need = "weights"            // Weights
	InitWeights      Need = "init-weights"       // InitWeights; a corpus may not have kept them
	FusedWeights     Need = "fused-weights"      // FusedWeights
	FusedInitWeights Need = "fused-init-weights" // FusedInitWeights; a corpus may not have kept them
	TrainInputs      Need = "train-inputs"       // TrainInputs
	TrainLabels      Need = "train-labels"       // TrainLabels
	TrainLogits      Need = "train-logits"       // TrainLogits
	TrainMargins     Need = "train-margins"      // TrainMargins
	TrainLoss        Need = "train-loss"         // TrainLoss
	LayerSums        Need = "layer-sums"         // LayerSums; Split "test" needs TestInputs too
	Complexity       Need = "complexity"         // Complexity; Split "test" needs TestInputs too
	TestInputs       Need = "test-inputs"        // TestInputs: unlabelled; makes the measure transductive
	PACBayes         Need = "pac-bayes"          // PACBayes
	Sharpness        Need = "sharpness"          // Sharpness
	History          Need = "history"            // History
	PerturbedLosses  Need = "perturbed-losses"   // Evaluate
	GradientNorms    Need = "gradient-norms"     // GradientNorms
	GradientDots     Need = "gradient-dots"      // GradientDots
	GradientMoments  Need = "gradient-moments"   // GradientMoments
	HessianTop       Need = "hessian-top"        // HessianTop; an engine may have no second derivatives
	HessianTrace     Need = "hessian-trace"      // HessianTrace; likewise
	StepLoss         Need = "step-loss"          // StepLoss
	NoiseLoss        Need = "noise-loss"         // NoiseLoss
	WorstLoss        Need = "worst-loss"         // WorstLoss

	LayerFeatures          Need = "layer-features"          // LayerFeatures
	LayerMargins           Need = "layer-margins"           // LayerMargins
	MixupPredictions       Need = "mixup-predictions"       // MixupPredictions
	TransformedMargins     Need = "transformed-margins"     // TransformedMargins
	TransformedPredictions Need = "transformed-predictions" // TransformedPredictions
	JacobianNorms          Need = "jacobian-norms"          // JacobianNorms
	TestPredictions        Need = "test-predictions"        // TestPredictions; needs TestInputs too
	Sibling                Need = "sibling"                 // SiblingPredictions; needs TestInputs too. A corpus may have one seed only

	Spectra    Need = "spectra"     // Spectra; of initial weights FusedInitWeights or InitWeights too
	LayerNorms Need = "layer-norms" // LayerNorms; likewise
	PathNorm   Need = "path-norm"   // LogPathNorm
)

// KnownNeeds lists the needs of this version of the package.
func KnownNeeds() []Need {
	return []Need{Weights, InitWeights, FusedWeights, FusedInitWeights, TrainInputs, TrainLabels, TrainLogits, TrainMargins,
		TrainLoss, LayerSums, Complexity, TestInputs, PACBayes, Sharpness, History, PerturbedLosses,
		GradientNorms, GradientDots, GradientMoments, HessianTop, HessianTrace, StepLoss, NoiseLoss, WorstLoss,
		LayerFeatures, LayerMargins, MixupPredictions, TransformedMargins, TransformedPredictions, JacobianNorms, TestPredictions, Sibling,
		Spectra, LayerNorms, PathNorm}
}

// Needs is a set of needs.
type Needs []Need

// Has reports whether n is among the needs.
func (ns Needs) Has(n Need) bool {
	for _, m := range ns {
		if m == n {
			return true
		}
	}
	return false
}

// Transductive reports whether the measure reads test inputs.
func (ns Needs) Transductive() bool { return ns.Has(TestInputs) }

// Permit reports whether a measure with these needs may read that quantity: nil,
// or an error that names what is not declared. Quantities are named as their
// needs; args are those of the wire, of which split=test and weights=init and
// weights=difference count here.
func (ns Needs) Permit(quantity string, args map[string]string) error {
	if !ns.Has(Need(quantity)) {
		return fmt.Errorf("quantity %q is not declared in the measure's needs %v", quantity, ns)
	}
	if args["split"] == "test" && !ns.Has(TestInputs) {
		return fmt.Errorf("%s of the test split needs %q, which is not declared in the measure's needs %v", quantity, TestInputs, ns)
	}
	if (Need(quantity) == TestPredictions || Need(quantity) == Sibling) && !ns.Has(TestInputs) {
		return fmt.Errorf("%s are of the test inputs and need %q, which is not declared in the measure's needs %v", quantity, TestInputs, ns)
	}
	if w := args["weights"]; (w == "init" || w == "difference") && !ns.Has(InitWeights) && !ns.Has(FusedInitWeights) {
		return fmt.Errorf("%s with weights=%s needs %q or %q, which are not declared in the measure's needs %v", quantity, w, InitWeights, FusedInitWeights, ns)
	}
	return nil
}

// Direction says what a larger value predicts.
type Direction int

// The directions.
const (
	Unknown            Direction = iota // no claim: ranked as PredictsLargerGap
	PredictsLargerGap                   // a larger value predicts a larger generalization gap
	PredictsSmallerGap                  // a larger value predicts a smaller generalization gap
)

// String is "unknown", "larger" or "smaller".
func (d Direction) String() string {
	switch d {
	case PredictsLargerGap:
		return "larger"
	case PredictsSmallerGap:
		return "smaller"
	}
	return "unknown"
}

// Scale says how the value relates to the quantity that the measure is named for.
type Scale int

// The scales.
const (
	Raw Scale = iota // the quantity itself
	Log              // its natural logarithm; products over layers answer this
)

// String is "raw" or "log".
func (s Scale) String() string {
	if s == Log {
		return "log"
	}
	return "raw"
}

// Option is a setting of a measure, chosen by the user as NAME[OPTION=VALUE].
type Option struct {
	Name    string // [a-z][a-z0-9-_]*
	Default string
	Doc     string
	Values  []string // what is allowed; empty: anything
}

// UndefinedError says that a value does not exist for a network. It is made by
// [Undefined].
type UndefinedError struct{ Reason string }

func (e *UndefinedError) Error() string { return "undefined: " + e.Reason }

// Undefined returns an error that says why the value does not exist for this
// network: zero weights have no direction, one layer has no slope. The cell is
// recorded as undefined, with the reason; it is not a failure.
func Undefined(format string, a ...any) error {
	return &UndefinedError{Reason: fmt.Sprintf(format, a...)}
}

// MissingError says that the host lacks a quantity that the measure declared,
// for instance initial weights that the corpus did not keep. The cell is
// recorded as skipped.
type MissingError struct {
	Need   Need
	Reason string
}

func (e *MissingError) Error() string {
	if e.Reason == "" {
		return "needs " + string(e.Need)
	}
	return "needs " + string(e.Need) + ": " + e.Reason
}

// IsUndefined reports whether err says that a value does not exist, and why.
func IsUndefined(err error) (reason string, ok bool) {
	var u *UndefinedError
	if errors.As(err, &u) {
		return u.Reason, true
	}
	return "", false
}
