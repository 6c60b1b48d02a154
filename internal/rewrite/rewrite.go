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

// All lists the transformations. They are for chains of dense layers, batch norm and ReLU.
func All() []Transformation {
	return []Transformation{
		{Name: "permuted units", Apply: permuteUnits,
			What: "the units of every hidden layer in another order, with their batch norm; in the initial weights too"},
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

// dense lists the layers with weights, and the batch norm behind each, nil where there is none.
func dense(a models.Architecture) (layers []models.Layer, norms []*models.Layer) {
	for i, l := range a.Layers {
		if l.Kind != models.Dense {
			continue
		}
		layers = append(layers, l)
		var norm *models.Layer
		if i+1 < len(a.Layers) && a.Layers[i+1].Kind == models.BatchNorm {
			norm = &a.Layers[i+1]
		}
		norms = append(norms, norm)
	}
	return layers, norms
}

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

// permuteColumns puts column order[i] at i, in a matrix.
func permuteColumns(t *models.Tensor, order []int) {
	old := slices.Clone(t.Data)
	n := len(order)
	for r := range len(t.Data) / n {
		for i, from := range order {
			t.Data[r*n+i] = old[r*n+from]
		}
	}
}

func scale(t *models.Tensor, by float32) {
	for i := range t.Data {
		t.Data[i] *= by
	}
}

// normTensors are the tensors of a batch norm that have a value a unit.
func normTensors(s models.State, norm *models.Layer) []*models.Tensor {
	var ts []*models.Tensor
	for _, name := range []string{"weight", "bias", "running_mean", "running_var"} {
		ts = append(ts, s.Find(norm.Name+"."+name))
	}
	return ts
}

func permuteUnits(s *quantity.Subject) (*quantity.Subject, []int, bool) {
	c := copied(s, "permuted units")
	layers, norms := dense(s.Arch)
	for _, state := range []models.State{c.Final, c.Init} {
		for i := range len(layers) - 1 {
			o := order(layers[i].Out, uint64(i))
			ts := []*models.Tensor{state.Find(layers[i].Name + ".weight"), state.Find(layers[i].Name + ".bias")}
			if norms[i] != nil {
				ts = append(ts, normTensors(state, norms[i])...)
			}
			for _, t := range ts {
				permuteRows(t, o)
			}
			permuteColumns(state.Find(layers[i+1].Name+".weight"), o)
		}
	}
	return c, nil, true
}

func rescaleLayers(s *quantity.Subject) (*quantity.Subject, []int, bool) {
	c := copied(s, "rescaled layers")
	layers, norms := dense(s.Arch)
	out := layers[0].Name // what the ReLU reads
	if norms[0] != nil {
		out = norms[0].Name
	}
	scale(c.Final.Find(out+".weight"), factor)
	scale(c.Final.Find(out+".bias"), factor)
	scale(c.Final.Find(layers[1].Name+".weight"), 1.0/factor)
	return c, nil, true
}

// rescaleBeforeNorm keeps (x - mean)/√(var + ε) with x times the factor: the running variance becomes
// factor²·var + (factor²-1)·ε.
func rescaleBeforeNorm(s *quantity.Subject) (*quantity.Subject, []int, bool) {
	layers, norms := dense(s.Arch)
	if norms[0] == nil {
		return nil, nil, false
	}
	c := copied(s, "rescaled before norm")
	scale(c.Final.Find(layers[0].Name+".weight"), factor)
	scale(c.Final.Find(layers[0].Name+".bias"), factor)
	scale(c.Final.Find(norms[0].Name+".running_mean"), factor)
	v := c.Final.Find(norms[0].Name + ".running_var").Data
	for i := range v {
		v[i] = float32(factor*factor*float64(v[i]) + (factor*factor-1)*norms[0].Epsilon)
	}
	return c, nil, true
}

func scaleLogits(s *quantity.Subject) (*quantity.Subject, []int, bool) {
	c := copied(s, "scaled logits")
	layers, _ := dense(s.Arch)
	last := layers[len(layers)-1].Name
	scale(c.Final.Find(last+".weight"), 2)
	scale(c.Final.Find(last+".bias"), 2)
	return c, nil, true
}

func permuteClasses(s *quantity.Subject) (*quantity.Subject, []int, bool) {
	c := copied(s, "permuted classes")
	layers, _ := dense(s.Arch)
	last := layers[len(layers)-1]
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
