package main

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestFlagUsages: pflag takes the word in backquotes for the name of a flag's value; a sentence in them, and any
// on a flag that has no value, would be printed as one.
func TestFlagUsages(t *testing.T) {
	quoted := regexp.MustCompile("`([^`]*)`")
	seen := 0
	for _, c := range allCommands(newRoot(environment{getenv: func(string) string { return "" }, stdout: io.Discard, stderr: io.Discard})) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			seen++
			m := quoted.FindStringSubmatch(f.Usage)
			if m != nil && (f.Value.Type() == "bool" || strings.Contains(m[1], " ")) {
				t.Errorf("%s --%s: %q is taken for the name of its value", c.CommandPath(), f.Name, m[1])
			}
		})
	}
	if seen < 50 {
		t.Errorf("only %d flags were looked at", seen)
	}
}
