package main

import (
	"reflect"
	"testing"

	"github.com/genbench/genbench/harness/report"
)

// What is measured is what the table says: sizes, gaps in the grid, values that
// are missing.
func TestCorpus(t *testing.T) {
	for _, c := range []struct{ networks, configurations, possible int }{
		{1000, 200, 200},
		{900, 190, 200}, // 10 configurations of 5 are left out, and 50 networks of others
		{10935, 2187, 2187},
	} {
		in, err := corpus(c.networks, 8, 0)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := corpus(c.networks, 8, 0)
		if !reflect.DeepEqual(in, again) {
			t.Errorf("%d networks: two corpora differ", c.networks)
		}
		in.Bootstrap, in.Permute = -1, 1
		in.Measures = in.Measures[:1] // measure-00: noise, tied, some undefined
		b, err := report.Build(in)
		if err != nil {
			t.Fatal(err)
		}
		if b.Models != c.networks || b.Configurations != c.configurations || b.Possible != c.possible {
			t.Errorf("%d networks on %d of %d configurations, not %v", b.Models, b.Configurations, b.Possible, c)
		}
		for _, r := range b.Rows {
			if r.Measure == "measure-00" && (r.Coverage < 0.92 || r.Coverage > 0.98) {
				t.Errorf("%d networks: coverage %v, not about 0.95", c.networks, r.Coverage)
			}
		}
	}
	if _, err := corpus(10936, 1, 0); err == nil {
		t.Error("more networks than the grid has are not refused")
	}
}
