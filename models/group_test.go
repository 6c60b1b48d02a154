package models_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

// sessionGroup is a group that trains one network after the other in sessions of its own, with the same calls as models.Train: their bits must agree.
type sessionGroup struct {
	models.Engine
	shape models.GroupShape
	slots []sessionSlot
	log   []string
}

type sessionSlot struct {
	models.Session
	ex      models.Examples
	augment models.Augmentation
	seeds   models.Seeds
	step    uint64
	epoch   int
}

func (g *sessionGroup) NewGroup(s models.GroupShape) (models.Group, error) {
	g.shape = s
	return g, nil
}

func (g *sessionGroup) MostSlots(models.GroupShape) int { return len(g.slots) }
func (g *sessionGroup) Device() (string, string)        { return "here", "none" }

func (g *sessionGroup) Size() int { return len(g.slots) }

func (g *sessionGroup) Load(slot int, s models.State, t models.Training, seeds models.Seeds, ex models.Examples) error {
	g.log = append(g.log, "load")
	session, err := g.NewSession(g.shape.Arch, 256)
	g.slots[slot] = sessionSlot{session, ex, t.Augment, seeds, 0, 0}
	return errors.Join(err, session.SetState(s), session.Begin(t.Optimizer))
}

// Epoch runs the steps of all networks, a step of each at a time.
func (g *sessionGroup) Epoch(order [][]int, cuts []int, at func(int, [][]float64) error) ([][]float64, error) {
	g.log = append(g.log, "epoch")
	losses := make([][]float64, len(order))
	order = slices.Clone(order)
	for i, o := range order {
		if o != nil {
			g.slots[i].epoch++
		}
	}
	for done := 1; slices.ContainsFunc(order, func(o []int) bool { return len(o) > 0 }); done++ {
		for i, o := range order {
			if len(o) == 0 {
				continue
			}
			n := min(g.shape.BatchSize, len(o))
			loss, err := g.slots[i].train(g.shape.Arch.Input, o[:n])
			if err != nil {
				return nil, err
			}
			losses[i] = append(losses[i], loss)
			if order[i] = o[n:]; math.IsNaN(loss) || math.IsInf(loss, 0) {
				order[i] = nil
			}
		}
		if slices.Contains(cuts, done) {
			if err := at(done, losses); err != nil {
				return nil, err
			}
		}
	}
	return losses, nil
}

// train runs a step on some of the examples.
func (s *sessionSlot) train(shape models.Shape, examples []int) (float64, error) {
	d := shape.Size()
	x, y := make([]float32, len(examples)*d), make([]int32, len(examples))
	for i, at := range examples {
		y[i] = s.ex.Y[at]
		if err := s.augment.Apply(x[i*d:][:d], s.ex.X[at*d:][:d], shape, s.ex.Padding, s.seeds.Augment, s.epoch, at); err != nil {
			return 0, err
		}
	}
	step := s.step
	s.step++
	return s.Step(x, y, models.Draw{Seed: s.seeds.Dropout, Step: step})
}

func (g *sessionGroup) Evaluate() ([]models.Metrics, error) {
	metrics := make([]models.Metrics, len(g.slots))
	for i, s := range g.slots {
		if s.Session == nil {
			continue
		}
		var err error
		if metrics[i], err = models.Evaluate(s, s.ex, 256); err != nil {
			return nil, err
		}
	}
	return metrics, nil
}

// Noise is the definition, with the examples in one batch.
func (g *sessionGroup) Noise() ([]float64, error) {
	g.log = append(g.log, "noise")
	noise := make([]float64, len(g.slots))
	for i, s := range g.slots {
		if s.Session == nil {
			continue
		}
		n := float64(s.ex.Len())
		norms := make([]float64, s.ex.Len())
		grad := models.NewState(g.shape.Arch)
		err := s.GradientNorms(norms, s.ex.X, s.ex.Y)
		if _, e := s.Gradient(grad, s.ex.X, s.ex.Y, models.Eval, models.Draw{}); e != nil {
			err = e
		}
		if err != nil {
			return nil, err
		}
		for _, v := range norms {
			noise[i] += v / n
		}
		for _, t := range grad {
			for _, v := range t.Data {
				noise[i] -= float64(v) * float64(v)
			}
		}
	}
	return noise, nil
}

func (g *sessionGroup) State(slot int, dst models.State) error {
	return g.slots[slot].Session.State(dst)
}
func (g *sessionGroup) Close() error { return nil }

// groupJobs are networks that stop at different times, one that diverges and one whose examples cannot be had. Inputs are vectors, or images
// that are augmented, each network's in its own way, with snapshots after some of the steps.
func groupJobs(t *testing.T, images bool) (models.GroupShape, []models.Job, []models.Examples) {
	input := models.Shape{C: 5, H: 1, W: 1}
	if images {
		input = models.Shape{C: 1, H: 5, W: 3}
	}
	a, err := models.MLP(input, 3, models.MLPOptions{Widths: []int{8}})
	if err != nil {
		t.Fatal(err)
	}
	d := input.Size()
	rng := rand.New(rand.NewPCG(3, 4))
	sgd := models.Optimizer{Name: "sgd", LearningRate: 0.2}
	var jobs []models.Job
	var sets []models.Examples
	for i := range 9 {
		ex := models.Examples{X: make([]float32, 30*d), Y: make([]int32, 30)}
		for j := range ex.X {
			ex.X[j] = float32(rng.NormFloat64())
		}
		for j := range ex.Y {
			if ex.Y[j] = int32(rng.IntN(3)); i%2 == 0 && ex.X[d*j] > 0 { // half of them can be learned
				ex.Y[j] = 0
			}
		}
		o := sgd
		if i == 4 {
			o.LearningRate = 1e6
		}
		job := models.Job{
			Training: models.Training{Optimizer: o, BatchSize: 8, TargetLoss: 0.5, MaxEpochs: 1 + 7*i, Init: "he", Snapshots: []int{0, 1}},
			Seeds:    models.Seeds{Init: uint64(i), Order: uint64(i) + 50, Dropout: 7},
			Examples: func() (models.Examples, error) { return ex, nil },
		}
		if images {
			ex.Padding = []float32{float32(i)}
			job.Training.Augment = models.Augmentation{Crop: i % 3, Flip: i%3 == 0 || i%2 == 0}
			job.Training.SnapshotSteps = []int{i + 3, 1, 2, 4, 8, 20} // epochs of 4 steps
			job.Seeds.Augment = uint64(i) << 40
		}
		if i == 5 {
			job.Examples = func() (models.Examples, error) { return models.Examples{}, errors.New("no such set") }
		}
		jobs, sets = append(jobs, job), append(sets, ex)
	}
	return models.ShapeOf(a, jobs[0].Training, 30), jobs, sets
}

// TestTrainGroup trains through slots and compares every bit with Train.
func TestTrainGroup(t *testing.T) {
	e, err := cpu.New("")
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 4, 16} {
		for name, images := range map[string]bool{"vectors": false, "images": true} {
			t.Run(fmt.Sprint(size, " ", name), func(t *testing.T) {
				shape, jobs, sets := groupJobs(t, images)
				testTrainGroup(t, e, size, shape, jobs, sets)
			})
		}
	}
}

func testTrainGroup(t *testing.T, e models.Engine, size int, shape models.GroupShape, jobs []models.Job, sets []models.Examples) {
	results, failures := make([]*models.Trained, len(jobs)), make([]error, len(jobs))
	for i := range jobs {
		jobs[i].Done = func(r *models.Trained, err error) { results[i], failures[i] = r, err }
	}
	g := &sessionGroup{Engine: e, slots: make([]sessionSlot, size)}
	if err := models.TrainGroup(context.Background(), g, shape, jobs); err != nil {
		t.Fatal(err)
	}
	stops, between := map[string]int{}, 0
	for i, job := range jobs {
		if i == 5 {
			if failures[i] == nil || !strings.Contains(failures[i].Error(), "no such set") {
				t.Errorf("job 5 ends with %v", failures[i])
			}
			continue
		}
		want, err := models.Train(context.Background(), e, shape.Arch, job.Training, job.Seeds, sets[i], nil)
		if err != nil || failures[i] != nil {
			t.Fatal(i, err, failures[i])
		}
		if results[i].GroupSize != size || want.GroupSize != 0 {
			t.Errorf("job %d: trained in a group of %d, alone in one of %d", i, results[i].GroupSize, want.GroupSize)
		}
		results[i].GroupSize = 0
		stops[want.Stop]++
		for _, s := range want.Snapshots {
			if s.Step%4 != 0 {
				between++
			}
		}
		sameTrained(t, i, results[i], want)
	}
	if len(stops) != 3 {
		t.Errorf("the networks stop by %v only", stops)
	}
	if shape.Cut && between < 2*len(jobs) {
		t.Errorf("only %d snapshots between the steps of an epoch", between)
	}
}

// sameTrained compares all but the time it took. Gradient noise is summed in another order.
func sameTrained(t *testing.T, i int, got, want *models.Trained) {
	t.Helper()
	for _, r := range []*models.Trained{got, want} {
		for j := range r.History {
			r.History[j].Seconds = 0
		}
	}
	for _, noise := range [][2]**float64{{&got.GradientNoise1, &want.GradientNoise1}, {&got.GradientNoiseFinal, &want.GradientNoiseFinal}} {
		a, b := *noise[0], *noise[1]
		if (a == nil) != (b == nil) || a != nil && math.Abs(*a-*b) > 1e-6*(1+*b) {
			t.Errorf("job %d: gradient noise %v, want %v", i, a, b)
		}
		*noise[0], *noise[1] = nil, nil
	}
	if len(got.Snapshots) != len(want.Snapshots) {
		t.Fatalf("job %d: %d snapshots, want %d", i, len(got.Snapshots), len(want.Snapshots))
	}
	for j, s := range want.Snapshots { // by bits: NaN differs from itself
		if g := got.Snapshots[j]; g.Epoch != s.Epoch || g.Step != s.Step || g.State.Hash() != s.State.Hash() {
			t.Errorf("job %d: snapshot %d, of epoch %d and step %d, is not that of epoch %d and step %d", i, j, g.Epoch, g.Step, s.Epoch, s.Step)
		}
	}
	got.Snapshots, want.Snapshots = nil, nil
	if want.Stop == models.StopDiverged {
		got.Final, want.Final = nil, nil
	}
	if len(want.History) == 0 {
		got.History, want.History = nil, nil
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("job %d: %+v, want %+v", i, got, want)
	}
}

// TestTrainGroupCancelled: a cancelled training ends with the context's error.
func TestTrainGroupCancelled(t *testing.T) {
	e, err := cpu.New("")
	if err != nil {
		t.Fatal(err)
	}
	shape, jobs, _ := groupJobs(t, false)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for i := range jobs {
		jobs[i].Progress = func(models.Epoch) { cancel() }
		jobs[i].Done = func(*models.Trained, error) {}
	}
	g := &sessionGroup{Engine: e, slots: make([]sessionSlot, 2)}
	if err := models.TrainGroup(ctx, g, shape, jobs); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	epochs := 0
	for _, entry := range g.log {
		if entry == "epoch" {
			epochs++
		}
	}
	if epochs != 1 {
		t.Errorf("%d epochs after the training was cancelled in the first", epochs)
	}
}

// TestTrainGroupRefuses: a network of another shape is refused.
func TestTrainGroupRefuses(t *testing.T) {
	e, err := cpu.New("")
	if err != nil {
		t.Fatal(err)
	}
	shape, jobs, _ := groupJobs(t, false)
	jobs = jobs[:4]
	failures := make([]error, len(jobs))
	jobs[0].Training.SnapshotSteps = []int{3}
	jobs[1].Training.Augment.Flip = true
	jobs[2].Training.BatchSize = 9
	jobs[3].Training.Optimizer.Momentum = 0.9
	for i := range jobs {
		jobs[i].Done = func(_ *models.Trained, err error) { failures[i] = err }
	}
	g := &sessionGroup{Engine: e, slots: make([]sessionSlot, 2)}
	if err := models.TrainGroup(context.Background(), g, shape, jobs); err != nil {
		t.Fatal(err)
	}
	for i, err := range failures {
		if err == nil || !strings.Contains(err.Error(), "shape") {
			t.Errorf("job %d: %v", i, err)
		}
	}
}
