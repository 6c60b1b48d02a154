package quantity

import (
	"context"
	"errors"
	"testing"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/models"
)

// passEngine is an engine that counts the examples that go through it.
type passEngine struct {
	models.Engine
	forwards, gradients, products int // values of inputs
	moves                         int
}

func (c *passEngine) NewSession(a models.Architecture, maxBatch int) (models.Session, error) {
	s, err := c.Engine.NewSession(a, maxBatch)
	return &passSession{s, c}, err
}

type passSession struct {
	models.Session
	c *passEngine
}

func (s *passSession) SetState(state models.State) error {
	s.c.moves++
	return s.Session.SetState(state)
}

func (s *passSession) Logits(dst, x []float32) error {
	s.c.forwards += len(x)
	return s.Session.Logits(dst, x)
}

func (s *passSession) Outputs(x []float32, visit func(int, []float32)) error {
	s.c.forwards += len(x)
	return s.Session.Outputs(x, visit)
}

func (s *passSession) Gradient(dst models.State, x []float32, y []int32, mode models.Mode, d models.Draw) (float64, error) {
	s.c.gradients += len(x)
	return s.Session.Gradient(dst, x, y, mode, d)
}

func (s *passSession) GradientNorms(dst []float64, x []float32, y []int32) error {
	s.c.gradients += len(x)
	return s.Session.GradientNorms(dst, x, y)
}

func (s *passSession) Backward(x, seed []float32, visit func(int, []float32)) error {
	s.c.gradients += len(x)
	return s.Session.Backward(x, seed, visit)
}

func (s *passSession) GradientDots(dst []float64, x []float32, y []int32) error {
	s.c.gradients += len(x)
	return s.Session.GradientDots(dst, x, y)
}

func (s *passSession) GradientMoments(sum, squares [][]float64, x []float32, y []int32) error {
	s.c.gradients += len(x)
	return s.Session.GradientMoments(sum, squares, x, y)
}

func (s *passSession) HessianVector(dst, v models.State, x []float32, y []int32) error {
	second, ok := s.Session.(models.SecondOrder)
	if !ok {
		return errors.New("the engine has no second derivatives")
	}
	s.c.products += len(x)
	return second.HessianVector(dst, v, x, y)
}

// trainedSubject is a network like those of corpus quick.
func trainedSubject(t *testing.T) *Subject {
	t.Helper()
	set, err := dataset.Open("fmnist-mini", "")
	if err != nil {
		t.Fatal(err)
	}
	data, err := dataset.Build(set, dataset.Transform{Pool: 2, Train: 1000, Test: 500})
	if err != nil {
		t.Fatal(err)
	}
	a, err := models.MLP(models.Shape{C: data.Shape.C, H: data.Shape.H, W: data.Shape.W}, data.Classes, models.MLPOptions{Width: 64, Depth: 2})
	if err != nil {
		t.Fatal(err)
	}
	tr, err := models.Train(context.Background(), testEngine(t), a, models.Training{
		Optimizer: models.Optimizer{Name: "sgd", LearningRate: 0.05, Momentum: 0.9}, BatchSize: 32, TargetLoss: 0.01, MaxEpochs: 100, Init: "pytorch",
	}, models.Seeds{Init: 1, Order: 2, Dropout: 3}, models.Examples{X: data.Train.X, Y: data.Train.Y}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Subject{
		Key: tr.Final.Hash(), Arch: a, Final: tr.Final, Init: tr.Init, Data: data, Seed: 7,
		Sibling: &Twin{Hash: tr.Init.Hash(), Arch: a, Final: tr.Init}, // untrained will do
	}
}

func (s *passSession) GradientFrom(dst models.State, x, seed []float32) error {
	seeded, ok := s.Session.(models.Seeded)
	if !ok {
		return errors.New("the engine takes no gradients of other losses")
	}
	s.c.gradients += len(x)
	return seeded.GradientFrom(dst, x, seed)
}

// TestCosts counts the passes of every quantity, for every value of every argument: they
// are at most what is declared, and the usual number is within a factor of 2 of that.
func TestCosts(t *testing.T) {
	s := trainedSubject(t)
	size := Size{Train: s.Data.Train.Len(), Test: s.Data.Test.Len(), Classes: s.Arch.Classes}
	for _, k := range catalogue() {
		requests := []map[string]string{{}}
		for _, arg := range k.args {
			for _, v := range arg.values[min(1, len(arg.values)):] {
				requests = append(requests, map[string]string{arg.name: v})
			}
		}
		for _, args := range requests {
			r, err := Canonical(k.name, args)
			if err != nil {
				t.Fatal(err)
			}
			usual, most, err := r.Cost(size)
			if err != nil {
				t.Errorf("%v", err)
				continue
			}
			seen, rested, err := passes(t, s, r, size)
			if err != nil {
				t.Errorf("%s: %v", r, err)
				continue
			}
			for of := range rested {
				u, m, err := of.Cost(size)
				if err != nil {
					t.Fatal(err)
				}
				usual, most = usual.Plus(u), most.Plus(m)
			}
			t.Logf("%s: %s, usually %s, at most %s; %v of %v moves", r, seen, usual, most, seen.Moves, usual.Moves)
			if seen.Max(most) != most {
				t.Errorf("%s takes %+v, declared are at most %+v", r, seen, most)
			}
			if most.Max(usual) != most {
				t.Errorf("%s: usual %s, at most %s", r, usual, most)
			}
			if !near(seen.Forwards, usual.Forwards) || !near(seen.Gradients, usual.Gradients) || !near(seen.Products, usual.Products) || !near(seen.TestForwards, usual.TestForwards) || !near(seen.Moves+openings, usual.Moves+openings) {
				t.Errorf("%s takes %+v, declared as usual are %+v", r, seen, usual)
			}
		}
	}
}

func near(a, b float64) bool { return a <= 2*b && b <= 2*a }

// openings is how often a quantity takes a session at the most, each of which begins with a state that is no move.
const openings = 11

// passes computes one quantity on a host of its own.
func passes(t *testing.T, s *Subject, r Request, size Size) (Cost, map[Request]bool, error) {
	t.Helper()
	c := &passEngine{Engine: testEngine(t)}
	h := NewHost(c, t.TempDir())
	defer h.Close()
	p, err := h.Open(s)
	if err != nil {
		return Cost{}, nil, err
	}
	defer p.Close()
	if _, err := p.Get(context.Background(), r.Name, r.given()); err != nil {
		return Cost{}, nil, err
	}
	rested := p.Rests(r)
	delete(rested, r)
	d := float64(s.Arch.Input.Size())
	train, test := d*float64(size.Train), d*float64(size.Test)
	seen := Cost{
		Forwards: float64(c.forwards) / train, Gradients: float64(c.gradients) / train,
		Products: float64(c.products) / train, Moves: float64(max(0, c.moves-openings)),
	}
	if r.Argument("split") == "test" || r.Name == "test-predictions" || r.Name == "sibling" {
		seen.TestForwards, seen.Forwards = float64(c.forwards)/test, 0
	}
	return seen, rested, nil
}
