package models_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
	"github.com/genbench/genbench/models/enginetest"
)

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
	g := &enginetest.Sessions{Engine: e, Slots: size}
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
	g := &enginetest.Sessions{Engine: e, Slots: 2}
	if err := models.TrainGroup(ctx, g, shape, jobs); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if g.Epochs != 1 {
		t.Errorf("%d epochs, the training was cancelled in the first", g.Epochs)
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
	g := &enginetest.Sessions{Engine: e, Slots: 2}
	if err := models.TrainGroup(context.Background(), g, shape, jobs); err != nil {
		t.Fatal(err)
	}
	for i, err := range failures {
		if err == nil || !strings.Contains(err.Error(), "shape") {
			t.Errorf("job %d: %v", i, err)
		}
	}
}
