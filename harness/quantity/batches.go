package quantity

import "github.com/genbench/genbench/models"

const (
	widestBatch = 256       // examples that go through a network at once: activations of a few hundred units then stay in the second-level cache
	batchStep   = 32        // engines work on so many examples side by side
	batchBytes  = 256 << 20 // of activations that a batch may take on the way back
)

// Batch is the number of examples that go through a network at once: 256, or where their activations, which a backward pass
// keeps, take more than 256 MiB, the largest multiple of 32 that does not, and 32 where none does not. It depends on the architecture alone, since an engine's bits may depend
// on it. A ResNet-18 of width 64 on 32 x 32 pixels, 11 MB an example, goes in batches of 32.
func Batch(a models.Architecture) int {
	values := a.Input.Size()
	for _, l := range a.Layers {
		values += l.Out
		if l.Kind == models.BatchNorm {
			values += l.Out // as they are and normalised
		}
	}
	return min(max(batchBytes/(4*values)/batchStep*batchStep, batchStep), widestBatch)
}

// batchCount is the number of batches of n examples.
func batchCount(n, batch int) int { return (n + batch - 1) / batch }

// inBatches writes a gradient over n examples to dst: that of the one batch, or else the sum of those of all batches, each times its weight, in float64.
// of writes the gradient of examples lo to hi to dst and answers its weight.
func (w *perturber) inBatches(dst models.State, n int, of func(lo, hi int) (weight float64, err error)) error {
	if n <= w.batch {
		_, err := of(0, n)
		return err
	}
	if w.sum == nil {
		for _, t := range dst {
			w.sum = append(w.sum, make([]float64, len(t.Data)))
		}
	}
	for _, t := range w.sum {
		clear(t)
	}
	for lo := 0; lo < n; lo += w.batch {
		weight, err := of(lo, min(lo+w.batch, n))
		if err != nil {
			return err
		}
		for t, tensor := range dst {
			for i, g := range tensor.Data {
				w.sum[t][i] += weight * float64(g)
			}
		}
	}
	for t, tensor := range dst {
		for i := range tensor.Data {
			tensor.Data[i] = float32(w.sum[t][i])
		}
	}
	return nil
}

// meanGradient writes the gradient of the examples' mean cross-entropy, at what the session holds, to dst, and answers that cross-entropy.
func (w *perturber) meanGradient(session models.Session, dst models.State, ex labelled) (loss float64, err error) {
	err = w.inBatches(dst, ex.n, func(lo, hi int) (float64, error) {
		share := float64(hi-lo) / float64(ex.n)
		l, err := session.Gradient(dst, ex.x[lo*w.d:hi*w.d], ex.y[lo:hi], models.Eval, models.Draw{})
		loss += share * l
		return share, err
	})
	return loss, err
}
