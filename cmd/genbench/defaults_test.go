package main

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/measures"
)

// TestBuiltinLists: every pattern of a built-in corpus' list matches a built-in measure, and the list has the
// measures that the corpus stands for: those of the CNA work, and in the corpora for a first look FGM's too.
func TestBuiltinLists(t *testing.T) {
	var names []string
	for _, m := range measures.All() {
		names = append(names, m.Info().Name)
	}
	for _, corpus := range corpora.Builtin() {
		spec, err := corpora.Find(corpus)
		if err != nil {
			t.Fatal(err)
		}
		listed := map[string]bool{}
		for _, p := range spec.Measures {
			pattern, _, _ := strings.Cut(p, "[")
			found := false
			for _, n := range names {
				if ok, err := path.Match(pattern, n); ok && err == nil {
					listed[n], found = true, true
				}
			}
			if !found {
				t.Errorf("%s asks for %s, which is no built-in", corpus, p)
			}
		}
		wanted := []string{"cna", "cna-area", "cna-margin", "l2norm", "l2norm-fro", "l2norm-product"}
		if !strings.HasPrefix(corpus, "seed-") {
			wanted = append(wanted, "pac-bayes-mag-orig", "sharpness-mag-flatness")
		}
		for _, n := range wanted {
			if len(spec.Measures) > 0 && !listed[n] {
				t.Errorf("%s does not ask for %s", corpus, n)
			}
		}
		if slices.Contains(spec.Measures, "*") {
			t.Errorf("%s asks for all measures by a pattern; write [] for that", corpus)
		}
	}
}
