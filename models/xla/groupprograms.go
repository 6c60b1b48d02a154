package xla

import (
	"fmt"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/hlo"
)

// groupShape is what the programs of a group are compiled for.
type groupShape struct {
	a        models.Architecture
	k        int // slots
	examples int // N of each network's training set
	sets     int // training sets on the device, U
	rule     rule
	how      choices

	augmented bool // training inputs are
	cut       bool // an epoch's steps may be run in parts
}

// groupData are the training sets on the device.
type groupData struct {
	x    hlo.Value // [U N, D]
	base hlo.Value // [K] of i32: the row at which a network's inputs begin
	y    hlo.Value // [K N, 1] of i32
}

func (l *lowering) groupData(s groupShape) groupData {
	return groupData{
		l.Parameter(hlo.F32, s.sets*s.examples, s.a.Input.Size()),
		l.Parameter(hlo.I32, s.k),
		l.Parameter(hlo.I32, s.k*s.examples, 1),
	}
}

// batch gathers the examples of index, [K, n] of i32 within each network's training set: inputs [K, C, n, H, W] and labels [K, n]. It makes them the lowering's batch.
func (l *lowering) batch(s groupShape, data groupData, index hlo.Value) (x, y hlo.Value) {
	l.n = index.Dims[1]
	dims := []int{s.k, l.n}
	rows := l.Add(index, l.Broadcast(data.base, dims, 0))
	x = l.fromRows(l.Rows(data.x, l.Reshape(rows, s.k, l.n, 1)), s.a.Input)
	own := l.Mul(l.Iota(hlo.I32, 0, dims...), l.Const(hlo.I32, float64(s.examples), dims...))
	y = l.Reshape(l.Rows(data.y, l.Reshape(l.Add(index, own), s.k, l.n, 1)), dims...)
	return x, y
}

// consecutive are the indices of n examples from a scalar of i32 on, the same for every network.
func (l *lowering) consecutive(s groupShape, from hlo.Value, n int) hlo.Value {
	dims := []int{s.k, n}
	return l.Add(l.Iota(hlo.I32, 1, dims...), l.Broadcast(from, dims))
}

func (l *lowering) scalar(v int) hlo.Value { return l.Const(hlo.I32, float64(v)) }

// loop repeats body for i = 0 .. count-1 on values; once, or never, it is written out.
func (l *lowering) loop(count int, start []hlo.Value, body func(i hlo.Value, v []hlo.Value) []hlo.Value) []hlo.Value {
	switch count {
	case 0:
		return start
	case 1:
		return body(l.scalar(0), start)
	}
	return l.repeat(l.scalar(0), l.scalar(count), start, body)
}

// repeat repeats body for i = first .. end-1, scalars of i32.
func (l *lowering) repeat(first, end hlo.Value, start []hlo.Value, body func(i hlo.Value, v []hlo.Value) []hlo.Value) []hlo.Value {
	out := l.While(append([]hlo.Value{first}, start...),
		func(v []hlo.Value) hlo.Value { return l.Compare("LT", v[0], end) },
		func(v []hlo.Value) []hlo.Value {
			return append([]hlo.Value{l.Add(v[0], l.scalar(1))}, body(v[0], v[1:])...)
		})
	return out[1:]
}

// epochPart are the steps of an epoch that are one program: count of batch examples each, from place offset of the epoch's order on.
type epochPart struct{ batch, count, offset int }

// parted says that the program takes which of its steps to run. XLA sees then no more how often the loop turns, which costs a GPU a look at each turn.
func (p epochPart) parted(s groupShape) bool { return s.cut && p.count > 1 }

// epochProgram is a part of an epoch. Parameters: tensors; moments;
// hyper [hypers, K]; steps done before [K] and dropout seeds [K] of 64 bits; alive [K] of i32, 0 for a network that rests; the data; order [K, N] of i32;
// where inputs are augmented, numbers [augments, K] and padding [K, C]; where the part is parted, the first of its steps to run and the first not to, scalars of i32. It answers
// losses [count, K] of float64, alive, tensors and moments. A network whose loss is not finite makes that step and rests from then on.
func epochProgram(s groupShape, part epochPart) (source, error) {
	if s.augmented && s.k > mostAugmented(s.a, part.batch) {
		return source{}, fmt.Errorf("%d networks: a batch of theirs has more values than 32 bits count, by which augmentation finds its pixels; at most %d of this shape can train together",
			s.k, mostAugmented(s.a, part.batch))
	}
	l := newLowering(s.a, s.k, part.batch, s.how)
	tensors := l.like(false)
	var moments []hlo.Value
	for i, t := range l.specs {
		for range s.rule.moments() {
			if t.Trainable {
				moments = append(moments, l.Parameter(hlo.F32, tensors[i].Dims...))
			}
		}
	}
	hyper, steps, seeds := l.Parameter(hlo.F64, hypers, s.k), l.Parameter(hlo.U64, s.k), l.Parameter(hlo.U64, s.k)
	alive := l.Parameter(hlo.I32, s.k)
	data := l.groupData(s)
	order := l.Parameter(hlo.I32, s.k, s.examples)
	var change augmentation
	if s.augmented {
		change = augmentation{l.Parameter(hlo.U64, augments, s.k), l.Parameter(hlo.F32, s.k, s.a.Input.C)}
	}

	start := append([]hlo.Value{l.Const(hlo.F64, 0, part.count, s.k), alive}, append(tensors, moments...)...)
	step := func(i hlo.Value, v []hlo.Value) []hlo.Value {
		losses, alive, old := v[0], v[1], v[2:]
		l.tensors = old[:len(tensors)]
		from := l.Add(l.Mul(i, l.scalar(part.batch)), l.scalar(part.offset))
		index := l.SliceAt(order, []hlo.Value{l.scalar(0), from}, s.k, part.batch)
		x, y := l.batch(s, data, index)
		if s.augmented {
			x = l.augment(x, change, index)
		}
		step := l.Add(steps, l.Broadcast(l.Convert(i, hlo.U64), []int{s.k}))
		loss, next, moved := l.step(s.rule, x, y, draws{seeds, step}, old[len(tensors):], hyper, l.Convert(step, hlo.F64))
		runs := l.Compare("NE", alive, l.zero(alive))
		result := []hlo.Value{
			l.Put(losses, l.Reshape(loss, 1, s.k), i, l.scalar(0)),
			l.Select(l.IsFinite(loss), alive, l.zero(alive)),
		}
		for j, w := range append(next, moved...) {
			result = append(result, l.Select(l.Broadcast(runs, w.Dims, 0), w, old[j]))
		}
		return result
	}
	if part.parted(s) {
		first, end := l.Parameter(hlo.I32), l.Parameter(hlo.I32)
		return finished(l, l.repeat(first, end, start, step))
	}
	return finished(l, l.loop(part.count, start, step))
}

// evaluateProgram answers the sums of the losses and the numbers of right classifications, [K] of float64 each, over the training sets in evaluation mode. Parameters: tensors, the data.
func evaluateProgram(s groupShape, batch int) (source, error) {
	l := newLowering(s.a, s.k, batch, s.how)
	l.tensors = l.like(false)
	data := l.groupData(s)
	part := func(from hlo.Value, n int, v []hlo.Value) []hlo.Value {
		x, y := l.batch(s, data, l.consecutive(s, from, n))
		p := l.forward(x, models.Eval, draws{})
		logits := p.outs[len(p.outs)-1]
		return []hlo.Value{
			l.Add(v[0], l.Reduce("add", l.softmax(logits, y).losses, 0, 1)),
			l.Add(v[1], l.Reduce("add", l.right(logits, y), 0, 1)),
		}
	}
	none := l.Const(hlo.F64, 0, s.k)
	return finished(l, l.parts(s, batch, []hlo.Value{none, none}, part))
}

// parts runs part over the training sets in batches, the last one short.
func (l *lowering) parts(s groupShape, batch int, start []hlo.Value, part func(from hlo.Value, n int, v []hlo.Value) []hlo.Value) []hlo.Value {
	full := s.examples / batch
	v := l.loop(full, start, func(i hlo.Value, v []hlo.Value) []hlo.Value {
		return part(l.Mul(i, l.scalar(batch)), batch, v)
	})
	if rest := s.examples - full*batch; rest > 0 {
		v = part(l.scalar(full*batch), rest, v)
	}
	return v
}

// right is 1 where the label is the first index of the largest logit, else 0: [K, n] of float64. A NaN makes it 0.
func (l *lowering) right(logits, y hlo.Value) hlo.Value {
	dims := []int{l.k, l.a.Classes, l.n}
	f := l.Reshape(logits, dims...)
	classes, label := l.Iota(hlo.I32, 1, dims...), l.Broadcast(y, dims, 0, 2)
	own := l.Reduce("add", l.Select(l.Compare("EQ", classes, label), f, l.zero(f)), 0, 1)
	own = l.Broadcast(own, dims, 0, 2)
	// Beaten by none: every logit is smaller, or equal and not before it.
	tie := l.Binary("and", l.Compare("EQ", f, own), l.Compare("GE", classes, label))
	holds := l.Convert(l.Binary("or", l.Compare("LT", f, own), tie), hlo.F64)
	count := l.Reduce("add", holds, 0, 1)
	return l.Convert(l.Compare("EQ", count, l.Const(hlo.F64, float64(l.a.Classes), l.k, l.n)), hlo.F64)
}

// noiseProgram answers mean ‖g_n‖² - ‖mean g_n‖² of each network over its training set in evaluation mode, [K] of float64. Parameters: tensors, the data.
func noiseProgram(s groupShape, batch int) (source, error) {
	l := newLowering(s.a, s.k, batch, s.how)
	l.tensors = l.like(false)
	data := l.groupData(s)
	start := []hlo.Value{l.Const(hlo.F64, 0, s.k)}
	for i, t := range l.specs {
		if t.Trainable {
			start = append(start, l.Const(hlo.F64, 0, l.tensors[i].Dims...))
		}
	}
	sums := l.parts(s, batch, start, func(from hlo.Value, n int, v []hlo.Value) []hlo.Value {
		x, y := l.batch(s, data, l.consecutive(s, from, n))
		p := l.forward(x, models.Eval, draws{})
		seed := l.seed(l.softmax(p.outs[len(p.outs)-1], y), l.Const(hlo.F64, 1, n))
		result := []hlo.Value{l.Add(v[0], l.Reduce("add", l.gradientNorms(p, seed), 0, 1))}
		for i, g := range valid(l.gradients(p, seed)) {
			result = append(result, l.Add(v[i+1], l.Convert(g, hlo.F64)))
		}
		return result
	})
	noise := l.times(sums[0], 1/float64(s.examples))
	for _, sum := range sums[1:] {
		mean := l.times(sum, 1/float64(s.examples))
		axes := make([]int, len(sum.Dims)-1)
		for i := range axes {
			axes[i] = i + 1
		}
		noise = l.Sub(noise, l.Reduce("add", l.Mul(mean, mean), 0, axes...))
	}
	return finished(l, []hlo.Value{noise})
}

// loadProgram puts a network into a slot. Parameters: tensors, moments, slot, the network's tensors [1, ...]. It answers tensors and moments, the slot's cleared.
func loadProgram(s groupShape) (source, error) {
	l := newLowering(s.a, s.k, 1, s.how)
	tensors := l.like(false)
	var moments []hlo.Value
	for i, t := range l.specs {
		for range s.rule.moments() {
			if t.Trainable {
				moments = append(moments, l.Parameter(hlo.F32, tensors[i].Dims...))
			}
		}
	}
	slot := l.Parameter(hlo.I32)
	at := func(w, part hlo.Value) hlo.Value {
		starts := make([]hlo.Value, len(w.Dims))
		for i := range starts {
			starts[i] = l.scalar(0)
		}
		starts[0] = slot
		return l.Put(w, part, starts...)
	}
	var results []hlo.Value
	for _, w := range tensors {
		results = append(results, at(w, l.Parameter(hlo.F32, append([]int{1}, w.Dims[1:]...)...)))
	}
	for _, m := range moments {
		results = append(results, at(m, l.Const(hlo.F32, 0, append([]int{1}, m.Dims[1:]...)...)))
	}
	return finished(l, results)
}

// readProgram answers the tensors of a slot, [1, ...] each. Parameters: tensors, slot.
func readProgram(s groupShape) (source, error) {
	l := newLowering(s.a, s.k, 1, s.how)
	tensors := l.like(false)
	slot := l.Parameter(hlo.I32)
	var results []hlo.Value
	for _, w := range tensors {
		starts := []hlo.Value{slot}
		for range w.Dims[1:] {
			starts = append(starts, l.scalar(0))
		}
		results = append(results, l.SliceAt(w, starts, append([]int{1}, w.Dims[1:]...)...))
	}
	return finished(l, results)
}

// rowsProgram replaces rows of an array, [R, D], from a scalar of i32 on by part, [n, D]. Parameters: array, part, at.
func rowsProgram(e hlo.Elem, rows, n, width int) (source, error) {
	l := &lowering{Func: hlo.New()}
	a, part, at := l.Parameter(e, rows, width), l.Parameter(e, n, width), l.Parameter(hlo.I32)
	return finished(l, []hlo.Value{l.Put(a, part, at, l.scalar(0))})
}

func finished(l *lowering, results []hlo.Value) (s source, err error) {
	s.results = len(results)
	s.text, err = l.Program(results...)
	return s, err
}
