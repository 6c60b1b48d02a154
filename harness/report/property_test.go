package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

// notNumbers are the texts of a value that is no number; names and reasons drawn
// here have none of them.
var notNumbers = regexp.MustCompile(`(?i)\b(nan|inf)\b`)

// Whatever grid, repeats, ties and holes: a board comes out, values are in
// range and inside their intervals, nulls have reasons, every form can be written.
func TestAnyBoard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawAny(t)
		b, err := Build(in)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		for _, err := range []error{b.WriteText(&text, rapid.IntRange(0, 200).Draw(t, "width")), b.WriteMarkdown(&text), b.WriteCSV(&text), b.WriteLaTeX(&text), b.WriteJSON(&text)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if at := notNumbers.FindIndex(text.Bytes()); at != nil {
			t.Fatalf("%q", text.Bytes()[max(0, at[0]-60):at[1]])
		}
		text.Reset()
		if err := b.WriteJSON(&text); err != nil {
			t.Fatal(err)
		}
		if again, err := Read(bytes.NewReader(text.Bytes())); err != nil || !Equal(b, again) {
			t.Fatalf("read back: %v", err)
		}
		var out struct{ Rows []map[string]any }
		if err := json.Unmarshal(text.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
		if len(out.Rows) != len(in.Measures)+len(ControlNames()) {
			t.Fatalf("%d rows of %d measures and the controls", len(out.Rows), len(in.Measures))
		}
		for i, r := range out.Rows {
			notes := r["notes"].(map[string]any)
			for field, v := range r {
				if v == nil && notes[field] == nil {
					t.Fatalf("%v: %s is null without a reason", r["measure"], field)
				}
			}
			checkRow(t, &b.Rows[i])
		}
	})
}

func checkRow(t *rapid.T, r *Row) {
	for name, v := range map[string]struct {
		value *float64
		ci    *Interval
		low   float64
	}{"psi": {r.Psi, r.PsiCI, -1}, "tau": {r.Tau, r.TauCI, -1}, "cmi": {r.CMI, r.CMICI, 0}, "spearman": {r.Spearman, r.SpearmanCI, -1}, "pearson": {r.Pearson, r.PearsonCI, -1},
		"p": {r.PValue, nil, 0}, "holm": {r.PValueHolm, nil, 0}, "p of tau": {r.TauPValue, nil, 0}, "fgm": {r.Compat.FGMPsi, nil, -1}, "cna": {r.Compat.CNA, nil, 0}} {
		if v.value != nil && !(*v.value >= v.low && *v.value <= 1) {
			t.Fatalf("%s: %s = %v", r.Measure, name, *v.value)
		}
		if v.ci != nil && (v.value == nil || v.ci[0] > *v.value || v.ci[1] < *v.value || v.ci[0] == v.ci[1]) {
			t.Fatalf("%s: %s is not inside %v", r.Measure, name, *v.ci)
		}
	}
}

func drawInput(t *rapid.T) Input {
	in := Input{
		Corpus: "any", Bootstrap: rapid.SampledFrom([]int{20, 20, -1}).Draw(t, "bootstrap"), Permute: 5, Jobs: 1,
		Repeats: rapid.SampledFrom([]string{"mean", "pooled", "per-seed"}).Draw(t, "repeats"),
		Compat:  rapid.SampledFrom([][]string{nil, {"fgm"}, {"cna", "pgdl", "rgm", "fgm"}}).Draw(t, "compat"),
	}
	axes := rapid.IntRange(0, 3).Draw(t, "axes")
	for a := range axes {
		in.Axes = append(in.Axes, fmt.Sprintf("axis %d", a))
	}
	small := rapid.IntRange(0, 3)
	for i := range rapid.IntRange(1, 14).Draw(t, "networks") {
		n := Network{ID: fmt.Sprint(i), Seed: int64(small.Draw(t, "seed")), Gap: float64(small.Draw(t, "gap")) / 10, Config: map[string]string{}, Parameters: small.Draw(t, "parameters")}
		for _, axis := range in.Axes {
			n.Config[axis] = fmt.Sprint(rapid.IntRange(0, 2).Draw(t, axis))
		}
		if rapid.Bool().Draw(t, "bits") {
			n.TestCorrect = rapid.SliceOfN(rapid.Bool(), 9, 9).Draw(t, "correct")
		}
		in.Networks = append(in.Networks, n)
	}
	for m := range rapid.IntRange(0, 3).Draw(t, "measures") {
		out := Measure{Name: fmt.Sprint("m", m, rapid.StringN(0, 5, 20).Draw(t, "name")), Class: Train, Direction: rapid.SampledFrom([]string{"larger", "smaller", "unknown"}).Draw(t, "direction")}
		for range in.Networks {
			out.Values = append(out.Values, Cell{Value: float64(small.Draw(t, "value")), Defined: rapid.IntRange(0, 5).Draw(t, "defined") > 0})
		}
		in.Measures = append(in.Measures, out)
	}
	return in
}

// drawAny is drawInput with what makes values hard: infinities, the ends of the
// range of float64, and every option.
func drawAny(t *rapid.T) Input {
	in := drawInput(t)
	in.KeepUnconverged = rapid.Bool().Draw(t, "keep unconverged")
	in.Gap = rapid.SampledFrom([]GapKind{AccuracyGap, LossGap}).Draw(t, "gap kind")
	third := rapid.IntRange(0, 2)
	for i := range in.Networks {
		n := &in.Networks[i]
		n.Unconverged = i > 0 && third.Draw(t, "unconverged") == 0
		n.TrainLoss = rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), 1e308, .01, .02}).Draw(t, "train loss")
		n.LossGap = rapid.SampledFrom([]float64{math.NaN(), .1, .1, .2, .3}).Draw(t, "loss gap")
		if in.Gap == LossGap {
			n.LossGap = float64(third.Draw(t, "gap"))
		}
	}
	for m := range in.Measures {
		in.Measures[m].Transform = rapid.SampledFrom([]string{"", "log"}).Draw(t, "transform")
		for i := range in.Measures[m].Values {
			if third.Draw(t, "extreme") == 0 {
				in.Measures[m].Values[i].Value = rapid.SampledFrom([]float64{1e308, 1e300, -1e300, 5e-324}).Draw(t, "value")
			}
		}
	}
	return in
}
