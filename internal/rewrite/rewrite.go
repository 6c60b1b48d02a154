// Package rewrite writes a network down in another way that computes the same, or the same but for a scale: what moves
// a measure then is the parametrisation and not the function.
package rewrite

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/models"
)

// Transformation changes a network, or its data with it.
type Transformation struct {
	Name string
	What string
	// Moves says that the network's function changes, by design.
	Moves bool
	// Apply answers the changed network, a deep copy, and the classes' new places (nil:
	// as they were); ok is false where it does not apply.
	Apply func(s *quantity.Subject) (changed *quantity.Subject, classes []int, ok bool)
}

// factor is a power of two, so that scaling rounds nothing.
const factor = 4

// All lists the transformations. They are for dense layers, convolutions, batch norm and ReLU, and what else reads and writes them: only layers whose
// units one other layer with weights reads, and no sum, are changed.
func All() []Transformation {
	return []Transformation{
		{Name: "permuted units", Apply: permuteUnits,
			What: "the units (channels) of every hidden layer in another order, with their batch norm; in the initial weights too"},
		{Name: "rescaled layers", Apply: rescaleLayers,
			What: fmt.Sprintf("what the first ReLU lets through times %d, the weights that read it divided by %d", factor, factor)},
		{Name: "rescaled before norm", Apply: rescaleBeforeNorm,
			What: fmt.Sprintf("the first layer and the running statistics of the batch norm behind it times %d (ε scaled along)", factor)},
		{Name: "scaled logits", Apply: scaleLogits, Moves: true,
			What: "the last layer times 2: other logits, the same predictions"},
		{Name: "permuted classes", Apply: permuteClasses,
			What: "the classes in another order, in the last layer and in all labels; in the initial weights and the sibling too"},
	}
}

// copied is a subject whose tensors can be changed; its key tells it from the original.
func copied(s *quantity.Subject, name string) *quantity.Subject {
	c := *s
	c.Final = s.Final.Clone()
	c.Init = s.Init.Clone()
	c.Key = s.Key + " " + name
	return &c
}

// hidden is a layer with weights whose units nothing but one other such layer reads, through batch norm and ReLU.
type hidden struct {
	name   string
	units  int          // or channels
	norm   models.Layer // of no name where there is none
	reader string
}

// hiddens lists them.
func hiddens(a models.Architecture) []hidden {
	from := a.Sources()
	readers := make([][]int, len(a.Layers))
	for l := range a.Layers {
		if from[l] != models.Input {
			readers[from[l]] = append(readers[from[l]], l)
		}
		if with, ok := a.Summand(l); ok {
			readers[with] = append(readers[with], l)
		}
	}
	var hs []hidden
	for l, layer := range a.Layers {
		if !weighs(layer) {
			continue
		}
		h := hidden{name: layer.Name, units: a.Shapes()[l].C}
		for at := l; len(readers[at]) == 1; {
			at = readers[at][0]
			next := a.Layers[at]
			if weighs(next) {
				h.reader = next.Name
				hs = append(hs, h)
				break
			}
			if next.Kind == models.BatchNorm {
				h.norm = next
			} else if next.Kind != models.ReLU {
				break // a sum has more than one part
			}
		}
	}
	return hs
}

func weighs(l models.Layer) bool { return l.Kind == models.Dense || l.Kind == models.Conv2D }

// classifier is the last layer.
func classifier(a models.Architecture) models.Layer { return a.Layers[len(a.Layers)-1] }

// order is a permutation that moves almost everything.
func order(n int, stream uint64) []int { return rand.New(rand.NewPCG(1905, stream)).Perm(n) }

// permuteRows puts row order[i] at i, in a tensor of rows.
func permuteRows(t *models.Tensor, order []int) {
	size := len(t.Data) / len(order)
	old := slices.Clone(t.Data)
	for i, from := range order {
		copy(t.Data[i*size:(i+1)*size], old[from*size:(from+1)*size])
	}
}

// permuteColumns puts column order[i] at i, in a matrix or in a kernel [Out, In, kh, kw], of which In are the columns.
func permuteColumns(t *models.Tensor, order []int) {
	old := slices.Clone(t.Data)
	n, size := len(order), 1
	for _, d := range t.Shape[2:] {
		size *= d
	}
	for r := range t.Shape[0] {
		for i, from := range order {
			copy(t.Data[(r*n+i)*size:(r*n+i+1)*size], old[(r*n+from)*size:])
		}
	}
}

// scale multiplies a tensor; nil, the bias that a layer has not, is left alone.
func scale(t *models.Tensor, by float32) {
	if t == nil {
		return
	}
	for i := range t.Data {
		t.Data[i] *= by
	}
}

// normTensors are the tensors of a batch norm that have a value a unit.
func normTensors(s models.State, norm models.Layer) []*models.Tensor {
	var ts []*models.Tensor
	for _, name := range []string{"weight", "bias", "running_mean", "running_var"} {
		ts = append(ts, s.Find(norm.Name+"."+name))
	}
	return ts
}

func permuteUnits(s *quantity.Subject) (*quantity.Subject, []int, bool) {
	c := copied(s, "permuted units")
	for _, state := range []models.State{c.Final, c.Init} {
		for i, h := range hiddens(s.Arch) {
			o := order(h.units, uint64(i))
			ts := []*models.Tensor{state.Find(h.name + ".weight")}
			if bias := state.Find(h.name + ".bias"); bias != nil {
				ts = append(ts, bias)
			}
			if h.norm.Name != "" {
				ts = append(ts, normTensors(state, h.norm)...)
			}
			for _, t := range ts {
				permuteRows(t, o)
			}
			permuteColumns(state.Find(h.reader+".weight"), o)
		}
	}
	return c, nil, true
}

func rescaleLayers(s *quantity.Subject) (*quantity.Subject, []int, bool) {
	c := copied(s, "rescaled layers")
	h := hiddens(s.Arch)[0]
	out := h.name // what the ReLU reads
	if h.norm.Name != "" {
		out = h.norm.Name
	}
	scale(c.Final.Find(out+".weight"), factor)
	scale(c.Final.Find(out+".bias"), factor)
	scale(c.Final.Find(h.reader+".weight"), 1.0/factor)
	return c, nil, true
}

// rescaleBeforeNorm keeps (x - mean)/√(var + ε) with x times the factor: the running variance becomes
// factor²·var + (factor²-1)·ε.
func rescaleBeforeNorm(s *quantity.Subject) (*quantity.Subject, []int, bool) {
	h := hiddens(s.Arch)[0]
	if h.norm.Name == "" {
		return nil, nil, false
	}
	c := copied(s, "rescaled before norm")
	scale(c.Final.Find(h.name+".weight"), factor)
	scale(c.Final.Find(h.name+".bias"), factor)
	scale(c.Final.Find(h.norm.Name+".running_mean"), factor)
	v := c.Final.Find(h.norm.Name + ".running_var").Data
	for i := range v {
		v[i] = float32(factor*factor*float64(v[i]) + (factor*factor-1)*h.norm.Epsilon)
	}
	return c, nil, true
}

func scaleLogits(s *quantity.Subject) (*quantity.Subject, []int, bool) {
	c := copied(s, "scaled logits")
	last := classifier(s.Arch).Name
	scale(c.Final.Find(last+".weight"), 2)
	scale(c.Final.Find(last+".bias"), 2)
	return c, nil, true
}

func permuteClasses(s *quantity.Subject) (*quantity.Subject, []int, bool) {
	c := copied(s, "permuted classes")
	last := classifier(s.Arch)
	o := order(last.Out, 1000) // class o[i] becomes class i
	sibling := *s.Sibling
	sibling.Final = s.Sibling.Final.Clone()
	for _, state := range []models.State{c.Final, c.Init, sibling.Final} {
		permuteRows(state.Find(last.Name+".weight"), o)
		permuteRows(state.Find(last.Name+".bias"), o)
	}
	now := make([]int32, len(o))
	for i, from := range o {
		now[from] = int32(i)
	}
	rename := func(y []int32) []int32 {
		y = slices.Clone(y)
		for i := range y {
			y[i] = now[y[i]]
		}
		return y
	}
	data := *s.Data
	data.Hash += " permuted classes"
	data.Train.Y, data.Train.Clean = rename(data.Train.Y), rename(data.Train.Clean)
	data.Test.Y, data.Test.Clean = rename(data.Test.Y), rename(data.Test.Clean)
	sibling.Hash = sibling.Final.Hash()
	c.Data, c.Sibling = &data, &sibling
	return c, o, true
}
