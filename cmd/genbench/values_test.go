package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/values"
)

func TestReadValues(t *testing.T) {
	var stderr bytes.Buffer
	f := &flags{env: environment{stderr: &stderr}}
	path := filepath.Join(t.TempDir(), "mine.csv")
	if err := os.WriteFile(path, []byte("gap,m\n0.1,1\n0.2,2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	in, err := f.readValues(path, nil, values.Options{})
	if err != nil || in.Corpus != "mine" || len(in.Networks) != 2 {
		t.Errorf("%+v, %v", in, err)
	}
	if want := "genbench: warning: " + path + ": no column hp.AXIS"; !strings.HasPrefix(stderr.String(), want) {
		t.Errorf("standard error %q, want %q", stderr.String(), want)
	}
	if _, err := f.readValues(filepath.Join(t.TempDir(), "none.csv"), nil, values.Options{}); err == nil || !strings.Contains(err.Error(), "none.csv") {
		t.Errorf("%v", err)
	}
	in, err = f.readValues("-", strings.NewReader("gap,hp.a,m\n0.1,1,1\n0.2,2,2\n"), values.Options{})
	if err != nil || in.Corpus != "standard input" {
		t.Errorf("%+v, %v", in, err)
	}
	if _, err := f.readValues("-", strings.NewReader("m\n1\n"), values.Options{}); err == nil || !strings.HasPrefix(err.Error(), "standard input: there is no column gap") {
		t.Errorf("%v", err)
	}
}
