//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/pjrt"
)

// group is K networks on the device, with their training sets. An epoch is one program, two where the last batch is short; the host draws the orders and sees the losses.
type group struct {
	e     *engine
	specs []models.TensorSpec
	shape groupShape
	batch int

	tensors, moments []*pjrt.Array
	x, y             *pjrt.Array
	sets             []trainingSet
	slots            []groupNetwork
	programs         map[groupProgram]*program
}

// groupNetwork is what the host knows of a slot.
type groupNetwork struct {
	loaded bool
	set    int // index of its training set
	steps  uint64
	epochs uint64 // begun
	hyper  [hypers]float64

	augment models.Augmentation
	padding []float32 // of a black pixel, [C]; nil: 0
	seeds   models.Seeds
}

// trainingSet is one set of inputs on the device; networks whose inputs are equal share it.
type trainingSet struct {
	sum   [sha256.Size]byte
	users int
}

// groupProgram names a compiled program.
type groupProgram struct {
	what string
	rows int       // of what is replaced
	part epochPart // of an epoch
	sets int
}

var (
	_ models.Grouping = (*engine)(nil)
	_ models.Group    = (*group)(nil)
)

// NewGroup makes room for as many networks as the shape asks for; where it does not, as [GroupSizeOn] says.
func (e *engine) NewGroup(s models.GroupShape) (models.Group, error) {
	err := e.accepts(s.Arch)
	if err == nil {
		err = s.Optimizer.Validate()
	}
	if err == nil && (s.BatchSize < 1 || s.Examples < 1) {
		err = fmt.Errorf("batches of %d of %d examples", s.BatchSize, s.Examples)
	}
	if err == nil && (s.Slots < 0 || s.Slots > LargestGroup) {
		err = fmt.Errorf("groups of %d networks: 1 to %d are possible, 0 chooses", s.Slots, LargestGroup)
	}
	if err != nil {
		return nil, fmt.Errorf("making a group on %s: %w", e.Name(), err)
	}
	batch := min(s.BatchSize, s.Examples)
	k := s.Slots
	if k == 0 {
		k = GroupSizeOn(e.client.Platform, s.Arch, batch)
	}
	g := &group{
		e: e, specs: s.Arch.Tensors(), batch: batch, programs: map[groupProgram]*program{}, slots: make([]groupNetwork, k), sets: make([]trainingSet, 1),
		shape: groupShape{a: s.Arch, k: k, examples: s.Examples, sets: 1, rule: ruleOf(s.Optimizer), how: e.how(k), augmented: s.Augmented, cut: s.Cut},
	}
	if err := g.allocate(); err != nil {
		return nil, errors.Join(fmt.Errorf("making a group of %d networks on %s: %w", k, e.Name(), err), g.Close())
	}
	return g, nil
}

// allocate makes the arrays, of zeros.
func (g *group) allocate() error {
	u := &upload{device: g.e.device}
	for _, t := range g.specs {
		dims := append([]int{g.shape.k}, t.Shape...)
		zeros := make([]float32, g.shape.k*t.Size())
		g.tensors = append(g.tensors, put(u, zeros, dims...))
		for range g.shape.rule.moments() {
			if t.Trainable {
				g.moments = append(g.moments, put(u, zeros, dims...))
			}
		}
	}
	n, d := g.shape.examples, g.shape.a.Input.Size()
	g.x = put(u, make([]float32, g.shape.sets*n*d), g.shape.sets*n, d)
	g.y = put(u, make([]int32, g.shape.k*n), g.shape.k*n, 1)
	return u.err
}

// Size is the number of slots.
func (g *group) Size() int { return len(g.slots) }

// program compiles a program once.
func (g *group) program(p groupProgram, write func() (source, error)) (*pjrt.Executable, error) {
	p.sets = g.shape.sets
	if c := g.programs[p]; c != nil {
		return c.exe, nil
	}
	src, err := write()
	if err != nil {
		return nil, err
	}
	c, err := g.e.compile(src)
	if err != nil {
		return nil, fmt.Errorf("%s of a group of %d networks: %w", p.what, g.shape.k, err)
	}
	g.programs[p] = c
	return c.exe, nil
}

// Load puts a network into a slot.
func (g *group) Load(slot int, s models.State, t models.Training, seeds models.Seeds, ex models.Examples) error {
	if err := g.load(slot, s, t, seeds, ex); err != nil {
		return fmt.Errorf("loading slot %d of a group: %w", slot, err)
	}
	return nil
}

func (g *group) load(slot int, s models.State, t models.Training, seeds models.Seeds, ex models.Examples) error {
	o := t.Optimizer
	switch {
	case slot < 0 || slot >= len(g.slots):
		return fmt.Errorf("there are %d slots", len(g.slots))
	case ex.Len() != g.shape.examples:
		return fmt.Errorf("%d examples, the group's networks have %d", ex.Len(), g.shape.examples)
	case ruleOf(o) != g.shape.rule:
		return fmt.Errorf("optimizer %s with momentum %v is not the group's", o.Name, o.Momentum)
	case t.Augment.On() != g.shape.augmented:
		return fmt.Errorf("inputs are augmented by %+v; those of the group are: %t", t.Augment, g.shape.augmented)
	}
	err := errors.Join(s.Fits(g.shape.a), o.Validate(), ex.Fits(g.shape.a), t.Augment.Fits(g.shape.a.Input, ex.Padding))
	if err != nil {
		return err
	}
	g.leave(slot)
	set, err := g.place(ex.X)
	if err != nil {
		return err
	}
	if err := g.replaceRows(&g.y, ex.Y, g.shape.k*g.shape.examples, 1, slot*g.shape.examples); err != nil {
		return err
	}
	e, err := g.program(groupProgram{what: "load"}, func() (source, error) { return loadProgram(g.shape) })
	if err != nil {
		return err
	}
	u := &upload{device: g.e.device}
	defer u.free()
	arguments := slices.Concat(g.tensors, g.moments, []*pjrt.Array{put(u, []int32{int32(slot)})})
	for _, w := range s {
		arguments = append(arguments, put(u, w.Data, append([]int{1}, w.Shape...)...))
	}
	if err := u.err; err != nil {
		return err
	}
	out, err := e.Run(arguments...)
	if err != nil {
		return err
	}
	g.replace(out)
	g.sets[set].users++
	g.slots[slot] = groupNetwork{loaded: true, set: set, hyper: hyperparameters(o), augment: t.Augment, padding: slices.Clone(ex.Padding), seeds: seeds}
	return nil
}

// leave empties a slot.
func (g *group) leave(slot int) {
	if g.slots[slot].loaded {
		g.sets[g.slots[slot].set].users--
		g.slots[slot] = groupNetwork{}
	}
}

// replace takes new tensors and moments.
func (g *group) replace(out []*pjrt.Array) {
	free(g.tensors)
	free(g.moments)
	g.tensors, g.moments = out[:len(g.tensors)], out[len(g.tensors):]
}

// place puts inputs onto the device unless they are there, and answers where. Room grows by doubling.
func (g *group) place(x []float32) (int, error) {
	sum := sha256.Sum256(unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x)))
	unused := -1
	for i, s := range g.sets {
		if s.sum == sum {
			return i, nil
		}
		if s.users == 0 && unused < 0 {
			unused = i
		}
	}
	n, d := g.shape.examples, g.shape.a.Input.Size()
	if unused < 0 {
		unused = len(g.sets)
		if err := g.grow(min(2*len(g.sets), len(g.slots))); err != nil {
			return 0, err
		}
	}
	if err := g.replaceRows(&g.x, x, g.shape.sets*n, d, unused*n); err != nil {
		return 0, err
	}
	g.sets[unused].sum = sum
	return unused, nil
}

// grow makes room for more training sets.
func (g *group) grow(sets int) error {
	n, d := g.shape.examples, g.shape.a.Input.Size()
	whole := make([]float32, sets*n*d)
	if err := pjrt.Get(g.x, whole[:g.shape.sets*n*d]); err != nil {
		return err
	}
	x, err := pjrt.Put(g.e.device, whole, sets*n, d)
	if err != nil {
		return fmt.Errorf("room for %d training sets: %w", sets, err)
	}
	g.x.Free()
	g.x, g.shape.sets = x, sets
	g.sets = append(g.sets, make([]trainingSet, sets-len(g.sets))...)
	return nil
}

// Close frees what the group holds on the device.
func (g *group) Close() error {
	free(g.tensors)
	free(g.moments)
	g.x.Free()
	g.y.Free()
	for _, p := range g.programs {
		g.e.cache.release(p)
	}
	g.tensors, g.moments, g.x, g.y, g.slots, g.programs = nil, nil, nil, nil, nil, nil
	return nil
}
