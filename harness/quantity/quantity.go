// Package quantity computes what measures need of a trained network: logits,
// margins, sums of activations, complexities of inputs, the two searches
// for the largest perturbation that the network stands, reductions of single
// examples' gradients, curvature, losses near the weights, what hidden layers make
// of inputs, margins and derivatives at those layers, and answers to changed inputs.
//
// A [Host] serves the networks of one worker, one [Provider] a network. Every
// quantity is computed once, on the worker's engine, and written to a file that
// measures map. The file's name is a hash of all that determines its content,
// so a later run finds it again; its end carries a checksum, so a damaged file
// is noticed and computed anew. Files are written once, renamed into place and
// never changed: a process that has one mapped keeps it, even when it is evicted.
//
// What is served is what a measure may see. Test inputs are served where they
// are asked for; test labels, test logits and the generalization gap have no
// name here.
//
// Arrays are little-endian, row-major and start at multiples of 64 bytes. Axes
// are those of package models: N examples, D features, K classes, L layers.
package quantity

import (
	"errors"
	"fmt"
	"strings"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/models"
)

// Version is part of every quantity's key: raised when one of them would come
// out differently for the same network.
func Version() int { return 3 }

// Subject is a trained network and what it was trained on. It is read-only
// while a [Provider] serves it.
type Subject struct {
	Key   string // identifies tensors and data: equal keys, equal networks
	Arch  models.Architecture
	Final models.State
	Init  models.State // before training; nil: not kept
	Data  *dataset.Data
	Facts Facts
	Seed  uint64 // the run's: which examples are taken, which noise is drawn

	Sibling   *Twin // the network of the same configuration with another seed; nil: there is none
	NoSibling error // why there is none: a [*Missing], or why it cannot be read
}

// Facts are what was recorded during training and cannot be computed later.
type Facts struct {
	Epochs, Steps         int
	StepsTo01, StepsTo001 int       // optimizer steps when the train cross-entropy first was <= 0.1, <= 0.01 nats; -1: never
	GradientNoise1        *float64  // trace of the covariance of the per-example gradients after epoch 1; nil: not recorded
	GradientNoiseFinal    *float64  // the same at the end
	MeanLosses            []float64 // [E], mean loss of each epoch's steps, nats
}

// hash tells facts apart. It is not JSON's: a diverged training has losses that JSON cannot hold.
func (f Facts) hash() string {
	b := fmt.Appendf(nil, "%d %d %d %d", f.Epochs, f.Steps, f.StepsTo01, f.StepsTo001)
	for _, g := range []*float64{f.GradientNoise1, f.GradientNoiseFinal} {
		if g == nil {
			b = append(b, " nil"...)
		} else {
			b = fmt.Appendf(b, " %v", *g)
		}
	}
	return hashKey(string(fmt.Appendf(b, " %v", f.MeanLosses)))
}

// Array is where one array lies in a file.
type Array struct {
	Name   string `json:"name"`
	DType  string `json:"dtype"` // "f32", "f64", "i32" or "u8"
	Shape  []int  `json:"shape"` // [] is a scalar
	Path   string `json:"-"`     // absolute
	Offset int64  `json:"offset"`
}

// Bundle is one quantity.
type Bundle struct {
	Arrays  []Array
	Seconds float64 // what computing it took, whenever that was
}

// Undefined is the error of a quantity that does not exist for a network: a
// complete answer, not a failure.
type Undefined struct{ Reason string }

func (e *Undefined) Error() string { return "undefined: " + e.Reason }

func undefined(format string, a ...any) error { return &Undefined{Reason: fmt.Sprintf(format, a...)} }

// Missing is the error of a quantity that rests on something which the corpus
// did not keep.
type Missing struct{ Need, Reason string }

func (e *Missing) Error() string { return "needs " + e.Need + ": " + e.Reason }

// checkSubject reports why the subject cannot be served at all.
func checkSubject(s *Subject) error {
	switch {
	case s.Key == "":
		return errors.New("the subject has no key")
	case s.Data == nil:
		return errors.New("the subject has no data")
	}
	if err := s.Arch.Validate(); err != nil {
		return fmt.Errorf("architecture: %w", err)
	}
	if err := s.Final.Fits(s.Arch); err != nil {
		return fmt.Errorf("tensors: %w", err)
	}
	if s.Init != nil {
		if err := s.Init.Fits(s.Arch); err != nil {
			return fmt.Errorf("initial tensors: %w", err)
		}
	}
	if err := (models.Examples{X: s.Data.Train.X, Y: s.Data.Train.Y}).Fits(s.Arch); err != nil {
		return fmt.Errorf("training data: %w", err)
	}
	if s.Sibling != nil {
		if err := s.Sibling.check(s); err != nil {
			return err
		}
	}
	d := s.Arch.Input.Size()
	if len(s.Data.Test.X)%d != 0 {
		return fmt.Errorf("test data: %d input values do not divide into examples of %d features", len(s.Data.Test.X), d)
	}
	native := s.Data.NativeShape.C * s.Data.NativeShape.H * s.Data.NativeShape.W
	for _, split := range []struct {
		name string
		*dataset.Split
	}{{"train", &s.Data.Train}, {"test", &s.Data.Test}} {
		if n := len(split.X) / d; len(split.Native) != n*native {
			return fmt.Errorf("%s data: %d pixels for %d images of %d", split.name, len(split.Native), n, native)
		}
	}
	return nil
}

// inputs of a split, [N, D], and their number N.
func (s *Subject) inputs(split string) ([]float32, int) {
	x := s.Data.Train.X
	if split == "test" {
		x = s.Data.Test.X
	}
	return x, len(x) / s.Arch.Input.Size()
}

func known(names []string) string { return "known: " + strings.Join(names, ", ") }
