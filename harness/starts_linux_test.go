package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/harness/quantity"
)

// TestStartsAtOnce: however many plugins the workers have, no more of them start at a time than there is room for.
func TestStartsAtOnce(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "plugin.sh") // notes how many run, and is no plugin
	text := fmt.Sprintf("#!/bin/sh\nmkdir %[1]s/$$.runs\nls -d %[1]s/*.runs | wc -l >> %[1]s/counts\nsleep 0.2\nrmdir %[1]s/$$.runs\nexit 1\n", dir)
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	h := &Harness{o: Options{NewHost: func() *quantity.Host { return quantity.NewHost(nil, dir) }, Plugin: plugin.Options{Sandbox: plugin.SandboxOff, Getenv: os.Getenv}}}
	for range 4 {
		h.started = append(h.started, started{program: plugin.Program{Name: "none", Path: script}})
	}
	starts := make(chan struct{}, 2)
	var workers sync.WaitGroup
	for i := range 2 {
		workers.Go(func() {
			wk := h.newWorker(context.Background(), i+1, starts)
			defer wk.close()
			for _, err := range wk.errs {
				if err == nil {
					t.Error("a script that is no plugin started")
				}
			}
		})
	}
	workers.Wait()
	counts, err := os.ReadFile(filepath.Join(dir, "counts"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range strings.Fields(string(counts)) {
		if n != "1" && n != "2" {
			t.Errorf("%s plugins start at the same time, there is room for 2", n)
		}
	}
	if n := len(strings.Fields(string(counts))); n != 8 {
		t.Errorf("%d plugins were started, want 8", n)
	}
}
