package xla

import (
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/hlo"
)

// rule is an optimizer's shape: what differs in numbers alone is an argument of the program, so that one program serves a group.
type rule struct {
	name     string
	momentum bool
}

func ruleOf(o models.Optimizer) rule { return rule{o.Name, o.Momentum > 0} }

// moments is how many arrays the rule keeps a tensor.
func (r rule) moments() int {
	n := 0
	if r.momentum {
		n++
	}
	switch r.name {
	case "adam":
		n += 2
	case "rmsprop":
		n++
	}
	return n
}

// The rows of an array of hyperparameters, [hypers, K] of float64.
const (
	hyperRate = iota
	hyperMomentum
	hyperDecay
	hyperBeta1
	hyperBeta2
	hyperAlpha
	hyperEpsilon
	hypers
)

// hyperparameters lists an optimizer's numbers in the rows' order.
func hyperparameters(o models.Optimizer) [hypers]float64 {
	return [hypers]float64{o.LearningRate, o.Momentum, o.WeightDecay, o.Beta1, o.Beta2, o.Alpha, o.Epsilon}
}

// update is one step of the optimizer ([models.Optimizer], PyTorch's definitions): the new tensors and moments. hyper is [hypers, K]; steps, [K]
// of float64, counts those done before. moments are in the order of tensors, the rule's number for each trainable one.
func (l *lowering) update(r rule, grads, moments []hlo.Value, hyper, steps hlo.Value) (tensors, moved []hlo.Value) {
	row := func(i int) hlo.Value {
		return l.Reshape(l.Slice(hyper, []int{i, 0}, []int{i + 1, l.k}, []int{1, 1}), l.k)
	}
	u := updating{lowering: l, rule: r, row: row}
	if r.name == "adam" {
		u.corrections(steps)
	}
	tensors = make([]hlo.Value, len(l.tensors))
	at := 0
	for i, w := range l.tensors {
		if tensors[i] = w; !grads[i].Valid() {
			continue
		}
		own := moments[at : at+r.moments()]
		at += len(own)
		g := l.Add(grads[i], l.Mul(w, u.over(u.narrowRow(hyperDecay), w)))
		step, next := u.step(g, own)
		tensors[i] = l.Sub(w, step)
		moved = append(moved, next...)
	}
	return tensors, moved
}

// updating is one call of update.
type updating struct {
	*lowering
	rule
	row        func(i int) hlo.Value // [K] of float64
	rate, root hlo.Value             // adam's, corrected; [K] of float32
}

func (u *updating) narrowRow(i int) hlo.Value { return u.narrow(u.row(i)) }

// complement is 1 - row i, rounded once.
func (u *updating) complement(i int) hlo.Value {
	v := u.row(i)
	return u.narrow(u.Sub(u.Const(hlo.F64, 1, u.k), v))
}

// over repeats a number a network over a tensor.
func (u *updating) over(v, like hlo.Value) hlo.Value { return u.Broadcast(v, like.Dims, 0) }

// corrections are adam's: lr / (1 - β1^t) and 1 / √(1 - β2^t), t counting from 1.
func (u *updating) corrections(steps hlo.Value) {
	one := u.Const(hlo.F64, 1, u.k)
	t := u.Add(steps, one)
	left := func(i int) hlo.Value { return u.Sub(one, u.Binary("power", u.row(i), t)) }
	u.rate = u.narrow(u.Div(u.row(hyperRate), left(hyperBeta1)))
	u.root = u.narrow(u.Div(one, u.Unary("sqrt", left(hyperBeta2))))
}

// step is what is taken from a tensor for its gradient g, and its moments behind it.
func (u *updating) step(g hlo.Value, moments []hlo.Value) (step hlo.Value, next []hlo.Value) {
	blend := func(old, v hlo.Value, keep int) hlo.Value {
		return u.Add(u.Mul(old, u.over(u.narrowRow(keep), g)), u.Mul(v, u.over(u.complement(keep), g)))
	}
	epsilon := u.over(u.narrowRow(hyperEpsilon), g)
	switch u.name {
	case "adam":
		m := blend(moments[0], g, hyperBeta1)
		v := blend(moments[1], u.Mul(g, g), hyperBeta2)
		size := u.Add(u.Mul(u.Unary("sqrt", v), u.over(u.root, g)), epsilon)
		return u.Div(u.Mul(m, u.over(u.rate, g)), size), []hlo.Value{m, v}
	case "rmsprop":
		v := blend(moments[0], u.Mul(g, g), hyperAlpha)
		next = append(next, v)
		moments = moments[1:]
		g = u.Div(g, u.Add(u.Unary("sqrt", v), epsilon))
	}
	if u.momentum {
		g = u.Add(u.Mul(moments[0], u.over(u.narrowRow(hyperMomentum), g)), g)
		next = append(next, g)
	}
	return u.Mul(g, u.over(u.narrowRow(hyperRate), g)), next
}
