package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/genbench/genbench/internal/evidence"
	"github.com/genbench/genbench/measures"
)

const root = "../.."

// TestPage: the page in the tree is the one that the program prints.
func TestPage(t *testing.T) {
	var b bytes.Buffer
	if err := write(&b, root); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(root, "docs", "catalogue.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), kept) {
		t.Error("docs/catalogue.md is old: go run ./internal/catalogue > docs/catalogue.md")
	}
}

// TestEveryMeasureHasEvidence: no measure is offered that nothing but our own code has computed.
func TestEveryMeasureHasEvidence(t *testing.T) {
	found, err := evidence.Collect(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range measures.All() {
		name := m.Info().Name
		if !slices.ContainsFunc(found, func(f evidence.Found) bool { return f.Measure == name }) {
			t.Errorf("%s: its default value was held against nothing", name)
		}
	}
}
