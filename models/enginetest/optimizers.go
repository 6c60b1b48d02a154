package enginetest

import (
	_ "embed"
	"encoding/json"
	"testing"

	"github.com/genbench/genbench/models"
)

// torchJSON is made by testdata/make_torch.py.
//
//go:embed testdata/torch.json
var torchJSON []byte

// torchFile is what testdata/make_torch.py writes.
type torchFile struct {
	X     [][]float32 `json:"x"` // [batches, N·D]
	Y     [][]int32   `json:"y"` // [batches, N]
	Cases []struct {
		Name         string               `json:"name"`
		Optimizer    models.Optimizer     `json:"optimizer"`
		Architecture models.Architecture  `json:"architecture"`
		Initial      map[string][]float32 `json:"initial"`
		Losses       []float64            `json:"losses"` // of each step, before its update
		Final        map[string][]float64 `json:"final"`
		Logits       []float64            `json:"logits"` // of the first batch after training, evaluation mode
	} `json:"cases"`
}

// testPyTorch trains as PyTorch did, by every rule, with and without batch norm.
func testPyTorch(t *testing.T, e models.Engine) {
	var file torchFile
	must(t, json.Unmarshal(torchJSON, &file))
	if len(file.Cases) < 7 {
		t.Fatalf("torch.json has %d cases", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			s, err := e.NewSession(c.Architecture, len(file.Y[0]))
			must(t, err)
			defer s.Close()
			state := models.NewState(c.Architecture)
			for i := range state {
				if copy(state[i].Data, c.Initial[state[i].Name]) != len(state[i].Data) {
					t.Fatalf("torch.json has no full %s", state[i].Name)
				}
			}
			must(t, s.SetState(state))
			must(t, s.Begin(c.Optimizer))
			for step, want := range c.Losses {
				b := step % len(file.Y)
				loss, err := s.Step(file.X[b], file.Y[b], models.Draw{Step: uint64(step)})
				must(t, err)
				// Twenty steps let rounding differences grow, by less than tenfold.
				if d := abs(loss - want); !(d <= 10*tolerance*want) {
					t.Fatalf("loss of step %d = %v, PyTorch has %v", step, loss, want)
				}
			}
			must(t, s.State(state))
			for _, tensor := range state {
				// 1e-4 of the distance that a weight travels, 20 steps of 0.01 to 0.1.
				closeTo(t, tensor.Name+" after 20 steps", tensor.Data, c.Final[tensor.Name], 5e-5)
			}
			logits := make([]float32, len(c.Logits))
			must(t, s.Logits(logits, file.X[0]))
			closeTo(t, "logits after 20 steps", logits, c.Logits, 1e-4)
		})
	}
}

// testFirstAdamStep checks Adam at torch's default ε, where the first step is
// closed: both moments are corrected to g and g², so w moves by -lr g/(|g| + ε).
// Gradients near float32 rounding are left out: their sign is not known.
func testFirstAdamStep(t *testing.T, e models.Engine, c network) {
	const rate, epsilon = 0.001, 1e-8
	s := c.session(t, e, c.rows)
	must(t, s.Begin(models.Optimizer{Name: "adam", LearningRate: rate, Beta1: 0.9, Beta2: 0.999, Epsilon: epsilon}))
	_, err := s.Step(c.x, c.y, draw)
	must(t, err)
	after := models.NewState(c.arch)
	must(t, s.State(after))
	_, grads := newNetwork64(c.arch, c.state).gradient(c.x, c.y, models.Learn, draw)
	checked := 0
	for i := range after {
		top := largest(grads[i])
		for j, g := range grads[i] {
			if abs(g) < 1e-3*top {
				continue
			}
			checked++
			want := float64(c.state[i].Data[j]) - rate*g/(abs(g)+epsilon)
			// Two float32 roundings of a weight of order 1.
			if d := abs(float64(after[i].Data[j]) - want); !(d <= 3e-7) {
				t.Fatalf("%s: %s[%d] = %v after one step, want %v", c, after[i].Name, j, after[i].Data[j], want)
			}
		}
	}
	if checked == 0 {
		t.Errorf("%s: no gradient was large enough to check", c)
	}
}

// testBeginClears checks that Begin forgets momentum, moments and the step count.
func testBeginClears(t *testing.T, e models.Engine) {
	for _, o := range smoothOptimizers() {
		c := networks(t)[1]
		steps := func(s models.Session) models.State {
			must(t, s.SetState(c.state))
			must(t, s.Begin(o))
			for step := range uint64(3) {
				_, err := s.Step(c.x, c.y, models.Draw{Step: step})
				must(t, err)
			}
			after := models.NewState(c.arch)
			must(t, s.State(after))
			return after
		}
		s := c.session(t, e, c.rows)
		first := steps(s)
		sameBits(t, o.Name+" after a second Begin", steps(s), first)
		moved := 0
		for i := range first {
			for j, v := range first[i].Data {
				if v != c.state[i].Data[j] {
					moved++
				}
			}
		}
		if moved == 0 {
			t.Errorf("three steps of %s moved nothing", o.Name)
		}
	}
}
