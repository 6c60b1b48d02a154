//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/pjrt"
)

// inputs of a call, each where the call has it.
type inputs struct {
	direction models.State
	x         []float32 // [N, D]
	y         []int32   // [N]
	weight    float64   // of each example
	seed      []float32 // [N, classes]
	draw      *models.Draw
}

// rowsFor is how many examples a program for n takes. Where examples do not mix, it is a power of two, so that few programs serve all sizes; the rest is 0 and weighs nothing.
// Calls whose memory grows with the examples times the weights take no more than that; for the others, 8 examples cost what one does.
func rowsFor(c call, n int) int {
	switch c {
	case callLearn, callStep:
		return n
	case callNorms, callDots, callMoments:
		return 1 << bits.Len(uint(n-1))
	}
	return max(8, 1<<bits.Len(uint(n-1)))
}

// run runs a call's program on n examples and lets read take what it answers.
func (s *session) run(c call, n int, in inputs, read func(results) error) error {
	rows := rowsFor(c, n)
	e, err := s.program(c, rows)
	if err != nil {
		return err
	}
	arguments := append([]*pjrt.Array(nil), s.tensors...)
	u := &upload{device: s.e.device}
	defer u.free()
	for i, t := range s.specs {
		if c == callCurvature && t.Trainable {
			arguments = append(arguments, put(u, in.direction[i].Data, append([]int{1}, t.Shape...)...))
		}
	}
	if c == callStep {
		arguments = append(arguments, s.moments...)
		arguments = append(arguments, s.hyper, put(u, []float64{float64(s.steps)}, 1))
	}
	if c == callStep || c == callLearn {
		arguments = append(arguments, put(u, []uint64{in.draw.Seed}, 1), put(u, []uint64{in.draw.Step}, 1))
	}
	arguments = append(arguments, put(u, filled(in.x, rows, n), rows, s.a.Input.Size()))
	if in.seed != nil {
		arguments = append(arguments, put(u, filled(in.seed, rows, n), rows, s.a.Classes))
	}
	if in.y != nil {
		arguments = append(arguments, put(u, filled(in.y, rows, n), 1, rows))
	}
	if in.y != nil && c != callStep {
		weights := make([]float64, rows)
		for i := range n {
			weights[i] = in.weight
		}
		arguments = append(arguments, put(u, weights, rows))
	}
	if u.err != nil {
		return u.err
	}
	arrays, err := e.Run(arguments...)
	if err != nil {
		return err
	}
	out := results{next: new(int), arrays: arrays, rowCount: rows}
	defer func() { free(arrays) }() // those not taken
	return read(out)
}

// program compiles a call's program once.
func (s *session) program(c call, rows int) (*pjrt.Executable, error) {
	k := programKey{call: c, rows: rows}
	if c == callStep {
		k.rule = ruleOf(s.optimizer)
	}
	if p := s.programs[k]; p != nil {
		return p.exe, nil
	}
	src, err := programOf(c, s.a, rows, s.e.how(1), k.rule)
	if err != nil {
		return nil, err
	}
	p, err := s.e.compile(src)
	if err != nil {
		return nil, fmt.Errorf("%s of %d examples: %w", c, rows, err)
	}
	s.programs[k] = p
	return p.exe, nil
}

// upload copies arguments and keeps the first error.
type upload struct {
	device pjrt.Device
	arrays []*pjrt.Array
	err    error
}

func put[T pjrt.Number](u *upload, data []T, dims ...int) *pjrt.Array {
	if u.err != nil {
		return nil
	}
	a, err := pjrt.Put(u.device, data, dims...)
	if err != nil {
		u.err = err
		return nil
	}
	u.arrays = append(u.arrays, a)
	return a
}

func (u *upload) free() { free(u.arrays) }

// filled appends zeros to n rows until there are so many.
func filled[T pjrt.Number](x []T, rows, n int) []T {
	if rows == n {
		return x
	}
	whole := make([]T, len(x)/n*rows)
	copy(whole, x)
	return whole
}

// results are a program's arrays, read in order.
type results struct {
	arrays   []*pjrt.Array
	next     *int
	rowCount int // rows of the arrays that have a row an example
}

func (r results) following() (*pjrt.Array, error) {
	if *r.next >= len(r.arrays) {
		return nil, errors.New("the program answers too few arrays")
	}
	*r.next++
	return r.arrays[*r.next-1], nil
}

// take gives the next array away: it is the caller's to free.
func (r results) take() *pjrt.Array {
	a, err := r.following()
	if err != nil {
		return nil
	}
	r.arrays[*r.next-1] = nil
	return a
}

// read reads the next array.
func (r results) read(dst []float32) error {
	a, err := r.following()
	if err != nil {
		return err
	}
	return pjrt.Get(a, dst)
}

func (r results) scalar() (float64, error) {
	var v [1]float64
	return v[0], r.read64(v[:])
}

func (r results) read64(dst []float64) error {
	a, err := r.following()
	if err != nil {
		return err
	}
	return pjrt.Get(a, dst)
}

// rows reads the first rows, as dst has room for, of an array with so many values a row.
func (r results) rows(dst []float32, width int) error {
	if len(dst) == r.rowCount*width {
		return r.read(dst)
	}
	whole := make([]float32, r.rowCount*width)
	if err := r.read(whole); err != nil {
		return err
	}
	copy(dst, whole)
	return nil
}
