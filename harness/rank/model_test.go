package rank

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Empirical Bayes variances against a Python script with scipy.special's digamma
// and polygamma and scipy.optimize's brentq.
func TestModerate(t *testing.T) {
	for _, c := range []struct {
		variances []float64
		degrees   []int
		want      []float64
	}{
		{[]float64{1, 100, .01, 5, 30, .2, 0, 2}, []int{4, 4, 4, 3, 2, 4, 0, 4},
			[]float64{1.0812748872725075, 101.47075694284905, 0.07738006671674208, 4.913463348196221, 26.56026756602763, 0.2700467494496668, 0.447005120523145, 2.0953100595510583}},
		{[]float64{1, 2, 1.5, .7, 0}, []int{1, 1, 1, 1, 0}, []float64{1.3, 1.3, 1.3, 1.3, 1.3}}, // no more apart than by chance: their mean
		{[]float64{0, 0, 3, 0}, []int{1, 1, 1, 0}, []float64{0, 0, 3, 0}},                       // most do not vary
		{[]float64{0, 0}, []int{0, 0}, []float64{0, 0}},
	} {
		got, _ := moderate(c.variances, c.degrees)
		for i := range got {
			near(t, "variance", got[i], c.want[i], 1e-9*max(1, c.want[i]))
		}
	}
}

// The parts are the least squares of main effects: they add up, and the rest has
// no mean at any level (the normal equations).
func TestEffects(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 1))
	for _, whole := range []bool{true, false} {
		g, x, y := gridOf(r, []int{4, 3, 2}, 1)
		defined := make([]bool, len(x))
		for i := range defined {
			defined[i] = whole || r.Float64() < .7
		}
		s := must(g.Sample(x, y, defined, Mean))
		e := s.newEffects()
		grand := e.split(x)
		for _, c := range e.config {
			sum := grand
			for _, part := range e.parts {
				sum += part[c]
			}
			near(t, "sum of the parts", sum, x[c], 1e-12)
		}
		for a, levels := range e.levels {
			sums := make([]float64, len(e.counts[a]))
			for _, c := range e.config {
				sums[levels[c]] += e.parts[len(e.levels)][c]
			}
			for _, sum := range sums {
				near(t, "rest at a level", sum, 0, 1e-7)
			}
		}
	}
}

// The spread of the centres is that of the true means: over many draws the mean
// square of an axis' effect is what it is without noise.
func TestCentresSpreadAsTheTrueMeans(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 1))
	var ofAxis, ofRest mean
	for range 400 {
		g, x, y := gridOf(r, []int{6, 5}, 2)
		for i := range x {
			x[i] += 2 * float64(g.levels[0][i]) // variance 4·35/12
		}
		s := must(g.Sample(x, y, nil, Mean))
		m := s.newModel(nil)
		e := s.newEffects()
		e.split(m.x.centre)
		ofAxis.add(optional{e.squared(0) / 30, true})
		ofRest.add(optional{e.squared(2) / 30, true})
	}
	near(t, "variance of the effect", ofAxis.value().v, 4*35./12, .3)
	// The truth is 0; a square root of what chance leaves above it is not. The
	// rest has 20 degrees and a noise of 1/2, so that its square is known to √(2/20).
	near(t, "variance of the rest", ofRest.value().v, 0, .08)
}

// Noise that multiplies is modelled in logarithms, noise that adds is not; nor
// is what changes its sign.
func TestLogarithms(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	g, z, y := gridOf(r, []int{4, 2, 2}, 2)
	add, multiply, negative, both := make([]float64, len(z)), make([]float64, len(z)), make([]float64, len(z)), make([]float64, len(z))
	for i := range z {
		level := float64(g.levels[0][i])
		add[i] = 10 + 2*level + z[i]
		multiply[i] = math.Exp(2*level + z[i])
		negative[i] = -multiply[i]
		both[i] = multiply[i] - 2
	}
	for _, c := range []struct {
		name string
		x    []float64
		sign float64
	}{{"adds", add, 0}, {"multiplies", multiply, 1}, {"negative", negative, -1}, {"both signs", both, 0}} {
		if _, sign := must(g.Sample(c.x, y, nil, Mean)).logarithms(c.x); sign != c.sign {
			t.Errorf("%s: sign %v, want %v", c.name, sign, c.sign)
		}
	}
}

// What does not vary with the seed does not in replicates, to the last bit, so
// that ties stay.
func TestSeedlessMeasureStays(t *testing.T) {
	g, x, y := gridOf(rand.New(rand.NewPCG(12, 1)), []int{4, 2, 2}, 3)
	for i := range x {
		x[i] = float64(g.levels[0][i]) / 7
	}
	s := must(g.Sample(x, y, nil, Mean))
	f := s.newScorer(B, s.Granulated(B))
	s.newModel(nil).draw(f, 1, 1)
	for p, pt := range s.points {
		if f.x[p] != pt.x {
			t.Errorf("x of point %d: %v, was %v", p, f.x[p], pt.x)
		}
		if f.y[p] == pt.y {
			t.Errorf("the gap of point %d stays", p)
		}
	}
}

// Where all that tells seeds apart is the draw of the test examples, nothing is
// left for training noise.
func TestSeedShare(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 1))
	g, x, y := gridOf(r, []int{5, 4, 4}, 2)
	const size = 500
	correct := make([][]bool, len(y))
	for i := range y {
		hits := 0
		for range size {
			hit := r.Float64() < .6
			correct[i] = append(correct[i], hit)
			if hit {
				hits++
			}
		}
		y[i] = 1 - float64(hits)/size
	}
	noise := must(NewTestNoise(correct, 20, 1))
	s := must(g.Sample(x, y, nil, Mean))
	_, variances, degrees := s.spread(y)
	// The ratio of variances has 80 degrees: √(2/80) = 0.16.
	if share := s.seedShare(variances, degrees, noise); share > .4 {
		t.Errorf("%.2f of the variance is said to be training's", share)
	}
	for i := range y {
		y[i] += r.NormFloat64()
	}
	_, variances, degrees = s.spread(y)
	if share := s.seedShare(variances, degrees, noise); share < .99 {
		t.Errorf("%.3f of the variance is said to be training's", share)
	}
}
