package main

import (
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/genbench/genbench/harness/rank"
)

// scenario is a population of networks: what moves the gap and the measures, and
// what of it is drawn anew each time.
type scenario struct {
	name    string
	sizes   []int
	repeats int
	noise   float64 // standard deviation of training noise in gap and measure

	mode         rank.Repeats
	follows      float64 // how much the measure follows the axes
	disagrees    float64 // standard deviation of what is a configuration's own
	sampled      bool    // that is drawn anew in every draw: other configurations
	uneven       float64 // standard deviation of the log of the noise over configurations
	logNormal    bool    // the measure is the exponential of what it would be
	missing      float64 // share of the networks that is not there, the same in every draw
	unmeasured   float64 // share of the networks that have no measure
	test         int     // test examples; 0: the gap is exact
	difficulties int     // distinct difficulties of the examples; 0: all differ
	lattice      float64 // the gap is rounded to multiples of this
	integer      float64 // the measure is rounded to multiples of this
	seedless     bool    // the measure is the same for all seeds of a configuration
	alike        float64 // correlation of the measures' training noise
	correlation  float64 // without axes: of measure and gap, normal
}

// draw is one draw of a scenario.
type draw struct {
	grid     *rank.Grid
	x        [][]float64 // [measures][N]
	y        []float64
	measured []bool
	correct  [][]bool
}

var (
	gapEffects     = []float64{.05, .02, .005, 0, .03, .01, .002}
	measureEffects = []float64{.05, 0, .01, -.01, .02, 0, -.02}
)

// stream gives draw i of a scenario its own numbers.
func (s scenario) stream(purpose string, i int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(s.name + "/" + purpose))
	return rand.New(rand.NewPCG(h.Sum64(), uint64(i)))
}

// draw draws new seeds and test sets, and other configurations where sampled.
func (s scenario) draw(r *rand.Rand, measures int) (draw, error) {
	fixed := s.stream("fixed", 0) // what belongs to the grid
	own := fixed
	if s.sampled {
		own = r
	}
	var d draw
	var levels [][]int
	var seeds []int
	if len(s.sizes) > 0 {
		levels = make([][]int, len(s.sizes))
	}
	configs := 1
	for _, n := range s.sizes {
		configs *= n
	}
	d.x = make([][]float64, measures)
	for c := range configs {
		scale := s.noise * math.Exp(s.uneven*fixed.NormFloat64())
		centreY := s.disagrees * own.NormFloat64()
		common := own.NormFloat64()
		centreX := make([]float64, measures)
		for m := range centreX {
			if s.alike > 0 {
				centreX[m] = s.disagrees * common
			} else {
				centreX[m] = s.disagrees * own.NormFloat64()
			}
		}
		for seed := range s.repeats {
			ofY, ofX := r.NormFloat64(), r.NormFloat64()
			there, measured := fixed.Float64() >= s.missing, fixed.Float64() >= s.unmeasured
			y := centreY + scale*ofY
			x := make([]float64, measures)
			for m := range x {
				own := math.Sqrt(s.alike)*ofX + math.Sqrt(1-s.alike)*r.NormFloat64()
				x[m] = centreX[m] + scale*(.3*ofY+own)
				if s.seedless {
					x[m] = centreX[m]
				}
			}
			rest := c
			for a, size := range s.sizes {
				level := float64(rest % size)
				rest /= size
				y += gapEffects[a] * level
				for m := range x {
					x[m] += s.follows * measureEffects[a] * level
				}
			}
			if !there {
				continue
			}
			rest = c
			for a, size := range s.sizes {
				levels[a] = append(levels[a], rest%size)
				rest /= size
			}
			seeds = append(seeds, seed)
			d.y, d.measured = append(d.y, y), append(d.measured, measured)
			for m := range x {
				d.x[m] = append(d.x[m], s.shape(x[m]))
			}
		}
	}
	if s.test > 0 {
		s.examine(r, &d)
	}
	if s.lattice > 0 {
		for i := range d.y {
			d.y[i] = math.Round(d.y[i]/s.lattice) * s.lattice
		}
	}
	var err error
	d.grid, err = rank.NewGrid(len(d.y), levels, seeds)
	return d, err
}

func (s scenario) shape(x float64) float64 {
	if s.logNormal {
		x = math.Exp(30 * x)
	}
	if s.integer > 0 {
		x = math.Round(x / s.integer)
	}
	return x
}

// pairs draws n networks without axes.
func (s scenario) pairs(r *rand.Rand, n, measures int) (draw, error) {
	d := draw{x: make([][]float64, measures)}
	for range n {
		y := r.NormFloat64()
		d.y, d.measured = append(d.y, y), append(d.measured, true)
		for m := range d.x {
			d.x[m] = append(d.x[m], s.correlation*y+math.Sqrt(1-s.correlation*s.correlation)*r.NormFloat64())
		}
	}
	var err error
	d.grid, err = rank.NewGrid(n, nil, nil)
	return d, err
}

// examine replaces the gaps by those on a finite test set, which all networks
// share: an example of difficulty d is right with a probability that falls with
// d and with the gap, on average 0.8 less the gap.
func (s scenario) examine(r *rand.Rand, d *draw) {
	difficulty := make([]float64, s.test)
	for e := range difficulty {
		difficulty[e] = r.Float64()
		if s.difficulties > 0 {
			difficulty[e] = (math.Floor(difficulty[e]*float64(s.difficulties)) + .5) / float64(s.difficulties)
		}
	}
	for i, gap := range d.y {
		row, hits := make([]bool, s.test), 0
		for e, v := range difficulty {
			if row[e] = .7*v+.3*r.Float64() < .9-gap; row[e] {
				hits++
			}
		}
		d.correct = append(d.correct, row)
		d.y[i] = 1 - float64(hits)/float64(s.test)
	}
}

func (s scenario) next(r *rand.Rand, measures int) (draw, error) {
	if s.correlation != 0 {
		return s.pairs(r, 32, measures)
	}
	return s.draw(r, measures)
}
