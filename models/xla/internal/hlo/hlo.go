// Package hlo writes programs in StableHLO's text: one function, whose shapes are all known. It checks what it is given and
// keeps the first mistake until the program is asked for, so that a lowering reads as formulas do.
//
// gomlx/go-xla's emitter (v0.1.4) was the alternative: it has no while, which the training loop on the device
// needs, and brings the rest of its module along. Syntax: openxla/stablehlo, docs/spec.md, and its pretty form, which XLA's parser
// takes since StableHLO 0.14.
package hlo

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Elem is the type of an array's values.
type Elem string

// The types that programs here need.
const (
	F32  Elem = "f32"
	F64  Elem = "f64"
	I32  Elem = "i32"
	U64  Elem = "ui64"
	Bool Elem = "i1"
)

// Value is an array that a program computes.
type Value struct {
	name string
	Elem Elem
	Dims []int
}

// Valid says that there is a value: the zero Value is none.
func (v Value) Valid() bool { return v.name != "" }

// Size is the number of its values.
func (v Value) Size() int { return product(v.Dims) }

func (v Value) typ() string { return typeOf(v.Elem, v.Dims) }

func typeOf(e Elem, dims []int) string {
	var b strings.Builder
	b.WriteString("tensor<")
	for _, d := range dims {
		b.WriteString(strconv.Itoa(d))
		b.WriteByte('x')
	}
	b.WriteString(string(e))
	b.WriteByte('>')
	return b.String()
}

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// Func is the function under construction.
type Func struct {
	body       strings.Builder
	indent     string
	next       int
	parameters []Value
	constants  map[string]Value // of the outermost block: while's regions see them
	top        *strings.Builder // the constants' text
	err        error
}

// New begins a program.
func New() *Func {
	return &Func{indent: "    ", constants: map[string]Value{}, top: &strings.Builder{}}
}

// Err is the first mistake.
func (f *Func) Err() error { return f.err }

// fail keeps the first mistake and answers a value of the asked shape, so that what follows makes no noise.
func (f *Func) fail(e Elem, dims []int, format string, args ...any) Value {
	if f.err == nil {
		f.err = fmt.Errorf("StableHLO: "+format, args...)
	}
	return Value{"%invalid", e, dims}
}

// Parameter adds an argument of the function.
func (f *Func) Parameter(e Elem, dims ...int) Value {
	v := Value{fmt.Sprintf("%%arg%d", len(f.parameters)), e, slices.Clone(dims)}
	f.parameters = append(f.parameters, v)
	return v
}

// Program is the module's text, with a function main that answers the results.
func (f *Func) Program(results ...Value) (string, error) {
	if f.err != nil {
		return "", f.err
	}
	var names, types, params []string
	for _, r := range results {
		if !r.Valid() {
			return "", fmt.Errorf("StableHLO: a result has no value")
		}
		names, types = append(names, r.name), append(types, r.typ())
	}
	for _, p := range f.parameters {
		params = append(params, p.name+": "+p.typ())
	}
	return fmt.Sprintf("module {\n  func.func public @main(%s) -> (%s) {\n%s%s    return %s : %s\n  }\n}\n",
		strings.Join(params, ", "), strings.Join(types, ", "), f.top.String(), f.body.String(), strings.Join(names, ", "), strings.Join(types, ", ")), nil
}

// emit writes one operation with one result.
func (f *Func) emit(e Elem, dims []int, format string, args ...any) Value {
	v := Value{"%" + strconv.Itoa(f.next), e, slices.Clone(dims)}
	f.next++
	fmt.Fprintf(&f.body, "%s%s = %s\n", f.indent, v.name, fmt.Sprintf(format, args...))
	return v
}

// Const is an array of one value throughout. Equal constants are one.
func (f *Func) Const(e Elem, v float64, dims ...int) Value {
	var text string
	switch e {
	case F32:
		text = fmt.Sprintf("0x%08X", math.Float32bits(float32(v)))
	case F64:
		text = fmt.Sprintf("0x%016X", math.Float64bits(v))
	case Bool:
		text = strconv.FormatBool(v != 0)
	default:
		text = strconv.FormatInt(int64(v), 10)
	}
	return f.constant(e, text, dims)
}

// Unsigned is a constant of 64 bits.
func (f *Func) Unsigned(v uint64, dims ...int) Value {
	return f.constant(U64, strconv.FormatUint(v, 10), dims)
}

func (f *Func) constant(e Elem, text string, dims []int) Value {
	key := text + typeOf(e, dims)
	if v, ok := f.constants[key]; ok {
		return v
	}
	v := Value{"%c" + strconv.Itoa(len(f.constants)), e, slices.Clone(dims)}
	fmt.Fprintf(f.top, "    %s = stablehlo.constant dense<%s> : %s\n", v.name, text, v.typ())
	f.constants[key] = v
	return v
}

// Binary is an operation on two arrays of one shape: "add", "subtract", "multiply", "divide", "maximum", "power", "and", "or", "xor", "shift_right_logical", ...
func (f *Func) Binary(op string, a, b Value) Value {
	if a.Elem != b.Elem || !slices.Equal(a.Dims, b.Dims) {
		return f.fail(a.Elem, a.Dims, "%s of %s and %s", op, a.typ(), b.typ())
	}
	return f.emit(a.Elem, a.Dims, "stablehlo.%s %s, %s : %s", op, a.name, b.name, a.typ())
}

// Add is a + b.
func (f *Func) Add(a, b Value) Value { return f.Binary("add", a, b) }

// Sub is a - b.
func (f *Func) Sub(a, b Value) Value { return f.Binary("subtract", a, b) }

// Mul is a b, value by value.
func (f *Func) Mul(a, b Value) Value { return f.Binary("multiply", a, b) }

// Div is a / b, value by value.
func (f *Func) Div(a, b Value) Value { return f.Binary("divide", a, b) }

// Unary is an operation on one array: "exponential", "log", "sqrt", "negate", "not", ...
func (f *Func) Unary(op string, a Value) Value {
	return f.emit(a.Elem, a.Dims, "stablehlo.%s %s : %s", op, a.name, a.typ())
}

// Compare compares value by value: "EQ", "NE", "GT", "GE", "LT", "LE".
func (f *Func) Compare(direction string, a, b Value) Value {
	if a.Elem != b.Elem || !slices.Equal(a.Dims, b.Dims) {
		return f.fail(Bool, a.Dims, "comparison of %s and %s", a.typ(), b.typ())
	}
	return f.emit(Bool, a.Dims, "stablehlo.compare %s, %s, %s : (%s, %s) -> %s", direction, a.name, b.name, a.typ(), b.typ(), typeOf(Bool, a.Dims))
}

// Select is a where the condition holds, else b.
func (f *Func) Select(condition, a, b Value) Value {
	if condition.Elem != Bool || a.Elem != b.Elem || !slices.Equal(a.Dims, b.Dims) || !slices.Equal(condition.Dims, a.Dims) {
		return f.fail(a.Elem, a.Dims, "select by %s of %s and %s", condition.typ(), a.typ(), b.typ())
	}
	return f.emit(a.Elem, a.Dims, "stablehlo.select %s, %s, %s : %s, %s", condition.name, a.name, b.name, condition.typ(), a.typ())
}

// Convert changes the type of the values.
func (f *Func) Convert(a Value, e Elem) Value {
	if a.Elem == e {
		return a
	}
	return f.emit(e, a.Dims, "stablehlo.convert %s : (%s) -> %s", a.name, a.typ(), typeOf(e, a.Dims))
}

// Broadcast repeats a along new axes: axis i of a is axis to[i] of the result, of the same length or, where a's is 1, any.
func (f *Func) Broadcast(a Value, dims []int, to ...int) Value {
	if len(to) != len(a.Dims) {
		return f.fail(a.Elem, dims, "broadcast of %s along %v", a.typ(), to)
	}
	for i, axis := range to {
		if axis < 0 || axis >= len(dims) || a.Dims[i] != dims[axis] && a.Dims[i] != 1 {
			return f.fail(a.Elem, dims, "broadcast of %s to %v along %v", a.typ(), dims, to)
		}
	}
	if slices.Equal(a.Dims, dims) && slices.IsSorted(to) {
		return a
	}
	return f.emit(a.Elem, dims, "stablehlo.broadcast_in_dim %s, dims = %s : (%s) -> %s", a.name, ints(to), a.typ(), typeOf(a.Elem, dims))
}

// Reshape gives the values other axes, in their order.
func (f *Func) Reshape(a Value, dims ...int) Value {
	if product(dims) != a.Size() {
		return f.fail(a.Elem, dims, "reshape of %s to %v", a.typ(), dims)
	}
	if slices.Equal(a.Dims, dims) {
		return a
	}
	return f.emit(a.Elem, dims, "stablehlo.reshape %s : (%s) -> %s", a.name, a.typ(), typeOf(a.Elem, dims))
}

// Transpose makes axis order[i] of a axis i of the result.
func (f *Func) Transpose(a Value, order ...int) Value {
	dims := make([]int, len(order))
	seen := map[int]bool{}
	for i, axis := range order {
		if axis < 0 || axis >= len(a.Dims) || seen[axis] || len(order) != len(a.Dims) {
			return f.fail(a.Elem, a.Dims, "transposition of %s by %v", a.typ(), order)
		}
		seen[axis] = true
		dims[i] = a.Dims[axis]
	}
	return f.emit(a.Elem, dims, "stablehlo.transpose %s, dims = %s : (%s) -> %s", a.name, ints(order), a.typ(), typeOf(a.Elem, dims))
}

// Reduce combines the values along axes: "add", "maximum", "and", from a start that is neutral.
func (f *Func) Reduce(op string, a Value, start float64, axes ...int) Value {
	var dims []int
	for i, d := range a.Dims {
		if !slices.Contains(axes, i) {
			dims = append(dims, d)
		}
	}
	if len(dims)+len(axes) != len(a.Dims) {
		return f.fail(a.Elem, dims, "reduction of %s along %v", a.typ(), axes)
	}
	init := f.Const(a.Elem, start)
	return f.emit(a.Elem, dims, "stablehlo.reduce(%s init: %s) applies stablehlo.%s across dimensions = %s : (%s, %s) -> %s",
		a.name, init.name, op, ints(axes), a.typ(), init.typ(), typeOf(a.Elem, dims))
}

// Barrier is a, computed once before anything that uses it: a compiler that fuses operations may otherwise compute it anew in each of them.
func (f *Func) Barrier(a Value) Value {
	return f.emit(a.Elem, a.Dims, "stablehlo.optimization_barrier %s : %s", a.name, a.typ())
}

// Iota counts along an axis, from 0.
func (f *Func) Iota(e Elem, axis int, dims ...int) Value {
	return f.emit(e, dims, "stablehlo.iota dim = %d : %s", axis, typeOf(e, dims))
}

// Concat joins arrays along an axis.
func (f *Func) Concat(axis int, parts ...Value) Value {
	if len(parts) == 1 {
		return parts[0]
	}
	dims := slices.Clone(parts[0].Dims)
	dims[axis] = 0
	var names, types []string
	for _, p := range parts {
		same := slices.Clone(p.Dims)
		dims[axis] += same[axis]
		same[axis] = dims[axis]
		if p.Elem != parts[0].Elem || !slices.Equal(same, dims) {
			return f.fail(p.Elem, dims, "concatenation of %s and %s along %d", parts[0].typ(), p.typ(), axis)
		}
		names, types = append(names, p.name), append(types, p.typ())
	}
	return f.emit(parts[0].Elem, dims, "stablehlo.concatenate %s, dim = %d : (%s) -> %s",
		strings.Join(names, ", "), axis, strings.Join(types, ", "), typeOf(parts[0].Elem, dims))
}

func ints(v []int) string {
	return strings.ReplaceAll(fmt.Sprint(v), " ", ", ")
}
