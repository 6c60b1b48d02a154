package reference

import (
	"math"

	"github.com/genbench/genbench/models"
)

// optimizer is an update rule with its memory, in float64, as torch.optim
// (PyTorch 1.13) documents SGD, Adam and RMSprop.
type optimizer struct {
	rule  models.Optimizer
	steps int
	first [][]float64 // momentum buffer or first moment
	other [][]float64 // second moment or squared average
}

func newOptimizer(rule models.Optimizer, tensors [][]float64) *optimizer {
	o := &optimizer{rule: rule}
	for _, t := range tensors {
		o.first = append(o.first, make([]float64, len(t)))
		o.other = append(o.other, make([]float64, len(t)))
	}
	return o
}

// step moves tensor i by its gradient; begin counts the step.
func (o *optimizer) begin() { o.steps++ }

func (o *optimizer) step(i int, w, grad []float64) {
	r, m, v := o.rule, o.first[i], o.other[i]
	correct1 := 1 - math.Pow(r.Beta1, float64(o.steps))
	correct2 := 1 - math.Pow(r.Beta2, float64(o.steps))
	for j, g := range grad {
		g += r.WeightDecay * w[j]
		switch r.Name {
		case "sgd":
			m[j] = r.Momentum*m[j] + g // m is 0 before the first step, so this is torch's first buffer too
			w[j] -= r.LearningRate * m[j]
		case "adam":
			m[j] = r.Beta1*m[j] + (1-r.Beta1)*g
			v[j] = r.Beta2*v[j] + (1-r.Beta2)*g*g
			w[j] -= r.LearningRate * (m[j] / correct1) / (math.Sqrt(v[j]/correct2) + r.Epsilon)
		case "rmsprop":
			v[j] = r.Alpha*v[j] + (1-r.Alpha)*g*g
			m[j] = r.Momentum*m[j] + g/(math.Sqrt(v[j])+r.Epsilon)
			w[j] -= r.LearningRate * m[j]
		}
	}
}
