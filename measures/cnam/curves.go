package cnam

import (
	"context"

	"github.com/genbench/genbench/harness/measure"
)

// Curve is a curve of a split, [M] points each, in the order of α: examples sorted by their complexity, averaged over
// a window of 25 neighbours, and scaled so that the two curves together run from 0 to 1 on both axes.
type Curve struct{ Alpha, Beta []float64 }

// Curves are what the area lies between.
type Curves struct {
	Train, Test Curve

	// The units of the axes, of both curves: α = AlphaLow + AlphaRange · x, β = BetaLow + BetaRange · y.
	AlphaLow, AlphaRange, BetaLow, BetaRange float64
}

// Curves answers the curves of which [Area.Compute] measures the distance. They do not depend on the option axis. The
// errors are those of Compute.
func (m Area) Curves(ctx context.Context, net *measure.Network) (Curves, error) {
	train, test, err := m.splits(ctx, net)
	if err != nil {
		return Curves{}, err
	}
	if err := longEnough(train, test); err != nil {
		return Curves{}, err
	}
	a, b := train.curve(), test.curve()
	s, err := jointly(a, b)
	if err != nil {
		return Curves{}, err
	}
	a, b = s.apply(a), s.apply(b)
	return Curves{
		Train: Curve{a.x, a.y}, Test: Curve{b.x, b.y},
		AlphaLow: s.lowX, AlphaRange: s.rangeX, BetaLow: s.lowY, BetaRange: s.rangeY,
	}, nil
}

// longEnough refuses samples that the window does not fit into.
func longEnough(train, test sample) error {
	for _, s := range []struct {
		name string
		sample
	}{{"training", train}, {"test", test}} {
		if len(s.alpha) < window {
			return measure.Undefined("a moving average over %d needs that many %s examples, there are %d", window, s.name, len(s.alpha))
		}
	}
	return nil
}
