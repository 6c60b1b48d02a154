package rank

import (
	"fmt"
	"math"
)

// Resampling says how to put intervals on statistics. Equal ones pair the
// replicates of different measures over one grid, for [Compare].
type Resampling struct {
	Replicates int // B; at least 20
	Seed       uint64
	Noise      *TestNoise // nil: the test examples are taken as given
}

func (o Resampling) check(n int) error {
	if o.Replicates < 20 {
		return fmt.Errorf("resampling: %d replicates: at least 20 are needed for a 95 %% interval", o.Replicates)
	}
	if o.Noise == nil {
		return nil
	}
	if len(o.Noise.shift) < o.Replicates || len(o.Noise.shift[0]) != n {
		return fmt.Errorf("resampling: test noise of %d replicates for %d networks, but %d for %d are needed", len(o.Noise.shift), len(o.Noise.shift[0]), o.Replicates, n)
	}
	return nil
}

// informationDraws is the number of replicates that K gets at most: it costs as
// much as all else together several times over, and a standard deviation of 100
// draws is known to 7 %.
const informationDraws = 100

// replicate fills the draws of all estimates; draw writes the points of one
// replicate.
func (s *Sample) replicate(out *Intervals, f *scorer, o Resampling, draw func(b int)) {
	out.each(func(e *Estimate, _ func(*scores) optional) { e.draws = make([]optional, o.Replicates) })
	out.Information.draws = make([]optional, min(o.Replicates, informationDraws))
	var r scores
	for b := range o.Replicates {
		draw(b)
		f.score(&r)
		out.each(func(e *Estimate, of func(*scores) optional) { e.draws[b] = of(&r) })
		if b < len(out.Information.draws) && out.Information.Err == nil {
			out.Information.draws[b] = f.information()
		}
	}
}

// shiftTests writes the points with other test examples.
func (s *Sample) shiftTests(f *scorer, shift []float64) {
	for p, pt := range s.points {
		f.x[p], f.y[p] = pt.x, pt.y
		if s.repeats != Mean {
			f.y[p] += shift[pt.network]
			continue
		}
		nets := s.member[pt.config]
		var d float64
		for _, n := range nets {
			d += shift[n] / float64(len(nets))
		}
		f.y[p] = rounded(pt.y+d, s.rangeY, math.Abs(pt.y)) // gaps that are equal on paper stay tied
	}
}

// occupied counts the configurations that hold a network.
func (s *Sample) occupied() int {
	n := 0
	for _, nets := range s.member {
		if len(nets) > 0 {
			n++
		}
	}
	return n
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
