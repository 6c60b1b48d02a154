package quantity

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"

	"github.com/genbench/genbench/models"
)

// computeTrainLogits runs the training set through the network in evaluation
// mode. Logits that are not finite make it undefined: no margin, loss or rank
// can be read from them.
func computeTrainLogits(ctx context.Context, p *Provider, _ arguments) ([]payload, error) {
	s := p.subject
	x, n := s.inputs("train")
	k := s.Arch.Classes
	logits := make([]float32, n*k)
	err := p.host.sessions.forward(ctx, s.Arch, s.Final, logits, x)
	if err != nil {
		return nil, err
	}
	for i, v := range logits {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, undefined("a logit of training example %d is %v", i/k, v)
		}
	}
	return []payload{{name: "logits", shape: []int{n, k}, f32: logits}}, nil
}

// forward fills the logits, [N, K], of a network's inputs x, [N, D], batches at the same time where the engine computes them together.
func (p *sessions) forward(ctx context.Context, a models.Architecture, state models.State, logits, x []float32) error {
	k := a.Classes
	n := len(logits) / k
	d := len(x) / n
	return p.batches(ctx, a, state, n, func(_ int, session models.Session, lo, hi int) error {
		return session.Logits(logits[lo*k:hi*k], x[lo*d:hi*d])
	})
}

// forward fills logits, [N, K], a batch at a time.
func forward(ctx context.Context, session models.Session, logits, x []float32, n, k, batch int) error {
	d := len(x) / n
	for lo := 0; lo < n; lo += batch {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi := min(lo+batch, n)
		if err := session.Logits(logits[lo*k:hi*k], x[lo*d:hi*d]); err != nil {
			return err
		}
	}
	return nil
}

// trainLogits is the quantity train-logits, shared with whoever asks for it.
func (p *Provider) trainLogits(ctx context.Context) ([]float32, error) {
	b, err := p.Get(ctx, "train-logits", nil)
	if err != nil {
		return nil, err
	}
	a := b.Arrays[0]
	f, err := os.Open(a.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw := make([]byte, 4*a.Shape[0]*a.Shape[1])
	if _, err := f.ReadAt(raw, a.Offset); err != nil {
		return nil, err
	}
	v := make([]float32, len(raw)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return v, nil
}

// computeTrainMargins is f_y - max_{j != y} f_j of the labels trained on, in
// float64 from the engine's float32 logits.
func computeTrainMargins(ctx context.Context, p *Provider, _ arguments) ([]payload, error) {
	logits, err := p.trainLogits(ctx)
	if err != nil {
		return nil, err
	}
	y, k := p.subject.Data.Train.Y, p.subject.Arch.Classes
	return []payload{{name: "margins", shape: []int{len(y)}, f64: margins(logits, y, k)}}, nil
}

func margins(logits []float32, y []int32, k int) []float64 {
	m := make([]float64, len(y))
	for i, label := range y {
		row := logits[i*k : (i+1)*k]
		other := math.Inf(-1)
		for j, v := range row {
			if j != int(label) {
				other = max(other, float64(v))
			}
		}
		m[i] = float64(row[label]) - other
	}
	return m
}

// computeTrainLoss is the mean cross-entropy (nats) and the accuracy over the
// training set with the labels trained on.
func computeTrainLoss(ctx context.Context, p *Provider, _ arguments) ([]payload, error) {
	logits, err := p.trainLogits(ctx)
	if err != nil {
		return nil, err
	}
	y, k := p.subject.Data.Train.Y, p.subject.Arch.Classes
	loss, correct := score(logits, y, k)
	n := float64(len(y))
	return []payload{scalar("loss", loss/n), scalar("accuracy", float64(correct)/n)}, nil
}

// score sums the cross-entropy (nats) over examples and counts the correct
// ones: those whose label is the first index of the largest logit.
func score(logits []float32, y []int32, k int) (loss float64, correct int) {
	for i, label := range y {
		row := logits[i*k : (i+1)*k]
		top := math.Inf(-1)
		for _, v := range row {
			top = math.Max(top, float64(v)) // math.Max keeps NaN
		}
		var sum float64
		for _, v := range row {
			sum += math.Exp(float64(v) - top)
		}
		loss += math.Log(sum) + top - float64(row[label])
		if isCorrect(row, int(label)) {
			correct++
		}
	}
	return loss, correct
}

// countCorrect is score without the loss, which costs an exponential a logit.
func countCorrect(logits []float32, y []int32, k int) int {
	correct := 0
	for i, label := range y {
		if isCorrect(logits[i*k:(i+1)*k], int(label)) {
			correct++
		}
	}
	return correct
}

// isCorrect reports whether label is the first index of the largest logit; NaN
// anywhere makes it wrong.
func isCorrect(row []float32, label int) bool {
	top := row[label]
	for j, v := range row {
		if j < label && !(v < top) || j >= label && !(v <= top) {
			return false
		}
	}
	return true
}

// readFailure names what could not be read of an example.
func readFailure(split string, example int32, err error) error {
	return fmt.Errorf("%s example %d: %w", split, example, err)
}
