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
		parts[i] = l.Reshape(l.Parameter(e, dims...), append([]int{1}, dims...)...)
	}
	return l.Concat(0, parts...)
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

// apart answers the parts of arrays [K, ...] that are each network's, [1, ...], those of one array side by side.
func (l *lowering) apart(arrays []hlo.Value) []hlo.Value {
	var parts []hlo.Value
	for _, a := range arrays {
		from, to, stride := make([]int, len(a.Dims)), append([]int(nil), a.Dims...), make([]int, len(a.Dims))
		for i := range stride {
			stride[i] = 1
		}
		for slot := range l.k {
			from[0], to[0] = slot, slot+1
			parts = append(parts, l.Slice(a, from, to, stride))
		}
	}
	return parts
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
