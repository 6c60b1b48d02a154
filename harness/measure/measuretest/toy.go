package measuretest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/genbench/genbench/harness/measure"
)

// toy describes a multilayer perceptron that Run tries a measure on. Its
// activations, logits and losses are really computed from its weights, so that
// what a measure reads fits together.
type toy struct {
	name       string
	widths     []int // D, hidden widths, K
	examples   int
	same       bool // all inputs are equal
	weight     func(z float64) float64
	degenerate bool
}

// toys are the networks of Run: an ordinary one, another to come between two
// looks at the first, and what trained networks come to in bad runs.
func toys() []toy {
	ordinary := func(z float64) float64 { return 0.7 * z }
	constant := func(v float64) func(float64) float64 { return func(float64) float64 { return v } }
	deep := []int{6, 8, 7, 5, 3}
	return []toy{
		{name: "ordinary", widths: deep, examples: 40, weight: ordinary},
		{name: "other", widths: []int{6, 4, 4, 4, 3}, examples: 30, weight: ordinary},
		{name: "one example", widths: deep, examples: 1, weight: ordinary, degenerate: true},
		{name: "equal examples", widths: deep, examples: 20, same: true, weight: ordinary, degenerate: true},
		{name: "one layer", widths: []int{6, 3}, examples: 20, weight: ordinary, degenerate: true},
		{name: "zero weights", widths: deep, examples: 20, weight: constant(0), degenerate: true},
		{name: "NaN weights", widths: deep, examples: 20, weight: constant(math.NaN()), degenerate: true},
		{name: "infinite weights", widths: deep, examples: 20, weight: constant(math.Inf(1)), degenerate: true},
		{name: "huge weights", widths: deep, examples: 20, weight: func(z float64) float64 { return 1e37 * z }, degenerate: true},
	}
}

// net computes the toy's quantities.
func (t toy) net() Net {
	rng := rand.New(rand.NewPCG(1, 2))
	layers := len(t.widths) - 1
	n := Net{ID: "toy", Classes: t.widths[layers], TrainSize: t.examples, InputShape: []int{1, 2, 3}, Seed: 7}
	for l := range layers {
		in, out := t.widths[l], t.widths[l+1]
		name := fmt.Sprintf("fc%d", l+1)
		n.Layers = append(n.Layers, measure.Layer{Name: name, Kind: "dense", In: in, Out: out})
		if l < layers-1 {
			n.Layers = append(n.Layers, measure.Layer{Name: fmt.Sprintf("relu%d", l+1), Kind: "relu", In: out, Out: out})
		}
		final, initial := make([]float32, in*out), make([]float32, in*out)
		for i := range final {
			z := rng.NormFloat64()
			final[i], initial[i] = float32(t.weight(z)), float32(0.3*rng.NormFloat64())
		}
		bias := make([]float32, out)
		for i := range bias {
			bias[i] = float32(0.1 * t.weight(rng.NormFloat64()))
		}
		n.Weights = append(n.Weights, measure.Tensor{Name: name + ".weight", Shape: []int{out, in}, Data: final},
			measure.Tensor{Name: name + ".bias", Shape: []int{out}, Data: bias})
		n.Init = append(n.Init, measure.Tensor{Name: name + ".weight", Shape: []int{out, in}, Data: initial},
			measure.Tensor{Name: name + ".bias", Shape: []int{out}, Data: make([]float32, out)})
	}
	n.Inputs, n.TestInputs = t.inputs(rng), t.inputs(rng)
	for range t.examples {
		n.Labels = append(n.Labels, rng.Int32N(int32(n.Classes)))
	}
	var sums, testSums measure.Matrix
	n.Logits, sums = forward(n.Weights, n.Inputs)
	_, testSums = forward(n.Weights, n.TestInputs)
	t.answers(&n, rng, sums, testSums)
	t.represent(&n)
	return n
}

func (t toy) inputs(rng *rand.Rand) measure.Matrix32 {
	d := t.widths[0]
	m := measure.Matrix32{Rows: t.examples, Cols: d, Data: make([]float32, t.examples*d)}
	for i := range m.Data {
		if t.same && i >= d {
			m.Data[i] = m.Data[i-d]
			continue
		}
		m.Data[i] = float32(rng.Float64())
	}
	return m
}

// forward returns the logits and the sum of each hidden layer's activations
// after its ReLU.
func forward(weights []measure.Tensor, x measure.Matrix32) (measure.Matrix32, measure.Matrix) {
	layers := len(weights) / 2
	sums := measure.Matrix{Rows: x.Rows, Cols: layers - 1, Data: make([]float64, x.Rows*(layers-1))}
	for l := range layers {
		w, b := weights[2*l], weights[2*l+1]
		out := measure.Matrix32{Rows: x.Rows, Cols: w.Shape[0], Data: make([]float32, x.Rows*w.Shape[0])}
		for i := range x.Rows {
			for o := range out.Cols {
				s := float64(b.Data[o])
				for d, v := range x.Row(i) {
					s += float64(v) * float64(w.Data[o*x.Cols+d])
				}
				if l < layers-1 {
					s = max(s, 0)
					sums.Data[i*sums.Cols+l] += s
				}
				out.Data[i*out.Cols+o] = float32(s)
			}
		}
		x = out
	}
	return x, sums
}

// answers fills in what the host computes of the logits and sums.
func (t toy) answers(n *Net, rng *rand.Rand, sums, testSums measure.Matrix) {
	loss, accuracy := evaluate(n.Logits, n.Labels)
	n.Loss, n.Accuracy = &loss, &accuracy
	index := make([]int32, t.examples)
	entropies := map[string][]float64{"train": make([]float64, t.examples), "test": make([]float64, t.examples)}
	for i := range index {
		index[i] = int32(i)
		entropies["train"][i], entropies["test"][i] = 2+rng.Float64(), 2+rng.Float64()
		if t.same {
			entropies["train"][i], entropies["test"][i] = 2.5, 2.5
		}
	}
	keep := func(examples int) int {
		if examples <= 0 || examples > t.examples {
			return t.examples
		}
		return examples
	}
	n.LayerSums = func(o measure.LayerSumsOptions) (measure.Matrix, []int32) {
		m := sums
		if o.Split == "test" {
			m = testSums
		}
		k := keep(o.Examples)
		return measure.Matrix{Rows: k, Cols: m.Cols, Data: m.Data[:k*m.Cols]}, index[:k]
	}
	n.Complexity = func(o measure.ComplexityOptions) ([]float64, []int32) {
		split := o.Split
		if split == "" {
			split = "train"
		}
		k := keep(o.Examples)
		return entropies[split][:k], index[:k]
	}
	found := func(scale float64) func(bool) (measure.Search, error) {
		return func(magnitude bool) (measure.Search, error) {
			if t.degenerate {
				return measure.Search{}, measure.Undefined("no scale costs the accuracy 0.1")
			}
			at := scale
			if magnitude {
				at = 2 * scale
			}
			return measure.Search{Scale: at, Drop: 0.1, Lower: 0.99 * at, Upper: 1.01 * at, Converged: true, Evaluations: 12}, nil
		}
	}
	n.PACBayes, n.Sharpness = found(0.1), found(0.01)
	t.derivatives(n, rng, loss)
	if paths := logPathNorm(n.Weights); !math.IsNaN(paths) && !math.IsInf(paths, 0) {
		n.LogPathNorm = &paths
	}
	noise := 0.5
	n.History = &measure.TrainingHistory{Epochs: 3, Steps: 30, StepsTo01: 10, StepsTo001: 30, GradientNoise1: &noise, GradientNoiseFinal: &noise, MeanLosses: []float64{1, 0.5, 0.01}}
	n.Evaluate = func(p measure.Perturbation) measure.Evaluated {
		z := rand.New(rand.NewPCG(p.Seed, 0)).Float64()
		return measure.Evaluated{Loss: loss + p.Scale*p.Scale*(1+z), Accuracy: accuracy * math.Exp(-p.Scale*(1+z))}
	}
}

// evaluate returns the mean cross-entropy in nats and the accuracy.
func evaluate(logits measure.Matrix32, labels []int32) (loss, accuracy float64) {
	n := float64(logits.Rows)
	for i := range logits.Rows {
		row, y := logits.Row(i), int(labels[i])
		top, best := math.Inf(-1), 0
		for j, v := range row {
			if float64(v) > top {
				top, best = float64(v), j
			}
		}
		var sum float64
		for _, v := range row {
			sum += math.Exp(float64(v) - top)
		}
		loss += (top + math.Log(sum) - float64(row[y])) / n
		if best == y {
			accuracy += 1 / n
		}
	}
	return loss, accuracy
}

// logPathNorm is ln of the sum of the logits of the squared network at an input of ones.
func logPathNorm(weights []measure.Tensor) float64 {
	x := make([]float64, weights[0].Shape[1])
	for i := range x {
		x[i] = 1
	}
	for l := 0; l < len(weights); l += 2 {
		w, b := weights[l], weights[l+1]
		out := make([]float64, len(b.Data))
		for o := range out {
			out[o] = float64(b.Data[o]) * float64(b.Data[o])
			for i, v := range x {
				f := float64(w.Data[o*len(x)+i])
				out[o] += f * f * v
			}
		}
		x = out
	}
	var sum float64
	for _, v := range x {
		sum += v
	}
	return math.Log(sum)
}
