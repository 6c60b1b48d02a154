package report

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// The controls: what a measure has to beat, and what it cannot be expected to.
// Their names are kept for them; a measure of the same name takes the control's
// place and class.
const (
	numParams       = "num-params"
	trainLoss       = "train-loss"
	random          = "random"
	oracle002       = "oracle-0.02"
	oracle005       = "oracle-0.05"
	hyperparameters = "hyperparameters"
)

func (b *builder) controls() []Measure {
	taken := map[string]bool{}
	for _, m := range b.in.Measures {
		taken[m.Name] = true
	}
	var out []Measure
	for _, m := range []Measure{
		b.control(numParams, "larger", func(i int) Cell {
			n := b.in.Networks[i].Parameters
			return Cell{Value: float64(n), Defined: n > 0, Reason: "the number of parameters is not known"}
		}),
		b.control(trainLoss, "larger", func(i int) Cell {
			l := b.in.Networks[i].TrainLoss
			return Cell{Value: l, Defined: !math.IsNaN(l) && !math.IsInf(l, 0), Reason: "the train loss is not known"}
		}),
		b.control(random, "unknown", func(i int) Cell {
			return Cell{Value: b.draw(random, i).Float64(), Defined: true}
		}),
		b.oracle(oracle002, 0.02),
		b.oracle(oracle005, 0.05),
		b.regression(),
	} {
		if !taken[m.Name] {
			out = append(out, m)
		}
	}
	return out
}

func (b *builder) control(name, direction string, value func(int) Cell) Measure {
	m := Measure{Name: name, Class: Control, Direction: direction, Values: make([]Cell, len(b.in.Networks))}
	for i := range m.Values {
		m.Values[i] = value(i)
	}
	return m
}

// draw is the random stream of one network: it depends on the seed and the
// network's id only, so a corpus that grows keeps its values.
func (b *builder) draw(purpose string, i int) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x00%s", purpose, b.in.Networks[i].ID)
	return rand.New(rand.NewPCG(b.in.Seed, h.Sum64()))
}

// oracle is the gap plus N(0, sd²) noise of each network's own (the noisy
// oracles of Jiang et al. 2019).
func (b *builder) oracle(name string, sd float64) Measure {
	return b.control(name, "larger", func(i int) Cell {
		return Cell{Value: b.gaps[i] + sd*b.draw(name, i).NormFloat64(), Defined: true}
	})
}

// ridge is the penalty of the regression on hyperparameters, per unit of the
// one-hot features: one network's worth of doubt about each level.
const ridge = 1.0

// maxFeatures bounds the regression's matrix.
const maxFeatures = 2000

// regression predicts the gap of each configuration from its hyperparameters
// alone: ridge regression of the configurations' mean gaps on one-hot main effects of the
// axes with a free intercept, fitted without that configuration. A measure that does not
// beat it tells no more than the settings do. Where the settings tell nothing it comes out
// negative, since the mean of the others falls as the one left out rises.
func (b *builder) regression() Measure {
	undefined := func(reason string) Measure {
		return b.control(hyperparameters, "larger", func(int) Cell { return Cell{Reason: reason} })
	}
	if len(b.axes) == 0 {
		return undefined("there are no axes")
	}
	columns, width := b.features()
	switch configs := b.grid.Configurations(); {
	case configs < 3:
		return undefined("fewer than three configurations")
	case width > maxFeatures:
		return undefined(fmt.Sprintf("the axes have more than %d levels", maxFeatures))
	}
	predicted, ok := leaveOneOut(columns, width, b.configurationGaps())
	if !ok {
		return undefined("the regression has no solution")
	}
	config := b.grid.Config()
	return b.control(hyperparameters, "larger", func(i int) Cell {
		// Equal on paper, equal here: what the solver's rounding alone tells apart ties.
		return Cell{Value: math.Round(predicted[config[i]]*1e10) / 1e10, Defined: true}
	})
}

// features lists, for each configuration, the columns of its levels.
func (b *builder) features() (columns [][]int, width int) {
	config := b.grid.Config()
	columns = make([][]int, slices.Max(config)+1)
	for _, axis := range b.axes {
		ids := map[string]int{}
		done := make([]bool, len(columns))
		for i, n := range b.in.Networks {
			if done[config[i]] {
				continue
			}
			done[config[i]] = true
			id, ok := ids[n.Config[axis]]
			if !ok {
				id = len(ids)
				ids[n.Config[axis]] = id
			}
			columns[config[i]] = append(columns[config[i]], width+id)
		}
		width += len(ids)
	}
	return columns, width
}

func (b *builder) configurationGaps() []float64 {
	config := b.grid.Config()
	sum := make([]float64, slices.Max(config)+1)
	count := make([]float64, len(sum))
	for i, c := range config {
		sum[c] += b.gaps[i]
		count[c]++
	}
	for c := range sum {
		sum[c] /= count[c]
	}
	return sum
}

// leaveOneOut returns, for each configuration, the ridge prediction fitted to
// the others, by the closed form (ŷ − h y)/(1 − h) with h the leverage.
func leaveOneOut(columns [][]int, width int, y []float64) ([]float64, bool) {
	n := len(y)
	a := mat.NewSymDense(width+1, nil) // the last column is the intercept, not penalised
	rhs := mat.NewVecDense(width+1, nil)
	rows := make([][]int, n)
	for c, cols := range columns {
		rows[c] = append(slices.Clone(cols), width)
		for i, p := range rows[c] {
			rhs.SetVec(p, rhs.AtVec(p)+y[c])
			for _, q := range rows[c][i:] {
				a.SetSym(p, q, a.At(p, q)+1)
			}
		}
	}
	for k := range width {
		a.SetSym(k, k, a.At(k, k)+ridge)
	}
	var chol mat.Cholesky
	if !chol.Factorize(a) {
		return nil, false
	}
	var beta mat.VecDense
	var inverse mat.SymDense
	if chol.SolveVecTo(&beta, rhs) != nil || chol.InverseTo(&inverse) != nil {
		return nil, false
	}
	out := make([]float64, n)
	for c, cols := range rows {
		var fit, h float64
		for _, p := range cols {
			fit += beta.AtVec(p)
			for _, q := range cols {
				h += inverse.At(p, q)
			}
		}
		if 1-h < 1e-9 {
			return nil, false
		}
		out[c] = (fit - h*y[c]) / (1 - h)
	}
	return out, true
}
