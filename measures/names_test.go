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
