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
	for name, head := range map[string]string{"fgm": "FGM τ  FGM ψ label_shuffle  FGM ψ width", "pgdl": "PGDL", "rgm": "RGM mean  RGM p90  RGM max  environments", "cna": "|r| loss gap"} {
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
