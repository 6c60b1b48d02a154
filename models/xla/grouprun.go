//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"fmt"
	"slices"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/hlo"
	"github.com/genbench/genbench/models/xla/internal/pjrt"
)

// replaceRows replaces rows of an array of [rows, width] from a row on.
func (g *group) replaceRows(array **pjrt.Array, part any, rows, width, at int) error {
	u := &upload{device: g.e.device}
	defer u.free()
	var elem hlo.Elem
	var n int
	var data *pjrt.Array
	switch p := part.(type) {
	case []float32:
		elem, n = hlo.F32, len(p)/width
		data = put(u, p, n, width)
	case []int32:
		elem, n = hlo.I32, len(p)/width
		data = put(u, p, n, width)
	default:
		return fmt.Errorf("rows of type %T", part)
	}
	e, err := g.program(groupProgram{what: "rows of " + string(elem), count: rows}, func() (source, error) { return rowsProgram(elem, rows, n, width) })
	if err != nil {
		return err
	}
	where := put(u, []int32{int32(at)})
	if u.err != nil {
		return u.err
	}
	out, err := e.Run(*array, data, where)
	if err != nil {
		return err
	}
	(*array).Free()
	*array = out[0]
	return nil
}

// data are the arguments that say where each network's examples are.
func (g *group) data(u *upload) []*pjrt.Array {
	base := make([]int32, len(g.slots))
	for i, s := range g.slots {
		base[i] = int32(s.set * g.shape.examples)
	}
	return []*pjrt.Array{g.x, put(u, base, len(base)), g.y}
}

// Epoch trains the networks that have an order once through their examples.
func (g *group) Epoch(order [][]int) ([][]float64, error) {
	losses, err := g.epoch(order)
	if err != nil {
		return nil, fmt.Errorf("an epoch of a group of %d networks: %w", len(g.slots), err)
	}
	return losses, nil
}

func (g *group) epoch(order [][]int) ([][]float64, error) {
	if len(order) != len(g.slots) {
		return nil, fmt.Errorf("%d orders for %d slots", len(order), len(g.slots))
	}
	k, n := len(g.slots), g.shape.examples
	flat, alive := make([]int32, k*n), make([]int32, k)
	for i, o := range order {
		if o == nil {
			continue
		}
		if !g.slots[i].loaded || len(o) != n {
			return nil, fmt.Errorf("an order of %d examples for slot %d", len(o), i)
		}
		alive[i] = 1
		for j, at := range o {
			if at < 0 || at >= n {
				return nil, fmt.Errorf("the order of slot %d names example %d of %d", i, at, n)
			}
			flat[i*n+j] = int32(at)
		}
	}
	u := &upload{device: g.e.device}
	defer u.free()
	a := epochArguments{order: put(u, flat, k, n), alive: put(u, alive, k)}
	losses := make([][]float64, k)
	full := n / g.batch
	err := g.steps(u, &a, g.batch, full, 0, losses)
	if rest := n - full*g.batch; err == nil && rest >= g.shape.a.LeastLearn() {
		err = g.steps(u, &a, rest, 1, full*g.batch, losses)
	}
	if err != nil {
		return nil, err
	}
	for i := range losses {
		if order[i] == nil {
			losses[i] = nil
		}
	}
	return losses, nil
}

// epochArguments go from an epoch's first program to its second.
type epochArguments struct{ order, alive *pjrt.Array }

// steps runs count steps and appends their losses.
func (g *group) steps(u *upload, a *epochArguments, batch, count, offset int, losses [][]float64) error {
	e, err := g.program(groupProgram{what: "epoch", count: count, offset: offset}, func() (source, error) { return epochProgram(g.shape, batch, count, offset) })
	if err != nil {
		return err
	}
	k := len(g.slots)
	hyper, steps, draws := make([]float64, hypers*k), make([]uint64, k), make([]uint64, k)
	for i, s := range g.slots {
		for h, v := range s.hyper {
			hyper[h*k+i] = v
		}
		steps[i], draws[i] = s.steps, s.draws
	}
	arguments := slices.Concat(g.tensors, g.moments,
		[]*pjrt.Array{put(u, hyper, hypers, k), put(u, steps, k), put(u, draws, k), a.alive}, g.data(u), []*pjrt.Array{a.order})
	if u.err != nil {
		return u.err
	}
	out, err := e.Run(arguments...)
	if err != nil {
		return err
	}
	u.arrays = append(u.arrays, out[:2]...)
	a.alive = out[1]
	g.replace(out[2:])
	values := make([]float64, count*k)
	if err := pjrt.Get(out[0], values); err != nil {
		return err
	}
	for i := range k {
		for step := range count {
			losses[i] = append(losses[i], values[step*k+i])
		}
		g.slots[i].steps += uint64(count)
	}
	return nil
}

// evaluationBatch is how many examples of each network are evaluated at once.
const evaluationBatch = 256

// Evaluate evaluates the networks on their training sets.
func (g *group) Evaluate() ([]models.Metrics, error) {
	values, err := g.ask("evaluation", min(evaluationBatch, g.shape.examples), evaluateProgram)
	if err != nil {
		return nil, fmt.Errorf("evaluating a group of %d networks: %w", len(g.slots), err)
	}
	metrics := make([]models.Metrics, len(g.slots))
	n := float64(g.shape.examples)
	for i := range metrics {
		metrics[i] = models.Metrics{Loss: values[0][i] / n, Accuracy: values[1][i] / n}
	}
	return metrics, nil
}

// Noise measures the gradient noise of the networks.
func (g *group) Noise() ([]float64, error) {
	values, err := g.ask("gradient noise", min(noiseBatch(g.shape), g.shape.examples), noiseProgram)
	if err != nil {
		return nil, fmt.Errorf("gradient noise of a group of %d networks: %w", len(g.slots), err)
	}
	return values[0], nil
}

// noiseBatch is how many examples' own gradients are stored at once, of each network.
func noiseBatch(s groupShape) int { return max(1, min(evaluationBatch, exampleChunk(s.a)/s.k)) }

// ask runs a program of tensors and data that answers arrays of [K].
func (g *group) ask(what string, batch int, write func(groupShape, int) (source, error)) ([][]float64, error) {
	e, err := g.program(groupProgram{what: what}, func() (source, error) { return write(g.shape, batch) })
	if err != nil {
		return nil, err
	}
	u := &upload{device: g.e.device}
	defer u.free()
	arguments := slices.Concat(g.tensors, g.data(u))
	if u.err != nil {
		return nil, u.err
	}
	out, err := e.Run(arguments...)
	if err != nil {
		return nil, err
	}
	defer free(out)
	values := make([][]float64, len(out))
	for i, a := range out {
		values[i] = make([]float64, len(g.slots))
		if err := pjrt.Get(a, values[i]); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// State copies a slot's tensors.
func (g *group) State(slot int, dst models.State) error {
	if err := dst.Fits(g.shape.a); err != nil {
		return fmt.Errorf("reading slot %d of a group: %w", slot, err)
	}
	if slot < 0 || slot >= len(g.slots) || !g.slots[slot].loaded {
		return fmt.Errorf("reading slot %d of a group: it is empty", slot)
	}
	e, err := g.program(groupProgram{what: "read"}, func() (source, error) { return readProgram(g.shape) })
	if err != nil {
		return err
	}
	u := &upload{device: g.e.device}
	defer u.free()
	arguments := slices.Concat(g.tensors, []*pjrt.Array{put(u, []int32{int32(slot)})})
	if u.err != nil {
		return u.err
	}
	out, err := e.Run(arguments...)
	if err != nil {
		return fmt.Errorf("reading slot %d of a group: %w", slot, err)
	}
	defer free(out)
	for i := range dst {
		if err := pjrt.Get(out[i], dst[i].Data); err != nil {
			return fmt.Errorf("reading slot %d of a group: tensor %s: %w", slot, dst[i].Name, err)
		}
	}
	return nil
}
