package measure_test

import (
	"context"
	"fmt"
	"math"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/measure/measuretest"
)

// Margin scores a network by 1/γ², γ the smallest training margin.
type Margin struct{}

func (Margin) Info() measure.Info {
	return measure.Info{
		Name: "inverse-margin", Version: "1", Needs: measure.Needs{measure.TrainMargins}, Larger: measure.PredictsLargerGap,
		Options: []measure.Option{{Name: "power", Default: "2", Values: []string{"1", "2"}, Doc: "of the margin"}},
	}
}

func (Margin) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	margins, err := net.TrainMargins(ctx) // [N]
	if err != nil {
		return 0, err
	}
	power, err := net.FloatOption("power")
	if err != nil {
		return 0, err
	}
	gamma := math.Inf(1)
	for _, m := range margins {
		gamma = min(gamma, m)
	}
	if !(gamma > 0) {
		return 0, measure.Undefined("the smallest margin is %v", gamma)
	}
	return math.Pow(gamma, -power), nil
}

// A measure is a type with two methods; its program is one line.
func Example() {
	// func main() { measure.Serve(Margin{}) }

	net := measuretest.Net{Margins: []float64{0.5, 2, 1}}
	v, err := net.Compute(context.Background(), Margin{}, nil)
	fmt.Println(v, err)

	v, err = net.Compute(context.Background(), Margin{}, map[string]string{"power": "1"})
	fmt.Println(v, err)
	// Output:
	// 4 <nil>
	// 2 <nil>
}

func ExampleUndefined() {
	net := measuretest.Net{Margins: []float64{-1, 2, 1}}
	_, err := net.Compute(context.Background(), Margin{}, nil)
	reason, ok := measure.IsUndefined(err)
	fmt.Println(ok, reason)
	// Output: true the smallest margin is -1
}

func ExampleInfo_Resolve() {
	info := Margin{}.Info()
	fmt.Println(info.Resolve(nil))
	_, err := info.Resolve(map[string]string{"pwoer": "1"})
	fmt.Println(err)
	_, err = info.Resolve(map[string]string{"power": "3"})
	fmt.Println(err)
	// Output:
	// map[power:2] <nil>
	// measure inverse-margin has no option "pwoer": did you mean "power"? (known: power)
	// measure inverse-margin: option power has no value "3": did you mean "1"? (known: 1, 2)
}

func ExampleNetwork_Diagnose() {
	net := measuretest.Net{}.Network(nil)
	net.Diagnose("iterations", 12)
	net.Diagnose("residual", math.NaN())
	fmt.Println(net.Diagnostics(), net.Warnings())
	// Output: map[iterations:12] [diagnostic residual is NaN]
}
