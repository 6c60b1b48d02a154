package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
)

// TestProtocolListsTheQuantities: docs/protocol.md has a row for every need, with its arguments and their defaults, and
// names every method of the .proto.
func TestProtocolListsTheQuantities(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| (.*?) ?\\|").FindAllStringSubmatch(string(page), -1) {
		rows[m[1]] = m[2]
	}
	for _, need := range measure.KnownNeeds() {
		row, ok := rows[string(need)]
		if !ok {
			t.Errorf("no row of %s", need)
			continue
		}
		if need == measure.PerturbedLosses {
			continue // no quantity: Evaluate
		}
		r, err := quantity.Canonical(string(need), nil)
		if err != nil {
			t.Fatal(err)
		}
		var listed []string
		for _, m := range regexp.MustCompile("`([a-z_]+)`=([a-z0-9.:]+)").FindAllStringSubmatch(row, -1) {
			listed = append(listed, m[1]+"="+m[2])
		}
		slices.Sort(listed)
		if got := strings.Join(listed, ","); got != r.Args {
			t.Errorf("%s: the page lists %q, the host knows %q", need, got, r.Args)
		}
	}
	wire, err := os.ReadFile(filepath.Join("..", "..", "harness", "internal", "pb", "plugin.proto"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`rpc (\w+)\(`).FindAllStringSubmatch(string(wire), -1) {
		if !strings.Contains(string(page), m[1]) {
			t.Errorf("the page does not say what %s is", m[1])
		}
	}
}
