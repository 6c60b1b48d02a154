// Package measures lists the built-in measures. Each family has a folder, whose
// package comment has its formulas, sources and deviations.
package measures

import (
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/measures/cna"
	"github.com/genbench/genbench/measures/cnam"
	"github.com/genbench/genbench/measures/curvature"
	"github.com/genbench/genbench/measures/gradients"
	"github.com/genbench/genbench/measures/l2norm"
	"github.com/genbench/genbench/measures/losssharpness"
	"github.com/genbench/genbench/measures/sharpness"
)

// All returns the built-in measures, each family together.
func All() []measure.Measure {
	all := []measure.Measure{
		cna.CNA{}, cnam.CNAArea(), cnam.CNAMargin(),
		l2norm.L2(), l2norm.Fro(), l2norm.Product(),
	}
	for _, m := range sharpness.All() {
		all = append(all, m)
	}
	all = append(all, gradients.All()...)
	all = append(all, curvature.All()...)
	all = append(all, losssharpness.All()...)
	return all
}
