package dataset

import (
	"math"
	"slices"
	"strconv"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

func TestDrawsAgainstNumPy(t *testing.T) {
	v := loadVectors(t).Draws
	key := streamKey(42, inputNoise)
	if got := strconv.FormatUint(key, 10); got != v.Key {
		t.Errorf("key %s, want %s", got, v.Key)
	}
	for i, want := range v.Values {
		if got := strconv.FormatUint(draw(key, uint64(i)), 10); got != want {
			t.Errorf("draw %d is %s, want %s", i, got, want)
		}
	}
	for i, want := range v.Below {
		if got := below(draw(key, uint64(i)), 10); got != want {
			t.Errorf("draw %d below 10 is %d, want %d", i, got, want)
		}
	}
	// By hand: the extremes of unit are 2^-53 and 1 - 2^-53.
	if unit(0) != 0x1p-53 || unit(math.MaxUint64) != 1-0x1p-53 {
		t.Errorf("unit's extremes are %v and %v", unit(0), unit(math.MaxUint64))
	}
}

func TestNormalAgainstSciPy(t *testing.T) {
	v := loadVectors(t).Quantile
	// AS 241 claims about 1e-16, cephes' ndtri a few 1e-16, where u is not within rounding of 1/2.
	const tol = 4e-15
	for i, u := range v.U {
		if got, want := normal(u), v.Z[i]; math.Abs(got-want) > tol*max(1, math.Abs(want)) {
			t.Errorf("quantile of %v is %v, SciPy has %v", u, got, want)
		}
	}
	if got := normal(0.5); got != 0 {
		t.Errorf("quantile of 1/2 is %v", got)
	}
	for _, u := range []float64{0x1p-53, 1e-9, 0.01, 0.3} { // exact antisymmetry where 1-u is exact
		u = 1 - (1 - u)
		if normal(u) != -normal(1-u) {
			t.Errorf("quantiles of %v and %v are %v and %v", u, 1-u, normal(u), normal(1-u))
		}
	}
	for _, x := range []float64{0x1p-53, 1e-10, 0.001, 0.075, 0.499, 0.7071, 0.70711, 0.999} {
		if got, want := logBelowOne(x), math.Log(x); math.Abs(got-want) > 4e-16*max(0.1, -want) {
			t.Errorf("log %v is %v, want %v", x, got, want)
		}
	}
}

// The shuffles on fmnist-mini's subset are the ones that NumPy computes.
func TestShuffleAgainstNumPy(t *testing.T) {
	v := loadVectors(t).Mini
	s := mustOpen(t, "fmnist-mini", "")
	for _, c := range []struct {
		mode string
		f    float64
		want []int32
	}{
		{Permute, 0.5, v.PermuteHalf}, {Permute, 0.25, v.PermuteQuarter}, {Resample, 0.5, v.ResampleHalf}, {FirstK, 0.5, v.FirstKHalf},
	} {
		d := mustBuild(t, s, Transform{Pool: 2, Train: 1000, SubsetSeed: 11, ShuffleSeed: 7, ShuffleMode: c.mode, LabelShuffle: c.f})
		if !slices.Equal(d.Train.Y, c.want) {
			t.Errorf("%s %v: labels differ from NumPy's", c.mode, c.f)
		}
	}
	for _, mode := range []string{Permute, Resample} {
		d := mustBuild(t, s, Transform{Pool: 2, Train: 1000, SubsetSeed: 11, ShuffleSeed: 7, ShuffleMode: mode, LabelShuffle: 0.5})
		if !contains(v.ChosenHalf, d.Train.Changed) {
			t.Errorf("%s changed labels outside the chosen half", mode)
		}
	}
}

// With K balanced classes f(1 - 1/K) of the labels change in all three modes.
// V: f = 0.5 and ten classes give 0.45.
func TestChangedFraction(t *testing.T) {
	s := mustOpen(t, "fmnist-mini", "")
	const n, seeds = 1000, 20
	for _, mode := range []string{Permute, Resample, FirstK} {
		for _, f := range []float64{0.1, 0.25, 0.5, 1} {
			sum := 0.0
			for seed := range uint64(seeds) {
				d := mustBuild(t, s, Transform{Pool: 2, Train: n, Test: 10, SubsetSeed: 1, ShuffleSeed: seed, ShuffleMode: mode, LabelShuffle: f})
				if want := float64(len(d.Train.Changed)) / n; d.ChangedFraction != want {
					t.Fatalf("%s %v: changed fraction %v, but %v of the indices are listed", mode, f, d.ChangedFraction, want)
				}
				for i := range d.Train.Y {
					if _, listed := slices.BinarySearch(d.Train.Changed, i); listed != (d.Train.Y[i] != d.Train.Clean[i]) {
						t.Fatalf("%s %v: example %d is listed wrongly", mode, f, i)
					}
				}
				if len(d.Train.Changed) > int(f*n) {
					t.Fatalf("%s %v: %d labels changed", mode, f, len(d.Train.Changed))
				}
				sum += d.ChangedFraction
			}
			// A binomial count of fn trials with probability 0.9 a seed; four standard errors.
			// 0.002 more, since the subset's own class frequencies are not exactly equal.
			want := f * 0.9
			tol := 4*math.Sqrt(f*0.09/n/seeds) + 0.002
			if got := sum / seeds; !near(got, want, tol) {
				t.Errorf("%s %v: %v of the labels changed, want %v within %v", mode, f, got, want, tol)
			}
		}
	}
}

func TestPermuteKeepsClassCounts(t *testing.T) {
	s := mustOpen(t, "fmnist-mini", "")
	for _, mode := range []string{Permute, FirstK} {
		for _, f := range []float64{0.1, 0.33, 1} {
			d := mustBuild(t, s, Transform{Pool: 2, Train: 999, ShuffleSeed: 5, ShuffleMode: mode, LabelShuffle: f})
			if got, want := counts(d.Train.Y, 10), counts(d.Train.Clean, 10); !slices.Equal(got, want) {
				t.Errorf("%s %v: class counts %v, were %v", mode, f, got, want)
			}
		}
	}
}

// Every label is equally likely: Pearson's χ² over new labels, and over pairs
// of old and new ones, against the 99.99 % quantile of its distribution.
func TestShuffledLabelsAreUniform(t *testing.T) {
	s := mustOpen(t, "fmnist-mini", "")
	for _, mode := range []string{Permute, Resample} {
		d := mustBuild(t, s, Transform{Pool: 2, LabelShuffle: 1, ShuffleMode: mode, ShuffleSeed: 8})
		pairs := make([]float64, 100)
		for i, y := range d.Train.Y {
			pairs[10*d.Train.Clean[i]+y]++
		}
		x2 := 0.0
		for _, n := range pairs {
			x2 += (n - 40) * (n - 40) / 40 // 4,000 examples, 100 pairs
		}
		// Permuting fixes both margins: (10-1)² degrees of freedom; resampling the old labels only: 90.
		df := map[string]float64{Permute: 81, Resample: 90}[mode]
		if limit := (distuv.ChiSquared{K: df}).Quantile(0.9999); x2 > limit {
			t.Errorf("%s: χ² = %v over pairs of labels, limit %v", mode, x2, limit)
		}
	}
}

func TestFirstKTouchesTheFirst(t *testing.T) {
	s := mustOpen(t, "fmnist-mini", "")
	d := mustBuild(t, s, Transform{Pool: 2, Train: 1000, LabelShuffle: 0.3, ShuffleMode: FirstK})
	if last := d.Train.Changed[len(d.Train.Changed)-1]; last >= 300 {
		t.Errorf("label %d changed, only the first 300 may", last)
	}
}

// The example set touched by a fraction is contained in that of a larger one,
// and resampled labels stay what they were.
func TestFractionsNest(t *testing.T) {
	s := mustOpen(t, "fmnist-mini", "")
	at := func(mode string, f float64) Split {
		return mustBuild(t, s, Transform{Pool: 2, Train: 1000, ShuffleSeed: 4, ShuffleMode: mode, LabelShuffle: f}).Train
	}
	fractions := []float64{0.1, 0.25, 0.5, 1}
	for i, f := range fractions[1:] {
		small, large := at(Resample, fractions[i]), at(Resample, f)
		if !contains(large.Changed, small.Changed) {
			t.Errorf("resample %v does not contain %v", f, fractions[i])
		}
		for _, k := range small.Changed {
			if small.Y[k] != large.Y[k] {
				t.Errorf("resample: example %d has label %d at %v and %d at %v", k, small.Y[k], fractions[i], large.Y[k], f)
			}
		}
	}
	// A permuted label may come back to its own by chance, so the chosen subsets
	// are compared, not the changed ones.
	index := at(Permute, 0.1).Index
	order := ranked(streamKey(4, shuffleChoice), index)
	for _, f := range fractions {
		chosen := slices.Sorted(slices.Values(order[:fractionOf(f, 1000)]))
		if !contains(chosen, at(Permute, f).Changed) {
			t.Errorf("permute %v changed labels outside the first part of one order", f)
		}
	}
}

func TestNoiseAgainstNumPy(t *testing.T) {
	v := loadVectors(t).Mini
	s := mustOpen(t, "fmnist-mini", "")
	base := Transform{Pool: 2, Train: 1000, SubsetSeed: 11, InputNoise: 0.3, NoiseSeed: 3}
	for _, c := range []struct {
		name   string
		change func(*Transform)
		want   []float32
		sha    string
	}{
		{"plain", func(*Transform) {}, v.Noisy, v.NoisySHA256},
		{"clipped", func(t *Transform) { t.ClipNoise = true }, v.Clipped, ""},
		{"normalised", func(t *Transform) { t.Normalize = true }, v.NoisyNormalized, v.NormalizedSHA256},
	} {
		tr := base
		c.change(&tr)
		d := mustBuild(t, s, tr)
		var got []float32
		for _, r := range v.Rows {
			got = append(got, d.Train.X[r*196:(r+1)*196]...)
		}
		for i := range got {
			if !near(float64(got[i]), float64(c.want[i]), 3e-7) { // a unit in the last place of values up to 4
				t.Errorf("%s: value %d is %v, NumPy and SciPy have %v", c.name, i, got[i], c.want[i])
			}
		}
		// All 196,000 float32 values round alike here, and must on every machine.
		if sum := sha(bytesOf(d.Train.X)); c.sha != "" && sum != c.sha {
			t.Errorf("%s: inputs have sha256 %s, NumPy's and SciPy's %s", c.name, sum, c.sha)
		}
	}
}

// Mean 0, variance s², skewness 0 and kurtosis 3 within four standard errors,
// which for n normal values are s/√n, s²√(2/n), √(6/n) and √(24/n).
func TestNoiseMoments(t *testing.T) {
	s := mustOpen(t, "fmnist-mini", "")
	for _, std := range []float64{0.1, 1.6} {
		clean := mustBuild(t, s, Transform{Pool: 2, Test: 10})
		noisy := mustBuild(t, s, Transform{Pool: 2, Test: 10, InputNoise: std, NoiseSeed: 77})
		n := float64(len(clean.Train.X))
		var m1, m2, m3, m4 float64
		for i, x := range noisy.Train.X {
			z := (float64(x) - float64(clean.Train.X[i])) / std
			m1, m2, m3, m4 = m1+z, m2+z*z, m3+z*z*z, m4+z*z*z*z
		}
		for _, c := range []struct {
			name            string
			got, want, unit float64
		}{
			{"mean", m1 / n, 0, 1 / math.Sqrt(n)},
			{"variance", m2 / n, 1, math.Sqrt(2 / n)},
			{"third moment", m3 / n, 0, math.Sqrt(15 / n)},  // Var z³ = E z⁶ = 15
			{"fourth moment", m4 / n, 3, math.Sqrt(96 / n)}, // Var z⁴ = 105 - 9
		} {
			if !near(c.got, c.want, 4*c.unit) {
				t.Errorf("noise of %v: %s %v, want %v within %v", std, c.name, c.got, c.want, 4*c.unit)
			}
		}
	}
}

// Neighbouring pixels, neighbouring examples and neighbouring seeds are
// uncorrelated: products of independent normals have mean 0 and variance 1.
func TestNoiseIsIndependent(t *testing.T) {
	z := func(seed, example, pixel uint64) float64 {
		return normal(unit(draw(draw(streamKey(seed, inputNoise), example), pixel)))
	}
	const n = 200
	for name, next := range map[string]func(s, i, j uint64) float64{
		"pixels":   func(s, i, j uint64) float64 { return z(s, i, j+1) },
		"examples": func(s, i, j uint64) float64 { return z(s, i+1, j) },
		"seeds":    func(s, i, j uint64) float64 { return z(s+1, i, j) },
		"diagonal": func(s, i, j uint64) float64 { return z(s, i+1, j+1) },
	} {
		sum := 0.0
		for i := range uint64(n) {
			for j := range uint64(n) {
				sum += z(1, i, j) * next(1, i, j)
			}
		}
		if mean := sum / (n * n); math.Abs(mean) > 4.0/n {
			t.Errorf("%s: mean product %v, want 0 within %v", name, mean, 4.0/n)
		}
	}
}

// The noise of an example is one field, scaled: it does not depend on the
// subset, the labels or the level.
func TestNoiseIsFixedPerExample(t *testing.T) {
	s := mustOpen(t, "fmnist-mini", "")
	whole := mustBuild(t, s, Transform{Pool: 2, Test: 10, InputNoise: 0.5, NoiseSeed: 5})
	part := mustBuild(t, s, Transform{Pool: 2, Test: 10, Train: 300, SubsetSeed: 3, LabelShuffle: 0.5, InputNoise: 0.5, NoiseSeed: 5})
	for k, i := range part.Train.Index {
		if !slices.Equal(part.Train.X[k*196:(k+1)*196], whole.Train.X[i*196:(i+1)*196]) {
			t.Fatalf("image %d has other noise in a subset", i)
		}
	}
	clean := mustBuild(t, s, Transform{Pool: 2, Test: 10})
	twice := mustBuild(t, s, Transform{Pool: 2, Test: 10, InputNoise: 1, NoiseSeed: 5})
	for i, c := range clean.Train.X {
		a, b := float64(whole.Train.X[i])-float64(c), float64(twice.Train.X[i])-float64(c)
		if !near(2*a, b, 1e-6) { // float32 values up to 6
			t.Fatalf("value %d: noise %v at 0.5, %v at 1", i, a, b)
		}
	}
	other := mustBuild(t, s, Transform{Pool: 2, Test: 10, InputNoise: 0.5, NoiseSeed: 6})
	if slices.Equal(other.Train.X, whole.Train.X) {
		t.Error("two seeds give one noise")
	}
}

func TestNoNoiseIsIdentity(t *testing.T) {
	v := loadVectors(t)
	s := colourSet(t, v)
	sc := newScale(s.Train.Shape, 2)
	if err := sc.normalize(s.Train.Pixels); err != nil {
		t.Fatal(err)
	}
	noisy := sc.noisy(s.Train.Pixels, []int{0, 1, 2, 3, 4}, Transform{InputNoise: 0, NoiseSeed: 1})
	if !slices.Equal(noisy, sc.clean(s.Train.Pixels)) {
		t.Error("noise of 0 changes inputs")
	}
}

func TestClippedNoiseStaysInRange(t *testing.T) {
	s := mustOpen(t, "fmnist-mini", "")
	d := mustBuild(t, s, Transform{Pool: 2, InputNoise: 1.6, ClipNoise: true})
	if lo, hi := slices.Min(d.Train.X), slices.Max(d.Train.X); lo != 0 || hi != 1 {
		t.Errorf("clipped inputs lie in [%v, %v]", lo, hi)
	}
}
