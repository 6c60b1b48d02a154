package representation

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/genbench/genbench/harness/measure"
)

// KV is a margin normalised by the k-variance of the classes.
type KV struct{ gradient bool }

// KVMargin divides margins of the logits by k-variance and Lipschitz constant.
func KVMargin() KV { return KV{} }

// KVGNMargin divides margins at the hidden layer by the k-variance.
func KVGNMargin() KV { return KV{gradient: true} }

// Info describes the measure.
func (m KV) Info() measure.Info {
	info := measure.Info{
		Name: "kv-margin", Version: "1", Family: "representation",
		Doc:      "median margin over the k-variance of the classes in a hidden layer times its Lipschitz constant, negative",
		Citation: "Chuang, Mroueh, Greenewald, Torralba and Jegelka, Measuring generalization with optimal transport, 2021, arXiv:2106.03314; chingyaoc/kV-Margin, kV-Margin/complexity.py",
		Formula: "-median_i(f_y - max_{j≠y} f_j) / Σ_c w_c·kV_c·Lip_c; w_c share of class c in the training set, kV_c = W₁ between the " +
			"representations x^l of two random halves of k = ⌊n_c/2⌋ sampled examples of c (Euclidean cost), Lip_c = max over them of ‖∇_{x^l}(f_y - f_j)‖₂",
		Needs:  measure.Needs{measure.LayerFeatures, measure.LayerMargins, measure.TrainLabels},
		Larger: measure.PredictsLargerGap, // a larger normalised margin, with the minus a smaller value, is said to generalize
		Options: []measure.Option{layerOption("1"),
			{Name: "per_class", Default: "200", Doc: "so many training examples times the number of classes are sampled; 0 is all"}},
		Stochastic: true,
	}
	const shared = "Margins of all sampled examples count (the source drops those after the last whole 200). Layer l is counted in layers with weights " +
		"(the source counts Keras layers from the third, and takes convolutions). A class of which fewer than two examples are sampled makes it undefined."
	info.Deviations = shared
	if m.gradient {
		info.Name = "kv-gn-margin"
		info.Doc = "median margin at a hidden layer over the k-variance of the classes there, negative"
		info.Citation = "Chuang, Mroueh, Greenewald, Torralba and Jegelka, Measuring generalization with optimal transport, 2021, arXiv:2106.03314; chingyaoc/kV-Margin, kV-GN-Margin/complexity.py"
		info.Formula = "-median_i((f_y - f_j)/(‖∇_{x^l}(f_y - f_j)‖₂ + 1e-6)) / Σ_c w_c·kV_c; j the largest other class, w_c share of class c in the " +
			"training set, kV_c = W₁ between the representations x^l of two random halves of k = ⌊n_c/2⌋ sampled examples of c (Euclidean cost)"
		info.Options[0] = layerOption("last") // the source's shallow=False
	}
	return info
}

// Compute answers the measure. It is undefined where a class has no two sampled examples, where the
// normaliser is 0, and for a network without that layer.
func (m KV) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	size, err := net.IntOption("per_class")
	if err != nil {
		return 0, err
	}
	if size < 0 {
		return 0, fmt.Errorf("option per_class=%d is negative", size)
	}
	y, err := net.TrainLabels(ctx)
	if err != nil {
		return 0, err
	}
	margins, err := net.LayerMargins(ctx)
	if err != nil {
		return 0, err
	}
	layer, err := margins.Layer(net.Option("layer"))
	if err != nil {
		return 0, err
	}
	f, err := net.LayerFeatures(ctx, net.Option("layer"), measure.SampleOptions{Examples: size * net.Classes()})
	if err != nil {
		return 0, err
	}
	x, index := f.Round(0)
	difference, norms := make([]float64, len(index)), make([]float64, len(index))
	for i, e := range index {
		difference[i], norms[i] = margins.Difference[e], margins.Norms.At(int(e), layer)
	}
	s := kvSample{x: x, y: labelsOf(y, index), weights: shares(y, net.Classes()), difference: difference, norms: norms}
	return s.measure(ctx, m.gradient)
}

// shares are the classes' parts of the training set.
func shares(y []int32, classes int) []float64 {
	w := make([]float64, classes)
	for _, c := range y {
		w[c]++
	}
	for c := range w {
		w[c] /= float64(len(y))
	}
	return w
}

// kvSample is the sampled examples, in random order.
type kvSample struct {
	x          measure.Matrix32 // [N, units]
	y          []int32          // [N]
	weights    []float64        // [K]
	difference []float64        // [N], f_y - f_j
	norms      []float64        // [N], of its gradient at the layer
}

func (s kvSample) measure(ctx context.Context, gradient bool) (float64, error) {
	score := s.difference
	if gradient {
		score = make([]float64, len(s.norms))
		for i, g := range s.norms {
			score[i] = s.difference[i] / (g + 1e-6)
		}
	}
	var gamma float64
	for c, w := range s.weights {
		if w == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		var members []int
		steepest := 0.0
		for i, label := range s.y {
			if int(label) == c {
				members = append(members, i)
				steepest = max(steepest, s.norms[i])
			}
		}
		k := len(members) / 2
		if k == 0 {
			return 0, measure.Undefined("%d examples of class %d are sampled: there are no two halves", len(members), c)
		}
		if gradient {
			steepest = 1
		}
		kv, err := finite(fmt.Sprintf("the k-variance of class %d times its steepest gradient", c), wasserstein(s.x, members[:k], members[k:2*k])*steepest)
		if err != nil {
			return 0, err
		}
		gamma += w * kv
	}
	if gamma == 0 {
		return 0, measure.Undefined("the k-variance of all classes, times the steepest gradient, is 0")
	}
	return finite("the normalised margin", -median(score)/gamma)
}

// wasserstein is the 1-Wasserstein distance between rows a and b of x, equally many, with Euclidean cost; NaN
// where a distance is not finite.
func wasserstein(x measure.Matrix32, a, b []int) float64 {
	k := len(a)
	cost := make([]float64, k*k)
	for i, p := range a {
		row := x.Row(p)
		for j, q := range b {
			var s float64
			for u, v := range x.Row(q) {
				d := float64(row[u]) - float64(v)
				s += d * d
			}
			cost[i*k+j] = math.Sqrt(s)
		}
	}
	if slices.ContainsFunc(cost, func(c float64) bool { return math.IsNaN(c) || math.IsInf(c, 0) }) {
		return math.NaN()
	}
	_, total := assignment(cost, k)
	return total / float64(k)
}

// median is the mean of the two in the middle where their number is even.
func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}
