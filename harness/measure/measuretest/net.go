// Package measuretest tests measures without genbench: [Run] proves in one line
// that a measure keeps its contract, and [Net] is a network in memory, for
// examples worked out by hand.
//
//	func TestContract(t *testing.T) { measuretest.Run(t, Margin{}) }
package measuretest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"sync"

	"github.com/genbench/genbench/harness/measure"
)

// Net is a toy network: what is set is what the measure can read; reading what is
// not set gives a [measure.MissingError]. Shapes are those of the methods
// of [measure.Network].
type Net struct {
	ID         string
	Layers     []measure.Layer // nil: one dense layer for every two-dimensional tensor
	Classes    int             // 0: the columns of Logits, or the rows of the last weight
	TrainSize  int             // 0: the length of Margins, Labels or Logits
	InputShape []int
	Seed       uint64

	Weights   []measure.Tensor
	Init      []measure.Tensor
	Fused     []measure.Tensor // nil: Weights
	FusedInit []measure.Tensor // nil: Init

	Inputs     measure.Matrix32
	TestInputs measure.Matrix32
	Labels     []int32
	Logits     measure.Matrix32
	Margins    []float64 // nil: from Logits and Labels
	Loss       *float64
	Accuracy   *float64

	LayerSums  func(measure.LayerSumsOptions) (measure.Matrix, []int32)
	Complexity func(measure.ComplexityOptions) ([]float64, []int32)
	PACBayes   func(magnitude bool) (measure.Search, error)
	Sharpness  func(magnitude bool) (measure.Search, error)
	History    *measure.TrainingHistory
	Evaluate   func(measure.Perturbation) measure.Evaluated

	GradientNorms                  func(labels string) []float64
	GradientDots                   []float64
	GradientMean, GradientVariance []float64
	HessianTop                     func(examples int) (measure.Eigenvalue, error)
	HessianTrace                   func(examples int) (measure.Trace, error)
	StepLoss                       func(measure.StepOptions) (measure.PerturbedLoss, error)
	NoiseLoss                      func(measure.NoiseOptions) (loss float64, losses []float64)
	WorstLoss                      func(measure.WorstOptions) (measure.PerturbedLoss, error)
	Features                       func(layer string, o measure.SampleOptions) (measure.Features, error)
	LayerMargins                   *measure.Margins
	Pairs                          func(measure.SampleOptions) measure.Pairs
	ChangedMargins                 func(transform, layer string, o measure.SampleOptions) (measure.ChangedMargins, error)
	Answers                        func(examples int) measure.Answers
	Jacobians                      func(examples int, probabilities bool) measure.Jacobians
	TestPredictions                []int32
	SiblingPredictions             []int32
	Spectra                        func(measure.SpectraOptions) ([]measure.Spectrum, error)  // nil: of Weights, Init, Fused and FusedInit as matrices
	LayerNorms                     func(measure.SpectraOptions) ([]measure.LayerNorm, error) // nil: of the values of Spectra
	LogPathNorm                    *float64

	// Errors are returned in place of quantities, by name.
	Errors map[string]error
}

// Network makes the network that a measure sees. Options are taken as they
// are; [Net.Compute] fills in defaults.
func (n Net) Network(options map[string]string) *measure.Network {
	return measure.NewNetwork(n.meta(options), &source{net: n})
}

// Compute runs the measure on the network with these options and the
// defaults of the others. A quantity that the measure does not declare is refused,
// as genbench does.
func (n Net) Compute(ctx context.Context, m measure.Measure, options map[string]string) (float64, error) {
	v, _, err := n.run(ctx, m, options)
	return v, err
}

// run also returns the source, whose arrays are what the measure was given.
func (n Net) run(ctx context.Context, m measure.Measure, options map[string]string) (float64, *source, error) {
	return n.runWith(ctx, m, options, &source{})
}

func (n Net) runWith(ctx context.Context, m measure.Measure, options map[string]string, src *source) (float64, *source, error) {
	info := m.Info()
	resolved, err := info.Resolve(options)
	if err != nil {
		return 0, nil, err
	}
	src.net, src.needs, src.strict = n, info.Needs, true
	net := measure.NewNetwork(n.meta(resolved), src)
	defer net.Release()
	v, err := m.Compute(ctx, net)
	return v, src, err
}

func (n Net) meta(options map[string]string) measure.Meta {
	m := measure.Meta{ID: n.ID, Layers: n.Layers, Classes: n.Classes, TrainSize: n.TrainSize, InputShape: n.InputShape, Seed: n.Seed, Options: options}
	if m.Layers == nil {
		for _, t := range n.Weights {
			if len(t.Shape) == 2 {
				m.Layers = append(m.Layers, measure.Layer{Name: t.Name, Kind: "dense", In: t.Shape[1], Out: t.Shape[0]})
			}
		}
	}
	if m.Classes == 0 {
		m.Classes = n.Logits.Cols
	}
	if m.Classes == 0 && len(m.Layers) > 0 {
		m.Classes = m.Layers[len(m.Layers)-1].Out
	}
	if m.TrainSize == 0 {
		m.TrainSize = max(len(n.Margins), len(n.Labels), n.Logits.Rows)
	}
	return m
}

// source serves a Net.
type source struct {
	net    Net
	needs  measure.Needs
	strict bool // refuse what needs do not declare
	silent bool // answer nothing before the context ends

	mu      sync.Mutex // a measure may ask from several goroutines
	refused error      // the first refusal
	served  []measure.Array
	sums    [][sha256.Size]byte // of the arrays as they were served
}

// permit refuses what is not declared, as the host does, and remembers it.
func (s *source) permit(name string, args map[string]string) error {
	if !s.strict {
		return nil
	}
	err := s.needs.Permit(name, args)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused == nil {
		s.refused = err
	}
	return err
}

// intact reports whether all that was served is as it was.
func (s *source) intact() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, a := range s.served {
		if sha256.Sum256(a.Data) != s.sums[i] {
			return false
		}
	}
	return true
}

// Quantity encodes what the net has.
func (s *source) Quantity(ctx context.Context, name string, args map[string]string) ([]measure.Array, error) {
	if s.silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err := s.permit(name, args); err != nil {
		return nil, err
	}
	if err := s.net.Errors[name]; err != nil {
		return nil, err
	}
	arrays, err := s.net.quantity(measure.Need(name), args)
	if err == nil && arrays == nil {
		err = &measure.MissingError{Need: measure.Need(name), Reason: "the toy network has none"}
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range arrays {
		s.served = append(s.served, a)
		s.sums = append(s.sums, sha256.Sum256(a.Data))
	}
	return arrays, nil
}

// Evaluate answers each perturbation by the net's function.
func (s *source) Evaluate(ctx context.Context, ps []measure.Perturbation) ([]measure.Evaluated, error) {
	if s.silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err := s.permit(string(measure.PerturbedLosses), nil); err != nil {
		return nil, err
	}
	if err := s.net.Errors[string(measure.PerturbedLosses)]; err != nil {
		return nil, err
	}
	if s.net.Evaluate == nil {
		return nil, &measure.MissingError{Need: measure.PerturbedLosses, Reason: "the toy network has none"}
	}
	out := make([]measure.Evaluated, len(ps))
	for i, p := range ps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		out[i] = s.net.Evaluate(p)
	}
	return out, nil
}

// quantity returns a quantity's arrays, nil for what is not set.
func (n Net) quantity(need measure.Need, args map[string]string) ([]measure.Array, error) {
	switch need {
	case measure.Weights:
		return tensors(n.Weights), nil
	case measure.InitWeights:
		return tensors(n.Init), nil
	case measure.FusedWeights:
		return tensors(either(n.Fused, n.Weights)), nil
	case measure.FusedInitWeights:
		return tensors(either(n.FusedInit, n.Init)), nil
	case measure.TrainInputs:
		return matrix32("x", n.Inputs), nil
	case measure.TestInputs:
		return matrix32("x", n.TestInputs), nil
	case measure.TrainLogits:
		return matrix32("logits", n.Logits), nil
	case measure.TrainLabels:
		return optional(n.Labels != nil, func() measure.Array { return ints("y", n.Labels) }), nil
	case measure.TrainMargins:
		margins := n.margins()
		return optional(margins != nil, func() measure.Array { return floats("margins", margins, len(margins)) }), nil
	case measure.TrainLoss:
		if n.Loss == nil || n.Accuracy == nil {
			return nil, nil
		}
		return []measure.Array{floats("loss", []float64{*n.Loss}), floats("accuracy", []float64{*n.Accuracy})}, nil
	case measure.LayerSums:
		return n.layerSums(args), nil
	case measure.Complexity:
		return n.complexity(args), nil
	case measure.PACBayes:
		return search("sigma", n.PACBayes, args)
	case measure.Sharpness:
		return search("alpha", n.Sharpness, args)
	case measure.History:
		return n.history(), nil
	case measure.GradientNorms, measure.GradientDots, measure.GradientMoments, measure.HessianTop, measure.HessianTrace,
		measure.StepLoss, measure.NoiseLoss, measure.WorstLoss:
		return n.derivative(need, args)
	case measure.LayerFeatures, measure.LayerMargins, measure.MixupPredictions, measure.TransformedMargins, measure.TransformedPredictions,
		measure.JacobianNorms, measure.TestPredictions, measure.Sibling:
		return n.representation(need, args)
	case measure.Spectra, measure.LayerNorms:
		return n.spectral(need, args)
	case measure.PathNorm:
		return optional(n.LogPathNorm != nil, func() measure.Array { return floats("log_path_norm", []float64{*n.LogPathNorm}) }), nil
	}
	return nil, fmt.Errorf("no quantity %q", need)
}

// margins are the given ones, or f_y - max_{j≠y} f_j of the logits.
func (n Net) margins() []float64 {
	if n.Margins != nil || n.Labels == nil || n.Logits.Rows != len(n.Labels) {
		return n.Margins
	}
	out := make([]float64, n.Logits.Rows)
	for i := range out {
		row, y := n.Logits.Row(i), int(n.Labels[i])
		best := math.Inf(-1)
		for j, v := range row {
			if j != y {
				best = max(best, float64(v))
			}
		}
		out[i] = float64(row[y]) - best
	}
	return out
}

func (n Net) layerSums(args map[string]string) []measure.Array {
	if n.LayerSums == nil {
		return nil
	}
	examples, _ := strconv.Atoi(args["examples"])
	m, index := n.LayerSums(measure.LayerSumsOptions{
		Split: args["split"], Layers: args["layers"], Reduce: args["reduce"], IncludeLogits: args["include_logits"] == "true", Examples: examples,
	})
	return []measure.Array{floats("sums", m.Data, m.Rows, m.Cols), ints("index", index)}
}

func (n Net) complexity(args map[string]string) []measure.Array {
	if n.Complexity == nil {
		return nil
	}
	examples, _ := strconv.Atoi(args["examples"])
	bins, _ := strconv.Atoi(args["bins"])
	values, index := n.Complexity(measure.ComplexityOptions{
		Split: args["split"], Complexity: args["complexity"], OutOfRange: args["out_of_range"], Scale: args["scale"],
		Bins: bins, Range: args["range"], Examples: examples, Noised: args["noised"] == "true",
	})
	return []measure.Array{floats("values", values, len(values)), ints("index", index)}
}

func search(scale string, f func(bool) (measure.Search, error), args map[string]string) ([]measure.Array, error) {
	if f == nil {
		return nil, nil
	}
	s, err := f(args["kind"] == "magnitude")
	if err != nil {
		return nil, err
	}
	converged := 0.0
	if s.Converged {
		converged = 1
	}
	return scalars(scale, s.Scale, "drop", s.Drop, "lower", s.Lower, "upper", s.Upper, "converged", converged, "evaluations", float64(s.Evaluations)), nil
}

func (n Net) history() []measure.Array {
	h := n.History
	if h == nil {
		return nil
	}
	arrays := scalars("epochs", float64(h.Epochs), "steps", float64(h.Steps), "steps_to_0.1", float64(h.StepsTo01), "steps_to_0.01", float64(h.StepsTo001))
	if h.GradientNoise1 != nil {
		arrays = append(arrays, scalars("gradient_noise_1", *h.GradientNoise1)...)
	}
	if h.GradientNoiseFinal != nil {
		arrays = append(arrays, scalars("gradient_noise_final", *h.GradientNoiseFinal)...)
	}
	return append(arrays, floats("mean_losses", h.MeanLosses, len(h.MeanLosses)))
}

func either(a, b []measure.Tensor) []measure.Tensor {
	if a != nil {
		return a
	}
	return b
}

func optional(ok bool, f func() measure.Array) []measure.Array {
	if !ok {
		return nil
	}
	return []measure.Array{f()}
}

func tensors(ts []measure.Tensor) []measure.Array {
	var arrays []measure.Array
	for _, t := range ts {
		arrays = append(arrays, floats32(t.Name, t.Data, t.Shape...))
	}
	return arrays
}

func matrix32(name string, m measure.Matrix32) []measure.Array {
	return optional(m.Rows > 0, func() measure.Array { return floats32(name, m.Data, m.Rows, m.Cols) })
}

// scalars takes pairs of name and value.
func scalars(pairs ...any) []measure.Array {
	var arrays []measure.Array
	for i := 0; i < len(pairs); i += 2 {
		arrays = append(arrays, floats(pairs[i].(string), []float64{pairs[i+1].(float64)}))
	}
	return arrays
}

func floats(name string, x []float64, shape ...int) measure.Array {
	b := make([]byte, 0, 8*len(x))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return measure.Array{Name: name, DType: "f64", Shape: shape, Data: b}
}

func floats32(name string, x []float32, shape ...int) measure.Array {
	b := make([]byte, 0, 4*len(x))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return measure.Array{Name: name, DType: "f32", Shape: shape, Data: b}
}

func ints(name string, x []int32) measure.Array {
	b := make([]byte, 0, 4*len(x))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return measure.Array{Name: name, DType: "i32", Shape: []int{len(x)}, Data: b}
}
