package quantity

import (
	"context"
	"math"
	"slices"

	"github.com/genbench/genbench/models"
)

// view is a place where representations are looked at: a value that at least one layer with a weight matrix or kernel
// reads. Number 0 is the network's input; the others are the outputs of hidden blocks, after their batch
// norm and ReLU, pooling and residual sum (and dropout, which does nothing when evaluating), in the order of the layers that first read them. A
// block of a residual network whose shortcut is a convolution reads one value twice: it is one view. The logits are none.
type view struct {
	value  int          // the layer whose output it is, or [models.Input]
	reader int          // the layer below which [models.Session].Backward tells the whole gradient; -1: there is none
	shape  models.Shape // of the map that it is; [units, 1, 1] where it is a vector
	units  int
}

// viewsOf lists the views.
func viewsOf(a models.Architecture) []view {
	from, shapes := a.Sources(), a.Shapes()
	var vs []view
	seen := map[int]bool{}
	for _, t := range a.Tensors() {
		if len(t.Shape) < 2 || seen[from[t.Layer]] {
			continue
		}
		v := view{value: from[t.Layer], reader: firstReader(a, from, from[t.Layer]), units: a.Layers[t.Layer].In}
		seen[v.value] = true
		source := v.value
		for source != models.Input && a.Layers[source].Kind == models.Flatten {
			source = from[source]
		}
		v.shape = models.Shape{C: v.units, H: 1, W: 1}
		switch {
		case source != models.Input:
			v.shape = shapes[source]
		case a.Layers[t.Layer].Kind != models.Dense:
			v.shape = a.Input
		}
		vs = append(vs, v)
	}
	return vs
}

// firstReader is the first layer that reads a value: what Backward tells of it holds the parts of all that stand behind
// it. Where an add before it takes the value as its second summand, nothing that Backward tells holds that part; and
// of the network's input every layer that reads it is told its own part.
func firstReader(a models.Architecture, from []int, value int) int {
	first := slices.Index(from, value)
	for l := range a.Layers {
		with, ok := a.Summand(l)
		if ok && with == value && l < first || value == models.Input && from[l] == value && l > first {
			return -1
		}
	}
	return first
}

// gradientsKnown says why gradients with respect to views are not to be had.
func (s *Subject) gradientsKnown(vs []view) error {
	for _, v := range vs {
		switch {
		case v.reader >= 0:
		case v.value == models.Input:
			return undefined("several layers read the network's input: its gradient is not told in one piece")
		default:
			return undefined("the gradient with respect to what layer %q writes is not told in one piece: an add takes it by \"with\" before the other layers that read it", s.Arch.Layers[v.value].Name)
		}
	}
	return nil
}

// view is that of the argument layer, if the network has so many. Get has resolved "last".
func (s *Subject) view(a arguments) (number int, vs []view, err error) {
	vs, number = viewsOf(s.Arch), a.number("layer")
	if number >= len(vs) {
		return 0, nil, undefined("the network has %d representations that layers with weights read, numbered from 0: none is number %d", len(vs), number)
	}
	return number, vs, nil
}

// visitViews runs x, [N, D] with N at most a batch, and shows every view, [N, units], by its number, and last the logits,
// [N, K], with number len(vs). What is shown is valid during the call only.
func visitViews(session models.Session, a models.Architecture, vs []view, x []float32, visit func(number int, v []float32)) error {
	of := map[int]int{} // by value
	for i, v := range vs {
		of[v.value] = i
	}
	if i, ok := of[models.Input]; ok {
		visit(i, x)
	}
	return session.Outputs(x, func(layer int, out []float32) {
		if i, ok := of[layer]; ok {
			visit(i, out)
		}
		if layer == len(a.Layers)-1 {
			visit(len(vs), out)
		}
	})
}

// backwardToViews goes backward from seed and shows the gradient with respect to every view, [N, units].
func backwardToViews(session models.Session, vs []view, x, seed []float32, visit func(number int, g []float32)) error {
	of := map[int]int{} // by reader: a layer reads one value
	for i, v := range vs {
		of[v.reader] = i
	}
	return session.Backward(x, seed, func(layer int, g []float32) {
		if i, ok := of[layer]; ok {
			visit(i, g)
		}
	})
}

// computeLayerFeatures serves a representation of sampled training
// examples: features, [R, S, units], and index, [R, S], the examples. Argument layer is the number
// of the view, rounds R and examples S, 0 for all. With pool=P > 1 a map [C, H, W] is max-pooled in windows of P x P, P apart, whole ones alone, and no larger than the map:
// units are then C·⌊H/P⌋·⌊W/P⌋; a vector stays as it is.
func computeLayerFeatures(ctx context.Context, p *Provider, a arguments) ([]payload, error) {
	s := p.subject
	l, vs, err := s.view(a)
	if err != nil {
		return nil, err
	}
	rs := s.rounds(a.number("rounds"), a.number("examples"))
	index := flat(rs)
	pool := newMapPool(vs[l], a.number("pool"))
	x, _ := s.inputs("train")
	d := s.Arch.Input.Size()
	features := make([]float32, len(index)*pool.units())
	err = p.host.sessions.batches(ctx, s.Arch, s.Final, len(index), func(_ int, session models.Session, lo, hi int) error {
		rows := gather(make([]float32, 0, (hi-lo)*d), x, index[lo:hi], d)
		return visitViews(session, s.Arch, vs, rows, func(number int, v []float32) {
			if number == l {
				pool.add(features[lo*pool.units():lo*pool.units()], v)
			}
		})
	})
	if err != nil {
		return nil, err
	}
	for i, v := range features {
		if notFinite(float64(v)) {
			return nil, undefined("what layer %d reads of training example %d holds %v", l, index[i/pool.units()], v)
		}
	}
	return []payload{
		{name: "features", shape: []int{len(rs), len(rs[0]), pool.units()}, f32: features},
		{name: "index", shape: []int{len(rs), len(rs[0])}, i32: index},
	}, nil
}

// mapPool max-pools maps of one shape; h = w = 1 leaves them as they are.
type mapPool struct {
	shape models.Shape
	h, w  int // of the window
}

func newMapPool(v view, size int) mapPool {
	return mapPool{v.shape, min(size, v.shape.H), min(size, v.shape.W)}
}

func (q mapPool) units() int { return q.shape.C * (q.shape.H / q.h) * (q.shape.W / q.w) }

// add appends the pooled maps of v, [N, C, H, W], to dst. NaN stays NaN.
func (q mapPool) add(dst, v []float32) []float32 {
	if q.h == 1 && q.w == 1 {
		return append(dst, v...)
	}
	for area := range slices.Chunk(v, q.shape.H*q.shape.W) {
		for y := 0; y+q.h <= q.shape.H; y += q.h {
			for x := 0; x+q.w <= q.shape.W; x += q.w {
				largest := area[y*q.shape.W+x]
				for i := range q.h {
					for _, f := range area[(y+i)*q.shape.W+x:][:q.w] {
						largest = max(largest, f)
					}
				}
				dst = append(dst, largest)
			}
		}
	}
	return dst
}

func flat(rounds [][]int32) []int32 {
	all := make([]int32, 0, len(rounds)*len(rounds[0]))
	for _, r := range rounds {
		all = append(all, r...)
	}
	return all
}

func notFinite(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }
