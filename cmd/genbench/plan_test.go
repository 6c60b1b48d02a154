package main

import (
	"math"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/models"
)

// TestTotals by hand: two measures share the logits, one of them asks for margins too, which rest on them.
func TestTotals(t *testing.T) {
	logits, margins := quantity.Request{Name: "train-logits"}, quantity.Request{Name: "train-margins"}
	search, err := quantity.Canonical("pac-bayes", map[string]string{"rgm_compat": "true"})
	if err != nil {
		t.Fatal(err)
	}
	set := func(rs ...quantity.Request) map[quantity.Request]bool {
		m := map[quantity.Request]bool{}
		for _, r := range rs {
			m[r] = true
		}
		return m
	}
	small, err := models.MLP(models.Shape{C: 1, H: 2, W: 2}, 2, models.MLPOptions{Width: 4, Depth: 1}) // 4·4+4 + 4·2+2 = 30 parameters, 4·4 + 4·2 = 24 multiply-adds
	if err != nil {
		t.Fatal(err)
	}
	m := &measuring{
		columns: []harness.Column{{Name: "a", Info: measure.Info{Name: "a"}}, {Name: "b", Info: measure.Info{Name: "b"}}, {Name: "c", Info: measure.Info{Name: "c"}}},
		asked:   []inprocess.Asked{{All: set(logits)}, {All: set(logits, margins)}, {All: set(search)}},
		jobs: []job{
			{arch: small, train: 100, lacks: []int{0, 1, 2}},
			{arch: small, train: 100, lacks: []int{0}},
			{arch: small, train: 100},
			{arch: small, train: 200, lacks: []int{1}},
		},
		rates: rates{{size: 15, passes: 12, forward: 0.001, move: 0.01}}, // half as large: passes take twice as long
	}
	got, err := m.total()
	if err != nil {
		t.Fatal(err)
	}
	// On 100 examples the network's pass takes 2·100·0.001 = 0.2 s, on 200 twice that, a move 0.02 s. The search
	// takes 1 + 1 + 7·10 passes and 2 + 70 moves (the sample is the whole set), at most 15 for 7.
	usual, most := 72*0.2+72*0.02, 152*0.2+152*0.02
	large := 72*0.4 + 72*0.02
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"networks", float64(got.networks), 3},
		{"missing", got.missing, (0.2 + usual) + 0.2 + 0 + 0.4},
		{"missing at most", got.missingMost, (0.2 + most) + 0.2 + 0 + 0.4},
		{"a network", got.perNetwork, (3*(0.2+usual) + 0.4 + large) / 4},
		{"logits", got.perRequest[logits], (3*0.2 + 0.4) / 4},
		{"margins", got.perRequest[margins], 0},
	} {
		if math.Abs(c.got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
	_, rows := m.table(got)
	var names []string
	for _, r := range rows {
		names = append(names, r[0]+" "+r[1]+" "+r[4])
	}
	if want := "pac-bayes[rgm_compat=true] 72F 1|train-logits 1F 2|train-margins 0 1|all 73F 3"; strings.Join(names, "|") != want {
		t.Errorf("table %q, want %q", strings.Join(names, "|"), want)
	}
	m.jobs = m.jobs[2:3]
	if got, err := m.total(); err != nil || got.networks != 0 || got.missing != 0 || !strings.Contains(m.summary(got, 2)[1][1], "nothing is missing") {
		t.Errorf("a network that lacks nothing: %+v, %v", got, err)
	}
}

func TestBrief(t *testing.T) {
	for s, want := range map[float64]string{0: "0", 0.00123: "1.2 ms", 0.099: "99 ms", 0.12: "0.12 s", 4.25: "4.2 s", 42: "42 s", 300: "5.0 min"} {
		if got := brief(s); got != want {
			t.Errorf("%v s: %q, want %q", s, got, want)
		}
	}
}

// TestGPU: 3.6e16 operations at 10^13 a second are an hour.
func TestGPU(t *testing.T) {
	if got := gpuOf(3.6e16, 10); !strings.HasPrefix(got, "1 hours of one that sustains 10 TFLOP/s (--gpu-tflops; not a measurement") || !strings.HasSuffix(got, "training takes 3.6e+04 TFLOP, counted from the layers and the epochs expected") {
		t.Error(got)
	}
	if got := gpuOf(0, 10); got != "nothing is missing" {
		t.Error(got)
	}
}

// TestDecompositionCost by hand: 4 x 16 and 2 x 4 matrices.
func TestDecompositionCost(t *testing.T) {
	a, err := models.Build("custom", models.Shape{C: 4, H: 2, W: 2}, 2, []models.Layer{
		{Kind: models.Conv2D, Channels: 4, Kernel: 2}, {Kind: models.Dense},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := decompositionCost(a); got != 4*16*4+2*4*2 {
		t.Errorf("cost %v", got)
	}
	if got := circularCost(a); got != 2*180*4*4 { // 2 of 2 x 2 frequencies, once for all of one sign
		t.Errorf("cost of circular norms %v", got)
	}
}
