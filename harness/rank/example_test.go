package rank_test

import (
	"fmt"

	"github.com/genbench/genbench/harness/rank"
)

func ExampleTauB() {
	norm := []float64{2.1, 3.5, 3.6, 9.0}    // measure, one per network
	gap := []float64{0.01, 0.04, 0.03, 0.09} // train minus test accuracy
	tau, err := rank.TauB(norm, gap)
	fmt.Printf("%.3f %v\n", tau, err)
	// Output: 0.667 <nil>
}

func ExampleSample_Granulated() {
	batch := []int{0, 0, 0, 1, 1, 1} // level of each network on the axis
	depth := []int{0, 1, 2, 0, 1, 2}
	grid, err := rank.NewGrid(6, [][]int{batch, depth}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	measure := []float64{1, 3, 2, 4, 6, 5}
	gap := []float64{.10, .12, .11, .15, .14, .20}
	sample, err := grid.Sample(measure, gap, nil, rank.Mean)
	if err != nil {
		fmt.Println(err)
		return
	}
	g := sample.Granulated(rank.B)
	fmt.Printf("batch %.3f, depth %.3f, Ψ %.3f\n", g.Axes[0].Psi, g.Axes[1].Psi, g.Psi)
	// Output: batch 1.000, depth 0.333, Ψ 0.667
}
