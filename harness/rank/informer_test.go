package rank

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// talliesByDefinition compares all ordered pairs.
func talliesByDefinition(f *informer, k int, points []point, leftOut int) [][]tally {
	c := f.sets[k]
	out := make([][]tally, len(c.levels))
	for g := range out {
		out[g] = make([]tally, len(c.levels))
	}
	for a, pa := range points {
		for b, pb := range points {
			if pa.network == pb.network || f.stratum[a] != f.stratum[b] || pa.config == leftOut || pb.config == leftOut {
				continue
			}
			t := &out[c.group[pa.config]][c.group[pb.config]]
			t.n++
			if pa.x > pb.x {
				t.x++
			}
			if pa.y > pb.y {
				t.y++
			}
			if pa.x > pb.x && pa.y > pb.y {
				t.both++
			}
		}
	}
	return out
}

// All three ways to count pairs must agree with the definition, in all modes of
// repeats, with copies of networks, and with a configuration left out.
func TestTalliesAgreeWithAllPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mode := rapid.SampledFrom([]Repeats{Mean, Pooled, PerSeed}).Draw(t, "mode")
		sizes := rapid.SampledFrom([][]int{{2, 3}, {3, 2, 2}, {4, 5, 3}, {2, 2, 40}}).Draw(t, "sizes")
		repeats := rapid.IntRange(1, 4).Draw(t, "repeats")
		one := complete(sizes)
		var levels [][]int
		var seed []int
		for _, axis := range one {
			levels = append(levels, slices.Repeat(axis, repeats))
		}
		n := len(levels[0])
		for i := range n {
			seed = append(seed, i/len(one[0]))
		}
		g := must(NewGrid(n, levels, seed))
		s := must(g.Sample(tied(n).Draw(t, "x"), tied(n).Draw(t, "y"), nil, mode))
		points := slices.Clone(s.points)
		if rapid.Bool().Draw(t, "redrawn") {
			for p := range points[1:] {
				if q := points[p]; p%3 == 0 && q.config == points[p+1].config {
					points[p+1] = q
				}
			}
		}
		leftOut := rapid.IntRange(-1, g.configs-1).Draw(t, "left out")

		rows, orders, pairs := s.newInformer(), s.newInformer(), s.newInformer()
		orders.words, pairs.words = 0, 0
		for _, f := range []*informer{rows, orders, pairs} {
			f.order(points, leftOut)
		}
		for k := range rows.sets {
			want := talliesByDefinition(rows, k, points, leftOut)
			compare := func(name string) func(int, []tally) {
				return func(g int, row []tally) {
					if !slices.Equal(row, want[g]) {
						t.Fatalf("%s, set %v, group %d: %v, want %v", name, rows.sets[k].axes, g, row, want[g])
					}
				}
			}
			rows.tally(k, compare("rows"))
			orders.tally(k, compare("orders"))
			pairs.tallyPairs(&pairs.sets[k], compare("pairs"))
		}
		least, ok := rows.without(points, leftOut)
		if other, otherOK := orders.without(points, leftOut); least != other || ok != otherOK {
			t.Fatalf("K is %v and %v", least, other)
		}
	})
}

// The smallest cell, where it can be seen: of five networks three are at (0, 5),
// one at (1, 5) and one at (1, 6).
func TestMinCellAt(t *testing.T) {
	s := sample(t, [][]int{{0, 0, 0, 1, 1}, {5, 5, 5, 5, 6}}, []float64{1, 3, 2, 2, 1}, []float64{1, 2, 3, 2.5, 1}, Pooled)
	if at := fmt.Sprint(s.newInformer().sets[3].levels); at != "[[0 5] [1 5] [1 6]]" {
		t.Errorf("the groups of both axes are %s", at)
	}
	k := s.Information()
	if c := k.Sets[3]; c.MinCell != 1 || c.at != [2]int{1, 2} { // of (1,5)-(1,6) and back, the first
		t.Errorf("both axes: %+v", c)
	}
	// Levels are answered as they were given, and x says nothing
	// where the axis is known.
	s = sample(t, [][]int{{4, 4, 4, 9, 9}}, []float64{1, 1, 1, 2, 2}, []float64{1, 2, 3, 4, 5}, Pooled)
	k = s.Information()
	if k.Err != nil || !slices.Equal(k.Set, []int{0}) || k.K != 0 || k.MinCell != 2 ||
		!slices.Equal(k.MinCellAt[0], []int{9}) || !slices.Equal(k.MinCellAt[1], []int{9}) {
		t.Errorf("%+v, want the pairs from 9 to 9", k)
	}
}

// Sorting by digits must agree with comparing.
func TestSorter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{1, 2, 50, fewValues, fewValues + 1, 2000}).Draw(t, "n")
		some := rapid.SliceOfN(rapid.OneOf(rapid.Float64(), rapid.Float64Range(-1, 1),
			rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, -1, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, math.MaxFloat64, -math.MaxFloat64})), 1, 300).Draw(t, "v")
		v := make([]float64, n)
		for i := range v {
			v[i] = some[(i*i+i/7)%len(some)]
		}
		var s sorter
		s.sort(some) // buffers that were used before
		ranks := s.sort(v)
		want := make([]int32, n)
		for i := range want {
			want[i] = int32(i)
		}
		slices.SortStableFunc(want, func(a, b int32) int { return sign(v[a], v[b]) })
		if !slices.Equal(s.order, want) {
			t.Fatalf("order %v, want %v", s.order, want)
		}
		for r, i := range s.order {
			next := int32(0)
			if r > 0 {
				next = s.rank[s.order[r-1]]
				if v[i] != v[s.order[r-1]] {
					next++
				}
			}
			if s.rank[i] != next {
				t.Fatalf("rank of %d is %d, want %d", i, s.rank[i], next)
			}
		}
		if int(s.rank[s.order[n-1]])+1 != ranks {
			t.Fatalf("%d ranks, the last is %d", ranks, s.rank[s.order[n-1]])
		}
	})
}

// Large cells are counted in another way than small ones.
func TestTieCountOfLargeCells(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{largeCell + 1, 200, 700}).Draw(t, "n")
		x, y := tied(50).Draw(t, "x"), tied(50).Draw(t, "y")
		of := rapid.IntRange(2, 900).Draw(t, "networks")
		var points []point
		var c cell
		for i := range n {
			network := (i * i) % of // copies of a network have its values
			points = append(points, point{x: x[network%50], y: y[network/3%50], network: network})
			c = append(c, i)
		}
		var k knight
		k.count(x, y)
		if got, want := tieCount(points, c, &k), tieCount(points, c, nil); got != want {
			t.Fatalf("%+v, want %+v", got, want)
		}
		px, py := make([]float64, n), make([]float64, n)
		for i, p := range points {
			px[i], py[i] = p.x, p.y
		}
		if got, want := must(CountPairs(px, py)), pairsByDefinition(px, py); got != want {
			t.Fatalf("CountPairs = %+v, want %+v", got, want)
		}
	})
}
