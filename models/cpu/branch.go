package cpu

import "github.com/genbench/genbench/models"

// Layers that are read by others than the one behind them, or by several, make the chain of layers a graph. Forward nothing changes: each
// layer finds what it reads by its source. Backward the operators go on working on the first delta; around them arrive and leave
// see to it that the gradient with respect to the output of such a layer, its parts summed, waits in a stash until the layer's turn.

// connect finds the layers whose outputs are kept, and who deposits first in which stash. The order of deposits is that of
// every backward pass: layer by layer from the last, the second summand before what the layer reads.
func (p *plan) connect() {
	readers := make([]int, len(p.layers))
	for i := range p.layers {
		for _, from := range []int{p.layers[i].source, p.layers[i].with} {
			if from >= 0 {
				readers[from]++
			}
		}
	}
	for i := range p.layers[:len(p.layers)-1] {
		p.layers[i].kept = readers[i] != 1 || p.layers[i+1].source != i
		p.layers[i].stash = -1
	}
	var free []int
	for i := len(p.layers) - 1; i >= 0; i-- {
		l := &p.layers[i]
		if l.kept && l.stash >= 0 {
			free = append(free, l.stash)
		}
		l.fuse = p.fuses(i)
		for _, from := range []int{l.with, l.source} {
			if from < 0 || !p.layers[from].kept || p.layers[from].stash >= 0 {
				continue
			}
			if len(free) == 0 {
				free = append(free, p.stashes)
				p.stashes++
			}
			p.layers[from].stash = free[len(free)-1]
			free = free[:len(free)-1]
			if from == l.with {
				l.firstWith = true
			} else {
				l.firstSource = true
			}
		}
	}
}

// fuses says whether layer i can be computed together with a ReLU behind it.
func (p *plan) fuses(i int) bool {
	kind := p.layers[i].kind
	return (kind == models.Dense || kind == models.Conv2D) && p.followed(i, models.ReLU)
}

// followed says whether a layer of one of the kinds is behind layer i and its only reader.
func (p *plan) followed(i int, kinds ...models.Kind) bool {
	if i+1 >= len(p.layers) || p.layers[i].kept || p.layers[i+1].source != i {
		return false
	}
	for _, k := range kinds {
		if p.layers[i+1].kind == k {
			return true
		}
	}
	return false
}

// below says whether the gradient with respect to what layer i reads is needed.
func (p *plan) below(i int) bool { return p.layers[i].source >= p.bottom }

// arrive makes the first delta the gradient with respect to the output of layer i, which is next. The stashes are those of delta.
func (s *session) arrive(delta *[2][]float32, stash [][]float32, i int) {
	if l := &s.p.layers[i]; l.kept {
		delta[0], stash[l.stash] = stash[l.stash], delta[0]
	}
}

// leave deposits the first delta, the gradient with respect to what layer i of n examples reads, where it has to
// wait or to be summed; otherwise it stays where it is. It answers where the sum so far lies.
func (s *session) leave(delta *[2][]float32, stash [][]float32, i, n int) []float32 {
	l := &s.p.layers[i]
	if l.with >= 0 {
		s.deposit(stash[s.p.layers[l.with].stash], delta[0], l, n, l.firstWith)
	}
	if l.source < 0 || !s.p.layers[l.source].kept {
		return delta[0]
	}
	waiting := &stash[s.p.layers[l.source].stash]
	if l.firstSource {
		delta[0], *waiting = *waiting, delta[0]
	} else {
		s.deposit(*waiting, delta[0], l, n, false)
	}
	return *waiting
}

// deposit adds a delta below layer l to what waits, or starts it.
func (s *session) deposit(waiting, delta []float32, l *layer, n int, first bool) {
	for p := range panels(n) {
		at := spanOf(n, p)
		to, from := at.of(waiting, l.in)[:l.in*at.w], at.of(delta, l.in)
		if first {
			copy(to, from)
		} else {
			s.k.axpy(to, from, 1)
		}
	}
}

// assignSlots gives every value of the evaluation mode a place that no value which is still needed has. Slot 0 is the input's.
func (p *plan) assignSlots() {
	last := make([]int, len(p.layers)+1) // by value, the input first: its last reader
	for i := range p.layers {
		last[p.layers[i].source+1] = i
		if with := p.layers[i].with; with >= 0 {
			last[with+1] = i
		}
	}
	last[len(p.layers)] = len(p.layers)
	holds := []int{0} // by slot: the value
	for i := 0; i < len(p.layers); {
		l := &p.layers[i]
		l.tail = p.tailOf(i)
		end := i + l.tail
		slot := -1
		if l.inPlace() && last[l.source+1] == i {
			slot = p.slotOf(l.source)
		}
		for q := 0; slot < 0 && q < len(holds); q++ {
			if last[holds[q]] < i {
				slot = q
			}
		}
		if slot < 0 {
			slot = len(holds)
			holds = append(holds, 0)
		}
		for j := i; j <= end; j++ {
			p.layers[j].slot = slot
		}
		holds[slot] = end + 1
		i = end + 1
	}
	p.slots = len(holds)
}

// inPlace says whether the layer may write over what it reads.
func (l *layer) inPlace() bool {
	switch l.kind {
	case models.ReLU, models.BatchNorm, models.Dropout, models.Add:
		return true
	case models.Flatten:
		return !l.reads().turned()
	}
	return false
}

// tailOf counts the layers behind layer i that it computes, too, in evaluation mode.
func (p *plan) tailOf(i int) int {
	switch p.layers[i].kind {
	case models.Dense:
		if p.layers[i].fuse {
			return 1
		}
	case models.Conv2D:
		n := 0
		for p.followed(i+n, models.BatchNorm, models.ReLU, models.Dropout) {
			n++
		}
		return n
	}
	return 0
}

// slotOf is the slot of a layer's output; -1: of the input.
func (p *plan) slotOf(layer int) int {
	if layer < 0 {
		return 0
	}
	return p.layers[layer].slot
}
