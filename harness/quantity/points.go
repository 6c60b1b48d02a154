package quantity

import (
	"context"
	"math"

	"github.com/genbench/genbench/models"
)

// place is where a network is looked at: a value that a layer with a weight matrix or kernel reads.
type place struct {
	source   int // the layer that writes it; models.Input: it is the network's input
	gradient int // the layer of which Session.Backward shows the gradient with respect to it: the first that reads it
	units    int // values of one example
}

// points are the places of a network, in the order of the layers with a weight matrix or kernel.
// What such a layer reads is where representations are looked at: number 0 is the network's input,
// number l what the (l+1)-th of them reads, that is the output of hidden block l, after its batch
// norm and ReLU (and dropout, which does nothing when evaluating). The logits are none of them. What several of them read, as
// a residual block's first convolution and the one of its shortcut do, counts once.
func points(a models.Architecture) []place {
	from := a.Sources()
	first := map[int]int{}
	for l, source := range from {
		if _, ok := first[source]; !ok {
			first[source] = l
		}
	}
	seen := map[int]bool{}
	var at []place
	for _, t := range a.Tensors() {
		if source := from[t.Layer]; len(t.Shape) > 1 && !seen[source] {
			seen[source] = true
			at = append(at, place{source, first[source], a.Layers[t.Layer].In})
		}
	}
	return at
}

// readGradients runs seed, [N, K], backward and shows the gradient with respect to each place, [N, units].
func readGradients(session models.Session, at []place, x, seed []float32, visit func(number int, g []float32)) error {
	return session.Backward(x, seed, func(layer int, g []float32) {
		for number := range at {
			if at[number].gradient == layer {
				visit(number, g)
			}
		}
	})
}

// point is the argument layer, if the network has so many. Get has resolved "last".
func (s *Subject) point(a arguments) (int, error) {
	n, l := len(points(s.Arch)), a.number("layer")
	if l >= n {
		return 0, undefined("the network has %d places that layers with weights read, numbered from 0: none is number %d", n, l)
	}
	return l, nil
}

// visitPoints runs x, [N, D] with N at most a batch, and shows each place,
// [N, units], and then the logits, [N, K], with number L. They are valid during the call only.
func visitPoints(session models.Session, a models.Architecture, at []place, x []float32, visit func(number int, v []float32)) error {
	show := func(layer int, v []float32) {
		for number := range at {
			if at[number].source == layer {
				visit(number, v)
			}
		}
	}
	show(models.Input, x)
	return session.Outputs(x, func(layer int, out []float32) {
		show(layer, out)
		if layer == len(a.Layers)-1 {
			visit(len(at), out)
		}
	})
}

// computeLayerFeatures serves what one layer with weights reads of sampled training
// examples: features, [R, S, units], and index, [R, S], the examples. Argument layer is the number
// of the layer (see points), rounds R and examples S, 0 for all.
func computeLayerFeatures(ctx context.Context, p *Provider, a arguments) ([]payload, error) {
	s := p.subject
	l, err := s.point(a)
	if err != nil {
		return nil, err
	}
	rs := s.rounds(a.number("rounds"), a.number("examples"))
	index := flat(rs)
	at := points(s.Arch)
	units := at[l].units
	x, _ := s.inputs("train")
	d := s.Arch.Input.Size()
	features := make([]float32, 0, len(index)*units)
	rows := make([]float32, 0, batch*d)
	err = p.host.sessions.with(s.Arch, s.Final, func(session models.Session) error {
		for lo := 0; lo < len(index); lo += batch {
			if err := ctx.Err(); err != nil {
				return err
			}
			rows = gather(rows, x, index[lo:min(lo+batch, len(index))], d)
			err := visitPoints(session, s.Arch, at, rows, func(number int, v []float32) {
				if number == l {
					features = append(features, v...)
				}
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, v := range features {
		if notFinite(float64(v)) {
			return nil, undefined("what layer %d reads of training example %d holds %v", l, index[i/units], v)
		}
	}
	return []payload{
		{name: "features", shape: []int{len(rs), len(rs[0]), units}, f32: features},
		{name: "index", shape: []int{len(rs), len(rs[0])}, i32: index},
	}, nil
}

func flat(rounds [][]int32) []int32 {
	all := make([]int32, 0, len(rounds)*len(rounds[0]))
	for _, r := range rounds {
		all = append(all, r...)
	}
	return all
}

func notFinite(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }
