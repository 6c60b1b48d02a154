package models_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/models"
)

// given is a session whose network hands its inputs on: D features are K
// logits.
type given struct {
	models.Session
	classes int
	calls   []int // sizes of the batches
}

func (g *given) Logits(dst, x []float32) error {
	g.calls = append(g.calls, len(x)/g.classes)
	copy(dst, x)
	return nil
}

func (g *given) Outputs(x []float32, visit func(int, []float32)) error {
	visit(0, make([]float32, 3*len(x))) // a hidden layer
	visit(1, x)
	return nil
}

// TestEvaluate compares with losses computed by hand: -log softmax of equal
// logits is log K; of (0, log 3) it is log 4 and log 4/3.
func TestEvaluate(t *testing.T) {
	log3 := float32(math.Log(3))
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		name    string
		x       []float32
		y       []int32
		classes int
		loss    float64
		correct []bool
	}{
		{"two classes", []float32{0, log3, 0, log3}, []int32{1, 0}, 2, (math.Log(4./3) + math.Log(4)) / 2, []bool{true, false}},
		// per-example means: a batch of two and one of one do not weigh the same
		{"short last batch", []float32{0, log3, 0, log3, 0, 0}, []int32{0, 0, 0}, 2, (2*math.Log(4) + math.Log(2)) / 3, []bool{false, false, true}},
		{"ties go to the first", []float32{5, 5, 5, 5, 5, 5}, []int32{0, 1}, 3, math.Log(3), []bool{true, false}},
		{"shifted logits", []float32{3e38, 3e38, -3e38, -3e38}, []int32{0, 1}, 2, math.Log(2), []bool{true, false}},
		{"no chance", []float32{0, 1e4}, []int32{0}, 2, 1e4, []bool{false}},
		{"infinite", []float32{0, inf}, []int32{0}, 2, math.NaN(), []bool{false}},
		{"not a number", []float32{nan, 0}, []int32{1}, 2, math.NaN(), []bool{false}},
	} {
		s := &given{classes: c.classes}
		m, err := models.Evaluate(s, models.Examples{X: c.x, Y: c.y}, 2)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		// float64 sums of float32 logits: log 3 is rounded to float32, 4e-8.
		if !(math.Abs(m.Loss-c.loss) <= 1e-7*c.loss) && !(math.IsNaN(m.Loss) && math.IsNaN(c.loss)) {
			t.Errorf("%s: loss %v, want %v", c.name, m.Loss, c.loss)
		}
		if !slices.Equal(m.Correct, c.correct) {
			t.Errorf("%s: correct %v, want %v", c.name, m.Correct, c.correct)
		}
		hits := 0
		for _, ok := range c.correct {
			if ok {
				hits++
			}
		}
		if want := float64(hits) / float64(len(c.y)); m.Accuracy != want {
			t.Errorf("%s: accuracy %v, want %v", c.name, m.Accuracy, want)
		}
		if slices.Max(s.calls) > 2 {
			t.Errorf("%s: a batch of %d examples", c.name, slices.Max(s.calls))
		}
	}
}

func TestEvaluateRefuses(t *testing.T) {
	for what, c := range map[string]struct {
		x     []float32
		y     []int32
		batch int
	}{
		"no examples":   {nil, nil, 1},
		"batches of 0":  {[]float32{0, 0}, []int32{0}, 0},
		"ragged inputs": {[]float32{0, 0, 0}, []int32{0, 1}, 1},
		"label K":       {[]float32{0, 0}, []int32{2}, 1},
		"label -1":      {[]float32{0, 0}, []int32{-1}, 1},
	} {
		if _, err := models.Evaluate(&given{classes: 2}, models.Examples{X: c.x, Y: c.y}, c.batch); err == nil || !strings.Contains(err.Error(), "evaluating") {
			t.Errorf("%s: %v; want an error that says what was under way", what, err)
		}
	}
}
