//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

// groupCase is a family of networks to train in groups of 4 and, one at a time, on the cpu engine.
type groupCase struct {
	name      string
	arch      models.Architecture
	optimizer models.Optimizer
	batch, n  int
	diverges  int    // the job with a learning rate far too large; -1: none
	way       string // how convolutions are computed

	augmented bool // each network in its own way
	cut       bool // there are snapshots after some of the steps
}

func groupCases(t *testing.T) []groupCase {
	build := func(input models.Shape, layers ...models.Layer) models.Architecture {
		a, err := models.Build("free", input, 3, layers)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	vector, image := models.Shape{C: 7, H: 1, W: 1}, models.Shape{C: 2, H: 6, W: 5}
	dense, relu, norm := models.Layer{Kind: models.Dense, Out: 9}, models.Layer{Kind: models.ReLU}, models.Layer{Kind: models.BatchNorm}
	cnn := build(image, models.Layer{Kind: models.Conv2D, Channels: 4, Kernel: 3, Padding: 1}, norm, relu, models.Layer{Kind: models.MaxPool, Kernel: 2},
		models.Layer{Kind: models.Conv2D, Channels: 5, Kernel: 2}, relu, models.Layer{Kind: models.GlobalAvgPool}, models.Layer{Kind: models.Dense})
	return []groupCase{
		{"mlp", build(vector, dense, relu, models.Layer{Kind: models.Dropout, Rate: 0.3}, dense, relu, models.Layer{Kind: models.Dense}),
			models.Optimizer{Name: "sgd", LearningRate: 0.1, Momentum: 0.9}, 16, 50, 2, "", false, false},
		{"mlp-norm", build(vector, dense, norm, relu, models.Layer{Kind: models.Dense}),
			models.Optimizer{Name: "sgd", LearningRate: 0.1}, 8, 33, -1, "", false, false}, // the last batch of one example is left out
		{"cnn", cnn, models.Optimizer{Name: "adam", LearningRate: 0.01, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-3}, 10, 34, -1, Patches, false, false},
		{"cnn-native", cnn, models.Optimizer{Name: "rmsprop", LearningRate: 0.003, Alpha: 0.99, Momentum: 0.5, Epsilon: 1e-2}, 10, 34, -1, Native, false, true},
		{"mlp-augmented", build(models.Shape{C: 1, H: 5, W: 7}, dense, relu, models.Layer{Kind: models.Dense}),
			models.Optimizer{Name: "sgd", LearningRate: 0.1}, 8, 30, 1, "", true, true}, // 3 steps in one loop, and a short one
		{"cnn-augmented", build(models.Shape{C: 3, H: 7, W: 5}, models.Layer{Kind: models.Conv2D, Channels: 4, Kernel: 3}, relu, models.Layer{Kind: models.GlobalAvgPool}, models.Layer{Kind: models.Dense}),
			models.Optimizer{Name: "sgd", LearningRate: 0.1, Momentum: 0.9}, 10, 34, -1, Patches, true, false},
	}
}

// jobs are 7 networks that differ in seeds, rates, decay, labels and, some, inputs.
func (c groupCase) jobs() (jobs []models.Job, sets []models.Examples) {
	rng := rand.New(rand.NewPCG(11, uint64(len(c.name))))
	inputs := make([][]float32, 3)
	for i := range inputs {
		inputs[i] = make([]float32, c.n*c.arch.Input.Size())
		for j := range inputs[i] {
			inputs[i][j] = float32(rng.NormFloat64())
		}
	}
	for i := range 7 {
		ex := models.Examples{X: inputs[max(0, i-4)], Y: make([]int32, c.n), Padding: make([]float32, c.arch.Input.C)}
		for j := range ex.Y {
			ex.Y[j] = int32(rng.IntN(3))
		}
		o := c.optimizer
		o.LearningRate *= 1 + float64(i)/4
		o.WeightDecay = float64(i%2) * 1e-3
		if i == c.diverges {
			o.LearningRate = 1e6
		}
		seed := uint64(100 + i)
		sets = append(sets, ex)
		job := models.Job{
			Training: models.Training{Optimizer: o, BatchSize: c.batch, TargetLoss: 0.9, MaxEpochs: 3 + i, Init: "pytorch", Snapshots: []int{0, 2}},
			Seeds:    models.Seeds{Init: seed, Order: seed + 1, Dropout: seed + 2},
			Examples: func() (models.Examples, error) { return ex, nil },
		}
		if c.augmented {
			job.Training.Augment = models.Augmentation{Crop: i % 5, Flip: i%5 == 0 || i%2 == 0}
			job.Seeds.Augment = seed << 32
			for j := range ex.Padding {
				ex.Padding[j] = float32(i - 3*j)
			}
		}
		if c.cut {
			job.Training.SnapshotSteps = []int{7, 2, 4 + i, 1}
		}
		jobs = append(jobs, job)
	}
	return jobs, sets
}

// train trains the jobs in groups, changed if there is a change, and answers what became of each.
func (c groupCase) train(t *testing.T, e models.Engine, change func(*models.Training)) []*models.Trained {
	t.Helper()
	jobs, sets := c.jobs()
	for i := range jobs {
		if change != nil {
			change(&jobs[i].Training)
		}
	}
	results := make([]*models.Trained, len(jobs))
	for i := range jobs {
		jobs[i].Done = func(r *models.Trained, err error) {
			if err != nil {
				t.Errorf("job %d: %v", i, err)
			}
			if results[i] != nil {
				t.Errorf("job %d is done twice", i)
			}
			results[i] = r
		}
	}
	shape := models.ShapeOf(c.arch, jobs[0].Training, sets[0].Len())
	shape.Slots = 4
	if err := models.TrainGroup(context.Background(), e.(models.Grouping), shape, jobs); err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r == nil {
			t.Fatalf("job %d was never done", i)
		}
	}
	return results
}

// TestGroup trains networks together and holds each against the cpu engine's training of it alone: the same stop, steps and history, within rounding.
func TestGroup(t *testing.T) {
	alone, err := cpu.New("")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range groupCases(t) {
		t.Run(c.name, func(t *testing.T) {
			e := testEngine(t, Options{Convolutions: c.way})
			got := c.train(t, e, nil)
			jobs, sets := c.jobs()
			for i, job := range jobs {
				want, err := models.Train(context.Background(), alone, c.arch, job.Training, job.Seeds, sets[i], nil)
				if err != nil {
					t.Fatal(err)
				}
				compareTrained(t, fmt.Sprintf("job %d", i), got[i], want)
				if i == c.diverges && want.Stop != models.StopDiverged {
					t.Errorf("job %d was to diverge, but ended by %s", i, want.Stop)
				}
			}
			again := c.train(t, e, nil)
			for i := range again {
				sameBits(t, fmt.Sprintf("job %d, trained again", i), again[i].Final, got[i].Final)
			}
		})
	}
}

func sameBits(t *testing.T, what string, got, want models.State) {
	t.Helper()
	for j := range want {
		for v, b := range want[j].Data {
			if a := got[j].Data[v]; math.Float32bits(a) != math.Float32bits(b) {
				t.Errorf("%s: %s[%d] is %v, was %v", what, want[j].Name, v, a, b)
				return
			}
		}
	}
}

// TestCuts trains the same networks with snapshots after other steps, after all of them and, in groups that are not cut, after none: no bit of the training depends on it, and
// snapshots of one step are one.
func TestCuts(t *testing.T) {
	for _, c := range groupCases(t) {
		if !c.cut {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			e := testEngine(t, Options{Convolutions: c.way})
			some := c.train(t, e, nil)
			var every []int
			for step := range 200 {
				every = append(every, step+1)
			}
			all := c.train(t, e, func(s *models.Training) { s.SnapshotSteps = every })
			uncut := c.train(t, e, func(s *models.Training) { s.SnapshotSteps = nil })
			for i := range some {
				for _, other := range []*models.Trained{all[i], uncut[i]} {
					sameBits(t, fmt.Sprintf("job %d with %d snapshots instead of %d", i, len(other.Snapshots), len(some[i].Snapshots)), other.Final, some[i].Final)
				}
				if want := all[i].Steps + 1; len(all[i].Snapshots) < want { // and one before training
					t.Errorf("job %d: %d snapshots, want %d", i, len(all[i].Snapshots), want)
				}
				ofStep := map[int]models.State{}
				for _, s := range all[i].Snapshots {
					ofStep[s.Step] = s.State
				}
				for _, s := range some[i].Snapshots {
					if s.Step > 0 {
						sameBits(t, fmt.Sprintf("job %d after step %d", i, s.Step), ofStep[s.Step], s.State)
					}
				}
			}
		})
	}
}

// compareTrained compares two trainings of one network by engines that round differently.
func compareTrained(t *testing.T, what string, got, want *models.Trained) {
	t.Helper()
	if got.Stop != want.Stop || got.Epochs != want.Epochs || got.Steps != want.Steps || got.StepsTo01 != want.StepsTo01 || len(got.History) != len(want.History) || len(got.Snapshots) != len(want.Snapshots) {
		t.Errorf("%s: %s after %d epochs, %d steps, %d snapshots; the cpu engine has %s after %d, %d, %d", what,
			got.Stop, got.Epochs, got.Steps, len(got.Snapshots), want.Stop, want.Epochs, want.Steps, len(want.Snapshots))
		return
	}
	if want.Stop == models.StopDiverged {
		return
	}
	// Tens of steps let float32 rounding grow.
	near := func(name string, a, b float64) {
		if !(math.Abs(a-b) <= 2e-4*(1+math.Abs(b))) {
			t.Errorf("%s: %s is %v, the cpu engine has %v", what, name, a, b)
		}
	}
	for i, line := range want.History {
		near(fmt.Sprintf("mean loss of epoch %d", i+1), got.History[i].MeanLoss, line.MeanLoss)
		if (got.History[i].TrainLoss == nil) != (line.TrainLoss == nil) {
			t.Errorf("%s: epoch %d is evaluated by one engine only", what, i+1)
		} else if line.TrainLoss != nil {
			near(fmt.Sprintf("loss after epoch %d", i+1), *got.History[i].TrainLoss, *line.TrainLoss)
			near(fmt.Sprintf("accuracy after epoch %d", i+1), *got.History[i].TrainAccuracy, *line.TrainAccuracy)
		}
	}
	near("gradient noise after epoch 1", *got.GradientNoise1, *want.GradientNoise1)
	near("gradient noise at the end", *got.GradientNoiseFinal, *want.GradientNoiseFinal)
	states := []models.State{got.Final, want.Final}
	for i := range want.Snapshots {
		if got.Snapshots[i].Epoch != want.Snapshots[i].Epoch || got.Snapshots[i].Step != want.Snapshots[i].Step {
			t.Errorf("%s: snapshot %d is of epoch %d and step %d, want %d and %d", what, i, got.Snapshots[i].Epoch, got.Snapshots[i].Step, want.Snapshots[i].Epoch, want.Snapshots[i].Step)
		}
		states = append(states, got.Snapshots[i].State, want.Snapshots[i].State)
	}
	for ; len(states) > 0; states = states[2:] {
		for i, tensor := range states[1] {
			for j, v := range tensor.Data {
				near(fmt.Sprintf("%s[%d]", tensor.Name, j), float64(states[0][i].Data[j]), float64(v))
			}
		}
	}
}

// TestGroupRefuses: networks and cuts that are not of the group's shape.
func TestGroupRefuses(t *testing.T) {
	e := testEngine(t, Options{}).(*engine)
	a, err := models.Build("free", models.Shape{C: 1, H: 3, W: 3}, 2, []models.Layer{{Kind: models.Flatten}, {Kind: models.Dense}})
	if err != nil {
		t.Fatal(err)
	}
	training := models.Training{Optimizer: models.Optimizer{Name: "sgd", LearningRate: 0.1}, BatchSize: 2}
	shape := models.ShapeOf(a, training, 4)
	for _, slots := range []int{-1, LargestGroup + 1} {
		shape.Slots = slots
		if _, err := e.NewGroup(shape); err == nil || !strings.Contains(err.Error(), "1 to 4096") {
			t.Errorf("%d slots: %v", slots, err)
		}
	}
	shape.Slots = 1
	ex := models.Examples{X: make([]float32, 4*9), Y: make([]int32, 4)}
	order := [][]int{{3, 1, 0, 2}}
	none := func(int, [][]float64) error { return nil }
	for _, c := range []struct {
		augmented, cut bool
		crop           int
		cuts           []int
		load, epoch    string // errors
	}{
		{crop: 1, load: "augmented"},
		{augmented: true, load: "augmented"},
		{augmented: true, crop: 3, load: "can miss"},
		{cuts: []int{1}, epoch: "cut after step 1"},
		{cut: true, cuts: []int{0}, epoch: "cut after step 0"},
		{cut: true, cuts: []int{2, 1}, epoch: "cut after step 1"},
		{cut: true, cuts: []int{1, 3}, epoch: "cut after step 3"},
		{cut: true, augmented: true, crop: 2, cuts: []int{1, 2}},
	} {
		s := shape
		s.Augmented, s.Cut = c.augmented, c.cut
		g, err := e.NewGroup(s)
		if err != nil {
			t.Fatal(err)
		}
		if g.Size() != 1 {
			t.Errorf("%d slots", g.Size())
		}
		tr := training
		tr.Augment.Crop = c.crop
		refused := func(err error, want string) bool {
			if (err != nil) != (want != "") || want != "" && !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v", c, err)
			}
			return err != nil
		}
		if !refused(g.Load(0, models.NewState(a), tr, models.Seeds{}, ex), c.load) {
			_, err := g.Epoch(order, c.cuts, none)
			refused(err, c.epoch)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
}
