package xla

import (
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/hlo"
)

// Bounds of calls that are computed together. Their number is a function of the call, its rows, the architecture and the platform alone, as bits depend on it; so
// a program has as many slots whether they are all wanted or not, and it is small enough for that to cost little.
const (
	mostTogether   = 16
	togetherWork   = 1 << 34 // floating-point operations of one program: below half a millisecond of a data-centre GPU
	togetherMemory = 4 << 30 // bytes for activations, patches and the gradients of single examples
)

// togetherFor is the number of equal calls on so many rows that one program computes: a power of two. A processor is as fast on one after another, and calls
// that training makes are groups' business.
func togetherFor(c call, a models.Architecture, rows int, platform string) int {
	if platform == "cpu" || c == callLearn || c == callStep {
		return 1
	}
	work := 6 * a.MultiplyAdds() * int64(rows)
	values := 3 * activations(a)
	if c == callNorms || c == callMoments {
		values += filterValues(a)
	}
	memory := 4 * int64(rows) * values
	k := 1
	for 2*k <= mostTogether && int64(2*k)*work <= togetherWork && int64(2*k)*memory <= togetherMemory {
		k *= 2
	}
	return k
}

// each is a parameter of this shape for every network: as it is where there is one, else joined to [K, dims].
func (l *lowering) each(e hlo.Elem, dims ...int) hlo.Value {
	if l.k == 1 {
		return l.Parameter(e, dims...)
	}
	parts := make([]hlo.Value, l.k)
	for i := range parts {
		parts[i] = l.Parameter(e, dims...)
	}
	return l.Reshape(l.Concat(0, parts...), append([]int{l.k}, dims...)...)
}

// likeEach is like, with a parameter for each network: [1, ...] each.
func (l *lowering) likeEach(trainableOnly bool) []hlo.Value {
	values := make([]hlo.Value, len(l.specs))
	for i, t := range l.specs {
		if t.Trainable || !trainableOnly {
			values[i] = l.Reshape(l.each(hlo.F32, append([]int{1}, t.Shape...)...), append([]int{l.k}, t.Shape...)...)
		}
	}
	return values
}

// joined arranges what a program of several networks answers. Cutting every array into the networks' parts would be a kernel each on a GPU, more than all else; so arrays
// stay whole, [K, ...], and are read by the host once for all networks, but the tensors of gradients, which are large, are laid side by side and
// cut once a network: the last K results are then [1, P].
func (l *lowering) joined(c call, results []hlo.Value) []hlo.Value {
	if !c.answersTensors() {
		return results
	}
	var whole, tensors []hlo.Value
	for _, r := range results {
		if r.Elem == hlo.F64 {
			whole = append(whole, r)
		} else {
			tensors = append(tensors, l.Reshape(r, l.k, r.Size()/l.k))
		}
	}
	if len(tensors) == 0 { // a network without weights
		return whole
	}
	side := l.Concat(1, tensors...)
	for slot := range l.k {
		whole = append(whole, l.Slice(side, []int{slot, 0}, []int{slot + 1, side.Dims[1]}, []int{1, 1}))
	}
	return whole
}

// answersTensors says that a call answers tensors like the network's, behind what else it answers.
func (c call) answersTensors() bool {
	return c == callGradient || c == callFrom || c == callMoments || c == callCurvature
}

// filterValues counts the values of one example's own gradient of a convolution, with the patches that it is made of: the largest of them.
func filterValues(a models.Architecture) int64 {
	var most int64
	for i, l := range a.Layers {
		if l.Kind == models.Conv2D {
			columns := int64(a.Reads(i).C * l.Kernel * l.Kernel)
			most = max(most, columns*int64(l.Channels+l.Out/l.Channels))
		}
	}
	return most
}
