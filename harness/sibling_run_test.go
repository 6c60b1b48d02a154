//go:build unix

package harness_test

import (
	"strings"
	"testing"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness"
	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/harness/result"
	"github.com/genbench/genbench/models"
)

// disagreements runs the measure over the records, by its plugin, and answers the cells by network.
func disagreements(t *testing.T, o harness.Options, records []*corpora.Record) map[string]*result.Result {
	t.Helper()
	cells := map[string]*result.Result{}
	if err := measureAll(t, o, records, func(r *result.Result) { cells[r.Network] = r }); err != nil {
		t.Fatal(err)
	}
	return cells
}

// predictions are the classes that a stored network answers to test inputs x, [N, D].
func predictions(t *testing.T, e models.Engine, store *corpora.Store, rec *corpora.Record, x []float32) []int {
	t.Helper()
	final, _, err := store.LoadNetwork(rec)
	if err != nil {
		t.Fatal(err)
	}
	n, k := len(x)/rec.Architecture.Input.Size(), rec.Architecture.Classes
	s, err := e.NewSession(rec.Architecture, n)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.SetState(final); err != nil {
		t.Fatal(err)
	}
	logits := make([]float32, n*k)
	if err := s.Logits(logits, x); err != nil {
		t.Fatal(err)
	}
	out := make([]int, n)
	for i := range out {
		for c := range k {
			if logits[i*k+c] > logits[i*k+out[i]] {
				out[i] = c
			}
		}
	}
	return out
}

// TestDisagreement: through plugin, host and harness the measure is the rate that the two networks' own logits
// give, the same from both sides of a pair of two seeds; with the sibling not stored it is skipped.
func TestDisagreement(t *testing.T) {
	if testing.Short() {
		t.Skip("short tests: this one trains a corpus")
	}
	c := trainTiny(t, 0, 2)
	engine, store, data, records := c.engine, c.store, c.data, c.records
	cache := t.TempDir()
	o := harness.Options{
		Store: store, Data: data, Networks: c.networks, Programs: []plugin.Program{plugin.Builtin([]string{"disagreement"})}, Patterns: []string{"disagreement"},
		Engine: engine.Name(), NewHost: func() *quantity.Host { return quantity.NewHost(engine, cache) }, Jobs: 2, Warn: func(err error) { t.Error(err) },
	}
	cells := disagreements(t, o, records)
	for i, rec := range records { // seeds vary fastest: 0 and 1, 2 and 3, ... are pairs
		d, err := data.For(rec)
		if err != nil {
			t.Fatal(err)
		}
		own, other := predictions(t, engine, store, rec, d.Test.X), predictions(t, engine, store, records[i^1], d.Test.X)
		differ := 0
		for k := range own {
			if own[k] != other[k] {
				differ++
			}
		}
		want := float64(differ) / float64(len(own))
		if r := cells[rec.ID]; r == nil || r.Value == nil || *r.Value != want || want == 0 {
			t.Errorf("network %d: %+v, want %v", i, r, want)
		}
	}
	cells = disagreements(t, o, records[:1])
	if r := cells[records[0].ID]; r == nil || r.Status != result.Skipped || !strings.Contains(r.Reason, "the next seed is not in the store") {
		t.Errorf("with the sibling not stored: %+v", r)
	}
}
