//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genbench/genbench/internal/benchnets"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
	"github.com/genbench/genbench/models/enginetest"
	"github.com/genbench/genbench/models/xla/internal/pjrt"
)

// TestConformanceTogether runs the suite of the engines with programs of 3 slots, compiled quickly.
func TestConformanceTogether(t *testing.T) {
	parts, err := enginetest.Parts()
	if err != nil {
		t.Fatal(err)
	}
	enginetest.RunParts(t, testEngine(t, Options{Together: 3, Quick: true}), parts, enginetest.Options{})
}

// togetherCase is networks of one architecture that are called at the same time.
type togetherCase struct {
	name, way string
	arch      models.Architecture
	n         int // examples of a call
}

func togetherCases(t *testing.T) []togetherCase {
	build := func(input models.Shape, layers ...models.Layer) models.Architecture {
		a, err := models.Build("free", input, 3, layers)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	dense, relu, norm := models.Layer{Kind: models.Dense, Out: 9}, models.Layer{Kind: models.ReLU}, models.Layer{Kind: models.BatchNorm}
	mlp := build(models.Shape{C: 7, H: 1, W: 1}, dense, norm, relu, models.Layer{Kind: models.Dropout, Rate: 0.3}, dense, relu, models.Layer{Kind: models.Dense})
	cnn := build(models.Shape{C: 2, H: 6, W: 5}, models.Layer{Kind: models.Conv2D, Channels: 4, Kernel: 3, Padding: 1}, norm, models.Layer{Kind: models.ReLU, Name: "r"},
		models.Layer{Kind: models.Conv2D, Channels: 4, Kernel: 1}, models.Layer{Kind: models.Add, With: "r"}, models.Layer{Kind: models.MaxPool, Kernel: 2},
		models.Layer{Kind: models.Conv2D, Channels: 5, Kernel: 2}, relu, models.Layer{Kind: models.GlobalAvgPool}, models.Layer{Kind: models.Dense})
	return []togetherCase{{"mlp", "", mlp, 13}, {"patches", Patches, cnn, 8}, {"native", Native, cnn, 11}} // the last is computed alone
}

// one is a network with its examples and its session.
type one struct {
	a         models.Architecture
	state     models.State
	direction models.State
	x, seed   []float32
	y         []int32
	session   models.Session
}

func (c togetherCase) networks(t *testing.T, e models.Engine, count int) []*one {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, uint64(len(c.name))))
	normals := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(rng.NormFloat64())
		}
		return v
	}
	var all []*one
	for i := range count {
		state, err := models.InitialState(c.arch, "he", uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		o := &one{a: c.arch, state: state, direction: models.NewState(c.arch), x: normals(c.n * c.arch.Input.Size()), seed: normals(c.n * c.arch.Classes), y: make([]int32, c.n)}
		for _, tensor := range o.direction {
			copy(tensor.Data, normals(len(tensor.Data)))
		}
		for j := range o.y {
			o.y[j] = int32(rng.IntN(c.arch.Classes))
		}
		if o.session, err = e.NewSession(c.arch, c.n); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { o.session.Close() })
		if err := o.session.SetState(state); err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	return all
}

// togetherCalls are all kinds that are computed together; each answers everything that the call does, as float64.
var togetherCalls = []struct {
	name string
	do   func(o *one) ([]float64, error)
}{
	{"outputs", func(o *one) (all []float64, err error) {
		err = o.session.Outputs(o.x, func(_ int, out []float32) { all = appendWide(all, out) })
		return all, err
	}},
	{"logits", func(o *one) ([]float64, error) {
		logits := make([]float32, len(o.seed))
		err := o.session.Logits(logits, o.x)
		return appendWide(nil, logits), err
	}},
	{"gradient", func(o *one) ([]float64, error) {
		dst := models.NewState(o.a)
		loss, err := o.session.Gradient(dst, o.x, o.y, models.Eval, models.Draw{})
		return append(flatten(dst), loss), err
	}},
	{"from", func(o *one) ([]float64, error) {
		dst := models.NewState(o.a)
		err := o.session.(models.Seeded).GradientFrom(dst, o.x, o.seed)
		return flatten(dst), err
	}},
	{"backward", func(o *one) (all []float64, err error) {
		err = o.session.Backward(o.x, o.seed, func(_ int, g []float32) { all = appendWide(all, g) })
		return all, err
	}},
	{"norms", func(o *one) ([]float64, error) {
		dst := make([]float64, len(o.y))
		err := o.session.GradientNorms(dst, o.x, o.y)
		return dst, err
	}},
	{"dots", func(o *one) ([]float64, error) {
		dst := make([]float64, len(o.y))
		err := o.session.GradientDots(dst, o.x, o.y)
		return dst, err
	}},
	{"moments", func(o *one) (all []float64, err error) {
		var m [2][][]float64
		for i := range m {
			for _, spec := range o.a.Tensors() {
				m[i] = append(m[i], make([]float64, spec.Size()))
			}
		}
		err = o.session.GradientMoments(m[0], m[1], o.x, o.y)
		return slices.Concat(append(m[0], m[1]...)...), err
	}},
	{"curvature", func(o *one) ([]float64, error) {
		dst := models.NewState(o.a)
		err := o.session.(models.SecondOrder).HessianVector(dst, o.direction, o.x, o.y)
		return flatten(dst), err
	}},
}

func appendWide(all []float64, v []float32) []float64 {
	for _, x := range v {
		all = append(all, float64(x))
	}
	return all
}

func flatten(s models.State) (all []float64) {
	for _, t := range s {
		all = appendWide(all, t.Data)
	}
	return all
}

// TestTogether: what a session answers is the same in every bit alone and in every mix, in any place of a program, with inputs kept on the device and without, and within bounds what the cpu engine answers.
func TestTogether(t *testing.T) {
	reference, err := cpu.New("")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range togetherCases(t) {
		t.Run(c.name, func(t *testing.T) {
			e := testEngine(t, Options{Together: 4, Convolutions: c.way}).(*engine)
			const count = 6
			networks, known := c.networks(t, e, count), c.networks(t, reference, count)
			for _, call := range togetherCalls {
				alone := make([][]float64, count)
				for i, o := range networks {
					if alone[i], err = call.do(o); err != nil {
						t.Fatalf("%s: %v", call.name, err)
					}
					want, err := call.do(known[i])
					if err != nil {
						t.Fatal(err)
					}
					near(t, call.name, alone[i], want, 2e-5)
				}
				for mix := range 2 * count { // of 1 to 6 calls, from another network on each time
					release := func() {}
					if mix >= count {
						release = networks[mix%count].keep(e)
					}
					called := make([]int, mix%count+1)
					for i := range called {
						called[i] = (mix + i) % count
					}
					got := atOnce(t, e, networks, called, call.do)
					release()
					for i, at := range called {
						if !slices.Equal(got[i], alone[at]) {
							t.Errorf("%s of network %d differs from alone, called with networks %v", call.name, at, called)
						}
					}
				}
			}
			if e.kept.used != 0 {
				t.Errorf("%d bytes are kept when all has been released", e.kept.used)
			}
		})
	}
}

func (o *one) keep(e models.Keeping) (release func()) { return e.Keep(o.x) }

// atOnce makes the calls wait until all have come, so that they are computed in programs of 4 and of the rest.
func atOnce(t *testing.T, e *engine, networks []*one, called []int, do func(*one) ([]float64, error)) [][]float64 {
	t.Helper()
	for held := false; !held; { // as if it were computing, once it does no more
		e.gatherer.mu.Lock()
		if held = !e.gatherer.working; held {
			e.gatherer.working = true
		}
		e.gatherer.mu.Unlock()
	}
	answers, errs := make([][]float64, len(called)), make([]error, len(called))
	var all sync.WaitGroup
	for i, at := range called {
		all.Go(func() { answers[i], errs[i] = do(networks[at]) })
		if e.slots(callOutputs, networks[at].a, 1) == 1 {
			continue
		}
		for came := 0; came <= i; { // in this order, so that every network has been in every place
			time.Sleep(50 * time.Microsecond)
			came = 0
			e.gatherer.mu.Lock()
			kinds := len(e.gatherer.waiting)
			if kinds > 0 {
				came = len(e.gatherer.waiting[0].calls)
			}
			e.gatherer.mu.Unlock()
			if kinds > 1 {
				t.Fatalf("equal calls wait for %d programs", kinds)
			}
		}
	}
	go e.gatherer.work()
	all.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return answers
}

// near compares with a bound relative to the largest value.
func near(t *testing.T, what string, got, want []float64, bound float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	var largest float64
	for _, v := range want {
		largest = max(largest, math.Abs(v))
	}
	for i, v := range got {
		if !(math.Abs(v-want[i]) <= bound*largest) {
			t.Fatalf("%s: value %d is %v, the cpu engine's %v; the largest is %v", what, i, v, want[i], largest)
		}
	}
}

// TestTogetherAnyTime calls all kinds from many goroutines without any order.
func TestTogetherAnyTime(t *testing.T) {
	for _, c := range togetherCases(t)[:2] {
		t.Run(c.name, func(t *testing.T) {
			e := testEngine(t, Options{Together: 3, Convolutions: c.way}).(*engine)
			networks := c.networks(t, e, 5)
			alone := make([][][]float64, len(networks))
			for i, o := range networks {
				for _, call := range togetherCalls {
					answer, err := call.do(o)
					if err != nil {
						t.Fatal(err)
					}
					alone[i] = append(alone[i], answer)
				}
			}
			var all sync.WaitGroup
			for i, o := range networks {
				all.Go(func() {
					if i%2 == 0 {
						defer o.keep(e)()
					}
					rng := rand.New(rand.NewPCG(1, uint64(i)))
					for range 40 {
						at := rng.IntN(len(togetherCalls))
						answer, err := togetherCalls[at].do(o)
						if err != nil || !slices.Equal(answer, alone[i][at]) {
							t.Errorf("%s of network %d: other bits, error %v", togetherCalls[at].name, i, err)
						}
					}
				})
			}
			all.Wait()
		})
	}
}

// TestTogetherFails: what goes wrong costs the calls of its program, and no others.
func TestTogetherFails(t *testing.T) {
	c := togetherCases(t)[0]
	e := testEngine(t, Options{Together: 2}).(*engine)
	networks := c.networks(t, e, 3)
	session := networks[0].session.(*session)
	program, err := session.program(callOutputs, 16)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.gatherer.run(program.exe, kind{slots: 2}, []*pjrt.Array{nil}); err == nil || !strings.Contains(err.Error(), "freed") {
		t.Errorf("a call with an array that is not there: %v", err)
	}
	if _, err := e.gatherer.run(nil, kind{slots: 2}, session.tensors); err == nil || !strings.Contains(err.Error(), "panic") {
		t.Errorf("a call of a program that is not there: %v", err)
	}
	got := atOnce(t, e, networks, []int{0, 1, 2}, togetherCalls[0].do)
	if len(got[2]) == 0 {
		t.Error("nothing is computed after a failure")
	}
}

// TestKeep: copies are made once, shared by those who keep the same slice, bounded, and gone with the last of them.
func TestKeep(t *testing.T) {
	c := togetherCases(t)[0]
	e := testEngine(t, Options{}).(*engine)
	o := c.networks(t, e, 1)[0]
	logits := func(x []float32) []float32 {
		dst := make([]float32, len(x)/c.arch.Input.Size()*c.arch.Classes)
		if err := o.session.Logits(dst, x); err != nil {
			t.Fatal(err)
		}
		return dst
	}
	d := c.arch.Input.Size()
	want := logits(o.x[2*d : 7*d])
	one, other := e.Keep(o.x), e.Keep(o.x)
	for range 3 {
		if !slices.Equal(logits(o.x[2*d:7*d]), want) {
			t.Error("kept inputs give other logits")
		}
	}
	const batch = 4 * 8 * 7 // 5 examples of 7 features in 8 rows
	if e.kept.used != batch {
		t.Errorf("%d bytes are kept, want those of one batch, %d", e.kept.used, batch)
	}
	if logits(slices.Clone(o.x[:d])); e.kept.used != batch {
		t.Error("inputs that nobody asked for were kept")
	}
	e.kept.limit = batch + 4*16*7 - 1
	logits(o.x[:9*d])                                  // in 16 rows: too many
	if logits(o.x[:2*d]); e.kept.used != batch+4*8*7 { // in 8, as few as there are
		t.Errorf("%d bytes are kept, want those that fit", e.kept.used)
	}
	one()
	one()
	if len(e.kept.sets) != 1 {
		t.Error("released twice by the one, the other's inputs are gone")
	}
	other()
	if e.kept.used != 0 || len(e.kept.sets) != 0 {
		t.Errorf("%d bytes in %d sets are kept after the last release", e.kept.used, len(e.kept.sets))
	}
	if !slices.Equal(logits(o.x[2*d:7*d]), want) {
		t.Error("other logits after the release")
	}
}

// TestTogetherFor: the rule's bounds, and that it is told by the engine's name when it is overruled.
func TestTogetherFor(t *testing.T) {
	of := func(name string) models.Architecture {
		for _, net := range slices.Concat(benchnets.MLPs(), benchnets.Convolutional()) {
			if strings.EqualFold(net.Name, name) {
				a, err := net.Build()
				if err != nil {
					t.Fatal(err)
				}
				return a
			}
		}
		t.Fatalf("no network %s", name)
		return models.Architecture{}
	}
	for _, w := range []struct {
		c        call
		net      string
		rows     int
		platform string
		want     int
	}{
		{callOutputs, "mlp64", 256, "cuda", 16},
		{callOutputs, "mlp64", 256, "cpu", 1},
		{callLearn, "mlp64", 256, "cuda", 1},
		{callStep, "mlp64", 256, "cuda", 1},
		{callGradient, "mlp784", 256, "cuda", 16}, // 6 x 268,800 multiply-adds x 256 rows are 2^28.6
		{callGradient, "cnn28", 256, "cuda", 1},   // 16 million multiply-adds: 2^34.5
		{callGradient, "cnn28", 32, "cuda", 4},
		{callOutputs, "resnet18", 32, "cuda", 1},
	} {
		if got := togetherFor(w.c, of(w.net), w.rows, w.platform); got != w.want {
			t.Errorf("%s of %s on %d rows on %s: %d together, want %d", w.c, w.net, w.rows, w.platform, got, w.want)
		}
	}
	e := testEngine(t, Options{Together: 4})
	if want := "-t4"; !strings.HasSuffix(e.Name(), want) {
		t.Errorf("the engine is called %s, want it to end with %s", e.Name(), want)
	}
	if got := e.(models.Gathering).Together(of("mlp64"), 256); got != 8 {
		t.Errorf("%d sessions are worth calling at the same time, want twice the 4 that were asked for", got)
	}
	if _, err := New(Options{Together: -1}); err == nil {
		t.Error("-1 together is taken")
	}
}
