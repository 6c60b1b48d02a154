package models

import (
	"errors"
	"fmt"
	"math"
)

// Examples are labelled inputs as a network reads them.
type Examples struct {
	X []float32 // [N, D]
	Y []int32   // [N], the labels trained on, in [0, K)

	// Padding is what a black pixel is as an input, [C]; nil: 0. Augmentation pads with it.
	Padding []float32
}

// Len is the number of examples N.
func (e Examples) Len() int { return len(e.Y) }

// Fits reports the first reason why the examples cannot be given to the
// architecture: none at all, a length that is not N x D, a label outside
// [0, K), an input that is not a finite number.
func (e Examples) Fits(a Architecture) error {
	if len(e.Y) == 0 {
		return errors.New("no examples")
	}
	d := a.Input.Size()
	if len(e.X) != len(e.Y)*d {
		return fmt.Errorf("%d input values for %d examples of %d features: %d are needed", len(e.X), len(e.Y), d, len(e.Y)*d)
	}
	for n, y := range e.Y {
		if y < 0 || int(y) >= a.Classes {
			return fmt.Errorf("example %d has label %d, outside [0, %d)", n, y, a.Classes)
		}
	}
	for i, v := range e.X {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("example %d, feature %d is %v", i/d, i%d, v)
		}
	}
	return nil
}

// Metrics are what a network does on a set of examples, in evaluation mode.
type Metrics struct {
	Loss     float64 // mean cross-entropy over the examples, in nats; may be +Inf or NaN when logits are
	Accuracy float64 // fraction of the examples that are classified as labelled, in [0, 1]
	Correct  []bool  // [N]
}

// Evaluate runs the session's network over the examples in batches of at most
// batch and answers true per-example means: a short last batch weighs by its
// size. The softmax and the sums are in float64, from the engine's float32
// logits.
//
// An example is correct when its label is the first index of the largest
// logit, as NumPy's argmax picks; a NaN among its logits makes it wrong.
//
// A batch larger than the session's, a label outside [0, K) and lengths that
// do not match are errors.
func Evaluate(s Session, ex Examples, batch int) (Metrics, error) {
	n := ex.Len()
	switch {
	case n == 0:
		return Metrics{}, errors.New("evaluating: no examples")
	case batch < 1:
		return Metrics{}, fmt.Errorf("evaluating: batches of %d examples: at least 1 is needed", batch)
	case len(ex.X)%n != 0:
		return Metrics{}, fmt.Errorf("evaluating: %d input values do not divide among %d examples", len(ex.X), n)
	}
	// A session does not say how many classes it has; its last layer does.
	classes := 0
	err := s.Outputs(ex.X[:len(ex.X)/n], func(_ int, out []float32) { classes = len(out) })
	if err != nil {
		return Metrics{}, fmt.Errorf("evaluating: %w", err)
	}
	batch = min(batch, n)
	m := Metrics{Correct: make([]bool, n)}
	err = evaluate(&m, s, ex, make([]float32, batch*classes), classes)
	return m, err
}

// evaluate is Evaluate with its memory given: logits [batch, K] and m.Correct
// [N], which may be nil when nobody asks.
func evaluate(m *Metrics, s Session, ex Examples, logits []float32, classes int) error {
	n, batch := ex.Len(), len(logits)/classes
	d := len(ex.X) / n
	var loss float64
	var correct int
	for lo := 0; lo < n; lo += batch {
		hi := min(lo+batch, n)
		out := logits[:(hi-lo)*classes] // [hi-lo, K]
		if err := s.Logits(out, ex.X[lo*d:hi*d]); err != nil {
			return fmt.Errorf("evaluating examples %d to %d: %w", lo, hi-1, err)
		}
		for i := lo; i < hi; i++ {
			y := int(ex.Y[i])
			if y < 0 || y >= classes {
				return fmt.Errorf("evaluating: example %d has label %d, outside [0, %d)", i, y, classes)
			}
			row := out[(i-lo)*classes:][:classes]
			loss += crossEntropy(row, y)
			ok := isArgmax(row, y)
			if ok {
				correct++
			}
			if m.Correct != nil {
				m.Correct[i] = ok
			}
		}
	}
	m.Loss = loss / float64(n)
	m.Accuracy = float64(correct) / float64(n)
	return nil
}

// crossEntropy is log sum_k exp(f_k) - f_y in nats, shifted by the largest
// logit so that nothing overflows.
func crossEntropy(logits []float32, y int) float64 {
	top := math.Inf(-1)
	for _, f := range logits {
		top = math.Max(top, float64(f)) // math.Max keeps NaN
	}
	var sum float64
	for _, f := range logits {
		sum += math.Exp(float64(f) - top)
	}
	return (top - float64(logits[y])) + math.Log(sum) // the difference first: top may swallow the logarithm
}

// isArgmax reports whether y is the first index of the largest logit.
func isArgmax(logits []float32, y int) bool {
	top := logits[y]
	for k, f := range logits {
		if k == y {
			if f != f {
				return false
			}
			continue
		}
		if !(f < top || f == top && k > y) {
			return false
		}
	}
	return true
}
