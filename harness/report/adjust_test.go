package report

import (
	"math"
	"strings"
	"testing"
)

// sized are networks of these training set sizes, with gaps 0.1, 0.2, ... and measures of one value each a network.
func sized(sizes []int, measures ...Measure) Input {
	in := Input{Adjust: RGMAdjustment, Bootstrap: -1, Permute: 20, Measures: measures}
	for i, m := range sizes {
		in.Networks = append(in.Networks, Network{ID: string(rune('a' + i)), Gap: 0.1 * float64(i+1), LossGap: math.NaN(), TrainLoss: math.NaN(), TrainSize: m})
	}
	return in
}

func valued(name, scale string, values ...float64) Measure {
	m := Measure{Name: name, Class: Train, Direction: "larger", Scale: scale}
	for _, v := range values {
		m.Values = append(m.Values, Cell{Value: v, Defined: !math.IsNaN(v), Reason: "not here"})
	}
	return m
}

// TestAdjustedValues: by hand √(4/100) = 0.2, √(9/400) = 0.15, √(0/25) = 0; the logarithm of 36 at 100 examples is that of
// √(36/100) = 0.6 (vector V6's prod-of-spec); what is undefined stays so; the input is left as it was.
func TestAdjustedValues(t *testing.T) {
	in := sized([]int{100, 400, 25}, valued("raw", "raw", 4, 9, 0), valued("log", "log", math.Log(36), math.NaN(), math.Log(25)))
	b, err := newBuilder(in)
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range [][]float64{{0.2, 0.15, 0}, {math.Log(0.6), math.NaN(), 0}} {
		m := b.in.Measures[k]
		for i, w := range want {
			if c := m.Values[i]; c.Defined == math.IsNaN(w) || c.Defined && math.Abs(c.Value-w) > 1e-15 {
				t.Errorf("%s of network %d: %+v, want %v", m.Name, i, c, w)
			}
		}
	}
	if in.Measures[0].Values[0].Value != 4 {
		t.Error("the input is changed")
	}
}

// TestAdjustment: where sizes differ the order changes, of a raw measure and of its logarithm alike; the board says so. Values
// 1, 2, 3 at 10, 40, 90 examples fall from √0.1 to √0.033.
func TestAdjustment(t *testing.T) {
	in := sized([]int{10, 40, 90}, valued("raw", "raw", 1, 2, 3), valued("log", "log", 0, math.Log(2), math.Log(3)))
	for adjust, want := range map[string]float64{"": 1, NoAdjustment: 1, RGMAdjustment: -1} {
		in.Adjust = adjust
		b := build(t, in)
		for _, r := range b.Rows {
			if r.Class == Train && (r.Tau == nil || *r.Tau != want) {
				t.Errorf("adjust %q: τ of %s is %v, want %v", adjust, r.Measure, r.Tau, want)
			}
		}
		said := strings.Contains(strings.Join(b.Notes, " "), "adjusted for the size")
		if adjusted := adjust == RGMAdjustment; said != adjusted || (b.Adjust == "rgm") != adjusted {
			t.Errorf("adjust %q: the board says %q, notes %q", adjust, b.Adjust, b.Notes)
		}
		a, err := Audit(in)
		if err != nil || (a.Adjust == "rgm") != (adjust == RGMAdjustment) || *a.Rows[0].Score < 0.99 {
			t.Errorf("adjust %q: audit %+v, %v", adjust, a, err)
		}
	}
}

func TestAdjustmentRefused(t *testing.T) {
	fine := valued("fine", "raw", 1, 2)
	for name, c := range map[string]struct {
		change func(*Input)
		says   string
	}{
		"an unknown size":   {func(in *Input) { in.Networks[1].TrainSize = 0 }, "of network b is not known"},
		"negative values":   {func(in *Input) { in.Measures = append(in.Measures, valued("cna", "raw", 0.5, -0.25)) }, "cna (-0.25 of network b)"},
		"adjusted already":  {func(in *Input) { in.Adjusted = "it was done before" }, "it was done before"},
		"an unknown choice": {func(in *Input) { in.Adjust = "fgm" }, "none or rgm"},
	} {
		in := sized([]int{10, 20}, fine)
		c.change(&in)
		if _, err := Build(in); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error that says %q", name, err, c.says)
		}
	}
	// A logarithm may be negative; so may what is not adjusted.
	in := sized([]int{10, 20}, valued("log", "log", -5, -6))
	build(t, in)
	in = sized([]int{0, 0}, valued("cna", "raw", -0.5, 0.5))
	in.Adjust = NoAdjustment
	build(t, in)
}
