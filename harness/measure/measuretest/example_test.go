package measuretest_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/measure/measuretest"
)

// smallest is the smallest training margin.
type smallest struct{}

func (smallest) Info() measure.Info {
	return measure.Info{Name: "smallest-margin", Version: "1", Needs: measure.Needs{measure.TrainMargins}, Larger: measure.PredictsSmallerGap}
}

func (smallest) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	margins, err := net.TrainMargins(ctx)
	if err != nil {
		return 0, err
	}
	if len(margins) == 0 {
		return 0, measure.Undefined("there are no training examples")
	}
	least := margins[0]
	for _, m := range margins {
		least = min(least, m)
	}
	if math.IsNaN(least) || math.IsInf(least, 0) {
		return 0, measure.Undefined("the smallest margin is %v", least)
	}
	return least, nil
}

// The contract is one line of a test.
func ExampleRun() {
	_ = func(t *testing.T) { measuretest.Run(t, smallest{}) }
}

func TestExampleKeepsTheContract(t *testing.T) { measuretest.Run(t, smallest{}) }

// A value worked out by hand takes a network in memory. Margins may be given, or come from logits and labels.
func ExampleNet_Compute() {
	net := measuretest.Net{
		Logits: measure.Matrix32{Rows: 2, Cols: 3, Data: []float32{5, 1, 2, 0, 4, 3}},
		Labels: []int32{0, 1}, // margins 5 - 2 and 4 - 3
	}
	fmt.Println(net.Compute(context.Background(), smallest{}, nil))
	// Output: 1 <nil>
}
