package xla

import (
	"fmt"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/hlo"
)

// call is what a session's program computes.
type call int

const (
	callOutputs  call = iota // the logits are the last
	callGradient             // evaluation mode
	callLearn                // the gradient in Learn mode
	callFrom                 // the gradient for a seed
	callBackward
	callNorms
	callDots
	callMoments
	callCurvature
	callStep
)

func (c call) String() string {
	return [...]string{"outputs", "gradient", "learn", "from", "backward", "norms", "dots", "moments", "curvature", "step"}[c]
}

// source is a program's text and how many arrays it answers.
type source struct {
	text    string
	results int
}

// programOf writes the program of a call on n examples for k networks, each with examples of its own; callLearn and callStep are for one. Its parameters are, each where
// the call has it, and each k times, once a network:
//
//	tensors             all
//	direction           a tensor for each trainable one (callCurvature)
//	moments, hyper, steps   (callStep)
//	seed, step          [1] each (callLearn, callStep)
//	x                   [N, D]
//	y                   [1, N], weights [N] of float64: 0 for examples that only fill the batch
//	seeds               [N, classes] (callFrom, callBackward)
//
// Results have a first axis of k; see joined for those of several networks.
func programOf(c call, a models.Architecture, n, k int, how choices, r rule) (s source, err error) {
	l := newLowering(a, k, n, how)
	l.tensors = l.likeEach(false)
	var results []hlo.Value
	switch c {
	case callOutputs:
		results = l.outputsProgram()
	case callFrom, callBackward:
		results = l.seededProgram(c)
	case callStep:
		results = l.stepProgram(r)
	default:
		results = l.labelledProgram(c)
	}
	if k > 1 {
		results = l.joined(c, results)
	}
	s.results = len(results)
	if s.text, err = l.Program(results...); err != nil {
		return s, fmt.Errorf("writing the program of %s: %w", c, err)
	}
	return s, nil
}

// input is the parameter x as an activation.
func (l *lowering) input() hlo.Value {
	return l.fromRows(l.each(hlo.F32, l.n, l.a.Input.Size()), l.a.Input)
}

// outputsProgram answers every layer's rows. There is no program of the logits alone: fused otherwise, it could answer other bits.
func (l *lowering) outputsProgram() []hlo.Value {
	var rows []hlo.Value
	for _, out := range l.forward(l.input(), models.Eval, draws{}).outs {
		rows = append(rows, l.toRows(out))
	}
	return rows
}

// seededProgram answers gradients for a seed: of the tensors, or by what each layer reads, first layer first.
func (l *lowering) seededProgram(c call) []hlo.Value {
	x := l.input()
	seed := l.fromRows(l.each(hlo.F32, l.n, l.a.Classes), models.Shape{C: l.a.Classes, H: 1, W: 1})
	p := l.forward(x, models.Eval, draws{})
	if c == callFrom {
		return valid(l.gradients(p, seed))
	}
	rows := make([]hlo.Value, len(l.a.Layers))
	l.backward(p, seed, nil, func(i int, dx hlo.Value) { rows[i] = l.toRows(dx) })
	return rows
}

// labelledProgram answers what depends on labels.
func (l *lowering) labelledProgram(c call) []hlo.Value {
	var direction []hlo.Value
	if c == callCurvature {
		direction = l.likeEach(true)
	}
	mode, d := models.Eval, draws{}
	if c == callLearn {
		mode, d = models.Learn, draws{l.Parameter(hlo.U64, 1), l.Parameter(hlo.U64, 1)}
	}
	x := l.input()
	y := l.Reshape(l.each(hlo.I32, 1, l.n), l.k, l.n)
	weight := l.each(hlo.F64, l.n)
	p := l.forward(x, mode, d)
	if c == callCurvature {
		return valid(l.curvature(p, y, weight, direction))
	}
	s := l.softmax(p.outs[len(p.outs)-1], y)
	seed := l.seed(s, weight)
	switch c {
	case callNorms:
		return []hlo.Value{l.gradientNorms(p, seed)}
	case callDots:
		return []hlo.Value{l.gradientDots(p, seed)}
	case callMoments:
		return append(valid(l.gradients(p, seed)), valid(l.gradientSquares(p, seed))...)
	}
	results := append([]hlo.Value{l.mean(s, weight)}, valid(l.gradients(p, seed))...)
	for i := range l.specs {
		if v, ok := p.running[i]; ok {
			results = append(results, v)
		}
	}
	return results
}

// stepProgram is one step of training: the loss before it, all tensors and all moments.
func (l *lowering) stepProgram(r rule) []hlo.Value {
	var moments []hlo.Value
	for i, t := range l.specs {
		for range r.moments() {
			if t.Trainable {
				moments = append(moments, l.Parameter(hlo.F32, l.tensors[i].Dims...))
			}
		}
	}
	hyper, steps := l.Parameter(hlo.F64, hypers, 1), l.Parameter(hlo.F64, 1)
	d := draws{l.Parameter(hlo.U64, 1), l.Parameter(hlo.U64, 1)}
	x, y := l.input(), l.Parameter(hlo.I32, 1, l.n)
	loss, tensors, moved := l.step(r, x, y, d, moments, hyper, steps)
	return append(append([]hlo.Value{loss}, tensors...), moved...)
}

// step is one step of training on a batch for all networks: each one's mean cross-entropy before it, [K] of float64, and what the tensors and moments become.
func (l *lowering) step(r rule, x, y hlo.Value, d draws, moments []hlo.Value, hyper, steps hlo.Value) (loss hlo.Value, tensors, moved []hlo.Value) {
	p := l.forward(x, models.Learn, d)
	s := l.softmax(p.outs[len(p.outs)-1], y)
	weight := l.even()
	grads := l.gradients(p, l.seed(s, weight))
	tensors, moved = l.update(r, grads, moments, hyper, steps)
	for i, v := range p.running {
		tensors[i] = v
	}
	return l.mean(s, weight), tensors, moved
}

// valid leaves out what has no value.
func valid(values []hlo.Value) []hlo.Value {
	var some []hlo.Value
	for _, v := range values {
		if v.Valid() {
			some = append(some, v)
		}
	}
	return some
}
