package quantity

import (
	"context"
	"math"

	"github.com/genbench/genbench/models"
)

// The gradients of this file are those of an example's own cross-entropy (nats) in evaluation mode, with
// respect to every trainable value, biases included, on the whole training set.

// computeGradientNorms answers ‖g_n‖² of every training example, [N], of the network as it is stored: batch
// norm's scale and shift are parameters like any other, as they were to the optimizer.
//
//	labels=given     the labels trained on: the mean is the trace of the empirical Fisher matrix
//	labels=sampled   one label an example drawn from the network's own softmax: the mean estimates the trace of the Fisher matrix
//	labels=expected  Σ_k p_k ‖g_n(k)‖², the expectation of the one before: K backward passes, no noise
//
// A drawn label is the first k at which p_0 + ... + p_k >= u_n, see [noise] (law labels) for u_n; draws depend on the
// run's seed and the example's place in the training set, not on the network.
func computeGradientNorms(ctx context.Context, p *Provider, a arguments) ([]payload, error) {
	s := p.subject
	n, k := len(s.Data.Train.Y), s.Arch.Classes
	norms := make([]float64, n)
	if a["labels"] == "given" {
		err := p.perExample(ctx, s.Arch, s.Final, s.Data.Train.Y, norms, models.Session.GradientNorms)
		if err != nil {
			return nil, err
		}
		return finiteNorms(norms)
	}
	logits, err := p.trainLogits(ctx)
	if err != nil {
		return nil, err
	}
	if a["labels"] == "sampled" {
		if err := p.perExample(ctx, s.Arch, s.Final, drawLabels(logits, n, k, s.Seed), norms, models.Session.GradientNorms); err != nil {
			return nil, err
		}
		return finiteNorms(norms)
	}
	of, y, prob := make([]float64, n), make([]int32, n), make([]float64, k)
	for label := range k {
		for i := range y {
			y[i] = int32(label)
		}
		if err := p.perExample(ctx, s.Arch, s.Final, y, of, models.Session.GradientNorms); err != nil {
			return nil, err
		}
		for i, v := range of {
			softmax(prob, logits[i*k:(i+1)*k])
			norms[i] += prob[label] * v
		}
	}
	return finiteNorms(norms)
}

func finiteNorms(norms []float64) ([]payload, error) {
	for i, v := range norms {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, undefined("the squared norm of the gradient of training example %d is %v", i, v)
		}
	}
	return []payload{{name: "norms", shape: []int{len(norms)}, f64: norms}}, nil
}

// computeGradientDots answers <w, g_n> of every training example, [N], with the labels trained on, of the network
// with its batch norms folded in: the parametrization in which the Fisher-Rao norm is defined.
func computeGradientDots(ctx context.Context, p *Provider, _ arguments) ([]payload, error) {
	s := p.subject
	arch, fused, err := models.Fuse(s.Arch, s.Final)
	if err != nil {
		return nil, undefined("%s", err)
	}
	dots := make([]float64, len(s.Data.Train.Y))
	if err := p.perExample(ctx, arch, fused, s.Data.Train.Y, dots, models.Session.GradientDots); err != nil {
		return nil, err
	}
	for i, v := range dots {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, undefined("the inner product of weights and gradient of training example %d is %v", i, v)
		}
	}
	return []payload{{name: "dots", shape: []int{len(dots)}, f64: dots}}, nil
}

// perExample fills dst, [N], by one of a session's methods that reduce per-example gradients.
func (p *Provider) perExample(ctx context.Context, arch models.Architecture, state models.State, y []int32, dst []float64,
	reduce func(s models.Session, dst []float64, x []float32, y []int32) error) error {
	x, n := p.subject.inputs("train")
	d := len(x) / n
	return p.host.sessions.batches(ctx, arch, state, n, func(_ int, session models.Session, lo, hi int) error {
		return reduce(session, dst[lo:hi], x[lo*d:hi*d], y[lo:hi])
	})
}

// computeGradientMoments answers, for every trainable value of the network as it is stored, in the order of
// its tensors, the mean of g_n over the training set with the labels trained on, [P], and the population variance, [P].
//
// The variance is mean g² - (mean g)², of sums in float64 over batches of 256 (fewer of large networks) whose own sums an engine may take
// in float32: below about 1e-6 of the mean square it is rounding. A negative one is 0.
func computeGradientMoments(ctx context.Context, p *Provider, _ arguments) ([]payload, error) {
	s := p.subject
	specs := s.Arch.Tensors()
	count := s.Arch.NumParameters()
	means, variances := make([]float64, count), make([]float64, count)
	sum, squares := make([][]float64, len(specs)), make([][]float64, len(specs))
	at := 0
	for t, spec := range specs {
		if spec.Trainable {
			sum[t], squares[t] = means[at:at+spec.Size()], variances[at:at+spec.Size()]
			at += spec.Size()
		}
	}
	x, n := s.inputs("train")
	d, y, batch := len(x)/n, s.Data.Train.Y, Batch(s.Arch)
	parts := batchCount(n, batch)
	err := p.host.sessions.withSome(s.Arch, s.Final, parts, func(some []models.Session) error {
		own := newBatchMoments(len(some), sum, squares)
		return ordered(len(some), parts, func(worker, part int) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			lo, hi := part*batch, min((part+1)*batch, n)
			m := own[worker].cleared()
			return some[worker].GradientMoments(m.sum, m.squares, x[lo*d:hi*d], y[lo:hi])
		}, func(worker, _ int) { own[worker].addTo(sum, squares) })
	})
	if err != nil {
		return nil, err
	}
	for i := range means {
		mean, second := means[i]/float64(n), variances[i]/float64(n)
		if math.IsNaN(second) || math.IsInf(second, 0) || math.IsNaN(mean) || math.IsInf(mean, 0) {
			return nil, undefined("the gradients with respect to parameter %d have mean %v and mean square %v", i, mean, second)
		}
		means[i], variances[i] = mean, max(0, second-mean*mean)
	}
	return []payload{{name: "mean", shape: []int{count}, f64: means}, {name: "variance", shape: []int{count}, f64: variances}}, nil
}

// batchMoments are where a worker leaves the moments of its batch; a single worker adds to the sums themselves.
type batchMoments struct {
	sum, squares [][]float64
	shared       bool
}

func newBatchMoments(workers int, sum, squares [][]float64) []batchMoments {
	if workers == 1 {
		return []batchMoments{{sum, squares, true}}
	}
	own := make([]batchMoments, workers)
	for w := range own {
		for t := range sum {
			own[w].sum = append(own[w].sum, make([]float64, len(sum[t])))
			own[w].squares = append(own[w].squares, make([]float64, len(squares[t])))
		}
	}
	return own
}

func (m batchMoments) cleared() batchMoments {
	if !m.shared {
		for t := range m.sum {
			clear(m.sum[t])
			clear(m.squares[t])
		}
	}
	return m
}

func (m batchMoments) addTo(sum, squares [][]float64) {
	if m.shared {
		return
	}
	for t := range m.sum {
		for i, v := range m.sum[t] {
			sum[t][i] += v
			squares[t][i] += m.squares[t][i]
		}
	}
}

// drawLabels draws a label from the softmax of each row of logits, [N, K].
func drawLabels(logits []float32, n, k int, seed uint64) []int32 {
	y, p := make([]int32, n), make([]float64, k)
	key := direction{law: labels, seed: seed}.key()
	for i := range y {
		softmax(p, logits[i*k:(i+1)*k])
		u := unit(key, i)
		var sum float64
		for c := range k - 1 {
			if sum += p[c]; sum >= u {
				break
			}
			y[i] = int32(c) + 1
		}
	}
	return y
}

// softmax writes the probabilities of one example's logits, [K].
func softmax(p []float64, row []float32) {
	top := math.Inf(-1)
	for _, v := range row {
		top = math.Max(top, float64(v))
	}
	var sum float64
	for c, v := range row {
		p[c] = math.Exp(float64(v) - top)
		sum += p[c]
	}
	for c := range p {
		p[c] /= sum
	}
}
