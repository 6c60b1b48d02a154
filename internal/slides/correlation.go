package slides

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness/figure"
	"github.com/genbench/genbench/harness/rank"
)

// scored is a network with a measure's value and what it is correlated with.
type scored struct {
	moment
	value, target float64
}

func (s scored) defined() bool {
	return !math.IsNaN(s.value) && !math.IsInf(s.value, 0) && !math.IsNaN(s.target) && !math.IsInf(s.target, 0)
}

// replicates of the bootstrap, those of a leaderboard.
const replicates = 1000

// correlate is Pearson's r over networks, each a point, with the interval of package rank: from resampling the seeds within
// configurations where seeds repeat, else from leaving configurations out.
func (c *Corpus) correlate(some []scored, noise func([]scored) (*rank.TestNoise, error)) (figure.Bar, error) {
	some = slices.DeleteFunc(slices.Clone(some), func(s scored) bool { return !s.defined() })
	bar := figure.Bar{N: len(some)}
	if len(some) < leastNetworks {
		bar.Note = fmt.Sprintf("%d networks where it is defined", len(some))
		return bar, nil
	}
	levels, seeds := c.levels(some)
	grid, err := rank.NewGrid(len(some), levels, seeds)
	if err != nil {
		return bar, err
	}
	x, y := make([]float64, len(some)), make([]float64, len(some))
	for i, s := range some {
		x[i], y[i] = s.value, s.target
	}
	sample, err := grid.Sample(x, y, nil, rank.Pooled)
	if err != nil {
		return bar, err
	}
	how := rank.Resampling{Replicates: replicates, Seed: c.seed}
	if noise != nil {
		if how.Noise, err = noise(some); err != nil {
			return bar, err
		}
	}
	r, err := sample.Pearson()
	if err != nil {
		bar.Note = reason(err)
		return bar, nil
	}
	bar.Value = &r
	all, err := sample.Intervals(rank.B, how)
	if err != nil {
		return bar, err
	}
	if e := all.Pearson; e.Err != nil {
		bar.Note = reason(e.Err)
	} else {
		bar.Interval = &[2]float64{e.Low, e.High}
	}
	return bar, nil
}

// reason is why a statistic does not exist.
func reason(err error) string { return strings.TrimPrefix(err.Error(), "undefined: ") }

// levels places networks in the corpus' grid; axes that do not vary over them are left out.
func (c *Corpus) levels(some []scored) (levels [][]int, seeds []int) {
	nets := make([]corpora.Network, len(some))
	for i, s := range some {
		nets[i] = s.record.Network()
		seeds = append(seeds, int(s.record.Seed))
	}
	for _, axis := range corpora.Varying(c.spec, nets) {
		level := make([]int, len(nets))
		for i := range nets {
			for _, setting := range nets[i].Config {
				if setting.Axis == axis.Name {
					level[i] = slices.Index(axis.Values, setting.Value)
				}
			}
		}
		levels = append(levels, level)
	}
	return levels, seeds
}

// testNoise resamples the test images, of the accuracy gap alone and where all networks have the same; else it is nil.
func (c *Corpus) testNoise(some []scored, t target) func([]scored) (*rank.TestNoise, error) {
	if t.name != "accuracy gap" {
		return nil
	}
	for _, s := range some {
		a, b := s.record, some[0].record
		if a.DataSet != b.DataSet || a.Test.N != b.Test.N || a.Transform.SubsetSeed != b.Transform.SubsetSeed {
			return nil
		}
	}
	return func(some []scored) (*rank.TestNoise, error) {
		var correct [][]bool
		for _, s := range some {
			bits, err := c.store.TestCorrect(s.record.ID)
			if err != nil {
				return nil, err
			}
			correct = append(correct, bits)
		}
		return rank.NewTestNoise(correct, replicates, c.seed)
	}
}
