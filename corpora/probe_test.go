package corpora

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// far is a corpus on a data set that is not at hand, of three families, without a target loss.
const far = `name: far
data: {set: cifar-10, train: 1000, test: 100}
training: {lr: 0.02, target_loss: 0, max_epochs: 7}
axes:
  network:
    mlp: {network: {family: mlp, width: 16, depth: 2}}
    nin: {network: {family: nin, width: 8, depth: 1}}
    resnet: {network: {family: resnet18, width: 2}}
  seed: [1, 2]
`

// TestPlanWithoutData: operations are counted by hand, and time comes from steps on random inputs.
func TestPlanWithoutData(t *testing.T) {
	nets := networks(t, far)
	p, err := MakePlan(t.Context(), nil, nets, engine(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	// Multiply-adds: 3072·16 + 16·16 + 16·10; 16·16 places of 3·8·9, 8·8 and 8·8, and of 8·10; and those of the ResNet that torch counts
	// for width 64 by the squares of its widths, the stem by its width.
	mlp, nin := 3072*16+16*16+160, 256*(216+64+64+80)
	const resnet, stem, linear = 555422720, 1024 * 27 * 64, 5120 // make_architectures.py's total, of it the stem and the last layer
	thin := (resnet-stem-linear)/1024 + stem/32 + linear/32
	want := 2 * 6 * float64(mlp+nin+thin) * 1000 * 7
	if math.Abs(p.Operations-want) > 1e-9*want {
		t.Errorf("%v operations, want %v", p.Operations, want)
	}
	if !(p.Seconds > 0) || p.Seconds != p.SecondsMax || math.Abs(p.Epochs-7) > 1e-9 || p.Missing != 6 || !strings.Contains(p.Basis, "no target") {
		t.Errorf("plan %+v", p)
	}
}

func TestProbes(t *testing.T) {
	nets := networks(t, far) // mlp, mlp, nin, nin, resnet, resnet
	for _, c := range []struct {
		nets  []Network
		sizes []float64
		want  []int
	}{
		{nets, []float64{3, 3, 1, 1, 9, 9}, []int{0, 2, 4}}, // the first largest of each family
		{nets[:2], []float64{3, 5}, []int{0, 1}},            // one family: its largest and its smallest
		{nets[:4], []float64{5, 4, 1, 2}, []int{0, 2, 3}},   // the largest of both, and the smallest
		{nets[:1], []float64{3}, []int{0}},
	} {
		if got := probes(c.nets, c.sizes); !slices.Equal(got, c.want) {
			t.Errorf("sizes %v: networks %v, want %v", c.sizes, got, c.want)
		}
	}
	rates := []rate{{"mlp", 100, 1}, {"vgg", 1000, 2}, {"vgg", 10, 3}}
	for _, c := range []struct {
		family string
		size   float64
		want   float64
	}{{"mlp", 10, 1}, {"vgg", 90, 3}, {"vgg", 110, 2}, {"nin", 90, 1}} {
		if got := nearestRate(rates, c.family, c.size); got != c.want {
			t.Errorf("%s of %v: rate %v, want %v", c.family, c.size, got, c.want)
		}
	}
}
