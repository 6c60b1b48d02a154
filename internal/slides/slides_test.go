package slides

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness/figure"
	"github.com/genbench/genbench/models/cpu"
)

// spec is a corpus of eight small networks; keep is put in.
const spec = `name: drawn
data: {set: fmnist-mini, pool: 2, train: 100, test: 100}
network: {family: mlp, depth: 2, width: 12}
training: {optimizer: sgd, lr: 0.05, momentum: 0.9, batch: 32, target_loss: 0.1, max_epochs: 60}
axes:
  label_shuffle: [0.4, 0]
  batchnorm: [false, true]
  seed: [1, 2]
keep: {init: true%s}
`

// trained is that corpus in a new store.
func trained(t *testing.T, keep string) *Corpus {
	t.Helper()
	s, err := corpora.ParseSpec("drawn.yaml", fmt.Appendf(nil, spec, keep))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	store, err := corpora.OpenStore(filepath.Join(dir, "store"), s)
	if err != nil {
		t.Fatal(err)
	}
	e, err := cpu.New(os.Getenv("GENBENCH_KERNELS"))
	if err != nil {
		t.Fatal(err)
	}
	nets, err := store.Networks()
	if err != nil {
		t.Fatal(err)
	}
	data := corpora.NewDataCache("")
	if r, err := corpora.Train(t.Context(), store, nets, corpora.TrainOptions{Engine: e, Data: data, Jobs: 2}); err != nil || r.Failed > 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	c, err := NewCorpus(Source{Store: store, Networks: nets, Data: data, Engine: e, CacheDir: filepath.Join(dir, "cache"), Seed: 1, Jobs: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func slide(t *testing.T, name string) Slide {
	t.Helper()
	for _, s := range All() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no figure %s", name)
	return Slide{}
}

func drawn(t *testing.T, c *Corpus, name string, o Options) *figure.Figure {
	t.Helper()
	f, err := Draw(t.Context(), c, slide(t, name), o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestRepeatedTraining: steps from snapshots in the store and from the training done once more are the same networks, bit by bit;
// the figure says which they are.
func TestRepeatedTraining(t *testing.T) {
	stored := drawn(t, trained(t, ", snapshot_steps: [every 1 to 60]"), "loss-cna", Options{})
	again := drawn(t, trained(t, ""), "loss-cna", Options{})
	if !strings.Contains(stored.Caption[0], "from its snapshots of steps") || !strings.Contains(again.Caption[0], "to the same bits") {
		t.Errorf("captions %q and %q", stored.Caption[0], again.Caption[0])
	}
	shared := 0
	for p := range stored.Panels {
		for k, line := range stored.Panels[p].Lines {
			if line.Published {
				continue
			}
			other := again.Panels[p].Lines[k]
			for i, x := range other.X {
				if j := slices.Index(line.X, x); j >= 0 {
					shared++
					if line.Y[j] != other.Y[i] {
						t.Errorf("panel %d, line %d: %v from the store and %v repeated, before batch %v", p, k, line.Y[j], other.Y[i], x)
					}
				}
			}
		}
	}
	if shared < 30 {
		t.Errorf("only %d values to compare", shared)
	}
}

// TestRepeatedTrainingIsHeldAgainstTheRecord: where the training done again is not the one recorded, there is no figure.
func TestRepeatedTrainingIsHeldAgainstTheRecord(t *testing.T) {
	c := trained(t, "")
	for _, r := range c.records {
		r.Seeds.Order++ // another order of the examples
	}
	if _, err := Draw(t.Context(), c, slide(t, "loss-cna"), Options{}); err == nil || !strings.Contains(err.Error(), "the training done again has the mean loss") {
		t.Errorf("got %v", err)
	}
}

// TestLacking: what a corpus lacks is named, with the built-in corpora that have it; an empty store, too.
func TestLacking(t *testing.T) {
	c := trained(t, "")
	for name, want := range map[string]string{
		"trajectory": "corpus drawn lacks 3 snapshots of a training", "complexity": "2 snapshots", "cna-time": "keep: {snapshots:",
		"gap-noise": "networks of the set gaussian-noise or with input noise; built-in corpora that have: ",
	} {
		_, err := Draw(t.Context(), c, slide(t, name), Options{})
		var lack *LackError
		if !errors.As(err, &lack) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		for _, builtin := range lack.Has {
			s, err := corpora.Find(builtin)
			if err != nil {
				t.Fatal(err)
			}
			nets, err := s.Networks()
			if err != nil || slide(t, name).lacks(nets) != "" {
				t.Errorf("%s is said to have what %s needs; %v", builtin, name, err)
			}
		}
	}
	c.records = c.records[:2]
	if _, err := Draw(t.Context(), c, slide(t, "gap-standard"), Options{}); err == nil || !strings.Contains(err.Error(), "genbench train") {
		t.Errorf("two networks with shuffled labels: %v", err)
	}
	f := drawn(t, c, "curves", Options{})
	if last := f.Caption[len(f.Caption)-1]; !strings.Contains(last, "6 of the corpus' 8 networks are not trained") {
		t.Errorf("the caption ends %q", last)
	}
}

// TestWhichNetwork: without a name a clean one is taken, the first; a name may be cut short where that is clear.
func TestWhichNetwork(t *testing.T) {
	c := trained(t, ", snapshots: [0, 1, 2]")
	first, err := c.one("", func(*corpora.Record) bool { return true })
	if err != nil || first.Transform.LabelShuffle != 0 || first.Seed != 1 {
		t.Errorf("%+v, %v", first, err)
	}
	wanted := c.records[3].ID
	r, err := c.one(wanted[:10], nil)
	if err != nil || r.ID != wanted {
		t.Errorf("%v for %s, %v", r, wanted[:10], err)
	}
	for _, bad := range []string{"zz", wanted + "0"} {
		if _, err := c.find(bad); err == nil || !strings.Contains(err.Error(), "is not among the 8 networks") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	// Batch norm: its running statistics are no coordinates, and the figure is drawn all the same.
	for _, r := range c.records {
		if len(r.Architecture.Layers) > 5 {
			f := drawn(t, c, "trajectory", Options{Network: r.ID})
			if !strings.Contains(f.Caption[0], r.ID) || len(f.Panels[0].Field.Z) != gridSide {
				t.Errorf("network %s: %v", r.ID, f.Caption)
			}
			break
		}
	}
}

// TestPlane: points of a plane in a space of 50 dimensions, with variances 9 and 1, come back: distances, shares of the variance, and
// the points themselves from their places.
func TestPlane(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const dims = 50
	var u, v [dims]float64
	for i := range dims { // orthogonal: they share no coordinate
		if i%2 == 0 {
			u[i] = 1 / 5.0
		} else {
			v[i] = 1 / 5.0
		}
	}
	var points [][]float64
	var places [][2]float64
	for range 12 {
		a, b := 3*rng.NormFloat64(), rng.NormFloat64()
		p := make([]float64, dims)
		for i := range p {
			p[i] = 7 + a*u[i] + b*v[i]
		}
		points, places = append(points, p), append(places, [2]float64{a, b})
	}
	p, err := newPlane(points)
	if err != nil {
		t.Fatal(err)
	}
	if s := p.variance[0] + p.variance[1]; math.Abs(s-1) > 1e-12 || p.variance[0] < p.variance[1] {
		t.Errorf("shares of the variance %v", p.variance)
	}
	for i := range points {
		for j := range i {
			want := math.Hypot(places[i][0]-places[j][0], places[i][1]-places[j][1])
			got := math.Hypot(p.scores[i][0]-p.scores[j][0], p.scores[i][1]-p.scores[j][1])
			if math.Abs(got-want) > 1e-12 {
				t.Errorf("points %d and %d are %v apart, want %v", i, j, got, want)
			}
		}
		for k, x := range p.at(p.scores[i][0], p.scores[i][1]) {
			if math.Abs(x-points[i][k]) > 1e-12 {
				t.Errorf("point %d comes back as %v in coordinate %d, was %v", i, x, k, points[i][k])
			}
		}
		if p.nearest(p.scores[i][0]+1e-9, p.scores[i][1]) != i {
			t.Errorf("point %d is not nearest to itself", i)
		}
	}
	if last := p.scores[len(points)-1]; last[0] < 0 || last[1] < 0 {
		t.Errorf("the last point lies at %v", last)
	}
	line := [][]float64{{0, 0}, {1, 1}, {2, 2}}
	if _, err := newPlane(line); err == nil {
		t.Error("points of a line span a plane")
	}
	if _, err := newPlane(points[:2]); err == nil {
		t.Error("two points span a plane")
	}
}

// TestStatistics: closed forms.
func TestStatistics(t *testing.T) {
	mx, my, sd := average([]float64{3, 1, 2, 4}, []float64{30, 10, 20, 60}, 2)
	if !slices.Equal(mx, []float64{1.5, 2.5, 3.5}) || !slices.Equal(my, []float64{15, 25, 45}) || !slices.Equal(sd, []float64{5, 5, 15}) {
		t.Errorf("averages %v, %v, deviations %v", mx, my, sd)
	}
	if r := pearson([]float64{1, 2, 3}, []float64{2, 4, 7}); math.Abs(r-5/math.Sqrt(2*38.0/3)) > 1e-15 { // Σxy 5, Σx² 2, Σy² 38/3 about the means
		t.Errorf("r = %v", r)
	}
	for _, c := range [][2][]float64{{{1, 1, 1}, {1, 2, 3}}, {{1, 2}, {1, 2}}} {
		if r := pearson(c[0], c[1]); !math.IsNaN(r) {
			t.Errorf("r of %v is %v", c, r)
		}
	}
	if ce := crossEntropy([]float32{0, 0, 0, 0}, 2); math.Abs(ce-math.Log(4)) > 1e-15 {
		t.Errorf("cross-entropy of equal logits %v", ce)
	}
	if ce := crossEntropy([]float32{1000, 0}, 1); ce != 1000 {
		t.Errorf("cross-entropy of a certain mistake %v", ce)
	}
	low, high, between := levels([]figure.Values{{-0.25, 0.31}, {math.NaN(), 0}})
	if math.Abs(low+0.3) > 1e-12 || math.Abs(high-0.4) > 1e-12 || len(between) != 6 {
		t.Errorf("levels from %v to %v: %v", low, high, between)
	}
}

// TestMissingValuesCostAPoint: a measure without a value for a network is left out of its bar alone, and two networks have no bar.
func TestMissingValuesCostAPoint(t *testing.T) {
	c := trained(t, "")
	var some []scored
	for i, r := range c.records {
		some = append(some, scored{moment: c.end(r), value: float64(i), target: float64(2 * i)})
	}
	some[3].value = math.NaN()
	some[5].target = math.Inf(1)
	bar, err := c.correlate(some, nil)
	if err != nil || bar.N != 6 || bar.Value == nil || math.Abs(*bar.Value-1) > 1e-12 {
		t.Errorf("%+v, %v", bar, err)
	}
	bar, err = c.correlate(some[:2], nil)
	if err != nil || bar.Value != nil || bar.N != 2 || bar.Note == "" {
		t.Errorf("of two networks: %+v, %v", bar, err)
	}
}
