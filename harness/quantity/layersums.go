package quantity

import (
	"context"
	"math"

	"github.com/genbench/genbench/models"
)

// computeLayerSums reduces each example's activations to one number a layer, in
// evaluation mode, summed in float64 in the order of the units:
//
//	layers=released   outputs of all dense layers and convolutions but the last, before batch norm and ReLU (CNA's released code)
//	layers=paper      after batch norm, before ReLU, of those that are on no shortcut; the logits too (the code of CNA's figures)
//	layers=post_relu  outputs of the ReLUs before the last of those layers
//	reduce=sum | mean (over the units) | abs_sum | mean_channel_sum_space
//
// Layers come in their order, in which they are executed. The last dense layer or convolution, the classifier, is left out with what follows it; the logits, where they are
// asked for, are what the network's last layer writes. A shortcut is the branch of an add with fewer dense layers and
// convolutions than the other, counted back to where the two part; its layers are those that paper leaves out.
//
// mean_channel_sum_space averages the channels of a map [C, H, W], what a convolution wrote or was made of that one position at a time or by pooling windows, and sums its
// positions; anything else, the logits too, it sums, as the paper's code does.
func computeLayerSums(ctx context.Context, p *Provider, a arguments) ([]payload, error) {
	s := p.subject
	columns, count := s.sumColumns(a["layers"], a.flag("include_logits"))
	if count == 0 {
		return nil, undefined("the network has no layer to sum with layers=%s", a["layers"])
	}
	reduce := s.reductions(a["reduce"])
	x, _ := s.inputs(a["split"])
	index := s.examples(a["split"], a.number("examples"))
	if len(index) == 0 {
		return nil, undefined("the %s split has no examples", a["split"])
	}
	d, batch := s.Arch.Input.Size(), Batch(s.Arch)
	sums := make([]float64, len(index)*count)
	rows := make([][]float32, p.host.sessions.width(s.Arch, batchCount(len(index), batch))) // a batch for each worker
	err := p.host.sessions.batches(ctx, s.Arch, s.Final, len(index), func(worker int, session models.Session, lo, hi int) error {
		if rows[worker] == nil {
			rows[worker] = make([]float32, 0, batch*d)
		}
		rows[worker] = gather(rows[worker], x, index[lo:hi], d)
		return session.Outputs(rows[worker], func(layer int, out []float32) {
			c := columns[layer]
			if c < 0 {
				return
			}
			units := len(out) / (hi - lo)
			for i := range hi - lo {
				sums[(lo+i)*count+c] = reduce(layer, out[i*units:(i+1)*units])
			}
		})
	})
	if err != nil {
		return nil, err
	}
	for i, v := range sums {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, undefined("a layer's sum at %s example %d is %v", a["split"], index[i/count], v)
		}
	}
	return []payload{
		{name: "sums", shape: []int{len(index), count}, f64: sums},
		{name: "index", shape: []int{len(index)}, i32: index},
	}, nil
}

// sumColumns maps each layer of the architecture to its column of the sums, -1
// for none, and counts the columns.
func (s *Subject) sumColumns(layers string, logits bool) ([]int, int) {
	all, from := s.Arch.Layers, s.Arch.Sources()
	taken := make([]bool, len(all))
	classifier := len(all) - 1 // the last layer with weights
	for classifier > 0 && !weighs(all[classifier]) {
		classifier--
	}
	var shortcut []bool
	if layers == "paper" {
		shortcut = shortcuts(s.Arch)
	}
	for l, layer := range all[:classifier] {
		switch {
		case layers == "released":
			taken[l] = weighs(layer)
		case layers == "paper" && weighs(layer) && !shortcut[l]:
			taken[normOf(s.Arch, from, l)] = true
		case layers == "post_relu":
			taken[l] = layer.Kind == models.ReLU
		}
	}
	taken[len(all)-1] = logits
	columns, count := make([]int, len(all)), 0
	for l := range all {
		columns[l] = -1
		if taken[l] {
			columns[l] = count
			count++
		}
	}
	return columns, count
}

// weighs reports whether a layer has a weight matrix or a kernel.
func weighs(l models.Layer) bool { return l.Kind == models.Dense || l.Kind == models.Conv2D }

// normOf is the batch norm that reads layer l, or l.
func normOf(a models.Architecture, from []int, l int) int {
	for n, source := range from {
		if source == l && a.Layers[n].Kind == models.BatchNorm {
			return n
		}
	}
	return l
}

// shortcuts says which layers are on the shorter branch of an add. Where both have equally many layers with weights there is no shortcut.
func shortcuts(a models.Architecture) []bool {
	from, on := a.Sources(), make([]bool, len(a.Layers))
	// main goes back along what is read, and at an add along the branch that is no shortcut.
	main := append([]int(nil), from...)
	path := func(l int) []int { // back to the input, which is left out
		var ls []int
		for ; l != models.Input; l = main[l] {
			ls = append(ls, l)
		}
		return ls
	}
	for l := range a.Layers {
		with, ok := a.Summand(l)
		if !ok {
			continue
		}
		one, other := path(from[l]), path(with)
		for len(one) > 0 && len(other) > 0 && one[len(one)-1] == other[len(other)-1] { // what both have come by
			one, other = one[:len(one)-1], other[:len(other)-1]
		}
		count := func(ls []int) (n int) {
			for _, l := range ls {
				if weighs(a.Layers[l]) {
					n++
				}
			}
			return n
		}
		shorter := one
		if count(one) > count(other) {
			shorter = other
		} else if count(one) < count(other) {
			main[l] = with
		} else {
			shorter = nil
		}
		for _, s := range shorter {
			on[s] = true
		}
	}
	return on
}

// channels is the number of channels of the map that a layer writes; 0 where it is none.
func channels(a models.Architecture, from []int, shapes []models.Shape, l int) int {
	for at := l; at != models.Input; at = from[at] {
		switch a.Layers[at].Kind {
		case models.Conv2D:
			return shapes[l].C
		case models.Dense, models.Flatten, models.GlobalAvgPool:
			return 0
		}
	}
	return 0
}

// reductions answers what makes one number of an example's output of a layer.
func (s *Subject) reductions(name string) func(layer int, v []float32) float64 {
	sum := func(v []float32) float64 {
		var s float64
		for _, x := range v {
			s += float64(x)
		}
		return s
	}
	switch name {
	case "mean":
		return func(_ int, v []float32) float64 { return sum(v) / float64(len(v)) }
	case "abs_sum":
		return func(_ int, v []float32) float64 {
			var s float64
			for _, x := range v {
				s += math.Abs(float64(x))
			}
			return s
		}
	case "mean_channel_sum_space":
		from, shapes := s.Arch.Sources(), s.Arch.Shapes()
		return func(layer int, v []float32) float64 {
			return sum(v) / float64(max(1, channels(s.Arch, from, shapes, layer)))
		}
	}
	return func(_ int, v []float32) float64 { return sum(v) }
}
