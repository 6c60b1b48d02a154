package dataset

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// colourSet is 5 images of 3 channels, 4 x 6; test images are the same.
func colourSet(t *testing.T, v vectors) *Set {
	t.Helper()
	im := &Images{Shape: Shape{3, 4, 6}, Classes: 2, Pixels: toBytes(v.Colour.Pixels), Labels: []int32{0, 1, 0, 1, 0}}
	s, err := NewSet("colour", im, im, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestScaleAgainstNumPy(t *testing.T) {
	v := loadVectors(t)
	s := colourSet(t, v)
	for _, c := range []struct {
		name string
		t    Transform
		want []float32
		tol  float64
	}{
		// NumPy's mean of four quotients may end in another last bit than k/1020,
		// before both are rounded to float32: half a unit in the last place.
		{"plain", Transform{}, v.Colour.Plain, 0},
		{"pooled", Transform{Pool: 2}, v.Colour.Pooled, 6e-8},
		{"normalised", Transform{Pool: 2, Normalize: true}, v.Colour.Normalized, 2.4e-7},
	} {
		d := mustBuild(t, s, c.t)
		for _, x := range [][]float32{d.Train.X, d.Test.X} {
			if len(x) != len(c.want) {
				t.Fatalf("%s: %d values, want %d", c.name, len(x), len(c.want))
			}
			for i := range x {
				if !near(float64(x[i]), float64(c.want[i]), c.tol) {
					t.Errorf("%s: value %d is %v, NumPy has %v", c.name, i, x[i], c.want[i])
				}
			}
		}
	}
	d := mustBuild(t, s, Transform{Pool: 2, Normalize: true})
	if d.Shape != (Shape{3, 2, 3}) || d.NativeShape != (Shape{3, 4, 6}) || d.Classes != 2 {
		t.Errorf("shapes %v and %v, %d classes", d.Shape, d.NativeShape, d.Classes)
	}
	for c := range 3 {
		if !near(d.Mean[c], v.Colour.Mean[c], 1e-14) || !near(d.Std[c], v.Colour.Std[c], 1e-14) {
			t.Errorf("channel %d: mean %v, deviation %v; NumPy %v, %v", c, d.Mean[c], d.Std[c], v.Colour.Mean[c], v.Colour.Std[c])
		}
	}
	if !bytes.Equal(d.Train.Native, toBytes(v.Colour.Pixels)) {
		t.Error("native pixels were touched")
	}
}

// Values of 2 x 2 pooling are k/1020, correctly rounded: by hand.
func TestPoolByHand(t *testing.T) {
	im := &Images{Shape: Shape{1, 2, 4}, Classes: 2, Labels: []int32{0, 1}, Pixels: []uint8{
		1, 2, 255, 255,
		3, 4, 255, 255,
		0, 0, 0, 1,
		0, 0, 0, 0,
	}}
	s, err := NewSet("hand", im, im, "")
	if err != nil {
		t.Fatal(err)
	}
	got := mustBuild(t, s, Transform{Pool: 2}).Train.X
	want := []float32{10.0 / 1020, 1, 0, 1.0 / 1020}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSubset(t *testing.T) {
	v := loadVectors(t).Mini
	s := mustOpen(t, "fmnist-mini", "")
	tr := Transform{Pool: 2, Train: 1000, Test: 500, SubsetSeed: 11}
	d := mustBuild(t, s, tr)
	if !slices.Equal(d.Train.Index, v.Index) {
		t.Errorf("the subset is not the one that NumPy draws")
	}
	if got := sha(bytesOf(d.Train.X)); got != v.CleanSHA256 {
		t.Errorf("inputs have sha256 %s, NumPy's %s", got, v.CleanSHA256)
	}
	for c, n := range counts(d.Train.Y, 10) {
		if n != 100 {
			t.Errorf("%d training examples of class %d, want 100", n, c)
		}
	}
	for c, n := range counts(d.Test.Y, 10) {
		if n != 50 {
			t.Errorf("%d test examples of class %d, want 50", n, c)
		}
	}
	for k, i := range d.Train.Index {
		if d.Train.Y[k] != s.Train.Labels[i] || !bytes.Equal(d.Train.Native[k*784:(k+1)*784], s.Train.Pixels[i*784:(i+1)*784]) {
			t.Fatalf("example %d is not image %d of the set", k, i)
		}
	}
	tr.Train = 2000
	if larger := mustBuild(t, s, tr); !contains(larger.Train.Index, d.Train.Index) {
		t.Error("2,000 examples do not contain the 1,000 of the same seed")
	}
	tr.Train, tr.SubsetSeed = 1000, 12
	if other := mustBuild(t, s, tr); slices.Equal(other.Train.Index, d.Train.Index) {
		t.Error("another seed draws the same subset")
	}
	tr.Train = 1003 // three classes have one more
	if got := counts(mustBuild(t, s, tr).Train.Y, 10); !slices.Equal(got, []int{101, 101, 101, 100, 100, 100, 100, 100, 100, 100}) {
		t.Errorf("1,003 examples have class counts %v", got)
	}
	if all := mustBuild(t, s, Transform{Train: 4000}); !slices.Equal(all.Train.X, mustBuild(t, s, Transform{}).Train.X) {
		t.Error("asking for all 4,000 is not the whole set in its order")
	}
}

// contains says whether the ascending large contains the ascending small.
func contains(large, small []int) bool {
	for _, i := range small {
		if _, ok := slices.BinarySearch(large, i); !ok {
			return false
		}
	}
	return true
}

func TestNormalizeMini(t *testing.T) {
	v := loadVectors(t).Mini
	s := mustOpen(t, "fmnist-mini", "")
	d := mustBuild(t, s, Transform{Normalize: true})
	if !near(d.Mean[0], v.NativeMean, 1e-12) || !near(d.Std[0], v.NativeStd, 1e-12) {
		t.Errorf("mean %v, deviation %v; NumPy %v, %v", d.Mean[0], d.Std[0], v.NativeMean, v.NativeStd)
	}
	tr := Transform{Pool: 2, Train: 1000, SubsetSeed: 11, Normalize: true}
	d = mustBuild(t, s, tr)
	if !near(d.Mean[0], v.Mean, 1e-12) || !near(d.Std[0], v.Std, 1e-12) {
		t.Errorf("pooled subset: mean %v, deviation %v; NumPy %v, %v", d.Mean[0], d.Std[0], v.Mean, v.Std)
	}
	// Noise and labels do not reach the statistics, nor the test images.
	tr.InputNoise, tr.LabelShuffle = 1.6, 0.5
	noisy := mustBuild(t, s, tr)
	if noisy.Mean[0] != d.Mean[0] || noisy.Std[0] != d.Std[0] || !slices.Equal(noisy.Test.X, d.Test.X) {
		t.Error("noise moved the normalisation")
	}
	if plain := mustBuild(t, s, Transform{}); plain.Mean != nil || plain.Std != nil {
		t.Error("statistics without normalisation")
	}
}

func TestTestSplitIsClean(t *testing.T) {
	s := mustOpen(t, "fmnist-mini", "")
	for _, mode := range []string{Permute, Resample, FirstK} {
		d := mustBuild(t, s, Transform{Pool: 2, Test: 1000, LabelShuffle: 1, ShuffleMode: mode, InputNoise: 0.8, SubsetSeed: 1})
		clean := mustBuild(t, s, Transform{Pool: 2, Test: 1000, SubsetSeed: 1})
		if !slices.Equal(d.Test.X, clean.Test.X) || !slices.Equal(d.Test.Y, clean.Test.Y) || !slices.Equal(d.Test.Y, d.Test.Clean) || len(d.Test.Changed) != 0 {
			t.Errorf("%s: the test split is corrupted", mode)
		}
		if !bytes.Equal(d.Train.Native, clean.Train.Native) || !slices.Equal(d.Train.Clean, clean.Train.Clean) {
			t.Errorf("%s: the native pixels or the clean labels are corrupted", mode)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	s := mustOpen(t, "fmnist-mini", "")
	for _, c := range []struct {
		t    Transform
		want string
	}{
		{Transform{Pool: -1}, "pool: -1"},
		{Transform{Pool: 3}, "pool: 3 does not divide images of 28 x 28"},
		{Transform{Pool: 1000}, "pool: 1000"},
		{Transform{Train: -1}, "train: -1"},
		{Transform{Test: -5}, "test: -5"},
		{Transform{Train: 4010}, "train: 4010 class-balanced examples need 401 of class 0, the set has 400; ask for at most 4000"},
		{Transform{Test: 2001}, "test: 2001"},
		{Transform{LabelShuffle: -0.1}, "label_shuffle: -0.1"},
		{Transform{LabelShuffle: 1.1}, "label_shuffle: 1.1"},
		{Transform{LabelShuffle: math.NaN()}, "label_shuffle: NaN"},
		{Transform{InputNoise: -1}, "input_noise: -1"},
		{Transform{InputNoise: math.NaN()}, "input_noise: NaN"},
		{Transform{InputNoise: math.Inf(1)}, "input_noise: +Inf"},
		{Transform{ShuffleMode: "random"}, `shuffle_mode: unknown mode "random" (known: permute, resample, first-k)`},
	} {
		_, err := Build(s, c.t)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "fmnist-mini") {
			t.Errorf("%+v: error %v, want one with %q", c.t, err, c.want)
		}
	}
	flat := &Images{Shape: Shape{1, 2, 2}, Classes: 2, Labels: []int32{0, 1}, Pixels: make([]uint8, 8)}
	constant, err := NewSet("constant", flat, flat, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Build(constant, Transform{Normalize: true}); err == nil || !strings.Contains(err.Error(), "normalize") {
		t.Errorf("constant images: error %v", err)
	}
}

func TestNewSetRefuses(t *testing.T) {
	good := func() *Images {
		return &Images{Shape: Shape{1, 2, 2}, Classes: 2, Labels: []int32{0, 1}, Pixels: make([]uint8, 8)}
	}
	for _, c := range []struct {
		change func(*Images)
		want   string
	}{
		{func(im *Images) { im.Shape.H = 0 }, "image shape"},
		{func(im *Images) { im.Shape = Shape{1 << 30, 1 << 30, 1 << 30} }, "image shape"},
		{func(im *Images) { im.Classes = 1 }, "1 classes"},
		{func(im *Images) { im.Labels = nil; im.Pixels = nil }, "no images"},
		{func(im *Images) { im.Pixels = im.Pixels[1:] }, "7 pixels for 2 images"},
		{func(im *Images) { im.Labels[1] = 2 }, "label 2 of image 1"},
		{func(im *Images) { im.Labels[0] = -1 }, "label -1 of image 0"},
	} {
		bad := good()
		c.change(bad)
		if _, err := NewSet("x", good(), bad, ""); err == nil || !strings.Contains(err.Error(), "test split: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
	other := good()
	other.Classes = 3
	if _, err := NewSet("x", good(), other, ""); err == nil {
		t.Error("splits with different classes were accepted")
	}
	if _, err := NewSet("x", good(), nil, ""); err == nil {
		t.Error("a set without test images was accepted")
	}
}

func TestHash(t *testing.T) {
	s := mustOpen(t, "fmnist-mini", "")
	base := Transform{Pool: 2, Train: 100, Test: 100, LabelShuffle: 0.5, InputNoise: 0.3, SubsetSeed: 1, ShuffleSeed: 2, NoiseSeed: 3}
	seen := map[string]Transform{}
	for _, change := range []func(*Transform){
		func(*Transform) {},
		func(t *Transform) { t.Pool = 1 },
		func(t *Transform) { t.Train = 200 },
		func(t *Transform) { t.Test = 200 },
		func(t *Transform) { t.Normalize = true },
		func(t *Transform) { t.LabelShuffle = 0.25 },
		func(t *Transform) { t.ShuffleMode = Resample },
		func(t *Transform) { t.ShuffleMode = FirstK },
		func(t *Transform) { t.InputNoise = 0.30000000000000004 },
		func(t *Transform) { t.ClipNoise = true },
		func(t *Transform) { t.SubsetSeed = 9 },
		func(t *Transform) { t.ShuffleSeed = 9 },
		func(t *Transform) { t.NoiseSeed = 9 },
		func(t *Transform) { t.NoiseSeed = math.MaxUint64 },
	} {
		tr := base
		change(&tr)
		d := mustBuild(t, s, tr)
		if other, ok := seen[d.Hash]; ok {
			t.Errorf("%+v and %+v have one hash", tr, other)
		}
		seen[d.Hash] = tr
		if len(d.Hash) != 64 {
			t.Errorf("hash %q", d.Hash)
		}
		if again := mustBuild(t, s, tr); again.Hash != d.Hash {
			t.Errorf("%+v: two hashes", tr)
		}
	}
	gaussian := mustOpen(t, "gaussian-noise", "")
	if mustBuild(t, gaussian, Transform{}).Hash == mustBuild(t, s, Transform{}).Hash {
		t.Error("two sets have one hash")
	}
}

// What has no effect must not change the hash, and must have no effect.
func TestCanonical(t *testing.T) {
	s := mustOpen(t, "fmnist-mini", "")
	plain := mustBuild(t, s, Transform{})
	off := mustBuild(t, s, Transform{Pool: 1, ShuffleMode: Resample, LabelShuffle: math.Copysign(0, -1), ClipNoise: true, SubsetSeed: 1, ShuffleSeed: 2, NoiseSeed: 3})
	if plain.Hash != off.Hash || !slices.Equal(plain.Train.X, off.Train.X) || !slices.Equal(plain.Train.Y, off.Train.Y) {
		t.Error("values without effect had one")
	}
	a := mustBuild(t, s, Transform{LabelShuffle: 0.1})
	b := mustBuild(t, s, Transform{LabelShuffle: 0.1, ShuffleMode: Permute})
	if a.Hash != b.Hash || !slices.Equal(a.Train.Y, b.Train.Y) {
		t.Error("permute is not the default mode")
	}
}

func TestTransformJSON(t *testing.T) {
	want := Transform{Pool: 2, Train: 1000, Test: 2000, Normalize: true, LabelShuffle: 0.1, ShuffleMode: FirstK, InputNoise: 0.3, ClipNoise: true,
		SubsetSeed: math.MaxUint64, ShuffleSeed: 1 << 63, NoiseSeed: 3}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Transform
	if err := json.Unmarshal(b, &got); err != nil || got != want {
		t.Errorf("%s came back as %+v (%v)", b, got, err)
	}
	for _, key := range []string{"pool", "train", "test", "normalize", "label_shuffle", "shuffle_mode", "input_noise", "clip_noise", "subset_seed", "shuffle_seed", "noise_seed"} {
		if !bytes.Contains(b, []byte(`"`+key+`":`)) {
			t.Errorf("%s lacks %q", b, key)
		}
	}
}

// A set is shared by many workers, so building from it must not write to it.
// Run under -race this would show; the checksum shows it always.
func TestBuildLeavesTheSetAlone(t *testing.T) {
	s := mustOpen(t, "fmnist-mini", "")
	done := make(chan error)
	trs := []Transform{
		{LabelShuffle: 1}, {LabelShuffle: 1, ShuffleMode: Resample}, {LabelShuffle: 1, ShuffleMode: FirstK, Normalize: true}, {Pool: 2, InputNoise: 1, ClipNoise: true},
	}
	for _, tr := range trs {
		go func() {
			_, err := Build(s, tr)
			done <- err
		}()
	}
	for range trs {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := Checksum(s.Train, s.Test); got != s.Checksum {
		t.Error("building changed the set")
	}
}

func BenchmarkBuild(b *testing.B) {
	s := mustOpen(b, "fmnist-mini", "")
	for _, c := range []struct {
		name string
		t    Transform
	}{
		{"clean", Transform{Pool: 2, Train: 1000, Test: 2000}},
		{"shuffled", Transform{Pool: 2, Train: 1000, Test: 2000, LabelShuffle: 0.5}},
		{"noisy", Transform{Pool: 2, Train: 1000, Test: 2000, InputNoise: 0.3}},
		{"native-noisy", Transform{Train: 1000, Test: 2000, InputNoise: 0.3}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mustBuild(b, s, c.t)
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, name := range []string{"fmnist-mini", "gaussian-noise"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				mustOpen(b, name, "")
			}
		})
	}
}

// Relabel makes what Build makes, without another copy of the inputs.
func TestRelabel(t *testing.T) {
	for _, name := range []string{"fmnist-mini", "gaussian-noise"} {
		s := mustOpen(t, name, "")
		full := Transform{Pool: 2, Train: 200, Test: 50, Normalize: true, InputNoise: 0.3, NoiseSeed: 4, SubsetSeed: 5}
		base := mustBuild(t, s, full)
		for _, mode := range []string{"", Resample, FirstK} {
			shuffled := full
			shuffled.LabelShuffle, shuffled.ShuffleMode, shuffled.ShuffleSeed = 0.5, mode, 9
			got, err := Relabel(base, s, shuffled)
			if err != nil {
				t.Fatal(err)
			}
			if want := mustBuild(t, s, shuffled); !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %q: Relabel and Build differ", name, mode)
			}
			if &got.Train.X[0] != &base.Train.X[0] || base.ChangedFraction != 0 {
				t.Errorf("%s, %q: the inputs were copied, or base changed", name, mode)
			}
		}
		other := full
		other.NoiseSeed++
		if _, err := Relabel(base, s, other); err == nil || !strings.Contains(err.Error(), "another set or transform") {
			t.Errorf("%s: inputs with other noise: %v", name, err)
		}
	}
}
