package harness_test

import (
	"testing"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness"
	"github.com/genbench/genbench/harness/result"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

// trained is the first networks of corpus tiny in a store.
type trained struct {
	engine   models.Engine
	store    *corpora.Store
	networks []corpora.Network
	data     *corpora.DataCache
	records  []*corpora.Record
}

// trainTiny trains the first count networks of corpus tiny, all of them if count is 0.
func trainTiny(t *testing.T, count, jobs int) *trained {
	t.Helper()
	engine, err := cpu.New("")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := corpora.Find("tiny")
	if err != nil {
		t.Fatal(err)
	}
	store, err := corpora.OpenStore(t.TempDir(), spec)
	if err != nil {
		t.Fatal(err)
	}
	networks, err := store.Networks()
	if err != nil {
		t.Fatal(err)
	}
	if count > 0 {
		networks = networks[:count]
	}
	c := &trained{engine: engine, store: store, networks: networks, data: corpora.NewDataCache("")}
	if _, err := corpora.Train(t.Context(), store, networks, corpora.TrainOptions{Engine: engine, Jobs: jobs, Data: c.data}); err != nil {
		t.Fatal(err)
	}
	for _, n := range networks {
		rec, err := store.Record(n.ID)
		if err != nil {
			t.Fatal(err)
		}
		c.records = append(c.records, rec)
	}
	return c
}

// measureAll measures the records and visits every cell; the error is that of opening or of the run.
func measureAll(t *testing.T, o harness.Options, records []*corpora.Record, visit func(*result.Result)) error {
	t.Helper()
	h, err := harness.Open(t.Context(), o)
	if err != nil {
		return err
	}
	defer h.Close()
	w, err := result.NewWriter(t.TempDir(), "test", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return h.Measure(t.Context(), h.Missing(records, result.NewSet()), w, func(ev harness.Event) {
		if ev.Err != nil {
			t.Error(ev.Err)
		}
		for _, r := range ev.Results {
			visit(r)
		}
	})
}
