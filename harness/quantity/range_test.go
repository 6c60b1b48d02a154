package quantity

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/internal/evidence"
	"github.com/genbench/genbench/models"
)

// ranges is testdata/range.json, made by testdata/make_range.py.
type ranges struct {
	NumPy  string
	Native [][]int
	Inputs [][]float32
	Cases  []struct {
		Range                 string
		Bins, Image           int
		Noised                bool
		Drop, Clip, Published float64
	}
}

// TestRange holds entropies over other ranges than [0, 1] against numpy.histogram.
func TestRange(t *testing.T) {
	ev := evidence.Open(t)
	raw, err := os.ReadFile("testdata/range.json")
	if err != nil {
		t.Fatal(err)
	}
	var e ranges
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	a := layers(false, 48, 2)
	s := subjectOf(a, models.NewState(a), slices.Concat(e.Inputs...), make([]int32, len(e.Inputs)))
	s.Data.Train.Native = nil
	for _, row := range e.Native {
		for _, v := range row {
			s.Data.Train.Native = append(s.Data.Train.Native, uint8(v))
		}
	}
	p := openSubject(t, testHost(t, t.TempDir()), s)
	source := "NumPy " + e.NumPy + ": histogram over other ranges"
	for _, c := range e.Cases {
		for _, way := range []struct {
			args map[string]string
			want float64
		}{
			{map[string]string{"out_of_range": "drop"}, c.Drop},
			{map[string]string{"out_of_range": "clip"}, c.Clip},
			{map[string]string{"out_of_range": "clip", "scale": "published"}, c.Published},
		} {
			way.args["range"], way.args["bins"], way.args["noised"] = c.Range, fmt.Sprint(c.Bins), fmt.Sprint(c.Noised)
			ev.Quantity("complexity", source, evidence.Absolute(1e-9), request(t, p, "complexity", way.args)["values"][c.Image], way.want)
		}
	}
}

func TestRangeArguments(t *testing.T) {
	for given, want := range map[string]string{"": "0:1", "0:1": "0:1", "0.0:1.00": "0:1", "-2.50:1e1": "-2.5:10"} {
		r, err := Canonical("complexity", map[string]string{"range": given})
		if err != nil || r.Argument("range") != want {
			t.Errorf("%q: %v, %v, want %q", given, r, err, want)
		}
	}
	for _, bad := range []string{"1", "1:0", "0:0", "a:1", "0:b", "0:Inf", "NaN:1", "0:1:2"} {
		if _, err := Canonical("complexity", map[string]string{"range": bad}); err == nil || !strings.Contains(err.Error(), "range") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	// What makes no difference is one quantity: 8-bit pixels are within [-1, 2], files have no range.
	for _, same := range [][2]map[string]string{
		{{"range": "-1:2"}, {"range": "-1:2", "out_of_range": "drop"}},
		{{"complexity": "png"}, {"complexity": "png", "range": "-1:2"}},
	} {
		one, _ := Canonical("complexity", same[0])
		other, _ := Canonical("complexity", same[1])
		if one != other {
			t.Errorf("%v and %v", one, other)
		}
	}
	drop, _ := Canonical("complexity", map[string]string{"range": "0:0.5", "out_of_range": "drop"})
	if drop.Argument("out_of_range") != "drop" {
		t.Errorf("%v: pixels outside of the range are clipped", drop)
	}
	// None left is a failure that names the remedy.
	p := openSubject(t, testHost(t, t.TempDir()), v10())
	_, err := p.Get(context.Background(), "complexity", map[string]string{"noised": "true", "range": "7:9", "out_of_range": "drop"})
	if err == nil || !strings.Contains(err.Error(), "out_of_range clip") {
		t.Errorf("no value in the range: %v", err)
	}
}
