// Package archcheck holds no code of genbench: its tests compare whole networks on the CPU engine with PyTorch in float64: logits,
// loss and every gradient, evaluating and learning, and the tensors after 20 steps of training.
//
// check.py draws weights, inputs and labels and computes what is compared. Of thin networks testdata/vectors.json keeps three numbers a
// tensor, for a machine with Go alone; with Python all values of all networks are compared.
package archcheck

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/genbench/genbench/internal/pythontest"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

// steps and the optimizer are check.py's.
const (
	steps    = 20
	momentum = 0.9
)

// network is one of testdata/cases.json.
type network struct {
	Name    string  `json:"name"`
	Family  string  `json:"family"`
	Shape   [3]int  `json:"shape"`
	Classes int     `json:"classes"`
	Batch   int     `json:"batch"`
	Rate    float64 `json:"learning_rate"`
	Draw    int     `json:"draw"` // of the inputs; see check.py
	Options struct {
		Layers, Depth, Width, Dense int
		BatchNorm                   bool
		Stem                        string
	} `json:"options"`
}

func networks(t *testing.T) (thin, whole []network) {
	t.Helper()
	var cases struct{ Thin, Whole []network }
	read(t, "cases.json", &cases)
	if len(cases.Thin) < 11 || len(cases.Whole) < 6 {
		t.Fatalf("%d thin and %d whole networks", len(cases.Thin), len(cases.Whole))
	}
	return cases.Thin, cases.Whole
}

func read(t *testing.T, name string, dst any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, dst); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func (n *network) architecture(t *testing.T) models.Architecture {
	t.Helper()
	input, o := models.Shape{C: n.Shape[0], H: n.Shape[1], W: n.Shape[2]}, n.Options
	var a models.Architecture
	var err error
	switch n.Family {
	case "mlp":
		a, err = models.MLP(input, n.Classes, models.MLPOptions{Width: o.Width, Depth: o.Depth, BatchNorm: o.BatchNorm})
	case "nin":
		a, err = models.NiN(input, n.Classes, models.NiNOptions{Width: o.Width, Depth: o.Depth, BatchNorm: o.BatchNorm})
	case "vgg":
		a, err = models.VGG(input, n.Classes, models.VGGOptions{Width: o.Width, Depth: o.Depth, Dense: o.Dense, BatchNorm: o.BatchNorm, Stem: o.Stem})
	case "resnet":
		a, err = models.ResNet(input, n.Classes, models.ResNetOptions{Layers: o.Layers, Width: o.Width, Stem: o.Stem})
	default:
		t.Fatalf("no family %q", n.Family)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// unit is check.py's: value i of a stream, in [0, 1).
func unit(seed, i int) float64 {
	z := uint64(seed)*0xD1342543DE82EF95 + uint64(i+1)*0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	z ^= z >> 31
	return float64(z>>40) / (1 << 24)
}

func symmetric(seed, i int, bound float64) float32 { return float32((2*unit(seed, i) - 1) * bound) }

// state draws the tensors.
func state(a models.Architecture) models.State {
	s := models.NewState(a)
	for t := range s {
		role := s[t].Name[strings.LastIndexByte(s[t].Name, '.')+1:]
		for i := range s[t].Data {
			switch {
			case role == "weight" && len(s[t].Shape) > 1:
				s[t].Data[i] = symmetric(t, i, math.Sqrt(6/float64(len(s[t].Data)/s[t].Shape[0])))
			case strings.HasPrefix(s[t].Name, "layer") && strings.HasSuffix(s[t].Name, "bn3.weight"):
				s[t].Data[i] = 0.2 + symmetric(t, i, 0.05)
			case role == "weight":
				s[t].Data[i] = 0.75 + symmetric(t, i, 0.25)
			case role == "running_var":
				s[t].Data[i] = 1 + symmetric(t, i, 0.5)
			default:
				s[t].Data[i] = symmetric(t, i, 0.125)
			}
		}
	}
	return s
}

func (n *network) batch(step int) (x []float32, y []int32) {
	x, y = make([]float32, n.Batch*n.Shape[0]*n.Shape[1]*n.Shape[2]), make([]int32, n.Batch)
	for i := range x {
		x[i] = symmetric(10_000+100*n.Draw+step, i, 1.7)
	}
	for i := range y {
		y[i] = int32(unit(20_000+step, i) * float64(n.Classes))
	}
	return x, y
}

// array is one named result.
type array struct {
	name   string
	values []float64
}

func widened(name string, v []float32) array {
	a := array{name, make([]float64, len(v))}
	for i := range v {
		a.values[i] = float64(v[i])
	}
	return a
}

// compute gives the results in check.py's order.
func (n *network) compute(t *testing.T, e models.Engine) []array {
	t.Helper()
	a := n.architecture(t)
	start := state(a)
	session, err := e.NewSession(a, n.Batch)
	must(t, err)
	defer session.Close()
	x, y := n.batch(0)
	logits, gradient := make([]float32, n.Batch*n.Classes), models.NewState(a)
	var out []array
	for _, mode := range []struct {
		name string
		mode models.Mode
	}{{"eval", models.Eval}, {"learn", models.Learn}} {
		must(t, session.SetState(start))
		if mode.mode == models.Eval {
			must(t, session.Logits(logits, x))
			out = append(out, widened("eval.logits", logits))
		}
		loss, err := session.Gradient(gradient, x, y, mode.mode, models.Draw{})
		must(t, err)
		out = append(out, array{mode.name + ".loss", []float64{loss}})
		for i, spec := range a.Tensors() {
			if spec.Trainable {
				out = append(out, widened(mode.name+".gradient."+spec.Name, gradient[i].Data))
			}
		}
	}
	return append(out, n.train(t, session, start)...)
}

func (n *network) train(t *testing.T, session models.Session, start models.State) []array {
	t.Helper()
	must(t, session.SetState(start))
	must(t, session.Begin(models.Optimizer{Name: "sgd", LearningRate: n.Rate, Momentum: momentum}))
	losses := array{name: "trained.losses"}
	for step := range steps {
		x, y := n.batch(step)
		loss, err := session.Step(x, y, models.Draw{Step: uint64(step)})
		must(t, err)
		losses.values = append(losses.values, loss)
	}
	final := start.Clone()
	must(t, session.State(final))
	out := []array{losses}
	for _, tensor := range final {
		out = append(out, widened("trained."+tensor.Name, tensor.Data))
	}
	return out
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func engine(t *testing.T) models.Engine {
	t.Helper()
	e, err := cpu.New("")
	must(t, err)
	return e
}

// kind groups results.
func kind(name string) string {
	parts := strings.SplitN(name, ".", 3)
	switch {
	case parts[0] != "trained" || name == "trained.losses":
		return parts[0] + " " + parts[1]
	case strings.Contains(name, ".running_"):
		return "trained statistics"
	}
	return "trained weights"
}

// bounds says how far a result may be from its true values, by kind: errors relative to the largest value of the tensor. Where PyTorch's own
// gradients in float32 are further than that from its gradients in float64, thrice as far as they is allowed: batch norm
// over few values, and a hundred layers of it, magnify rounding.
func bounds(torch32 map[string]float64) map[string]float64 {
	const tolerance = 1e-5
	b := map[string]float64{}
	for _, k := range []string{"eval logits", "eval loss", "learn loss", "trained losses", "trained statistics", "trained weights"} {
		b[k] = tolerance
	}
	for _, mode := range []string{"eval", "learn"} {
		b[mode+" gradient"] = math.Max(tolerance, 3*torch32[mode])
	}
	return b
}

// report holds the largest errors of one network, by kind.
type report struct {
	scale map[string]float64 // largest gradient of the network, evaluating and learning
	worst map[string]float64
	where map[string]string
}

func newReport(largest map[string]float64) *report {
	r := &report{map[string]float64{}, map[string]float64{}, map[string]string{}}
	for name, v := range largest {
		r.scale[kind(name)] = math.Max(r.scale[kind(name)], v)
	}
	return r
}

// note takes an error of a result whose largest true value is top. A gradient that is 0 but for rounding, as of a bias before
// batch norm, is held against the largest of all.
func (r *report) note(name string, top, off float64, detail string) {
	k := kind(name)
	if top <= 1e-9*r.scale[k] {
		top = r.scale[k]
	}
	if off /= top; !(off <= r.worst[k]) {
		r.worst[k], r.where[k] = off, name+detail
	}
}

func (r *report) check(t *testing.T, a models.Architecture, bound map[string]float64) {
	t.Helper()
	if !a.Has(models.BatchNorm) {
		delete(bound, "trained statistics")
	}
	for k, b := range bound {
		if w, ok := r.worst[k]; !ok {
			t.Errorf("no %s was compared", k)
		} else if !(w <= b) {
			t.Errorf("%s: off by %.2g of the largest value, allowed %.2g: %s", k, w, b, r.where[k])
		} else {
			t.Logf("%-18s %.1e, allowed %.1e", k, w, b)
		}
	}
}

// TestThinNetworks compares with testdata/vectors.json: logits and losses, and of each tensor the largest value and two sums with
// signs. A sum of n values may be off by √n times what one of them may.
func TestThinNetworks(t *testing.T) {
	var kept struct {
		Cases map[string]map[string]json.RawMessage `json:"cases"`
	}
	read(t, "vectors.json", &kept)
	thin, _ := networks(t)
	e := engine(t)
	for _, n := range thin {
		t.Run(n.Name, func(t *testing.T) {
			want, largest := map[string][]float64{}, map[string]float64{}
			for name, raw := range kept.Cases[n.Name] {
				want[name] = numbers(t, raw)
				for _, v := range want[name] {
					largest[name] = math.Max(largest[name], math.Abs(v))
				}
				if reduced(name) {
					largest[name] = want[name][0]
				}
			}
			r := newReport(largest)
			for _, got := range n.compute(t, e) {
				w, values := want[got.name], got.values
				if reduced(got.name) {
					values = reduce(got.values)
				}
				if len(w) != len(values) {
					t.Fatalf("%s: %d values are kept, %d computed", got.name, len(w), len(values))
				}
				for i := range w {
					off := math.Abs(values[i] - w[i])
					if reduced(got.name) && i > 0 {
						off /= math.Sqrt(float64(len(got.values)))
					}
					r.note(got.name, largest[got.name], off, fmt.Sprintf(" %d: %v, want %v", i, values[i], w[i]))
				}
			}
			r.check(t, n.architecture(t), bounds(map[string]float64{"eval": want["eval.torch32"][0], "learn": want["learn.torch32"][0]}))
			n.fused(t, e, want["eval.logits"], largest["eval.logits"])
		})
	}
}

// fused compares the logits without batch norm, folded into what is before it, with torch's with it.
func (n *network) fused(t *testing.T, e models.Engine, want []float64, top float64) {
	t.Helper()
	a := n.architecture(t)
	f, s, err := models.Fuse(a, state(a))
	must(t, err)
	session, err := e.NewSession(f, n.Batch)
	must(t, err)
	defer session.Close()
	must(t, session.SetState(s))
	x, _ := n.batch(0)
	logits := make([]float32, n.Batch*n.Classes)
	must(t, session.Logits(logits, x))
	for i, v := range logits {
		if d := math.Abs(float64(v)-want[i]) / top; !(d <= 1e-5) {
			t.Fatalf("fused, logit %d is %v, want %v", i, v, want[i])
		}
	}
}

// reduced says that vectors.json keeps three numbers of the tensor and not all.
func reduced(name string) bool {
	return strings.Contains(name, ".gradient.") || strings.HasPrefix(name, "trained.") && name != "trained.losses"
}

// reduce is check.py's.
func reduce(v []float64) []float64 {
	r := make([]float64, 3)
	for i, x := range v {
		r[0] = math.Max(r[0], math.Abs(x))
		for j := range 2 {
			r[1+j] += x * (2*unit(30_000+2*len(v)+j, i) - 1)
		}
	}
	return r
}

// numbers flattens a JSON array of numbers or of such arrays.
func numbers(t *testing.T, raw json.RawMessage) []float64 {
	t.Helper()
	var flat []float64
	if json.Unmarshal(raw, &flat) == nil {
		return flat
	}
	var rows [][]float64
	must(t, json.Unmarshal(raw, &rows))
	flat = nil
	for _, row := range rows {
		flat = append(flat, row...)
	}
	return flat
}

// TestWholeNetworks compares all values with what check.py computes now.
func TestWholeNetworks(t *testing.T) {
	if testing.Short() {
		t.Skip("short tests: this one computes large networks")
	}
	interpreter := python(t)
	thin, whole := networks(t)
	e := engine(t)
	for i, n := range append(thin, whole...) {
		t.Run(n.Name, func(t *testing.T) {
			want, largest := map[string][]float32{}, map[string]float64{}
			for _, tensor := range made(t, interpreter, i) {
				want[tensor.Name] = tensor.Data
				for _, v := range tensor.Data {
					largest[tensor.Name] = math.Max(largest[tensor.Name], math.Abs(float64(v)))
				}
			}
			r := newReport(largest)
			for _, got := range n.compute(t, e) {
				w := want[got.name]
				if len(w) != len(got.values) {
					t.Fatalf("%s: %d values, torch has %d", got.name, len(got.values), len(w))
				}
				for j, v := range got.values {
					r.note(got.name, largest[got.name], math.Abs(v-float64(w[j])), fmt.Sprintf("[%d] = %v, want %v", j, v, w[j]))
				}
			}
			r.check(t, n.architecture(t), bounds(map[string]float64{"eval": largest["eval.torch32"], "learn": largest["learn.torch32"]}))
		})
	}
}

// made runs check.py for one network.
func made(t *testing.T, interpreter string, i int) models.State {
	t.Helper()
	file := filepath.Join(t.TempDir(), "made.safetensors")
	cmd := exec.CommandContext(t.Context(), interpreter, "check.py", "whole", strconv.Itoa(i), file)
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("check.py: %v\n%s", err, out)
	}
	f, err := os.Open(file)
	must(t, err)
	defer f.Close()
	info, err := f.Stat()
	must(t, err)
	s, _, err := models.ReadTensors(f, info.Size())
	must(t, err)
	return s
}

// python is an interpreter with PyTorch; without one the test is skipped, or fails where everything is to be tested.
func python(t *testing.T) string {
	t.Helper()
	return pythontest.Program(t, "numpy, torch")
}
