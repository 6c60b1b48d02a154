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
	small, err := models.MLP(models.Shape{C: 1, H: 2, W: 2}, 2, models.MLPOptions{Width: 4, Depth: 1}) // 4·4+4 + 4·2+2 = 30 parameters, 4·4 + 4·2 = 24 multiplications
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
		rates: rates{{size: 12, values: 15, svds: 1, forward: 0.001, move: 0.01}}, // half as large: passes take twice as long
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

// TestRatesOfConvolutions: passes go by multiplications, of which a kernel takes part in many, moves by parameters, and circular
// norms by frequencies.
func TestRatesOfConvolutions(t *testing.T) {
	conv, err := models.Build("custom", models.Shape{C: 1, H: 8, W: 8}, 2, []models.Layer{
		{Kind: models.Conv2D, Channels: 3, Kernel: 3, Padding: 1}, // 30 parameters, 64·3·9 = 1728 multiplications
		{Kind: models.GlobalAvgPool}, {Kind: models.Dense},        // 8 and 6
	})
	if err != nil {
		t.Fatal(err)
	}
	svds, circular := decompositions(conv)
	if svds != 1+2*3*9*3+2*2*3*2 || circular != 32*90*2*4*3 {
		t.Errorf("decompositions of %v and %v multiplications", svds, circular)
	}
	rs := rates{{size: 867, values: 19, svds: svds / 2, forward: 0.001, gradient: 0.003, move: 0.01, svd: 0.5}}
	j := job{arch: conv, train: 10, test: 20}
	for _, c := range []struct {
		cost quantity.Cost
		want float64
	}{
		{quantity.Cost{Forwards: 3, TestForwards: 1}, 2 * 0.001 * (3*10 + 20)}, {quantity.Cost{Gradients: 1}, 2 * 0.003 * 10},
		{quantity.Cost{Moves: 1}, 2 * 0.01}, {quantity.Cost{SVDs: 1}, 2 * 0.5}, {quantity.Cost{Circular: 1}, 2 * 0.5 * circular / svds},
	} {
		if got := rs.seconds(c.cost, j); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v s, want %v", c.cost, got, c.want)
		}
	}
}
