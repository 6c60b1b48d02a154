// Package rank measures how well the order of one sample predicts the order of
// another: Kendall, Spearman, Pearson, the granulated Kendall over a grid of
// hyperparameters, normalised conditional mutual information, sign errors, and
// the resampling that puts an interval on them.
//
// It takes plain slices and does no I/O, so every number can be checked against
// SciPy by hand. It knows nothing of networks on disk or of tables; "network"
// here means a position in the slices. x is always the measure, oriented so
// that larger should mean a larger gap, and y is the gap.
//
// A statistic that does not exist (a constant sample, no pairs) is an
// [UndefinedError], which is [ErrUndefined]; it is never 0 and never NaN. NaN
// and infinities in the input are refused with another error.
//
// Randomness comes from PCG streams named by seed, purpose and replicate, so
// the bits of a result do not depend on the order or number of callers.
package rank

import (
	"errors"
	"fmt"
	"math"
)

// ErrUndefined reports that a statistic does not exist for the sample.
var ErrUndefined = errors.New("undefined")

// Cause says which side of a sample made a statistic undefined.
type Cause int

// The causes.
const (
	Other     Cause = iota
	TooFew          // fewer than two networks, or no pair to compare
	ConstantX       // the measure does not vary
	ConstantY       // the gap does not vary
)

// UndefinedError is an [ErrUndefined] with its reason.
type UndefinedError struct {
	Cause  Cause
	Reason string
}

func (e *UndefinedError) Error() string { return "undefined: " + e.Reason }

// Unwrap makes errors.Is(err, ErrUndefined) hold.
func (e *UndefinedError) Unwrap() error { return ErrUndefined }

func undefined(c Cause, format string, a ...any) error {
	return &UndefinedError{Cause: c, Reason: fmt.Sprintf(format, a...)}
}

// constant returns the error for a side without variation, or nil.
func constant(xVaries, yVaries bool) error {
	switch {
	case !xVaries:
		return undefined(ConstantX, "all x are equal")
	case !yVaries:
		return undefined(ConstantY, "all y are equal")
	}
	return nil
}

// check refuses samples that no statistic of this package accepts.
func check(x, y []float64) error {
	if len(x) != len(y) {
		return fmt.Errorf("x has %d values and y has %d: they must be paired", len(x), len(y))
	}
	if err := finite("x", x); err != nil {
		return err
	}
	if err := finite("y", y); err != nil {
		return err
	}
	if len(x) < 2 {
		return undefined(TooFew, "n = %d: at least 2 are needed", len(x))
	}
	return nil
}

func finite(name string, v []float64) error {
	for i, f := range v {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("%s[%d] is %v: leave the network out or mark it undefined", name, i, f)
		}
	}
	return nil
}
