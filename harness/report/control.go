package report

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
)

// The controls: what a measure has to beat, and what it cannot be expected to.
const (
	numParams       = "num-params"
	trainLoss       = "train-loss"
	random          = "random"
	oracle002       = "oracle-0.02"
	oracle005       = "oracle-0.05"
	hyperparameters = "hyperparameters"

	canonicalOrdering = "canonical-ordering"
)

// ControlNames lists the rows that every board adds. The names are theirs:
// [Build] refuses a measure of such a name, which would else pass for the control
// that it is to be held against; who admits measures can refuse it earlier. A
// measure of the catalogue that is to replace a control (num-params as a
// measure like others, say) takes its name off this list and its entry out of
// (*builder).controls in one change, and is then ranked in its own class.
func ControlNames() []string {
	var names []string
	for _, c := range Controls() {
		names = append(names, c.Name)
	}
	return names
}

// ControlInfo describes a control.
type ControlInfo struct {
	Name      string
	Doc       string // one sentence
	Direction string // as of a row
	Citation  string // "": of no paper
}

const byJiang = "Jiang, Neyshabur, Mobahi, Krishnan and Bengio, Fantastic generalization measures and where to find them, 2019, arXiv:1912.02178"

// Controls describes the rows that every board adds.
func Controls() []ControlInfo {
	return []ControlInfo{
		{Name: numParams, Direction: "larger", Doc: "number of trainable values"},
		{Name: trainLoss, Direction: "larger", Doc: "cross-entropy over the training set with the labels trained on, nats"},
		{Name: random, Direction: "unknown", Doc: "uniform noise of each network's own: what knowing nothing scores on this grid"},
		{Name: oracle002, Direction: "larger", Citation: byJiang, Doc: "the gap itself plus normal noise of standard deviation 0.02"},
		{Name: oracle005, Direction: "larger", Citation: byJiang, Doc: "the gap itself plus normal noise of standard deviation 0.05"},
		{Name: hyperparameters, Direction: "larger", Doc: "the gap predicted from the hyperparameters alone, by ridge regression on the other configurations"},
		{Name: canonicalOrdering, Direction: "larger", Citation: byJiang, Doc: "what is believed of the hyperparameters before any network is trained"},
	}
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
		b.canonical(),
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

// steady drops the digits that rounding alone decides, so that what agrees on
// paper ties.
func steady(v float64) float64 { return math.Round(v*1e10) / 1e10 }
