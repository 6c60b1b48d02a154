package harness

import (
	"strings"
	"testing"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/plugin"
)

func settings(t *testing.T, width string) []corpora.Setting {
	t.Helper()
	var v corpora.Value
	if err := v.UnmarshalJSON([]byte(width)); err != nil {
		t.Fatal(err)
	}
	return []corpora.Setting{{Axis: "width", Value: v}}
}

// of makes a harness of one built-in program that serves a measure with these needs.
func of(networks []corpora.Network, needs ...measure.Need) *Harness {
	c := Column{Name: "m", Info: measure.Info{Name: "m", Version: "1", Needs: needs}}
	return &Harness{o: Options{Networks: networks}, columns: []Column{c}, started: []started{{program: plugin.Builtin([]string{"m"})}}}
}

func record(id string, converged bool) *corpora.Record {
	r := &corpora.Record{ID: id, Converged: converged, Stop: "epochs"}
	r.Tensors.FinalSHA256 = "hash of " + id
	return r
}

// Two configurations, of three seeds and of one: the next seed, round to the first.
func TestSiblings(t *testing.T) {
	narrow, wide := settings(t, "64"), settings(t, "128")
	networks := []corpora.Network{
		{ID: "n3", Config: narrow, Seed: 3}, {ID: "w1", Config: wide, Seed: 1}, {ID: "n1", Config: narrow, Seed: 1},
		{ID: "n2", Config: narrow, Seed: 2}, {ID: "i2", Config: wide, Seed: 2, Imported: true},
	}
	h := of(networks, measure.Sibling)
	all := []*corpora.Record{record("n1", true), record("n2", true), record("n3", true), record("w1", true), record("i2", true), record("elsewhere", true)}
	for _, c := range []struct {
		name    string
		records []*corpora.Record
		id      string
		sibling string // its ID; "": none
		reason  string
	}{
		{"next", all, "n1", "n2", ""},
		{"next", all, "n2", "n3", ""},
		{"round", all, "n3", "n1", ""},
		{"alone: an imported network is of no trained one's configuration", all, "w1", "", "no other seed"},
		{"alone", all, "i2", "", "no other seed"},
		{"outside the corpus", all, "elsewhere", "", "not of the corpus"},
		{"not stored, and not replaced by n3", []*corpora.Record{all[0], all[2]}, "n1", "", "the next seed is not in the store"},
		{"unconverged", []*corpora.Record{all[0], record("n2", false)}, "n1", "", "the next seed missed its training target (epochs)"},
		{"of an unconverged network", []*corpora.Record{all[0], record("n3", false)}, "n3", "n1", ""},
	} {
		got := h.siblings(c.records)[c.id]
		id := ""
		if got.record != nil {
			id = got.record.ID
		}
		if id != c.sibling || !strings.Contains(got.reason, c.reason) || (id == "") != (got.reason != "") {
			t.Errorf("%s: sibling of %s is %q (%s), want %q (%s)", c.name, c.id, id, got.reason, c.sibling, c.reason)
		}
	}
}

// The key of a measure that needs the sibling changes with its tensors and with why there is none; other keys do not.
func TestSiblingInKey(t *testing.T) {
	rec := record("n1", true)
	states := []sibling{{record: record("n2", true)}, {record: record("n3", true)}, {reason: "not in the store"}, {reason: "missed its target"}}
	for _, needs := range [][]measure.Need{{measure.Sibling, measure.TestInputs}, {measure.Weights}} {
		h := of(nil, needs...)
		keys := map[string]bool{}
		for _, s := range states {
			keys[h.key(rec, s, h.columns[0])] = true
		}
		want := 1
		if h.columns[0].Info.Needs.Has(measure.Sibling) {
			want = len(states)
		}
		if len(keys) != want {
			t.Errorf("needs %v: %d keys of %d states, want %d", needs, len(keys), len(states), want)
		}
	}
	if got := of(nil, measure.Weights).siblings([]*corpora.Record{rec}); len(got) != 0 {
		t.Errorf("siblings %v although no measure needs them", got)
	}
}
