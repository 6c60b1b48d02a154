package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/genbench/genbench/harness/report"
	"github.com/genbench/genbench/harness/values"
)

// readValues reads a table of values; the path "-" is stdin. What the table may not
// have meant goes to standard error. The board is named after the file unless o names it.
func (f *flags) readValues(path string, stdin io.Reader, o values.Options) (report.Input, error) {
	name, r := "standard input", stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return report.Input{}, fmt.Errorf("reading the table of values: %w", err)
		}
		defer file.Close()
		name, r = path, file
	}
	if o.Name == "" {
		o.Name = strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
	}
	in, warnings, err := values.Read(r, o)
	if err != nil {
		return report.Input{}, fmt.Errorf("%s: %w", name, err)
	}
	for _, w := range warnings {
		fmt.Fprintf(f.env.stderr, "genbench: warning: %s: %s\n", name, w)
	}
	return in, nil
}
