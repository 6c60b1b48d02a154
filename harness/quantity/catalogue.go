package quantity

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// argument is one setting of a quantity. Its first value is the default; a
// number's default is given and its values are empty.
type argument struct {
	name   string
	values []string
	words  []string // of a number: what may stand in its place
	number int      // default of a number
	min    int      // smallest number
	max    int
	real   *interval                    // of a real number; values and number are then unused
	spell  func(string) (string, error) // of another form, "" included: its one spelling
}

// source says what a quantity depends on beside its arguments, and so what is
// in its key.
type source int

const (
	ofData    source = iota // the examples alone: shared by all networks trained on them
	ofRecord                // what was recorded while it was trained
	ofNetwork               // the tensors too
	ofEngine                // and which engine computes
)

// kind is one quantity: how it is asked for and how it is computed.
type kind struct {
	name    string
	of      source
	args    []argument
	init    bool                 // needs the initial tensors
	test    bool                 // needs the test inputs
	sibling bool                 // needs the network of another seed
	random  func(arguments) bool // whether the run's seed matters; nil: never
	cost    costs                // beside the quantities that it rests on
	compute func(context.Context, *Provider, arguments) ([]payload, error)
}

// arguments are complete and canonical: every argument of the quantity, with a
// value that it knows.
type arguments map[string]string

func (a arguments) number(name string) int {
	n, _ := strconv.Atoi(a[name]) // canonical has checked it
	return n
}

func (a arguments) flag(name string) bool { return a[name] == "true" }

// String is the canonical form: name=value, sorted, separated by commas.
func (a arguments) String() string {
	var b strings.Builder
	for i, k := range slices.Sorted(maps.Keys(a)) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(k + "=" + a[k])
	}
	return b.String()
}

var (
	argSplit    = argument{name: "split", values: []string{"train", "test"}}
	argExamples = argument{name: "examples", max: 1 << 31}
	argKind     = argument{name: "kind", values: []string{"plain", "magnitude"}}
	argLayer    = argument{name: "layer", number: 1, max: 1 << 20, words: []string{"last"}}
	argPool     = argument{name: "pool", number: 1, min: 1, max: 1 << 10}
	argRounds   = argument{name: "rounds", number: 1, min: 1, max: 1 << 20}
)

// Arguments of the losses near the weights and of curvature.
var (
	argNorm      = argument{name: "norm", values: []string{"l2", "linf"}}
	argAdaptive  = argument{name: "adaptive", values: []string{"false", "true"}}
	argNormalize = argument{name: "normalize_logits", values: []string{"false", "true"}}
	argRadius    = argument{name: "rho", real: &interval{value: 0.05, max: 1e6}}
	argCurvature = argument{name: "examples", number: curvatureExamples, max: 1 << 31}
)

func sampled(a arguments) bool { return a["examples"] != "0" }
func drawn(a arguments) bool   { return a["labels"] == "sampled" }
func batched(a arguments) bool { return a["m"] != "0" }
func always(arguments) bool    { return true }

// catalogue lists the quantities. It is a function so that nothing can change it.
func catalogue() []kind {
	return []kind{
		{name: "weights", of: ofNetwork, cost: free, compute: computeWeights},
		{name: "init-weights", of: ofNetwork, init: true, cost: free, compute: computeInitWeights},
		{name: "fused-weights", of: ofNetwork, cost: free, compute: computeFusedWeights},
		{name: "fused-init-weights", of: ofNetwork, init: true, cost: free, compute: computeFusedInitWeights},
		{name: "train-inputs", of: ofData, cost: free, compute: computeTrainInputs},
		{name: "train-labels", of: ofData, cost: free, compute: computeTrainLabels},
		{name: "test-inputs", of: ofData, test: true, cost: free, compute: computeTestInputs},
		{name: "train-logits", of: ofEngine, cost: oneForward, compute: computeTrainLogits},
		{name: "train-margins", of: ofEngine, cost: free, compute: computeTrainMargins},
		{name: "train-loss", of: ofEngine, cost: free, compute: computeTrainLoss},
		{name: "layer-sums", of: ofEngine, random: sampled, cost: oneForward, compute: computeLayerSums, args: []argument{
			argSplit, argExamples,
			{name: "layers", values: []string{"released", "paper", "post_relu"}},
			{name: "reduce", values: []string{"sum", "mean", "abs_sum", "mean_channel_sum_space"}},
			{name: "include_logits", values: []string{"false", "true"}},
		}},
		{name: "complexity", of: ofData, random: sampled, cost: free, compute: computeComplexity, args: []argument{
			argSplit, argExamples,
			{name: "complexity", values: []string{"entropy", "gzip", "png"}},
			{name: "bins", number: 256, min: 2, max: 1 << 20},
			{name: "range", spell: canonicalRange},
			{name: "noised", values: []string{"false", "true"}},
			{name: "out_of_range", values: []string{"", "error", "drop", "clip"}},
			{name: "scale", values: []string{"bits", "published"}},
		}},
		{name: "pac-bayes", of: ofEngine, random: always, cost: costPACBayes, compute: computePACBayes, args: []argument{
			argKind, {name: "rgm_compat", values: []string{"false", "true"}},
		}},
		{name: "sharpness", of: ofEngine, random: always, cost: costSharpness, compute: computeSharpness, args: []argument{argKind}},
		{name: "history", of: ofRecord, cost: free, compute: computeHistory},
		{name: "gradient-norms", of: ofEngine, random: drawn, cost: costGradientNorms, compute: computeGradientNorms, args: []argument{
			{name: "labels", values: []string{"given", "sampled", "expected"}},
		}},
		{name: "gradient-dots", of: ofEngine, cost: oneGradient, compute: computeGradientDots},
		{name: "gradient-moments", of: ofEngine, cost: oneGradient, compute: computeGradientMoments},
		{name: "hessian-top", of: ofEngine, random: always, cost: costHessianTop, compute: computeHessianTop, args: []argument{argCurvature}},
		{name: "hessian-trace", of: ofEngine, random: always, cost: costHessianTrace, compute: computeHessianTrace, args: []argument{argCurvature}},
		{name: "step-loss", of: ofEngine, random: batched, cost: costStepLoss, compute: computeStepLoss, args: []argument{
			argAdaptive, argRadius, {name: "eta", real: &interval{value: 0.01, max: 1e6, zero: true}}, {name: "m", max: 1 << 31},
		}},
		{name: "noise-loss", of: ofEngine, random: always, cost: costNoiseLoss, compute: computeNoiseLoss, args: []argument{
			argNorm, argAdaptive, argNormalize, argRadius, {name: "draws", number: 20, min: 1, max: 1000},
		}},
		{name: "worst-loss", of: ofEngine, random: always, cost: costWorstLoss, compute: computeWorstLoss, args: []argument{
			argNorm, argAdaptive, argNormalize, argRadius,
			{name: "m", number: 128, min: 1, max: widestBatch}, {name: "iterations", number: 20, min: 1, max: 60},
			{name: "examples", number: 1024, max: 1 << 31},
		}},
		{name: "layer-features", of: ofEngine, random: always, cost: costLayerFeatures, compute: computeLayerFeatures, args: []argument{argLayer, argRounds, argExamples, argPool}},
		{name: "layer-margins", of: ofEngine, cost: costLayerMargins, compute: computeLayerMargins},
		{name: "mixup-predictions", of: ofEngine, random: always, cost: costMixup, compute: computeMixupPredictions, args: []argument{argRounds, argExamples}},
		{name: "transformed-margins", of: ofEngine, random: always, cost: costTransformedMargins, compute: computeTransformedMargins, args: []argument{
			{name: "transform", values: []string{"mixup", "augment"}}, argLayer, argRounds, argExamples,
		}},
		{name: "transformed-predictions", of: ofEngine, random: always, cost: costTransformedPredictions, compute: computeTransformedPredictions, args: []argument{argExamples}},
		{name: "jacobian-norms", of: ofEngine, random: sampled, cost: costJacobian, compute: computeJacobianNorms, args: []argument{
			argExamples, {name: "of", values: []string{"logits", "probabilities"}},
		}},
		{name: "test-predictions", of: ofEngine, test: true, cost: oneTestForward, compute: computeTestPredictions},
		{name: "sibling", of: ofEngine, test: true, sibling: true, cost: oneTestForward, compute: computeSibling},
		{name: "spectra", of: ofNetwork, cost: oneSVD, compute: computeSpectra, args: []argument{
			argWeights, argFused, {name: "conv", values: []string{"matrix", "slices"}},
		}},
		{name: "layer-norms", of: ofNetwork, cost: costLayerNorms, compute: computeLayerNorms, args: []argument{
			argWeights, argFused, {name: "conv", values: []string{"matrix", "fft"}},
		}},
		{name: "path-norm", of: ofNetwork, cost: free, compute: computePathNorm},
	}
}

// Names lists the quantities that [Provider.Get] knows.
func Names() []string {
	var names []string
	for _, k := range catalogue() {
		names = append(names, k.name)
	}
	return names
}

// Required says what a quantity rests on beside the network and its training set.
type Required struct {
	TestInputs bool // makes what uses it transductive
	Init       bool // the initial tensors, which a corpus may not have kept
	Sibling    bool // the network of another seed
}

// Inputs says what the quantity needs. Errors name an unknown quantity, argument
// or value, and what is known.
func Inputs(name string, args map[string]string) (Required, error) {
	k, a, err := find(name, args)
	if err != nil {
		return Required{}, err
	}
	return Required{TestInputs: k.test || a["split"] == "test", Init: k.readsInit(a), Sibling: k.sibling}, nil
}

// find resolves a request to a quantity and its canonical arguments.
func find(name string, given map[string]string) (kind, arguments, error) {
	all := catalogue()
	i := slices.IndexFunc(all, func(k kind) bool { return k.name == name })
	if i < 0 {
		return kind{}, nil, fmt.Errorf("no quantity %q (%s)", name, known(Names()))
	}
	k := all[i]
	a := arguments{}
	var names []string
	for _, arg := range k.args {
		names = append(names, arg.name)
		v, err := arg.canonical(given[arg.name])
		if err != nil {
			return kind{}, nil, fmt.Errorf("quantity %s: %w", name, err)
		}
		a[arg.name] = v
	}
	for n := range given {
		if !slices.Contains(names, n) {
			return kind{}, nil, fmt.Errorf("quantity %s has no argument %q (%s)", name, n, known(names))
		}
	}
	if name == "layer-sums" && a["layers"] == "paper" {
		a["include_logits"] = "true" // the paper's layers are all layers
	}
	if name == "complexity" {
		a.settleComplexity()
	}
	if name == "step-loss" && !a.flag("adaptive") {
		a["eta"] = "0.01" // it has no part in the step
	}
	return k, a, nil
}

// settleComplexity removes differences between arguments that make none in the
// values, so that they share a file.
func (a arguments) settleComplexity() {
	if a["out_of_range"] == "" {
		a["out_of_range"] = "clip"
	}
	if a["complexity"] != "entropy" {
		a["bins"], a["scale"], a["range"] = "256", "bits", "0:1"
	}
	if low, high := a.bounds(); !a.flag("noised") && low <= 0 && high >= 1 {
		a["out_of_range"] = "clip" // 8-bit pixels are in range
	}
}

// canonical is the argument's value in its one spelling.
func (g argument) canonical(v string) (string, error) {
	if g.spell != nil {
		v, err := g.spell(v)
		if err != nil {
			return "", fmt.Errorf("argument %s: %w", g.name, err)
		}
		return v, nil
	}
	if g.real != nil {
		return g.real.canonical(g.name, v)
	}
	if g.values != nil {
		if v == "" {
			return g.values[0], nil
		}
		if !slices.Contains(g.values, v) {
			return "", fmt.Errorf("argument %s has no value %q (%s)", g.name, v, known(g.values))
		}
		return v, nil
	}
	if v == "" {
		return strconv.Itoa(g.number), nil
	}
	if slices.Contains(g.words, v) {
		return v, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < g.min || n > g.max {
		return "", fmt.Errorf("argument %s=%q is not a whole number from %d to %d%s", g.name, v, g.min, g.max, or(g.words))
	}
	return strconv.Itoa(n), nil
}

// or lists what may stand in a number's place.
func or(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return " or " + strings.Join(words, " or ")
}
