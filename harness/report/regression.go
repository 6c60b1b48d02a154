package report

import (
	"encoding/binary"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/mat"
)

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
		return Cell{Value: steady(predicted[config[i]]), Defined: true}
	})
}

// features lists, for each configuration, the columns of its levels.
func (b *builder) features() (columns [][]int, width int) {
	config := b.grid.Config()
	columns = make([][]int, b.grid.Configurations())
	for a := range b.axes {
		for i, c := range config {
			if len(columns[c]) == a {
				columns[c] = append(columns[c], width+b.levels[a][i])
			}
		}
		width += len(b.names[a])
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
// one of its columns. The sums over all configurations are made once; from a
// copy those of the few that are near are taken off.
func crossValidate(columns [][]int, width, least int, y []float64) (predicted []float64, ok []bool) {
	all, have := newNormal(width), make([]int, width)
	for c, cols := range columns {
		all.add(cols, y[c], 1)
		for _, k := range cols {
			have[k]++
		}
	}
	predicted, ok = make([]float64, len(y)), make([]bool, len(y))
	near := nearby(columns)
	others := newNormal(width)
	for c, cols := range columns {
		group := near(c)
		others.copy(all)
		lost := make(map[int]int, width)
		for _, d := range group {
			others.add(columns[d], y[d], -1)
			for _, k := range columns[d] {
				lost[k]++
			}
		}
		covered := !slices.ContainsFunc(cols, func(k int) bool { return have[k] == lost[k] })
		if len(y)-len(group) >= least && covered {
			predicted[c], ok[c] = others.predict(cols)
		}
	}
	return predicted, ok
}

// nearby answers, of a configuration, itself and those that differ from it in
// one column, ascending. It looks them up by their columns but one, so that its
// work does not grow with the square of the configurations.
func nearby(columns [][]int) func(c int) []int {
	key := func(c, without int) string {
		var text []byte
		for a, k := range columns[c] {
			if a != without {
				text = binary.AppendUvarint(text, uint64(k))
			}
		}
		return string(text)
	}
	cells := make([]map[string][]int, len(columns[0])) // one an axis
	for a := range cells {
		cells[a] = map[string][]int{}
		for c := range columns {
			cells[a][key(c, a)] = append(cells[a][key(c, a)], c)
		}
	}
	return func(c int) []int {
		var group []int
		for a := range cells {
			group = append(group, cells[a][key(c, a)]...)
		}
		slices.Sort(group)
		return slices.Compact(group)
	}
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

func (n *normal) copy(from *normal) {
	n.a.CopySym(from.a)
	copy(n.rhs, from.rhs)
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
