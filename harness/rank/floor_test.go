package rank

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// The floors of a 2 x 2 x 2 grid against all 40,320 orders of the measure, each
// scored as a sample of its own.
func TestFloors(t *testing.T) {
	levels := [][]int{{0, 0, 0, 0, 1, 1, 1, 1}, {0, 0, 1, 1, 0, 0, 1, 1}, {0, 1, 0, 1, 0, 1, 0, 1}}
	y := []float64{3, 1, 4, 1, 5, 9, 2, 6}
	g := must(NewGrid(8, levels, nil))
	var k, pgdl []float64
	orders([]float64{0, 1, 2, 3, 4, 5, 6, 7}, 8, func(x []float64) {
		s := must(g.Sample(x, y, nil, Mean))
		k = append(k, s.Information().K)
		pgdl = append(pgdl, must(s.PGDL(nil)).Score)
	})
	if len(k) != 40320 {
		t.Fatalf("%d orders", len(k))
	}
	const draws = 4000
	gotK, gotPGDL := must(g.Sample(y, y, nil, Mean)).Floors(nil, draws, 1)
	for _, c := range []struct {
		name string
		all  []float64
		got  Floor
	}{{"K", k, gotK}, {"PGDL", pgdl, gotPGDL}} {
		slices.Sort(c.all)
		var mean, square float64
		for _, v := range c.all {
			mean += v / float64(len(c.all))
			square += v * v / float64(len(c.all))
		}
		near(t, c.name+" mean", c.got.Mean, mean, 4*math.Sqrt((square-mean*mean)/draws))
		// The values are few: the percentile lies between those of 94 and 96 %.
		if low, high := quantile(c.all, .94), quantile(c.all, .96); c.got.P95 < low || c.got.P95 > high {
			t.Errorf("%s: 95th percentile %v, want %v to %v", c.name, c.got.P95, low, high)
		}
		if c.got.Draws != draws || c.got.Err != nil {
			t.Errorf("%s: %+v", c.name, c.got)
		}
	}
}

// orders visits all orders of v, changing it (Heap's algorithm).
func orders(v []float64, n int, visit func([]float64)) {
	if n == 1 {
		visit(v)
		return
	}
	for i := range n {
		orders(v, n-1, visit)
		if j := i * (1 - n%2); i < n-1 {
			v[j], v[n-1] = v[n-1], v[j]
		}
	}
}

func TestFloorsThatCannotBe(t *testing.T) {
	s := sample(t, [][]int{{0, 1, 2, 3}}, []float64{1, 2, 3, 4}, []float64{1, 2, 4, 3}, Mean)
	if k, pgdl := s.Floors(nil, 10, 1); k.Err != nil || !errors.Is(pgdl.Err, ErrUndefined) {
		t.Errorf("one axis: %+v, %+v", k, pgdl)
	}
	s = sample(t, [][]int{{0, 1, 2, 3}}, []float64{1, 2, 3, 4}, []float64{1, 1, 1, 1}, Mean)
	if k, _ := s.Floors(nil, 10, 1); !errors.Is(k.Err, ErrUndefined) {
		t.Errorf("constant gap: %+v", k)
	}
}
