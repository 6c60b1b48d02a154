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
const (
	numParams       = "num-params"
	trainLoss       = "train-loss"
	random          = "random"
	oracle002       = "oracle-0.02"
	oracle005       = "oracle-0.05"
	hyperparameters = "hyperparameters"
)

// ControlNames lists the rows that every board adds. The names are theirs:
// [Build] refuses a measure of such a name, which would else pass for the control
// that it is to be held against; who admits measures can refuse it earlier. A
// measure of the catalogue that is to replace a control (num-params as a
// measure like others, say) takes its name off this list and its entry out of
// (*builder).controls in one change, and is then ranked in its own class.
func ControlNames() []string {
	return []string{numParams, trainLoss, random, oracle002, oracle005, hyperparameters}
}

func (b *builder) controls() []Measure {
	return []Measure{
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
	}
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

// ridge is the penalty of the regression on hyperparameters: one configuration's
// worth of doubt about each level.
const ridge = 1.0

// maxFeatures bounds the regression's matrix.
const maxFeatures = 400

// regression predicts the gap of each configuration from its hyperparameters
// alone: ridge regression of the configurations' mean gaps on one-hot main
// effects of the axes with a free intercept, cross-validated. A measure that
// does not beat it tells no more than the settings do.
//
// To predict a configuration, it and its neighbours (those that differ in one
// axis) are left out. With the neighbours kept in, two configurations of a cell
// are each predicted from the other's gap: whichever has the larger gap gets the
// smaller prediction, and an axis without effect comes out near ψ = -1 rather than 0.
//
// A prediction is undefined where the configurations left are too few to fit
// main effects: no more than there are coefficients (the intercept and, of each
// axis, the levels but one), or none with one of the levels to predict from. On
// two axes all that shares a level with a configuration is its neighbour: the
// prediction is the mean of the rest, which runs against the gap. On 2 x 2 x 2
// the penalty outweighs the four that are left, and every prediction is the same.
func (b *builder) regression() Measure {
	columns, width := b.features()
	least := 2 + width - len(b.axes)
	reason := ""
	switch {
	case len(b.axes) == 0:
		reason = "there are no axes"
	case width > maxFeatures:
		reason = fmt.Sprintf("the axes have more than %d levels", maxFeatures)
	}
	var predicted []float64
	var ok []bool
	if reason == "" {
		reason = fmt.Sprintf("without this configuration and those that differ from it in one axis, too few are left to fit main effects (needed: %d, and each of its levels among them)", least)
		predicted, ok = crossValidate(columns, width, least, b.configurationGaps())
	}
	config := b.grid.Config()
	return b.control(hyperparameters, "larger", func(i int) Cell {
		if predicted == nil || !ok[config[i]] {
			return Cell{Reason: reason}
		}
		// What the solver's rounding alone tells apart should tie.
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

// crossValidate predicts y of each configuration from those that differ from it
// in two columns or more; ok is false where they are fewer than least or lack
// one of its columns.
func crossValidate(columns [][]int, width, least int, y []float64) (predicted []float64, ok []bool) {
	all := newNormal(width)
	for c, cols := range columns {
		all.add(cols, y[c], 1)
	}
	predicted, ok = make([]float64, len(y)), make([]bool, len(y))
	seen := make([]bool, width)
	for c, cols := range columns {
		others := all.clone()
		left := len(y)
		clear(seen)
		for d, far := range columns {
			if differing(cols, far) < 2 {
				others.add(far, y[d], -1)
				left--
				continue
			}
			for _, k := range far {
				seen[k] = true
			}
		}
		if left >= least && !slices.ContainsFunc(cols, func(k int) bool { return !seen[k] }) {
			predicted[c], ok[c] = others.predict(cols)
		}
	}
	return predicted, ok
}

func differing(a, b []int) int {
	n := 0
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

// normal holds the normal equations of the regression, the last column being
// the intercept, which is not penalised.
type normal struct {
	width int
	a     *mat.SymDense
	rhs   []float64
}

func newNormal(width int) *normal {
	n := &normal{width: width, a: mat.NewSymDense(width+1, nil), rhs: make([]float64, width+1)}
	for k := range width {
		n.a.SetSym(k, k, ridge)
	}
	return n
}

func (n *normal) clone() *normal {
	c := &normal{width: n.width, a: mat.NewSymDense(n.width+1, nil), rhs: slices.Clone(n.rhs)}
	c.a.CopySym(n.a)
	return c
}

func (n *normal) add(columns []int, y, weight float64) {
	row := append(slices.Clone(columns), n.width)
	for i, p := range row {
		n.rhs[p] += weight * y
		for _, q := range row[i:] {
			n.a.SetSym(p, q, n.a.At(p, q)+weight)
		}
	}
}

func (n *normal) predict(columns []int) (float64, bool) {
	var chol mat.Cholesky
	if !chol.Factorize(n.a) {
		return 0, false
	}
	var beta mat.VecDense
	if err := chol.SolveVecTo(&beta, mat.NewVecDense(n.width+1, n.rhs)); err != nil {
		return 0, false
	}
	v := beta.AtVec(n.width)
	for _, k := range columns {
		v += beta.AtVec(k)
	}
	return v, true
}
