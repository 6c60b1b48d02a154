package report

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
)

// The scores themselves are TestBoardAgreesWithSciPy's; here: what is printed,
// and in which order.
func TestCompat(t *testing.T) {
	_, in := readCorpus(t)
	plain := build(t, in)
	for name, head := range map[string]string{"fgm": "FGM τ  ψ label_shuffle  ψ width", "pgdl": "PGDL", "rgm": "RGM mean  RGM p90  RGM max  environments", "cna": "|r| loss gap"} {
		in.Compat = []string{name}
		b := build(t, in)
		p, _ := paper(name)
		for i := range b.Rows {
			if r, before := &b.Rows[i], plain.row(t, b.Rows[i].Measure); r.N != before.N || (r.Rank == nil) != (before.Rank == nil) {
				t.Errorf("%s: the row of %s differs", name, r.Measure)
			}
			if i == 0 {
				continue
			}
			above, here := p.key(&b.Rows[i-1]), p.key(&b.Rows[i])
			if above == nil && here != nil || above != nil && here != nil && *above < *here {
				t.Errorf("%s: %s stands below %s", name, b.Rows[i].Measure, b.Rows[i-1].Measure)
			}
		}
		text := form(t, func(w *bytes.Buffer) error { return b.WriteText(w, 0) })
		if !strings.Contains(text, "measure") || !strings.Contains(text, head) || strings.Contains(text, "Ψ [95") || strings.Contains(text, "  sign err") {
			t.Errorf("%s:\n%s", name, text)
		}
		for _, quirk := range p.quirks {
			if !strings.Contains(text, "note: "+quirk) {
				t.Errorf("%s: the text lacks %q", name, quirk)
			}
		}
	}
	in.Compat = []string{"cna", "pgdl"}
	if text := form(t, func(w *bytes.Buffer) error { return build(t, in).WriteText(w, 0) }); !strings.Contains(text, "|r| loss gap   PGDL") {
		t.Errorf("side by side:\n%s", text)
	}
	in.Compat = []string{"pgdl", "pgdl"}
	if _, err := Build(in); err == nil || !strings.Contains(err.Error(), `compat "pgdl" is asked for twice`) {
		t.Error(err)
	}
}

// With many seeds Dziugaite et al.'s environments exist; the board's own are then
// the same, but for the 90th percentile, where each counts once and not twice.
func TestRGM(t *testing.T) {
	in := gridInput(6, 2, 2)
	in.TestSize = 10000
	for i := range in.Networks {
		in.Measures[0].Values[i].Value += .2 * math.Sin(float64(i*i))
	}
	r := build(t, in).row(t, "oracle")
	if r.Compat.RGMMean == nil || *r.Compat.RGMMean != r.SignError.Mean || *r.Compat.RGMMax != r.SignError.Max || *r.Compat.Environments != *r.SignError.Environments {
		t.Errorf("%+v, %+v", r.Compat, r.SignError)
	}
	if at := *r.SignError.MaxAt; !strings.HasPrefix(at, "axis") || !strings.Contains(at, " 0|1 at axis") {
		t.Errorf("worst at %q", at)
	}
	in.Gap = LossGap
	for i := range in.Networks {
		in.Networks[i].LossGap = in.Networks[i].Gap
	}
	b := build(t, in)
	if r := b.row(t, "oracle"); r.Compat.RGMMean != nil || !strings.Contains(r.Notes["compat.rgm_mean"], "gaps of accuracy") || r.SignError == nil {
		t.Errorf("loss gap: %+v %q", r.Compat, r.Notes)
	}
	if !slices.ContainsFunc(b.Notes, func(n string) bool { return strings.Contains(n, "weigh each pair alike") }) {
		t.Errorf("notes %q", b.Notes)
	}
}

func TestCNANeedsLossGaps(t *testing.T) {
	in := largeInput(1)
	in.Bootstrap = 20
	in.Networks[5].LossGap, in.Networks[6].LossGap = math.NaN(), math.NaN()
	if r := build(t, in).row(t, "measure-00"); r.Compat.CNA != nil || r.Notes["compat.cna"] != "the loss gap is not known of 2 of 64 networks" {
		t.Errorf("%v, %q", r.Compat.CNA, r.Notes["compat.cna"])
	}
}

// Holm 1979 by hand: the k-th smallest of n p-values times n-k+1, never below
// the one before, at most 1; for the measures of one class together.
func TestHolmByClass(t *testing.T) {
	in := largeInput(5)
	in.Bootstrap, in.Permute = 20, 199
	in.Measures[4].Class = Transductive
	b := build(t, in)
	var p []float64
	for i := range b.Rows {
		if b.Rows[i].Class == Train {
			p = append(p, *b.Rows[i].PValue)
		}
	}
	slices.Sort(p)
	if len(p) != 4 {
		t.Fatalf("%d p-values", len(p))
	}
	for i := range b.Rows {
		switch r := &b.Rows[i]; r.Class {
		case Control:
			if r.PValueHolm != nil || r.Notes["p_value_holm"] == "" {
				t.Errorf("%s: %v, %q", r.Measure, r.PValueHolm, r.Notes["p_value_holm"])
			}
		case Transductive: // it is alone
			if *r.PValueHolm != *r.PValue {
				t.Errorf("%s: %v of %v", r.Measure, *r.PValueHolm, *r.PValue)
			}
		default:
			want := 0.0
			for k := range p {
				if p[k] <= *r.PValue {
					want = max(want, min(1, float64(4-k)*p[k]))
				}
			}
			if math.Abs(*r.PValueHolm-want) > 1e-12 {
				t.Errorf("%s: %v of %v, want %v", r.Measure, *r.PValueHolm, *r.PValue, want)
			}
		}
	}
}

// The floor is of random orders: it comes near what the control of random
// numbers scores on average, and depends on the gaps alone.
func TestNoiseFloor(t *testing.T) {
	in := largeInput(1)
	in.Bootstrap, in.Permute = 100, 1
	floor := build(t, in).NoiseFloor
	if floor == nil || floor.CMI == nil || floor.PGDL == nil || floor.CMI.Draws != 100 || floor.CMI.P95 <= floor.CMI.Mean {
		t.Fatalf("%+v", floor)
	}
	var mean float64
	const draws = 60
	in.Bootstrap, in.Measures = 20, nil
	for seed := range uint64(draws) {
		in.Seed = seed + 7
		mean += *build(t, in).row(t, random).CMI / draws
	}
	// K of one random order has about its mean for standard deviation.
	if d := math.Abs(mean - floor.CMI.Mean); d > 4*mean*math.Sqrt(1./draws+1./100) {
		t.Errorf("floor %v, random controls %v", *floor.CMI, mean)
	}
	bare := largeInput(1)
	bare.Axes, bare.Bootstrap = nil, 20
	if f := build(t, bare).NoiseFloor; f == nil || f.CMI == nil || f.PGDL != nil {
		t.Errorf("without axes: %+v", f)
	}
	one := build(t, gridInput(1, 1))
	if one.NoiseFloor != nil || !slices.ContainsFunc(one.Notes, func(n string) bool {
		return strings.Contains(n, "a measure that knows nothing scores as K is not known")
	}) {
		t.Errorf("one network: %+v, %q", one.NoiseFloor, one.Notes)
	}
}

func TestEstimand(t *testing.T) {
	in := gridInput(2, 2, 2, 2)
	for want, in := range map[string]Input{"this very grid with new seeds": in, "other configurations": gridInput(1, 2, 2, 2)} {
		b := build(t, in)
		if !strings.Contains(b.Estimand, want) {
			t.Errorf("%q, want %q", b.Estimand, want)
		}
	}
	in.Bootstrap = -1
	if b := build(t, in); b.Estimand != "" {
		t.Errorf("without a bootstrap: %q", b.Estimand)
	}
}
