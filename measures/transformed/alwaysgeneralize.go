package transformed

import (
	"context"
	"fmt"
	"math"

	"github.com/genbench/genbench/harness/measure"
)

// AlwaysGeneralize counts how often disturbances change the answer.
type AlwaysGeneralize struct{}

// penalties are what a changed answer costs, for the rows of [measure.Answers] after the first.
func penalties() []float64 { return []float64{6, 1, 2, 3, 1, 12, 2} }

// Info describes the measure.
func (AlwaysGeneralize) Info() measure.Info {
	return measure.Info{
		Name: "always-generalize", Version: "1", Family: "augmentation",
		Doc:      "minus the mean penalty of answers that seven disturbances of a training image change",
		Citation: "Aithal and Kashyap, Always Generalize, runner-up of the competition PGDL 2020; sumukhaithal6/pgdl, runner_up_solution/complexity.py",
		Formula: "-1/N Σ_i Σ_t δ_it; δ_it = |p_i - p_i^t| where image i and its disturbance t get the same class, else 6 (mirrored), 1 (saturation times U(0.6, 1.6)), 2 (central 0.9 " +
			"enlarged), 3 (horizontal Sobel/4 + 1/2), 1 (plus 0.5), 12 (mirrored, saturation), 2 (a random rectangle of 0); p the largest softmax probability",
		Deviations: "The sum is divided by N, so that training sets of different size compare. Images come from a seeded permutation (source: the first 201 batches of 64). " +
			"Images are changed as the network reads them, after any normalisation. Saturation leaves grey images as they are (the source's way through RGB multiplies them by " +
			"0.9999); below 20 pixels the central 0.9 is the whole image, as in the source: both then count 0.",
		Needs:      measure.Needs{measure.TransformedPredictions},
		Larger:     measure.PredictsSmallerGap, // the source's sign: 0 is an answer that nothing moves
		Stochastic: true,
		Options:    []measure.Option{{Name: "examples", Default: "12864", Doc: "training images looked at; 0 is all"}},
	}
}

// Compute answers a value in [-27, 0]. It is undefined for inputs that are no images.
func (AlwaysGeneralize) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	examples, err := net.IntOption("examples")
	if err != nil {
		return 0, err
	}
	a, err := net.TransformedPredictions(ctx, examples)
	if err != nil {
		return 0, err
	}
	if want := len(penalties()) + 1; a.Rows != want || a.Examples == 0 {
		return 0, fmt.Errorf("answers to %d x %d images, %d rows were expected", a.Rows, a.Examples, want)
	}
	total := 0.0
	for t, penalty := range penalties() {
		row := (t + 1) * a.Examples
		for i := range a.Examples {
			if a.Predicted[row+i] == a.Predicted[i] {
				total += math.Abs(a.Confidence[i] - a.Confidence[row+i])
			} else {
				total += penalty
			}
		}
	}
	net.Diagnose("examples", float64(a.Examples))
	v := 0 - total/float64(a.Examples) // 0 and not -0
	if math.IsNaN(v) {
		return 0, measure.Undefined("a confidence is not a number")
	}
	return v, nil
}
