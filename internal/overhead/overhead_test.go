package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestMain lets the test binary be the plugins.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "plugin" {
		serve(strings.Split(os.Args[2], ","))
	}
	os.Exit(m.Run())
}

// TestRun measures two small networks; that the two sides agree is checked by the program.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("short tests: this one trains networks")
	}
	var out strings.Builder
	if err := run(t.Context(), options{corpus: "tiny", networks: 2, measures: 12, plugins: 3, jobs: 2, by: 1, sandbox: "best-effort"}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`^12 measures over 3 plugins, 2 networks of tiny`, `measuring .* by plugins .* in process .* overhead`, `start .* ms`, `agree in every bit`} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
