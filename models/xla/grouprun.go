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
	e, err := g.program(groupProgram{what: "rows of " + string(elem), rows: rows}, func() (source, error) { return rowsProgram(elem, rows, n, width) })
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
func (g *group) Epoch(order [][]int, cuts []int, at func(done int, losses [][]float64) error) ([][]float64, error) {
	losses, err := g.epoch(order, cuts, at)
	if err != nil {
		return nil, fmt.Errorf("an epoch of a group of %d networks: %w", len(g.slots), err)
	}
	return losses, nil
}

func (g *group) epoch(order [][]int, cuts []int, at func(done int, losses [][]float64) error) ([][]float64, error) {
	u := &upload{device: g.e.device}
	defer u.free()
	r, err := g.begin(u, order)
	if err != nil {
		return nil, err
	}
	parts := []epochPart{{g.batch, g.shape.examples / g.batch, 0}}
	if rest := g.shape.examples % g.batch; rest > 0 && rest >= g.shape.a.LeastLearn() {
		parts = append(parts, epochPart{rest, 1, parts[0].count * g.batch})
	}
	before := 0 // steps of the parts that are done
	for _, p := range parts {
		for first := 0; first < p.count; {
			end := p.count
			if len(cuts) > 0 {
				if cuts[0] <= before+first || !g.shape.cut {
					return nil, fmt.Errorf("a cut after step %d of an epoch of which %d are done, in a group that is cut: %t", cuts[0], before+first, g.shape.cut)
				}
				end = min(end, cuts[0]-before)
			}
			if err := g.steps(u, r, p, first, end); err != nil {
				return nil, err
			}
			first = end
			if len(cuts) > 0 && cuts[0] == before+end {
				cuts = cuts[1:]
				if err := at(before+end, r.losses); err != nil {
					return nil, err
				}
			}
		}
		before += p.count
	}
	if len(cuts) > 0 {
		return nil, fmt.Errorf("a cut after step %d of an epoch of %d", cuts[0], before)
	}
	return r.losses, nil
}

// epochRun is an epoch under way.
type epochRun struct {
	order, alive *pjrt.Array
	augmentation []*pjrt.Array // numbers and padding, where inputs are augmented
	rests        []bool
	losses       [][]float64 // of each slot, so far; nil where it rests
}

// begin checks the orders and puts what an epoch needs onto the device.
func (g *group) begin(u *upload, order [][]int) (*epochRun, error) {
	if len(order) != len(g.slots) {
		return nil, fmt.Errorf("%d orders for %d slots", len(order), len(g.slots))
	}
	k, n := len(g.slots), g.shape.examples
	r := &epochRun{rests: make([]bool, k), losses: make([][]float64, k)}
	flat, alive := make([]int32, k*n), make([]int32, k)
	for i, o := range order {
		if o == nil {
			r.rests[i] = true
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
	r.order, r.alive = put(u, flat, k, n), put(u, alive, k)
	channels := g.shape.a.Input.C
	numbers, padding := make([]uint64, augments*k), make([]float32, k*channels)
	for i := range g.slots {
		s := &g.slots[i]
		if !r.rests[i] {
			s.epochs++
		}
		for row, v := range augmentNumbers(s.augment, s.seeds.Augment, s.epochs) {
			numbers[row*k+i] = v
		}
		copy(padding[i*channels:], s.padding)
	}
	if g.shape.augmented {
		r.augmentation = []*pjrt.Array{put(u, numbers, augments, k), put(u, padding, k, channels)}
	}
	return r, u.err
}

// steps runs the steps first .. end-1 of a part and appends their losses.
func (g *group) steps(u *upload, r *epochRun, p epochPart, first, end int) error {
	e, err := g.program(groupProgram{what: "epoch", part: p}, func() (source, error) { return epochProgram(g.shape, p) })
	if err != nil {
		return err
	}
	k := len(g.slots)
	hyper, steps, draws := make([]float64, hypers*k), make([]uint64, k), make([]uint64, k)
	for i, s := range g.slots {
		for h, v := range s.hyper {
			hyper[h*k+i] = v
		}
		steps[i], draws[i] = s.steps-uint64(first), s.seeds.Dropout // the program counts from the part's first
	}
	arguments := slices.Concat(g.tensors, g.moments,
		[]*pjrt.Array{put(u, hyper, hypers, k), put(u, steps, k), put(u, draws, k), r.alive}, g.data(u), []*pjrt.Array{r.order}, r.augmentation)
	if p.parted(g.shape) {
		arguments = append(arguments, put(u, []int32{int32(first)}), put(u, []int32{int32(end)}))
	}
	if u.err != nil {
		return u.err
	}
	out, err := e.Run(arguments...)
	if err != nil {
		return err
	}
	u.arrays = append(u.arrays, out[:2]...)
	r.alive = out[1]
	g.replace(out[2:])
	values := make([]float64, p.count*k)
	if err := pjrt.Get(out[0], values); err != nil {
		return err
	}
	for i := range k {
		g.slots[i].steps += uint64(end - first)
		for step := first; step < end && !r.rests[i]; step++ {
			r.losses[i] = append(r.losses[i], values[step*k+i])
		}
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
