package cpu

import "math"

// update applies the optimizer to what the backward pass did not update itself.
func (s *session) update(r run) {
	s.steps++
	o := s.optimizer
	w, g, m, v := s.params, s.grads, s.moments[0], s.moments[1]
	lr, mu, wd := float32(o.LearningRate), float32(o.Momentum), float32(o.WeightDecay)
	switch o.Name {
	case "sgd":
		if r.update {
			from := s.p.weights
			w, g, m = w[from:], g[from:], m[from:]
		}
		s.k.sgd(w, g, m, lr, mu, wd)
	case "adam":
		t := float64(s.steps)
		s.k.adam(w, g, m, v, adamRates{
			b1: float32(o.Beta1), c1: float32(1 - o.Beta1), b2: float32(o.Beta2), c2: float32(1 - o.Beta2),
			step: float32(o.LearningRate / (1 - math.Pow(o.Beta1, t))),
			root: float32(1 / math.Sqrt(1-math.Pow(o.Beta2, t))),
			eps:  float32(o.Epsilon), wd: wd,
		})
	case "rmsprop":
		s.k.rmsprop(w, g, v, m, lr, float32(o.Alpha), float32(1-o.Alpha), float32(o.Epsilon), mu, wd)
	}
}
