package cpu

import (
	"errors"
	"math"

	"github.com/genbench/genbench/models"
)

// dense computes a dense layer on the examples at, and the ReLU after it if told.
func (s *session) dense(l *layer, at span, dst, src []float32, relu bool) {
	mode := modeBias
	if relu {
		mode = modeBiasReLU
	}
	s.k.gemm(product{
		m: l.out, n: at.columns(), runs: 1, steps: l.in,
		a: s.params[l.weight:], rs: l.ld, cs: 1,
		b: src, ldb: at.w, bgroup: panel * roundUp(l.in, 16),
		c: dst, ldc: at.w, cgroup: panel * roundUp(l.out, 16),
		mode: mode, aux: s.params[l.bias:],
	})
}

// forward runs the batch x [n, D] and keeps what the layers write. With fuse, a dense
// layer followed by a ReLU writes the ReLU's output only.
func (s *session) forward(x []float32, n int, mode models.Mode, d models.Draw, fuse bool) error {
	b := s.b
	for p := range panels(n) {
		at := spanOf(n, p)
		s.k.load(at.of(b.input, s.p.input), at, x, s.p.input, s.rows)
	}
	if mode == models.Eval {
		s.prepareNorms(b.inverse)
	}
	for i := 0; i < len(s.p.layers); i++ {
		l := &s.p.layers[i]
		src, to := s.inputOf(i), i
		if fuse && l.fuse {
			to++
		}
		switch {
		case l.kind == models.BatchNorm && mode == models.Learn:
			if n < 2 {
				return errors.New("batch norm needs at least 2 examples in a training batch: one has no variance")
			}
			s.batchStatistics(l, src, n)
		case l.kind == models.BatchNorm:
			s.runningMean(l)
		case l.kind == models.Dropout && mode == models.Learn:
			s.drawMask(i, n, d)
		}
		if l.kind == models.Dense {
			for _, at := range blocks(n) {
				if at.count > 0 {
					s.dense(l, at, at.of(b.out[to], l.out), at.of(src, l.in), fuse && l.fuse)
				}
			}
			i = to
			continue
		}
		for p := range panels(n) {
			at := spanOf(n, p)
			in, out := at.of(src, l.in), at.of(b.out[i], l.out)
			size := l.out * at.w
			switch l.kind {
			case models.ReLU:
				s.k.relu(out[:size], in)
			case models.BatchNorm:
				s.k.normalize(out, at.of(b.xhat[i], l.out), in, b.mean, b.inverse[l.norm:], s.params[l.gamma:], s.params[l.bias:], l.out, at.w)
			case models.Dropout:
				if mode == models.Learn {
					s.k.multiply(out[:size], in, at.of(b.keep[i], l.out))
				} else {
					copy(out[:size], in)
				}
			}
		}
	}
	return nil
}

// inputOf is what layer i reads, [panel][In][w].
func (s *session) inputOf(i int) []float32 {
	if i == 0 {
		return s.b.input
	}
	return s.b.out[i-1]
}

// prepareNorms computes 1/sqrt(running_var + epsilon) of all batch norm layers.
func (s *session) prepareNorms(inverse []float32) {
	if s.p.features == 0 {
		return
	}
	for i := range s.p.layers {
		l := &s.p.layers[i]
		if l.kind != models.BatchNorm {
			continue
		}
		for f, v := range s.running[l.variance() : l.variance()+l.out] {
			inverse[l.norm+f] = float32(1 / math.Sqrt(float64(v)+l.epsilon))
		}
	}
}

// normalize is batch norm in evaluation mode on one panel.
func (s *session) normalize(l *layer, at span, y, xhat, x, inverse []float32) {
	s.k.normalize(y, xhat, x, s.running[l.mean:], inverse[l.norm:], s.params[l.gamma:], s.params[l.bias:], l.out, at.w)
}

// runningMean makes the running mean the one that forward subtracts.
func (s *session) runningMean(l *layer) { copy(s.b.mean, s.running[l.mean:l.mean+l.out]) }

// batchStatistics computes the batch's mean and 1/sqrt(var + epsilon), var with
// divisor N, and moves the running statistics towards the mean and the variance with divisor N-1, as torch does.
func (s *session) batchStatistics(l *layer, src []float32, n int) {
	b := s.b
	mean, variance := b.centre[:l.out], b.sums[0][:l.out]
	clear(mean)
	clear(variance)
	for p := range panels(n) {
		at := spanOf(n, p)
		x := at.of(src, l.in)
		if at.count == at.w {
			s.k.rowSum(mean, x, l.out, at.w)
			continue
		}
		for f := range mean {
			for _, v := range x[f*at.w : f*at.w+at.count] {
				mean[f] += float64(v)
			}
		}
	}
	for f := range mean {
		mean[f] /= float64(n)
	}
	for p := range panels(n) {
		at := spanOf(n, p)
		x := at.of(src, l.in)
		if at.count == at.w {
			s.k.rowSquare(variance, x, mean, l.out, at.w)
			continue
		}
		for f := range variance {
			for _, v := range x[f*at.w : f*at.w+at.count] {
				d := float64(v) - mean[f]
				variance[f] += float64(d * d)
			}
		}
	}
	rm, rv := s.running[l.mean:l.mean+l.out], s.running[l.variance():l.variance()+l.out]
	for f, sum := range variance {
		b.mean[f] = float32(mean[f])
		b.inverse[l.norm+f] = float32(1 / math.Sqrt(sum/float64(n)+l.epsilon))
		rm[f] = float32(float64((1-l.weightN)*float64(rm[f])) + float64(l.weightN*mean[f]))
		rv[f] = float32(float64((1-l.weightN)*float64(rv[f])) + float64(l.weightN*(sum/float64(n-1))))
	}
}

// drawMask draws the dropout mask of layer i and lays it out in panels.
func (s *session) drawMask(i, n int, d models.Draw) {
	b, l := s.b, &s.p.layers[i]
	mask := b.mask[:n*l.out]
	models.DropoutMask(mask, l.rate, d, i)
	for p := range panels(n) {
		at := spanOf(n, p)
		s.k.load(at.of(b.keep[i], l.out), at, mask, l.out, s.rows)
	}
}

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
