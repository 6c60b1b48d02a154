package models

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestAugmentationIsPyTorch compares with testdata/augment.json, which testdata/make_augment.py made.
func TestAugmentationIsPyTorch(t *testing.T) {
	raw, err := os.ReadFile("testdata/augment.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Shape   Shape
			Black   []float32
			Crop    int
			Flip    bool
			Seed    uint64
			N       int
			Epochs  []int
			X, Want []float32
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 4 {
		t.Fatalf("%d cases, want 4", len(file.Cases))
	}
	for i, c := range file.Cases {
		a := newAugmenter(Augmentation{Crop: c.Crop, Flip: c.Flip}, c.Shape, c.Black, c.Seed)
		d := c.Shape.Size()
		got := make([]float32, len(c.Want))
		for e, epoch := range c.Epochs {
			for n := range c.N {
				a.write(got[(e*c.N+n)*d:][:d], c.X[n*d:][:d], epoch, n)
			}
		}
		if !slices.Equal(got, c.Want) {
			t.Errorf("case %d: got %v, PyTorch has %v", i, got, c.Want)
		}
	}
}

// Places and mirrors are uniform and the epochs' draws independent: Pearson's χ² over the 81·2 outcomes, and over pairs of
// mirrors of one example in two epochs.
func TestAugmentationIsUniform(t *testing.T) {
	a := Augmentation{Crop: 4, Flip: true}
	const n = 81 * 2 * 500
	counts, pairs := make([]float64, 81*2), make([]float64, 4)
	for i := range uint64(n) {
		y, x, m := a.place(9, 1, i)
		_, _, later := a.place(9, 2, i)
		bit := func(b bool) int {
			if b {
				return 1
			}
			return 0
		}
		counts[(y*9+x)*2+bit(m)]++
		pairs[bit(m)*2+bit(later)]++
	}
	for _, c := range []struct {
		counts []float64
		limit  float64 // the 99.99 % quantile of χ² (SciPy 1.10.1): chi2.ppf(0.9999, 161) and (0.9999, 3)
	}{{counts, 236.428}, {pairs, 21.108}} {
		x2, want := 0.0, float64(n)/float64(len(c.counts))
		for _, got := range c.counts {
			x2 += (got - want) * (got - want) / want
		}
		if x2 > c.limit {
			t.Errorf("χ² = %v over %d outcomes, limit %v", x2, len(c.counts), c.limit)
		}
	}
}

// seen is an engine that notes what it is given.
type seen struct {
	scripted
	stepped, evaluated []float32
}

func (s *seen) NewSession(Architecture, int) (Session, error) { return s, nil }

func (s *seen) Step(x []float32, y []int32, d Draw) (float64, error) {
	s.stepped = append(s.stepped, x...)
	return s.scripted.Step(x, y, d)
}

func (s *seen) Logits(dst, x []float32) error {
	s.evaluated = append(s.evaluated, x...)
	return s.scripted.Logits(dst, x)
}

// Steps see augmented inputs, evaluation the examples; the batch size changes the order of nothing but the steps.
func TestTrainAugments(t *testing.T) {
	shape := Shape{C: 1, H: 3, W: 3}
	a, err := MLP(shape, 2, MLPOptions{Width: 2, Depth: 1})
	if err != nil {
		t.Fatal(err)
	}
	ex := Examples{X: make([]float32, 4*9), Y: make([]int32, 4), Padding: []float32{-7}}
	for i := range ex.X {
		ex.X[i] = float32(i + 1)
	}
	training := Training{Optimizer: Optimizer{Name: "sgd", LearningRate: 1}, BatchSize: 2, MaxEpochs: 2, Init: "pytorch", Augment: Augmentation{Crop: 1, Flip: true}}
	seeds := Seeds{Order: 3, Augment: 4}
	rows := func(training Training, seeds Seeds) (stepped map[int][]float32, evaluated []float32) {
		e := &seen{scripted: scripted{arch: a, steps: []float64{9}, eval: []float64{9}, perEpoch: 2}}
		if _, err := Train(context.Background(), e, a, training, seeds, ex, nil); err != nil {
			t.Fatal(err)
		}
		stepped = map[int][]float32{}
		for lo := 0; lo < len(e.stepped); lo += 9 {
			row := e.stepped[lo:][:9]
			at := int(slices.Max(row)-1) / 9 // each has a pixel of its own
			stepped[at] = append(stepped[at], row...)
		}
		return stepped, e.evaluated
	}
	stepped, evaluated := rows(training, seeds)
	if want := slices.Concat(ex.X, ex.X); !slices.Equal(evaluated, want) { // every epoch, though the loss is far off
		t.Errorf("evaluated on %v, want %v", evaluated, want)
	}
	aug := newAugmenter(training.Augment, shape, ex.Padding, seeds.Augment)
	for i := range 4 {
		want := make([]float32, 18)
		aug.write(want[:9], ex.X[9*i:][:9], 1, i)
		aug.write(want[9:], ex.X[9*i:][:9], 2, i)
		if !slices.Equal(stepped[i], want) {
			t.Errorf("example %d: trained on %v, want %v", i, stepped[i], want)
		}
	}
	training.BatchSize, seeds.Order = 4, 8
	if other, _ := rows(training, seeds); !slices.EqualFunc(mapValues(stepped), mapValues(other), slices.Equal) {
		t.Error("another order and batch size changed what an example becomes")
	}
	training.Augment, seeds.Augment = Augmentation{}, 0
	plain, _ := rows(training, seeds)
	for i := range 4 {
		if want := slices.Concat(ex.X[9*i:][:9], ex.X[9*i:][:9]); !slices.Equal(plain[i], want) {
			t.Errorf("example %d: without augmentation trained on %v", i, plain[i])
		}
	}
}

func mapValues(m map[int][]float32) [][]float32 { return [][]float32{m[0], m[1], m[2], m[3]} }

func TestAugmentationRefuses(t *testing.T) {
	a, err := MLP(Shape{C: 2, H: 4, W: 8}, 2, MLPOptions{Width: 2, Depth: 1})
	if err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]struct {
		a       Augmentation
		padding []float32
	}{
		"negative": {Augmentation{Crop: -1}, nil}, "can miss images of 4 x 8: use fewer than 4": {Augmentation{Crop: 4}, nil},
		"1 values of padding for 2 channels": {Augmentation{Flip: true}, []float32{1}}, "not a finite": {Augmentation{Crop: 1}, []float32{1, float32(math.NaN())}},
	} {
		training := Training{Optimizer: Optimizer{Name: "sgd", LearningRate: 1}, BatchSize: 2, MaxEpochs: 2, Init: "pytorch", Augment: c.a}
		ex := Examples{X: make([]float32, 64), Y: make([]int32, 1), Padding: c.padding}
		if _, err := Train(context.Background(), &scripted{arch: a}, a, training, Seeds{}, ex, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestAugmentationAllocatesNothing(t *testing.T) {
	a := newAugmenter(Augmentation{Crop: 4, Flip: true}, Shape{3, 32, 32}, nil, 1)
	dst, src := make([]float32, 3072), make([]float32, 3072)
	if n := testing.AllocsPerRun(100, func() { a.write(dst, src, 1, 2) }); n != 0 {
		t.Errorf("%v allocations an image", n)
	}
}

// BenchmarkAugment is the cost of an image of CIFAR's size.
func BenchmarkAugment(b *testing.B) {
	a := newAugmenter(Augmentation{Crop: 4, Flip: true}, Shape{3, 32, 32}, nil, 1)
	dst, src := make([]float32, 3072), make([]float32, 3072)
	for i := range b.N {
		a.write(dst, src, 1, i)
	}
}
