package cpu

import "math"

// loss writes the gradient of the cross-entropy with respect to the logits, times
// scale, into the first delta and returns the mean cross-entropy in nats. Exponentials and sums are float64.
func (s *session) loss(y []int32, n int, scale float64) float64 {
	b, k := s.b, s.p.classes
	last := len(s.p.layers) - 1
	total := 0.0
	for p := range panels(n) {
		at := spanOf(n, p)
		logits, delta := at.of(b.out[last], k), at.of(b.delta[0], k)
		s.k.softmax(b.powers, b.powerSum, b.highest, logits, k, at.w)
		for e, sum := range b.powerSum[:at.w] {
			b.factor[e] = scale / sum
		}
		s.k.spread(delta, b.powers, b.factor, k, at.w)
		for e := range at.count {
			// The label's own term is near zero when all is well: the difference is taken in float64.
			label := int(y[at.first+e])*at.w + e
			delta[label] = float32(b.powers[label]*b.factor[e] - scale)
			total += math.Log(b.powerSum[e]) - (float64(logits[label]) - float64(b.highest[e]))
		}
		at.zeroSpare(delta, k)
	}
	return total / float64(n)
}

// curvature writes the derivative of loss's delta along R{logits} into the tangents' first delta,
// times scale: p_k (R{z_k} - Σ_j p_j R{z_j}), p the softmax. Everything is float64, and the R{z}
// are taken relative to the one of the highest logit: where its p is nearly 1 that difference would cancel.
func (s *session) curvature(n int, scale float64) {
	b, k := s.b, s.p.classes
	last := len(s.p.layers) - 1
	for p := range panels(n) {
		at := spanOf(n, p)
		logits, moved, delta := at.of(b.out[last], k), at.of(s.t.out[last], k), at.of(s.t.delta[0], k)
		s.k.softmax(b.powers, b.powerSum, b.highest, logits, k, at.w)
		for e := range at.count {
			top := e
			for logits[top] < b.highest[e] {
				top += at.w
			}
			mean := 0.0
			for i := e; i < k*at.w; i += at.w {
				mean += float64(b.powers[i] * (float64(moved[i]) - float64(moved[top])))
			}
			mean /= b.powerSum[e]
			for i := e; i < k*at.w; i += at.w {
				delta[i] = float32(scale / b.powerSum[e] * b.powers[i] * (float64(moved[i]) - float64(moved[top]) - mean))
			}
		}
		at.zeroSpare(delta, k)
	}
}
