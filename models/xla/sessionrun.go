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
	p, err := s.program(c, rows)
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
	if x, read := s.e.kept.batch(s.e.device, in.x, rows, n); x != nil {
		defer read()
		arguments = append(arguments, x)
	} else {
		arguments = append(arguments, put(u, filled(in.x, rows, n), rows, s.a.Input.Size()))
	}
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
	out := results{next: new(int), rowCount: rows}
	if p.slots == 1 {
		out.arrays, err = p.exe.Run(arguments...)
	} else {
		out.joint, err = s.e.gatherer.run(p.exe, kind{slots: p.slots, tensors: s.tensorValues(c)}, arguments)
	}
	if err != nil {
		return err
	}
	defer out.release() // what was not taken
	return read(out)
}

// tensorValues counts the values of the tensors that a call answers.
func (s *session) tensorValues(c call) (n int) {
	for _, t := range s.specs {
		switch {
		case !c.answersTensors() || !t.Trainable:
		case c == callMoments:
			n += 2 * t.Size()
		default:
			n += t.Size()
		}
	}
	return n
}

// program compiles a call's program once.
func (s *session) program(c call, rows int) (compiled, error) {
	k := programKey{call: c, rows: rows}
	if c == callStep {
		k.rule = ruleOf(s.optimizer)
	}
	if p, ok := s.programs[k]; ok {
		return p, nil
	}
	slots := s.e.slots(c, s.a, rows)
	src, err := programOf(c, s.a, rows, slots, s.e.how(slots), k.rule)
	if err != nil {
		return compiled{}, err
	}
	p, err := s.e.compile(src)
	if err != nil {
		return compiled{}, fmt.Errorf("%s of %d examples: %w", c, rows, err)
	}
	s.programs[k] = compiled{p, slots}
	return s.programs[k], nil
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

// results are what a program answers to one network, read in order.
type results struct {
	arrays   []*pjrt.Array
	joint    *joint // instead of arrays: from a program of several networks
	next     *int
	rowCount int // rows of the arrays that have a row an example
}

func (r results) release() {
	free(r.arrays)
	if r.joint != nil {
		r.joint.release()
	}
}

// following reads the next result, of so many values, as far as dst has room.
func following[T pjrt.Number](r results, dst []T, size int) error {
	i := *r.next
	*r.next++
	switch {
	case r.joint != nil:
		return readJoint(r.joint, i, dst, size)
	case i >= len(r.arrays):
		return errTooFew
	case len(dst) == size:
		return pjrt.Get(r.arrays[i], dst)
	}
	whole := make([]T, size)
	if err := pjrt.Get(r.arrays[i], whole); err != nil {
		return err
	}
	copy(dst, whole)
	return nil
}

var errTooFew = errors.New("the program answers too few arrays")

// take gives the next array away: it is the caller's to free.
func (r results) take() *pjrt.Array {
	i := *r.next
	*r.next++
	if i >= len(r.arrays) {
		return nil
	}
	a := r.arrays[i]
	r.arrays[i] = nil
	return a
}

// read reads the next result.
func (r results) read(dst []float32) error { return following(r, dst, len(dst)) }

func (r results) read64(dst []float64) error { return following(r, dst, len(dst)) }

func (r results) scalar() (float64, error) {
	var v [1]float64
	return v[0], r.read64(v[:])
}

// rows reads the first rows, as dst has room for, of a result with so many values a row.
func (r results) rows(dst []float32, width int) error { return following(r, dst, r.rowCount*width) }
