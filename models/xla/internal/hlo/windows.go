package hlo

import (
	"fmt"
	"slices"
	"strings"
)

// Precision is how products of float32 are taken: "HIGHEST" is float32, "DEFAULT" what the device likes best, TF32 on NVIDIA GPUs since Ampere.
type Precision string

// The precisions that programs here use.
const (
	Highest Precision = "HIGHEST"
	Default Precision = "DEFAULT"
)

// Dot sums products along one axis of each factor, for every index of the batch axes, which are the first of both: the
// result is [batch..., a's other axes..., b's other axes...].
func (f *Func) Dot(p Precision, a, b Value, batch, alongA, alongB int) Value {
	var firsts, dims []int
	for i := range batch {
		firsts, dims = append(firsts, i), append(dims, a.Dims[i])
	}
	for i := batch; i < len(a.Dims); i++ {
		if i != alongA {
			dims = append(dims, a.Dims[i])
		}
	}
	for i := batch; i < len(b.Dims); i++ {
		if i != alongB {
			dims = append(dims, b.Dims[i])
		}
	}
	if a.Elem != b.Elem || !slices.Equal(a.Dims[:batch], b.Dims[:batch]) || a.Dims[alongA] != b.Dims[alongB] {
		return f.fail(a.Elem, dims, "product of %s along %d and %s along %d", a.typ(), alongA, b.typ(), alongB)
	}
	batching := ""
	if batch > 0 {
		batching = fmt.Sprintf("batching_dims = %s x %s, ", ints(firsts), ints(firsts))
	}
	return f.emit(a.Elem, dims, "stablehlo.dot_general %s, %s, %scontracting_dims = [%d] x [%d], precision = [%s, %s] : (%s, %s) -> %s",
		a.name, b.name, batching, alongA, alongB, p, p, a.typ(), b.typ(), typeOf(a.Elem, dims))
}

// Conv says how a convolution's window moves, the same along both spatial axes but for the padding behind.
type Conv struct {
	Input, Kernel, Output string // the axes in order, "f, b, 0, 1": batch, features, rows, columns; o and i for the kernel's
	Stride                int
	Low                   int    // padding before; may be negative
	High                  [2]int // padding behind, of rows and columns
	DilateInput           int    // distance of the input's values, 1: dense
	DilateKernel          int
	FeatureGroups         int
	BatchGroups           int
}

// Convolve slides kernel over input; dims is the result's shape, which XLA checks.
func (f *Func) Convolve(p Precision, input, kernel Value, c Conv, dims ...int) Value {
	return f.emit(input.Elem, dims, "stablehlo.convolution(%s, %s) dim_numbers = [%s]x[%s]->[%s], "+
		"window = {stride = [%d, %d], pad = [[%d, %d], [%d, %d]], lhs_dilate = [%d, %d], rhs_dilate = [%d, %d], reverse = [false, false]} "+
		"{batch_group_count = %d : i64, feature_group_count = %d : i64, precision_config = [#stablehlo<precision %s>, #stablehlo<precision %s>]} : (%s, %s) -> %s",
		input.name, kernel.name, c.Input, c.Kernel, c.Output,
		c.Stride, c.Stride, c.Low, c.High[0], c.Low, c.High[1], c.DilateInput, c.DilateInput, c.DilateKernel, c.DilateKernel,
		c.BatchGroups, c.FeatureGroups, p, p, input.typ(), kernel.typ(), typeOf(input.Elem, dims))
}

// Reverse turns axes around.
func (f *Func) Reverse(a Value, axes ...int) Value {
	return f.emit(a.Elem, a.Dims, "stablehlo.reverse %s, dims = %s : %s", a.name, ints(axes), a.typ())
}

// Pad surrounds a with a value: low before, high behind and interior between its values, an entry an axis. Negative ends cut.
func (f *Func) Pad(a Value, with float64, low, high, interior []int) Value {
	dims := make([]int, len(a.Dims))
	same := true
	for i, d := range a.Dims {
		dims[i] = low[i] + d + max(0, d-1)*interior[i] + high[i]
		same = same && low[i] == 0 && high[i] == 0 && interior[i] == 0
		if dims[i] < 0 {
			return f.fail(a.Elem, a.Dims, "padding of %s by %v and %v", a.typ(), low, high)
		}
	}
	if same {
		return a
	}
	c := f.Const(a.Elem, with)
	return f.emit(a.Elem, dims, "stablehlo.pad %s, %s, low = %s, high = %s, interior = %s : (%s, %s) -> %s",
		a.name, c.name, ints(low), ints(high), ints(interior), a.typ(), c.typ(), typeOf(a.Elem, dims))
}

// Slice takes every stride-th value in [from, to) along each axis.
func (f *Func) Slice(a Value, from, to, stride []int) Value {
	dims := make([]int, len(a.Dims))
	parts := make([]string, len(a.Dims))
	for i, d := range a.Dims {
		if from[i] < 0 || to[i] > d || from[i] >= to[i] || stride[i] < 1 {
			return f.fail(a.Elem, a.Dims, "slice of %s from %v to %v by %v", a.typ(), from, to, stride)
		}
		dims[i] = (to[i] - from[i] + stride[i] - 1) / stride[i]
		parts[i] = fmt.Sprintf("%d:%d:%d", from[i], to[i], stride[i])
	}
	if slices.Equal(dims, a.Dims) {
		return a
	}
	return f.emit(a.Elem, dims, "stablehlo.slice %s [%s] : (%s) -> %s", a.name, strings.Join(parts, ", "), a.typ(), typeOf(a.Elem, dims))
}

// SliceAt takes sizes values along each axis, from scalars of i32 that the program computes. XLA moves a start that reaches over the end.
func (f *Func) SliceAt(a Value, starts []Value, sizes ...int) Value {
	names, types := []string{a.name}, []string{a.typ()}
	for _, s := range starts {
		names, types = append(names, s.name), append(types, s.typ())
	}
	return f.emit(a.Elem, sizes, "stablehlo.dynamic_slice %s, sizes = %s : (%s) -> %s",
		strings.Join(names, ", "), ints(sizes), strings.Join(types, ", "), typeOf(a.Elem, sizes))
}

// Rows takes rows of a, [R, D], by index of i32 [..., 1]: the result is [..., D].
func (f *Func) Rows(a, index Value) Value {
	n := len(index.Dims) - 1
	if len(a.Dims) != 2 || n < 0 || index.Dims[n] != 1 || index.Elem != I32 {
		return f.fail(a.Elem, index.Dims, "rows of %s by %s", a.typ(), index.typ())
	}
	dims := append(slices.Clone(index.Dims[:n]), a.Dims[1])
	return f.emit(a.Elem, dims, "\"stablehlo.gather\"(%s, %s) <{dimension_numbers = #stablehlo.gather<offset_dims = [%d], collapsed_slice_dims = [0], "+
		"start_index_map = [0], index_vector_dim = %d>, indices_are_sorted = false, slice_sizes = array<i64: 1, %d>}> : (%s, %s) -> %s",
		a.name, index.name, n, n, a.Dims[1], a.typ(), index.typ(), typeOf(a.Elem, dims))
}

// While repeats body on a list of values as long as condition, a scalar of Bool, holds. Both are written once.
func (f *Func) While(start []Value, condition func([]Value) Value, body func([]Value) []Value) []Value {
	id := f.next
	f.next++
	inner := make([]Value, len(start))
	var bound, types []string
	for i, v := range start {
		inner[i] = Value{fmt.Sprintf("%%w%d_%d", id, i), v.Elem, v.Dims}
		bound, types = append(bound, inner[i].name+" = "+v.name), append(types, v.typ())
	}
	outside := f.indent
	fmt.Fprintf(&f.body, "%s%%%d:%d = stablehlo.while(%s) : %s\n%scond {\n", outside, id, len(start), strings.Join(bound, ", "), strings.Join(types, ", "), outside)
	f.indent = outside + "  "
	holds := condition(inner)
	fmt.Fprintf(&f.body, "%sstablehlo.return %s : %s\n%s} do {\n", f.indent, holds.name, holds.typ(), outside)
	ends := body(inner)
	var names []string
	for i, v := range ends {
		if i >= len(start) || v.typ() != start[i].typ() {
			f.fail(v.Elem, v.Dims, "a while turns value %d into %s", i, v.typ())
			break
		}
		names = append(names, v.name)
	}
	fmt.Fprintf(&f.body, "%sstablehlo.return %s : %s\n%s}\n", f.indent, strings.Join(names, ", "), strings.Join(types, ", "), outside)
	f.indent = outside
	results := make([]Value, len(start))
	for i, v := range start {
		results[i] = Value{fmt.Sprintf("%%%d#%d", id, i), v.Elem, v.Dims}
	}
	return results
}

// Put replaces the values of a from scalars of i32 on by part.
func (f *Func) Put(a, part Value, starts ...Value) Value {
	names, types := []string{a.name, part.name}, []string{a.typ(), part.typ()}
	for _, s := range starts {
		names, types = append(names, s.name), append(types, s.typ())
	}
	if a.Elem != part.Elem || len(a.Dims) != len(part.Dims) || len(starts) != len(a.Dims) {
		return f.fail(a.Elem, a.Dims, "update of %s by %s at %d indices", a.typ(), part.typ(), len(starts))
	}
	return f.emit(a.Elem, a.Dims, "stablehlo.dynamic_update_slice %s : (%s) -> %s", strings.Join(names, ", "), strings.Join(types, ", "), a.typ())
}

// IsFinite says which values are neither NaN nor infinite.
func (f *Func) IsFinite(a Value) Value {
	return f.emit(Bool, a.Dims, "stablehlo.is_finite %s : (%s) -> %s", a.name, a.typ(), typeOf(Bool, a.Dims))
}
