package measuretest

import (
	"math"
	"strconv"

	"github.com/genbench/genbench/harness/measure"
)

// representation returns what the net has of hidden layers, changed inputs and test predictions.
func (n Net) representation(need measure.Need, args map[string]string) ([]measure.Array, error) {
	rounds, _ := strconv.Atoi(args["rounds"])
	examples, _ := strconv.Atoi(args["examples"])
	pool, _ := strconv.Atoi(args["pool"])
	o := measure.SampleOptions{Rounds: max(rounds, 1), Examples: examples, Pool: pool}
	layer := args["layer"]
	if layer == "" {
		layer = "1"
	}
	switch need {
	case measure.LayerFeatures:
		return n.features(layer, o)
	case measure.LayerMargins:
		return optionals(n.LayerMargins != nil, func() []measure.Array {
			m := n.LayerMargins
			return []measure.Array{floats("difference", m.Difference, len(m.Difference)), matrix("norms", m.Norms), floats("variances", m.Variances, len(m.Variances))}
		}), nil
	case measure.MixupPredictions:
		return optionals(n.Pairs != nil, func() []measure.Array {
			p := n.Pairs(o)
			return []measure.Array{ints("class", p.Class), ints("round", p.Round), ints("predicted", p.Predicted)}
		}), nil
	case measure.TransformedMargins:
		return n.changedMargins(args["transform"], layer, o)
	case measure.TransformedPredictions:
		return optionals(n.Answers != nil, func() []measure.Array {
			a := n.Answers(examples)
			return []measure.Array{grid("predicted", a.Predicted, a.Rows, a.Examples), floats("confidence", a.Confidence, a.Rows, a.Examples)}
		}), nil
	case measure.JacobianNorms:
		return optionals(n.Jacobians != nil, func() []measure.Array {
			j := n.Jacobians(examples, args["of"] == "probabilities")
			return []measure.Array{matrix("squares", j.Squares), ints("units", j.Units)}
		}), nil
	case measure.TestPredictions:
		return optional(n.TestPredictions != nil, func() measure.Array { return ints("predicted", n.TestPredictions) }), nil
	}
	return optional(n.SiblingPredictions != nil, func() measure.Array { return ints("predicted", n.SiblingPredictions) }), nil
}

func (n Net) features(layer string, o measure.SampleOptions) ([]measure.Array, error) {
	if n.Features == nil {
		return nil, nil
	}
	f, err := n.Features(layer, o)
	if err != nil {
		return nil, err
	}
	return []measure.Array{floats32("features", f.Data, f.Rounds, f.Examples, f.Units), grid("index", f.Index, f.Rounds, f.Examples)}, nil
}

func (n Net) changedMargins(transform, layer string, o measure.SampleOptions) ([]measure.Array, error) {
	if n.ChangedMargins == nil {
		return nil, nil
	}
	m, err := n.ChangedMargins(transform, layer, o)
	if err != nil {
		return nil, err
	}
	return []measure.Array{floats("difference", m.Difference, len(m.Difference)), floats("norms", m.Norms, len(m.Norms)), floats("variances", m.Variances, len(m.Variances))}, nil
}

func optionals(ok bool, f func() []measure.Array) []measure.Array {
	if !ok {
		return nil
	}
	return f()
}

func matrix(name string, m measure.Matrix) measure.Array { return floats(name, m.Data, m.Rows, m.Cols) }

func grid(name string, x []int32, shape ...int) measure.Array {
	a := ints(name, x)
	a.Shape = shape
	return a
}

// represent fills in the toy's representations and margins, computed from its weights. Its rounds are
// its examples, all of them; changed examples are examples with half of each input.
func (t toy) represent(n *Net) {
	acts := activations(n.Weights, n.Inputs)
	half := measure.Matrix32{Rows: n.Inputs.Rows, Cols: n.Inputs.Cols, Data: make([]float32, len(n.Inputs.Data))}
	for i, v := range n.Inputs.Data {
		half.Data[i] = v / 2
	}
	halved := activations(n.Weights, half)
	all := make([]int32, t.examples)
	for i := range all {
		all[i] = int32(i)
	}
	margins := marginsOf(n.Weights, acts, n.Labels)
	n.LayerMargins = &margins
	n.Features = func(layer string, _ measure.SampleOptions) (measure.Features, error) {
		l, err := margins.Layer(layer)
		if err != nil {
			return measure.Features{}, err
		}
		return measure.Features{Rounds: 1, Examples: t.examples, Units: acts[l].Cols, Data: acts[l].Data, Index: all}, nil
	}
	n.ChangedMargins = func(_, layer string, _ measure.SampleOptions) (measure.ChangedMargins, error) {
		m := marginsOf(n.Weights, halved, n.Labels)
		l, err := m.Layer(layer)
		if err != nil {
			return measure.ChangedMargins{}, err
		}
		c := measure.ChangedMargins{Difference: m.Difference, Variances: variances(halved[l])}
		for i := range t.examples {
			c.Norms = append(c.Norms, m.Norms.At(i, l))
		}
		return c, nil
	}
	n.Pairs = func(measure.SampleOptions) measure.Pairs {
		p := measure.Pairs{Class: []int32{}, Round: []int32{}, Predicted: []int32{}}
		for i, c := range n.Labels {
			for j := range i {
				if n.Labels[j] == c {
					p.Class, p.Round, p.Predicted = append(p.Class, c), append(p.Round, 0), append(p.Predicted, best(n.Logits.Row(i)))
				}
			}
		}
		return p
	}
	n.Answers = func(int) measure.Answers { return t.disturbed(n.Logits) }
	n.Jacobians = func(int, bool) measure.Jacobians { return jacobiansOf(n.Weights, acts, n.Classes) }
	logits, _ := forward(n.Weights, n.TestInputs)
	for i := range logits.Rows {
		n.TestPredictions = append(n.TestPredictions, best(logits.Row(i)))
		n.SiblingPredictions = append(n.SiblingPredictions, int32(i%n.Classes))
	}
}

// disturbed answers the images themselves to every disturbance but the first, which gets the next class.
func (t toy) disturbed(logits measure.Matrix32) measure.Answers {
	a := measure.Answers{Rows: 8, Examples: t.examples}
	for row := range a.Rows {
		for i := range t.examples {
			c := best(logits.Row(i))
			if row == 1 {
				c = (c + 1) % int32(logits.Cols)
			}
			var sum float64
			for _, v := range logits.Row(i) {
				sum += math.Exp(float64(v) - float64(logits.At(i, int(c))))
			}
			a.Predicted, a.Confidence = append(a.Predicted, c), append(a.Confidence, 1/sum)
		}
	}
	return a
}

// best is the first index of the largest value.
func best(row []float32) int32 {
	k := 0
	for j, v := range row {
		if v > row[k] {
			k = j
		}
	}
	return int32(k)
}

// activations are what each dense layer reads, and the logits.
func activations(weights []measure.Tensor, x measure.Matrix32) []measure.Matrix32 {
	all := []measure.Matrix32{x}
	layers := len(weights) / 2
	for l := range layers {
		w, b := weights[2*l], weights[2*l+1]
		out := measure.Matrix32{Rows: x.Rows, Cols: w.Shape[0], Data: make([]float32, x.Rows*w.Shape[0])}
		for i := range x.Rows {
			for o := range out.Cols {
				s := float64(b.Data[o])
				for d, v := range all[l].Row(i) {
					s += float64(v) * float64(w.Data[o*w.Shape[1]+d])
				}
				if l < layers-1 {
					s = max(s, 0)
				}
				out.Data[i*out.Cols+o] = float32(s)
			}
		}
		all = append(all, out)
	}
	return all
}

// backward answers the squared norm of the gradient of Σ_k seed_k f_k with respect to what each dense layer
// reads, [L], for example i.
func backward(weights []measure.Tensor, acts []measure.Matrix32, i int, seed []float64) []float64 {
	squares := make([]float64, len(weights)/2)
	for l := len(squares) - 1; l >= 0; l-- {
		w := weights[2*l]
		g := make([]float64, w.Shape[1])
		for o, s := range seed {
			for d := range g {
				g[d] += s * float64(w.Data[o*len(g)+d])
			}
		}
		for d, v := range g {
			squares[l] += v * v
			if acts[l].At(i, d) <= 0 {
				g[d] = 0 // the ReLU below
			}
		}
		seed = g
	}
	return squares
}

func marginsOf(weights []measure.Tensor, acts []measure.Matrix32, y []int32) measure.Margins {
	layers := len(weights) / 2
	logits := acts[layers]
	m := measure.Margins{Norms: measure.Matrix{Rows: len(y), Cols: layers}}
	for i, label := range y {
		row := append([]float32(nil), logits.Row(i)...)
		own := float64(row[label])
		row[label] = float32(math.Inf(-1))
		other := best(row)
		m.Difference = append(m.Difference, own-float64(row[other]))
		seed := make([]float64, logits.Cols)
		seed[label]++
		seed[other]--
		for _, s := range backward(weights, acts, i, seed) {
			m.Norms.Data = append(m.Norms.Data, math.Sqrt(s))
		}
	}
	for l := range layers {
		var total float64
		for _, v := range variances(acts[l]) {
			total += v
		}
		m.Variances = append(m.Variances, total)
	}
	return m
}

func jacobiansOf(weights []measure.Tensor, acts []measure.Matrix32, classes int) measure.Jacobians {
	layers := len(weights) / 2
	j := measure.Jacobians{Squares: measure.Matrix{Rows: acts[0].Rows, Cols: layers, Data: make([]float64, acts[0].Rows*layers)}}
	for l := range layers {
		j.Units = append(j.Units, int32(acts[l].Cols))
	}
	for i := range j.Squares.Rows {
		for k := range classes {
			seed := make([]float64, classes)
			seed[k] = 1
			for l, s := range backward(weights, acts, i, seed) {
				j.Squares.Data[i*layers+l] += s
			}
		}
	}
	return j
}

// variances are those of each column, with divisor N.
func variances(x measure.Matrix32) []float64 {
	v := make([]float64, x.Cols)
	for u := range v {
		var mean float64
		for i := range x.Rows {
			mean += float64(x.At(i, u)) / float64(x.Rows)
		}
		for i := range x.Rows {
			d := float64(x.At(i, u)) - mean
			v[u] += d * d / float64(x.Rows)
		}
	}
	return v
}
