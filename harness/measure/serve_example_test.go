package measure_test

import (
	"context"
	"fmt"
	"math"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/measure/measuretest"
)

// norm is the Euclidean norm of all weights, or its distance from the initial ones: two measures of one type.
type norm struct{ distance bool }

func (m norm) Info() measure.Info {
	info := measure.Info{Name: "weight-norm", Version: "1", Needs: measure.Needs{measure.Weights}, Larger: measure.PredictsLargerGap}
	if m.distance {
		info.Name, info.Needs = "weight-distance", measure.Needs{measure.Weights, measure.InitWeights}
	}
	return info
}

func (m norm) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	final, err := net.Weights(ctx)
	if err != nil {
		return 0, err
	}
	initial := make([]measure.Tensor, len(final))
	if m.distance {
		if initial, err = net.InitWeights(ctx); err != nil {
			return 0, err // a corpus may not have kept them: the cell is then skipped
		}
	}
	var squares float64
	for i, t := range final {
		for k, w := range t.Data {
			d := float64(w)
			if m.distance {
				d -= float64(initial[i].Data[k])
			}
			squares += d * d
		}
	}
	return math.Sqrt(squares), nil
}

// One program may serve several measures. They share what they read of a network: it is asked for and mapped once.
func ExampleServe() {
	// func main() { measure.Serve(norm{}, norm{distance: true}) }

	net := measuretest.Net{
		Weights: []measure.Tensor{{Name: "fc.weight", Shape: []int{1, 2}, Data: []float32{3, 4}}},
		Init:    []measure.Tensor{{Name: "fc.weight", Shape: []int{1, 2}, Data: []float32{3, -1}}},
	}
	for _, m := range []measure.Measure{norm{}, norm{distance: true}} {
		v, err := net.Compute(context.Background(), m, nil)
		fmt.Println(m.Info().Name, v, err)
	}
	// Output:
	// weight-norm 5 <nil>
	// weight-distance 5 <nil>
}

// What the corpus did not keep skips the cell: return the error as it is.
func ExampleMissingError() {
	net := measuretest.Net{Weights: []measure.Tensor{{Name: "fc.weight", Shape: []int{1, 1}, Data: []float32{1}}}}
	_, err := net.Compute(context.Background(), norm{distance: true}, nil)
	fmt.Println(err)
	// Output: needs init-weights: the toy network has none
}

// flatness is the mean rise of the loss under three draws of noise.
type flatness struct{}

func (flatness) Info() measure.Info {
	return measure.Info{Name: "rise", Version: "1", Needs: measure.Needs{measure.PerturbedLosses, measure.TrainLoss}, Larger: measure.PredictsLargerGap, Stochastic: true}
}

func (flatness) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	loss, _, err := net.TrainLoss(ctx)
	if err != nil {
		return 0, err
	}
	var noise []measure.Perturbation
	for i := range uint64(3) {
		noise = append(noise, measure.Perturbation{Kind: "gaussian", Scale: 0.1, Seed: net.Seed() + i})
	}
	losses, err := net.Evaluate(ctx, noise) // all in one call: the host batches them
	if err != nil {
		return 0, err
	}
	var rise float64
	for _, e := range losses {
		rise += (e.Loss - loss) / 3
	}
	return rise, nil
}

func ExampleNetwork_Evaluate() {
	loss, accuracy := 0.5, 1.0
	net := measuretest.Net{
		Seed: 7, Loss: &loss, Accuracy: &accuracy,
		Evaluate: func(p measure.Perturbation) measure.Evaluated {
			return measure.Evaluated{Loss: 0.5 + p.Scale*float64(p.Seed-6)} // rises by 0.1, 0.2, 0.3
		},
	}
	v, err := net.Compute(context.Background(), flatness{}, nil)
	fmt.Printf("%.3f %v\n", v, err)
	// Output: 0.200 <nil>
}

func ExamplePercentile() {
	fmt.Println(measure.Percentile([]float64{4, 1, 3, 2}, 50))
	fmt.Println(measure.Percentile(nil, 50))
	// Output:
	// 2.5 <nil>
	// 0 undefined: there are no values to take the 50-th percentile of
}

func ExampleNeeds_Permit() {
	needs := measure.Needs{measure.LayerSums}
	fmt.Println(needs.Permit("layer-sums", nil))
	fmt.Println(needs.Permit("layer-sums", map[string]string{"split": "test"}))
	// Output:
	// <nil>
	// layer-sums of the test split needs "test-inputs", which is not declared in the measure's needs [layer-sums]
}
