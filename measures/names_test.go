package measures_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/report"
	"github.com/genbench/genbench/measures"
)

// TestNames: in any case of letters, one name selects one measure, and none is a control's.
func TestNames(t *testing.T) {
	owner := map[string]string{}
	for _, control := range report.ControlNames() {
		owner[control] = "a control"
	}
	for _, m := range measures.All() {
		info := m.Info()
		for i, name := range slices.Concat([]string{info.Name}, info.Aliases) {
			key := strings.ToLower(name)
			if other, taken := owner[key]; taken && !(i > 0 && other == info.Name) {
				t.Errorf("%s: %q is taken by %s", info.Name, name, other)
			}
			owner[key] = info.Name
		}
	}
}

// TestNotImplemented: what is said to be left out is left out, with a reason.
func TestNotImplemented(t *testing.T) {
	taken := map[string]bool{}
	for _, control := range report.ControlNames() {
		taken[control] = true
	}
	for _, m := range measures.All() {
		info := m.Info()
		for _, name := range slices.Concat([]string{info.Name}, info.Aliases) {
			taken[strings.ToLower(name)] = true
		}
	}
	for _, a := range measures.NotImplemented() {
		if taken[a.Name] {
			t.Errorf("%s is said to be left out, and is there", a.Name)
		}
		taken[a.Name] = true
		if a.Reason == "" || a.Citation == "" {
			t.Errorf("%s: no reason, or no citation", a.Name)
		}
		name, option, variant := strings.Cut(a.Name, "[")
		if !variant {
			continue
		}
		if !taken[name] {
			t.Errorf("%s is a variant of no measure", a.Name)
		}
		given := map[string]string{}
		k, v, _ := strings.Cut(strings.TrimSuffix(option, "]"), "=")
		given[k] = v
		for _, m := range measures.All() {
			if m.Info().Name == name {
				if _, err := m.Info().Resolve(given); err == nil {
					t.Errorf("%s is said to be left out, and is there", a.Name)
				}
			}
		}
	}
}
