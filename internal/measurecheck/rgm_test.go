package measurecheck

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/internal/evidence"
	"github.com/genbench/genbench/measures"
)

// fromRGM is testdata/rgm.json: the values of nitarshan/robust-generalization-measures' measures.py, by the names of its enumeration.
type fromRGM struct {
	Versions map[string]string
	Networks map[string]struct {
		Values map[string]float64
		Exact  map[string]float64   // with an ε of 0 in the neutral batch norm that RGM leaves behind; those of the convolutional networks alone
		BySeed map[string][]float64 `json:"by_seed"`
	}
}

// source names the code and what it ran on.
func (e fromRGM) source() string {
	return "robust-generalization-measures' measures.py on PyTorch " + e.Versions["torch"]
}

// tolerance is relative. RGM computes in float32, and its neutral batch norm leaves a factor 1/√(1+1e-5) a layer: with 3 of them
// 1.5e-5 of a logit and 3e-5 of a squared margin.
const tolerance = 1e-4

// byAlias finds a built-in by its name in RGM.
func byAlias(t *testing.T, alias string) measure.Info {
	t.Helper()
	for _, m := range measures.All() {
		if info := m.Info(); slices.Contains(info.Aliases, alias) {
			return info
		}
	}
	t.Fatalf("no measure has the alias %s", alias)
	return measure.Info{}
}

func TestRGM(t *testing.T) { checkRGM(t, mlps, tolerance, false) }

// TestRGMConvolutions: the NiN is RGM's own class of networks, with the stored tensors. Values with a margin of 7 layers' neutral batch norm are off by up to
// 1.8e-4, since a logit is smaller than the parts that it is the sum of; without its ε all agree to 1e-4.
func TestRGMConvolutions(t *testing.T) { checkRGM(t, convolutions, 3*tolerance, false) }

func TestRGMConvolutionsExact(t *testing.T) { checkRGM(t, convolutions, tolerance, true) }

func checkRGM(t *testing.T, folder string, tolerance float64, exact bool) {
	ev := evidence.Open(t)
	var expected fromRGM
	readJSON(t, valuesOf("rgm", folder), &expected)
	source := expected.source() + whose(folder)
	networks := kept(t, folder)
	for _, id := range sorted(networks) {
		s := newScorer(t, networks[id])
		values, least := expected.Networks[id].Values, 32
		if exact {
			values, least = expected.Networks[id].Exact, 27
			source = expected.source() + whose(folder) + ", with ε = 0 in its neutral batch norm"
		}
		if len(values) < least {
			t.Fatalf("%s: RGM has %d values", id, len(values))
		}
		for _, alias := range sorted(values) {
			if alias == "PARAMS" || strings.HasPrefix(alias, "PACBAYES") {
				continue // the board's control num-params; TestRGMNoise
			}
			info, want := byAlias(t, alias), values[alias]
			name := info.Name
			if slices.ContainsFunc(info.Options, func(o measure.Option) bool { return o.Name == "margin" }) {
				name += "[margin=rgm]"
			}
			got, err := s.value(name)
			if err != nil {
				t.Errorf("%s of %s: %v", name, id, err)
				continue
			}
			if strings.HasPrefix(alias, "PATH_NORM") {
				want = math.Log(want) // genbench answers the logarithm
			}
			// Of logarithms the difference is the relative difference of what they are of.
			tol := evidence.Absolute(tolerance)
			if info.Scale == measure.Raw {
				tol = evidence.Relative(tolerance)
			}
			ev.Measure(name, source, tol, got, want)
			t.Logf("%-42s %.10g RGM %.10g", name, got, want)
		}
	}
}

// TestRGMNoise: means over 20 seeds of each side's own noise.
func TestRGMNoise(t *testing.T) { checkRGMNoise(t, mlps) }

func TestRGMNoiseConvolutions(t *testing.T) { checkRGMNoise(t, convolutions) }

func checkRGMNoise(t *testing.T, folder string) {
	ev := evidence.Open(t)
	var expected fromRGM
	readJSON(t, valuesOf("rgm", folder), &expected)
	networks := kept(t, folder)
	for _, id := range sorted(networks) {
		got := map[string][]float64{}
		for seed := range uint64(20) {
			subject := *networks[id]
			subject.Seed = seed
			s := newScorer(t, &subject)
			for alias := range expected.Networks[id].BySeed {
				v, err := s.value(byAlias(t, alias).Name + "[rgm_compat=true]")
				if err != nil {
					t.Fatalf("%s of %s: %v", alias, id, err)
				}
				got[alias] = append(got[alias], v)
			}
		}
		for _, alias := range sorted(got) {
			a, ea := meanAndError(got[alias])
			b, eb := meanAndError(expected.Networks[id].BySeed[alias])
			z := math.Abs(a-b) / math.Hypot(ea, eb)
			t.Logf("%-24s %.6g ± %.2g, RGM %.6g ± %.2g: %.1f standard errors, %.2g relative", alias, a, ea, b, eb, z, math.Abs(a-b)/b)
			ev.Measure(byAlias(t, alias).Name+"[rgm_compat=true]", expected.source()+whose(folder)+", means over 20 seeds", evidence.StandardErrors(4, math.Hypot(ea, eb)), a, b)
		}
	}
}

// meanAndError answers the mean and its standard error.
func meanAndError(v []float64) (mean, se float64) {
	n := float64(len(v))
	for _, x := range v {
		mean += x / n
	}
	var squares float64
	for _, x := range v {
		squares += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(squares / (n - 1) / n)
}
