// Package measures lists the built-in measures. Each family has a folder, whose
// package comment has its formulas, sources and deviations.
package measures

import (
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/measures/agreement"
	"github.com/genbench/genbench/measures/cna"
	"github.com/genbench/genbench/measures/cnam"
	"github.com/genbench/genbench/measures/curvature"
	"github.com/genbench/genbench/measures/gradients"
	"github.com/genbench/genbench/measures/l2norm"
	"github.com/genbench/genbench/measures/losssharpness"
	"github.com/genbench/genbench/measures/margins"
	"github.com/genbench/genbench/measures/norms"
	"github.com/genbench/genbench/measures/optimization"
	"github.com/genbench/genbench/measures/outputs"
	"github.com/genbench/genbench/measures/representation"
	"github.com/genbench/genbench/measures/sensitivity"
	"github.com/genbench/genbench/measures/sharpness"
	"github.com/genbench/genbench/measures/spectra"
	"github.com/genbench/genbench/measures/transformed"
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
	all = append(all, representation.All()...)
	all = append(all, transformed.All()...)
	all = append(all, margins.All()...)
	all = append(all, sensitivity.All()...)
	all = append(all, agreement.All()...)
	all = append(all, norms.All()...)
	all = append(all, outputs.All()...)
	all = append(all, optimization.All()...)
	all = append(all, spectra.All()...)
	return all
}
