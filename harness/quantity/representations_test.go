package quantity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/genbench/genbench/models"
)

// drawing is what this package draws for a training set of drawnFrom examples: testdata/draws.json. It holds no expected
// values: make_representations.py reads it to look at the same examples in the same way.
// GENBENCH_WRITE_DRAWS=1 writes it anew; then run make_representations.py.
type drawing struct {
	Shape         models.Shape
	Classes       int
	Labels        []int32
	Rounds        [][]int32
	Index         []int32 // of the mixed examples
	Partners      []int32
	Augmentations []drawnAugmentation
	Disturbances  []drawnDisturbance
}

type drawnAugmentation struct {
	Flip                                        bool
	Hue, Saturation, Brightness, Contrast, Zoom float64
}

type drawnDisturbance struct {
	Saturation [2]float64
	Y, X, H, W int
}

const (
	drawsFile     = "testdata/draws.json"
	drawnFrom     = 70 // examples: more than share a saturation
	drawnRounds   = 5
	drawnExamples = 24 // of a round: the third begins a new permutation
)

// drawingSubject has the inputs' shape, the labels and the seed, and no network worth the name.
func drawingSubject() *Subject {
	a := layers(false, 60, 4)
	a.Input = models.Shape{C: 3, H: 5, W: 4}
	y := make([]int32, drawnFrom)
	for i := range y {
		y[i] = int32((i*i + i/7) % 4)
	}
	s := subjectOf(a, models.NewState(a), make([]float32, drawnFrom*60), y)
	s.Seed = 11
	return s
}

func drawNow(t *testing.T, s *Subject) drawing {
	t.Helper()
	q, err := pictureOf(s.Arch.Input)
	if err != nil {
		t.Fatal(err)
	}
	d := drawing{Shape: s.Arch.Input, Classes: s.Arch.Classes, Labels: s.Data.Train.Y, Rounds: s.rounds(drawnRounds, drawnExamples)}
	d.Index, d.Partners = s.partners(d.Rounds)
	for _, g := range s.augmentations(drawnRounds * drawnExamples) {
		d.Augmentations = append(d.Augmentations, drawnAugmentation{g.flip, g.hue, g.saturation, g.brightness, g.contrast, g.zoom})
	}
	plan, err := s.disturbances(q, drawnFrom)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range plan {
		d.Disturbances = append(d.Disturbances, drawnDisturbance{g.saturation, g.erased.y, g.erased.x, g.erased.h, g.erased.w})
	}
	return d
}

// sourcesSubject is what the sources' own code is run on, see measures/testdata/sources.py.
func sourcesSubject() *Subject {
	a := layers(false, 30, 4)
	a.Input = models.Shape{C: 1, H: 6, W: 5}
	y := make([]int32, 200)
	for i := range y {
		y[i] = int32((i*i + i/7) % 4)
	}
	s := subjectOf(a, models.NewState(a), make([]float32, len(y)*30), y)
	s.Seed = 11
	return s
}

// sourcesDraws is testdata/draws_sources.json: like [drawing], of the defaults of the measures.
type sourcesDraws struct {
	Shape        models.Shape
	Classes      int
	Labels       []int32
	DBI          [][]int32 // rounds of 120
	Mixup        [][]int32 // of 10 a class
	Margins      [][]int32 // of 50
	Index        []int32   // of the mixed examples
	Partners     []int32
	Augmented    []drawnAugmentation
	All          []int32 // one round of all
	Jacobian     []int32 // examples
	Disturbances []drawnDisturbance
}

// TestDrawsOfSources keeps what measures/testdata/sources.py was told to look at.
func TestDrawsOfSources(t *testing.T) {
	s := sourcesSubject()
	const file = "testdata/draws_sources.json"
	now := sourcesDraws{
		Shape: s.Arch.Input, Classes: 4, Labels: s.Data.Train.Y, DBI: s.rounds(10, 120), Mixup: s.rounds(10, 40), Margins: s.rounds(10, 50),
		All: s.rounds(1, 0)[0], Jacobian: s.examples("train", 96),
	}
	now.Index, now.Partners = s.partners(now.Margins)
	for _, g := range s.augmentations(500) {
		now.Augmented = append(now.Augmented, drawnAugmentation{g.flip, g.hue, g.saturation, g.brightness, g.contrast, g.zoom})
	}
	q, err := pictureOf(s.Arch.Input)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.disturbances(q, len(now.Labels))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range plan {
		now.Disturbances = append(now.Disturbances, drawnDisturbance{g.saturation, g.erased.y, g.erased.x, g.erased.h, g.erased.w})
	}
	writeDraws(t, file, now)
	var then sourcesDraws
	readJSON(t, file, &then)
	if !reflect.DeepEqual(now, then) {
		t.Errorf("drawnFrom now %+v, then %+v", now, then)
	}
}

// writeDraws writes a file of draws where that is asked for.
func writeDraws(t *testing.T, file string, d any) {
	t.Helper()
	if os.Getenv("GENBENCH_WRITE_DRAWS") != "1" {
		return
	}
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(raw, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestDraws: what is drawnFrom is what it was when the expected values were made, on this machine too; and it is as
// documented.
func TestDraws(t *testing.T) {
	s := drawingSubject()
	now := drawNow(t, s)
	writeDraws(t, drawsFile, now)
	var then drawing
	readJSON(t, drawsFile, &then)
	if !reflect.DeepEqual(now, then) {
		t.Errorf("drawnFrom now %+v, then %+v", now, then)
	}
	for r, round := range now.Rounds {
		seen := map[int32]int{}
		for _, e := range slices.Concat(now.Rounds[r/2*2 : r+1]...) { // two rounds of 24 fit into 70
			seen[e]++
		}
		for e, n := range seen {
			if n > 1 {
				t.Errorf("example %d is drawnFrom %d times before all had their turn (round %d)", e, n, r)
			}
		}
		if len(round) != drawnExamples {
			t.Errorf("round %d has %d examples", r, len(round))
		}
	}
	for i, e := range now.Index {
		if p := now.Partners[i]; s.Data.Train.Y[e] != s.Data.Train.Y[p] || !slices.Contains(now.Rounds[i/drawnExamples], p) {
			t.Errorf("example %d is mixed with %d, of another class or round", e, p)
		}
	}
	if a, b := slices.Sorted(slices.Values(now.Index)), slices.Sorted(slices.Values(now.Partners)); !slices.Equal(a, b) {
		t.Errorf("examples %v, partners %v: not a permutation", a, b)
	}
	for i, g := range now.Disturbances {
		if same := g.Saturation == now.Disturbances[0].Saturation; same != (i < 64) {
			t.Errorf("image %d shares the first one's saturation: %v", i, same)
		}
		if g.Y+g.H > 5 || g.X+g.W > 4 || g.H < 0 {
			t.Errorf("image %d: rectangle %+v is outside 5 x 4", i, g)
		}
	}
}

// TestChance: the mean and variance of 10,000 draws are a uniform distribution's within 5 standard errors.
func TestChance(t *testing.T) {
	const n = 10000
	c := newChance(3, streamAugment)
	var sum, square, counts = 0.0, 0.0, make([]int, 16)
	for i := range n {
		v := c.between(i, -1, 3)
		if v < -1 || v >= 3 {
			t.Fatalf("draw %d is %v", i, v)
		}
		sum += v
		square += v * v
		counts[c.below(n+i, 16)]++
	}
	mean := sum / n
	if sd := math.Sqrt(16.0 / 12 / n); math.Abs(mean-1) > 5*sd {
		t.Errorf("mean %v, want 1 within %v", mean, 5*sd)
	}
	if v := square/n - mean*mean; math.Abs(v-16.0/12) > 0.06 {
		t.Errorf("variance %v, want %v", v, 16.0/12)
	}
	for k, m := range counts {
		if sd := math.Sqrt(n / 16.0 * 15 / 16); math.Abs(float64(m)-n/16) > 5*sd {
			t.Errorf("%d drawnFrom %d times, want %d", k, m, n/16)
		}
	}
}

// represented is testdata/representations.json: two networks on the drawnFrom examples, float64 PyTorch with autograd.
type represented struct {
	X, TestX []float32
	Nets     map[string]struct {
		BatchNorm   bool
		Sizes       []int
		Tensors     map[string][]float32
		Features    [][]float64 // of each layer, [R, S, units]
		Difference  []float64
		Norms       []float64
		Variances   []float64
		Pairs       []struct{ A, B, Round, Predicted int32 } // A < B; round -1: of all
		Mixup       changed
		Augment     changed
		Predicted   []float64
		Confidence  []float64
		Squares     map[string][]float64
		TestAnswers []float64
	}
}

type changed struct{ Difference, Norms, Variances []float64 }

// representedSubject is one of the two networks.
func representedSubject(t *testing.T, e represented, name string) *Subject {
	t.Helper()
	n := e.Nets[name]
	s := drawingSubject()
	a := layers(n.BatchNorm, n.Sizes...)
	a.Input = s.Arch.Input
	state := models.NewState(a)
	for i := range state {
		if k := copy(state[i].Data, n.Tensors[state[i].Name]); k != len(state[i].Data) {
			t.Fatalf("%s: %d values", state[i].Name, k)
		}
	}
	s.Arch, s.Final = a, state
	s.Key = "key of " + state.Hash()
	s.Data.Train.X, s.Data.Test.X = e.X, e.TestX
	s.Data.Test.Native = make([]uint8, len(e.TestX))
	return s
}

// check compares and logs the largest error relative to max(1, |want|).
func check(t *testing.T, what string, got, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	worst := 0.0
	for i := range got {
		off := math.Abs(got[i]-want[i]) / max(1, math.Abs(want[i]))
		if !(off <= tol) {
			t.Errorf("%s: value %d is %v, want %v", what, i, got[i], want[i])
			return
		}
		worst = max(worst, off)
	}
	t.Logf("%s: largest error %.1e", what, worst)
}

// TestRepresentations holds every quantity of hidden layers and changed inputs against PyTorch.
func TestRepresentations(t *testing.T) {
	const tol = 1e-5 // float32 networks of three layers with values of a few units
	var e represented
	readJSON(t, "testdata/representations.json", &e)
	rounds := func(more ...string) map[string]string {
		args := map[string]string{"rounds": fmt.Sprint(drawnRounds), "examples": fmt.Sprint(drawnExamples)}
		for i := 0; i < len(more); i += 2 {
			args[more[i]] = more[i+1]
		}
		return args
	}
	for _, name := range []string{"plain", "normed"} {
		want := e.Nets[name]
		s := representedSubject(t, e, name)
		other := representedSubject(t, e, map[string]string{"plain": "normed", "normed": "plain"}[name])
		s.Sibling = &Twin{Hash: other.Final.Hash(), Arch: other.Arch, Final: other.Final}
		p := openSubject(t, testHost(t, t.TempDir()), s)
		for l, features := range want.Features {
			got := request(t, p, "layer-features", rounds("layer", fmt.Sprint(l)))
			check(t, fmt.Sprint(name, " features of layer ", l), got["features"], features, tol)
		}
		got := request(t, p, "layer-margins", nil)
		check(t, name+" differences", got["difference"], want.Difference, tol)
		check(t, name+" norms", got["norms"], want.Norms, tol)
		check(t, name+" variances", got["variances"], want.Variances, tol)
		for transform, c := range map[string]changed{"mixup": want.Mixup, "augment": want.Augment} {
			got := request(t, p, "transformed-margins", rounds("transform", transform))
			check(t, name+" "+transform+" differences", got["difference"], c.Difference, tol)
			check(t, name+" "+transform+" norms", got["norms"], c.Norms, tol)
			check(t, name+" "+transform+" variances", got["variances"], c.Variances, tol)
		}
		for of, squares := range want.Squares {
			got := request(t, p, "jacobian-norms", map[string]string{"of": of})
			check(t, name+" Jacobian of "+of, got["squares"], squares, tol)
		}
		got = request(t, p, "transformed-predictions", nil)
		check(t, name+" disturbed confidences", got["confidence"], want.Confidence, tol)
		if !slices.Equal(got["predicted"], want.Predicted) {
			t.Errorf("%s: disturbed predictions %v, want %v", name, got["predicted"], want.Predicted)
		}
		if got := request(t, p, "test-predictions", nil)["predicted"]; !slices.Equal(got, want.TestAnswers) {
			t.Errorf("%s: test predictions %v, want %v", name, got, want.TestAnswers)
		}
		if got := request(t, p, "sibling", nil)["predicted"]; !slices.Equal(got, e.Nets[other.name(e)].TestAnswers) {
			t.Errorf("%s: the sibling's predictions %v", name, got)
		}
		checkPairs(t, e, name, p, rounds())
	}
}

// name finds which network of the file a subject is.
func (s *Subject) name(e represented) string {
	if e.Nets["plain"].BatchNorm == (s.Arch.Layers[1].Kind == models.BatchNorm) {
		return "plain"
	}
	return "normed"
}

// checkPairs compares the answer to every pair, whatever their order: within rounds, and of all examples.
func checkPairs(t *testing.T, e represented, name string, p *Provider, rounds map[string]string) {
	t.Helper()
	type key struct{ a, b, round float64 }
	want := map[key]float64{}
	for _, q := range e.Nets[name].Pairs {
		want[key{float64(q.A), float64(q.B), float64(q.Round)}] = float64(q.Predicted)
	}
	seen := 0
	for _, args := range []map[string]string{rounds, nil} {
		got := request(t, p, "mixup-predictions", args)
		for i, predicted := range got["predicted"] {
			a, b, r := got["pairs"][2*i], got["pairs"][2*i+1], got["round"][i]
			if args == nil {
				r = -1
			}
			w, ok := want[key{min(a, b), max(a, b), r}]
			if !ok || w != predicted || got["class"][i] != float64(p.subject.Data.Train.Y[int(a)]) {
				t.Errorf("%s: examples %v and %v of class %v in round %v get %v, want %v (%v)", name, a, b, got["class"][i], r, predicted, w, ok)
			}
			seen++
		}
	}
	if seen != len(want) {
		t.Errorf("%s: %d pairs, want %d", name, seen, len(want))
	}
}

// TestLayers: layers beyond the network are undefined, "last" is the last, examples beyond the training set are all.
func TestLayers(t *testing.T) {
	var e represented
	readJSON(t, "testdata/representations.json", &e)
	s := representedSubject(t, e, "plain")
	p := openSubject(t, testHost(t, t.TempDir()), s)
	var u *Undefined
	if _, err := p.Get(t.Context(), "layer-features", map[string]string{"layer": "3"}); !errors.As(err, &u) {
		t.Errorf("layer 3 of 3: %v", err)
	}
	if _, err := p.Get(t.Context(), "layer-features", map[string]string{"layer": "first"}); err == nil || errors.As(err, &u) {
		t.Errorf("layer first: %v", err)
	}
	path := func(name string, args map[string]string) string {
		b, err := p.Get(t.Context(), name, args)
		if err != nil {
			t.Fatal(err)
		}
		return b.Arrays[0].Path
	}
	if path("layer-features", map[string]string{"layer": "last"}) != path("layer-features", map[string]string{"layer": "2"}) {
		t.Error("the last layer of 3 is not number 2")
	}
	if path("layer-features", map[string]string{"rounds": "7", "examples": "70"}) != path("layer-features", nil) {
		t.Error("rounds of all examples are not one round of all")
	}
	s2 := *s
	s2.Arch.Input = models.Shape{C: 1, H: 1, W: 60}
	s2.Data.Shape.C, s2.Data.Shape.H, s2.Data.Shape.W = 1, 1, 60
	p = openSubject(t, testHost(t, t.TempDir()), &s2)
	for name, args := range map[string]map[string]string{"transformed-predictions": nil, "transformed-margins": {"transform": "augment"}} {
		if _, err := p.Get(t.Context(), name, args); !errors.As(err, &u) {
			t.Errorf("%s of inputs that are no images: %v", name, err)
		}
	}
}

// TestSibling: without one it is missing, with the reason given; another sibling is another file; one that does
// not fit is refused.
func TestSibling(t *testing.T) {
	var e represented
	readJSON(t, "testdata/representations.json", &e)
	dir := t.TempDir()
	s := representedSubject(t, e, "plain")
	var missing *Missing
	p := openSubject(t, testHost(t, dir), s)
	if _, err := p.Get(t.Context(), "sibling", nil); !errors.As(err, &missing) {
		t.Errorf("without a sibling: %v", err)
	}
	for _, why := range []error{&Missing{Need: "sibling", Reason: "alone"}, errors.New("damaged")} {
		c := *s
		c.NoSibling = why
		if _, err := openSubject(t, testHost(t, dir), &c).Get(t.Context(), "sibling", nil); !errors.Is(err, why) {
			t.Errorf("%v, want %v", err, why)
		}
	}
	answers := map[string][]float64{}
	for _, name := range []string{"plain", "normed"} {
		other := representedSubject(t, e, name)
		c := *s
		c.Sibling = &Twin{Hash: other.Final.Hash(), Arch: other.Arch, Final: other.Final}
		answers[name] = request(t, openSubject(t, testHost(t, dir), &c), "sibling", nil)["predicted"]
	}
	if !slices.Equal(answers["plain"], e.Nets["plain"].TestAnswers) || !slices.Equal(answers["normed"], e.Nets["normed"].TestAnswers) {
		t.Errorf("two siblings' answers in one cache: %v", answers)
	}
	c := *s
	a := layers(false, 60, 5)
	c.Sibling = &Twin{Hash: "x", Arch: a, Final: models.NewState(a)}
	if _, err := testHost(t, dir).Open(&c); err == nil {
		t.Error("a sibling of other inputs is taken")
	}
}

// TestOverflow: where the network overflows, what rests on its outputs is undefined, with a reason, and no failure; a
// cancelled context ends every quantity.
func TestOverflow(t *testing.T) {
	var e represented
	readJSON(t, "testdata/representations.json", &e)
	s := representedSubject(t, e, "plain")
	huge := *s
	huge.Final = s.Final.Clone()
	for _, tensor := range huge.Final {
		for i := range tensor.Data {
			tensor.Data[i] *= 1e30
		}
	}
	huge.Key = huge.Final.Hash()
	huge.Sibling = &Twin{Hash: huge.Key, Arch: huge.Arch, Final: huge.Final}
	s.Sibling = huge.Sibling
	p, fine := openSubject(t, testHost(t, t.TempDir()), &huge), openSubject(t, testHost(t, t.TempDir()), s)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, args := range map[string]map[string]string{
		"layer-features": {"layer": "last"}, "layer-margins": nil, "mixup-predictions": nil, "transformed-margins": nil,
		"transformed-predictions": nil, "jacobian-norms": {"of": "probabilities"}, "test-predictions": nil, "sibling": nil,
	} {
		var u *Undefined
		if _, err := p.Get(t.Context(), name, args); !errors.As(err, &u) || u.Reason == "" {
			t.Errorf("%s of a network that overflows: %v", name, err)
		}
		if _, err := fine.Get(cancelled, name, args); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context: %v", name, err)
		}
	}
}
