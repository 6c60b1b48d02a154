package quantity

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/genbench/genbench/models"
)

// payload is one computed array, not yet written: exactly one of the slices
// holds its values.
type payload struct {
	name  string
	shape []int
	f32   []float32
	f64   []float64
	i32   []int32
}

func scalar(name string, v float64) payload {
	return payload{name: name, shape: []int{}, f64: []float64{v}}
}

func (p payload) dtype() string {
	switch {
	case p.f32 != nil:
		return "f32"
	case p.i32 != nil:
		return "i32"
	}
	return "f64"
}

// encode appends the values in little-endian order.
func (p payload) encode(b []byte) []byte {
	for _, v := range p.f32 {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	for _, v := range p.f64 {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	for _, v := range p.i32 {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return b
}

// size is the number of bytes that encode appends.
func (p payload) size() int { return 4*len(p.f32) + 8*len(p.f64) + 4*len(p.i32) }

// check reports a shape that does not hold the values: a mistake in this package.
func (p payload) check() error {
	n := 1
	for _, d := range p.shape {
		n *= d
	}
	if got := len(p.f32) + len(p.f64) + len(p.i32); got != n {
		return fmt.Errorf("array %q: %d values for shape %v", p.name, got, p.shape)
	}
	return nil
}

func statePayloads(s models.State) []payload {
	ps := make([]payload, len(s))
	for i, t := range s {
		ps[i] = payload{name: t.Name, shape: t.Shape, f32: t.Data}
	}
	return ps
}
