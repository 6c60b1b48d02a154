package enginetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/genbench/genbench/models"
)

// network is one network of the suite with a batch for it.
type network struct {
	name  string
	arch  models.Architecture
	state models.State
	x     []float32 // [N, D]
	y     []int32   // [N]
	rows  int       // N
	scale float64   // the weights' factor above PyTorch's initial ones

	coarse bool // inputs are multiples of 1/4, so that many are equal
}

// networks are the suite's networks, each with a batch (of one example only where no batch norm has one place a channel).
func networks(t *testing.T) []network {
	t.Helper()
	cases, err := drawn()
	must(t, err)
	return cases
}

// drawn draws the networks once.
var drawn = sync.OnceValues(func() ([]network, error) {
	cases := append(vectors(), images()...)
	for i := range cases {
		if err := cases[i].fill(uint64(i) + 1); err != nil {
			return nil, err
		}
	}
	more, err := random()
	return append(cases, more...), err
})

// vectors are networks without images: every kind of layer alone, in the usual
// order and in unusual ones, at sizes off every multiple that a kernel could
// favour, and with logits far from 0.
func vectors() []network {
	mlp := func(d, k int, o models.MLPOptions) models.Architecture {
		a, err := models.MLP(models.Shape{C: 1, H: 1, W: d}, k, o)
		if err != nil {
			panic(err)
		}
		return a
	}
	return []network{
		{name: "linear", arch: mlp(7, 3, models.MLPOptions{}), rows: 5},
		{name: "relu", arch: mlp(12, 4, models.MLPOptions{Widths: []int{16, 9}}), rows: 17},
		{name: "batchnorm", arch: mlp(11, 5, models.MLPOptions{Widths: []int{13, 6}, BatchNorm: true}), rows: 19},
		{name: "dropout", arch: mlp(9, 3, models.MLPOptions{Widths: []int{20, 10}, Dropout: 0.3}), rows: 16},
		{name: "everything", arch: mlp(10, 4, models.MLPOptions{Widths: []int{17, 8}, Dropout: 0.5, BatchNorm: true}), rows: 23},
		{name: "narrow", arch: mlp(1, 2, models.MLPOptions{Widths: []int{1, 3}}), rows: 6},
		{name: "narrow-batchnorm", arch: mlp(3, 2, models.MLPOptions{Widths: []int{1, 2}, BatchNorm: true}), rows: 4},
		{name: "one-example", arch: mlp(6, 3, models.MLPOptions{Widths: []int{5}, Dropout: 0.2}), rows: 1},
		{name: "wide", arch: mlp(70, 10, models.MLPOptions{Widths: []int{131, 65}, BatchNorm: true, Dropout: 0.1}), rows: 37},
		{name: "blocks", arch: mlp(64, 10, models.MLPOptions{Widths: []int{128, 128}}), rows: 32},
		{name: "confident", arch: mlp(12, 4, models.MLPOptions{Widths: []int{16, 9}}), rows: 17, scale: 4},
		{name: "huge-logits", arch: mlp(12, 4, models.MLPOptions{Widths: []int{16}}), rows: 9, scale: 200},
		{name: "odd-chain", arch: oddChain(), rows: 12},
		{name: "odd-start", arch: oddStart(), rows: 11},
		{name: "panels", arch: mlp(33, 7, models.MLPOptions{Widths: []int{40, 24}, BatchNorm: true}), rows: 75},
	}
}

// oddChain has layers where no builder puts them.
func oddChain() models.Architecture {
	bn := func(name string, n int) models.Layer {
		return models.Layer{Name: name, Kind: models.BatchNorm, In: n, Out: n, Epsilon: 1e-3, Momentum: 0.3}
	}
	return models.Architecture{
		Family: "mlp", Input: models.Shape{C: 6, H: 1, W: 1}, Classes: 3,
		Layers: []models.Layer{
			bn("norm.in", 6),
			{Name: "drop.in", Kind: models.Dropout, In: 6, Out: 6, Rate: 0.25},
			{Name: "a", Kind: models.Dense, In: 6, Out: 7},
			{Name: "b", Kind: models.Dense, In: 7, Out: 5},
			{Name: "r1", Kind: models.ReLU, In: 5, Out: 5},
			{Name: "r2", Kind: models.ReLU, In: 5, Out: 5},
			bn("norm", 5),
			{Name: "d0", Kind: models.Dropout, In: 5, Out: 5, Rate: 0},
			{Name: "c", Kind: models.Dense, In: 5, Out: 3},
		},
	}
}

// oddStart has layers without tensors below the first that has some.
func oddStart() models.Architecture {
	return models.Architecture{
		Family: "mlp", Input: models.Shape{C: 10, H: 1, W: 1}, Classes: 4,
		Layers: []models.Layer{
			{Name: "r0", Kind: models.ReLU, In: 10, Out: 10},
			{Name: "d0", Kind: models.Dropout, In: 10, Out: 10, Rate: 0.4},
			{Name: "norm", Kind: models.BatchNorm, In: 10, Out: 10, Epsilon: 1e-5, Momentum: 0.1},
			{Name: "r1", Kind: models.ReLU, In: 10, Out: 10},
			{Name: "a", Kind: models.Dense, In: 10, Out: 4},
		},
	}
}

// fill draws tensors and a batch. It draws again while a ReLU reads a value so
// near 0, or a max pool two values so near each other, that float32 rounding could
// fall on the other side, where the true derivative is another one.
func (c *network) fill(seed uint64) error {
	if c.scale == 0 {
		c.scale = 1
	}
	for try := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, try))
		state, err := models.InitialState(c.arch, "pytorch", rng.Uint64())
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		c.state = perturbed(c.arch, state, c.scale, rng)
		c.x, c.y = batch(c.arch, c.rows, rng)
		if c.coarse {
			for i, v := range c.x {
				c.x[i] = float32(math.Round(4*float64(v))) / 4
			}
		}
		n := newNetwork64(c.arch, c.state)
		near := min(n.kink(n.forward(widen(c.x), c.rows, models.Eval, models.Draw{})),
			n.kink(n.forward(widen(c.x), c.rows, models.Learn, draw)))
		if near > c.margin() {
			return nil
		}
	}
	return fmt.Errorf("%s: every draw has a kink next to a value", c.name)
}

// margin is how far ReLUs and max pools are kept from their kinks: ten times float32 rounding of values of order
// scale, more behind the longer sums of convolutions.
func (c network) margin() float64 {
	if c.arch.Has(models.Conv2D) {
		return 5e-6
	}
	return 2e-6 * c.scale
}

// draw is the dropout draw of the suite's batches.
var draw = models.Draw{Seed: 77, Step: 5}

// perturbed moves tensors away from special values (batch norm's 0 and 1) and
// multiplies weights by scale.
func perturbed(a models.Architecture, s models.State, scale float64, rng *rand.Rand) models.State {
	specs := a.Tensors()
	for i := range s {
		layer := a.Layers[specs[i].Layer]
		for j := range s[i].Data {
			switch {
			case layer.Kind != models.BatchNorm && len(s[i].Shape) > 1:
				s[i].Data[j] *= float32(scale)
			case layer.Kind == models.BatchNorm:
				s[i].Data[j] += float32(0.4 * (rng.Float64() - 0.5)) // variances stay in [0.8, 1.2]
			}
		}
	}
	return s
}

// batch draws inputs in [-1, 1] and labels that hold every class if they can.
func batch(a models.Architecture, rows int, rng *rand.Rand) ([]float32, []int32) {
	x := make([]float32, rows*a.Input.Size())
	for i := range x {
		x[i] = float32(2*rng.Float64() - 1)
	}
	y := make([]int32, rows)
	for i := range y {
		y[i] = int32((i + rng.IntN(2)) % a.Classes)
	}
	return x, y
}

// session opens a session with the network's tensors in it.
func (c network) session(t *testing.T, e models.Engine, maxBatch int) models.Session {
	t.Helper()
	s, err := e.NewSession(c.arch, maxBatch)
	if err != nil {
		t.Fatalf("NewSession(%s, %d): %v", c.name, maxBatch, err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if err := s.SetState(c.state); err != nil {
		t.Fatalf("SetState: %v", err)
	}
	return s
}

// jumpy networks have logits so large that a step overshoots and the least
// difference between engines grows at once: one gradient is compared, not many steps.
func (c network) jumpy() bool { return c.scale > 10 }

func (c network) String() string {
	return fmt.Sprintf("%s (%d parameters, %d examples)", c.name, c.arch.NumParameters(), c.rows)
}
