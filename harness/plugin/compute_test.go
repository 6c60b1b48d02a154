package plugin

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestCompute asks for every way in which a process that stays well can answer. The
// values are worked out by hand.
func TestCompute(t *testing.T) {
	p := startOdd(t, "odd", testOptions(t))
	pid := p.session.pid()
	for _, c := range []struct {
		measure, status, reason string
		value                   float64
	}{
		{"mean", OK, "", 7.0 / 3},
		{"missing-lost", Skipped, "needs init-weights: the corpus did not keep the weights before training", 0},
		{"fails", Failed, "fails: matrix is singular", 0},
		{"panics", Failed, "panics: panic: index out of hand", 0},
		{"scribbles", Failed, "scribbles: panic: runtime error: invalid memory address or nil pointer dereference", 0},
		{"undeclared", Failed, `undeclared: asking the host for train-margins: quantity "train-margins" is not declared in the measure's needs []`, 0},
		{"test-split", Failed, `test-split: asking the host for layer-sums: layer-sums of the test split needs "test-inputs", which is not declared in the measure's needs [layer-sums]`, 0},
		{"quiet-noise", Failed, `quiet-noise: asking the host to evaluate 1 perturbations: Evaluate needs "perturbed-losses", which is not declared in the measure's needs []`, 0},
		{"nowhere", Failed, `plugin odd serves no measure "nowhere"`, 0},
	} {
		q := &quantities{t: t, margins: []float64{1, 2, 4}}
		out := query(p, c.measure, "net", q)
		if out.Status != c.status || out.Reason != c.reason || out.Value != c.value {
			t.Errorf("%s: %s %v %q, want %s %v %q", c.measure, out.Status, out.Value, out.Reason, c.status, c.value, c.reason)
		}
		if c.measure == "mean" && (out.HostSeconds != 2.5 || out.PeakRSS < 1<<20 || out.Seconds < 0 || out.Seconds > 10) {
			t.Errorf("mean cost %v s, host %v s, %d bytes", out.Seconds, out.HostSeconds, out.PeakRSS)
		}
		if c.measure == "panics" && !strings.Contains(out.Detail, "odd_test.go") {
			t.Errorf("the stack does not show where it panicked: %s", out.Detail)
		}
	}
	if p.session.pid() != pid {
		t.Error("the process was started anew, though none of these ends it")
	}
	out := p.Compute(context.Background(), Request{Measure: "mean", Network: "n", Options: map[string]string{"pth": "x"}})
	if want := `measure mean has no option "pth": it has none`; out.Reason != want {
		t.Errorf("%q, want %q", out.Reason, want)
	}
}

// TestForeign asks plugins of another SDK, which break the protocol.
func TestForeign(t *testing.T) {
	for _, c := range []struct {
		kind, status, reason string
	}{
		{"value", OK, ""},
		{"infinite", Failed, "m: the plugin answered -Inf as a value; it has to answer undefined"},
		{"no-outcome", Failed, "m: the plugin answered neither a value nor a reason"},
		{"no-result", Failed, "plugin odd: it ended its answer without a result"},
		{"no-reason", Undefined, "the plugin gave no reason"},
		{"refuses", Failed, "plugin odd: the accelerator is in use"},
		{"odd-numbers", OK, ""},
		{"babbles", OK, ""},
	} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			o := testOptions(t)
			o.ComputeTimeout = 20 * time.Second
			p := startOdd(t, c.kind, o)
			out := query(p, "m", "net", nil)
			if out.Status != c.status || out.Reason != c.reason {
				t.Errorf("%s %q, want %s %q", out.Status, out.Reason, c.status, c.reason)
			}
			if math.IsNaN(out.Seconds) || out.Seconds < 0 {
				t.Errorf("%v seconds", out.Seconds)
			}
			if c.kind != "odd-numbers" {
				return
			}
			if len(out.Diagnostics) != 1 || out.Diagnostics["good"] != 2 {
				t.Errorf("diagnostics %v", out.Diagnostics)
			}
			if len(out.Warnings) != 2 || len(out.Warnings[0]) > 510 || out.Warnings[1] != "diagnostic bad is +Inf" {
				t.Errorf("warnings %q", out.Warnings)
			}
		})
	}
}

// TestDeath has a process die or stall in every way, tells what was said of it,
// and asks it something sensible after.
func TestDeath(t *testing.T) {
	for _, c := range []struct{ measure, reason string }{
		{"dies", "plugin odd died (exit status 7); it said: licence expired"},
		{"panics-elsewhere", "plugin odd died (exit status 2); it said: panic: in another goroutine"},
		{"hangs", "plugin odd had no answer after 500ms; raise --plugin-timeout if it needs longer"},
		{"spins", "plugin odd had no answer after 500ms; raise --plugin-timeout if it needs longer"},
		{"heeds", "plugin odd had no answer after 500ms; raise --plugin-timeout if it needs longer"},
	} {
		t.Run(c.measure, func(t *testing.T) {
			t.Parallel()
			o := testOptions(t)
			o.Grace = 500 * time.Millisecond
			p := startOdd(t, "odd", o)
			pid := p.session.pid()
			p.options.ComputeTimeout = 500 * time.Millisecond
			out := query(p, c.measure, "net", nil)
			if out.Status != Failed || out.Reason != c.reason {
				t.Errorf("%s %q, want %q", out.Status, out.Reason, c.reason)
			}
			if c.measure == "panics-elsewhere" && !strings.Contains(out.Detail, "goroutine ") {
				t.Errorf("no stack in %q", out.Detail)
			}
			if !gone(pid) {
				t.Errorf("process %d lives on", pid)
			}
			p.options.ComputeTimeout = time.Minute
			after := query(p, "mean", "net", &quantities{t: t, margins: []float64{1, 2, 4}})
			if after.Status != OK || after.Value != 7.0/3 || len(after.Warnings) != 0 {
				t.Errorf("after it: %+v", after)
			}
		})
	}
}

// TestRetry asks a second time where the process died, and says so.
func TestRetry(t *testing.T) {
	p := startOdd(t, "odd", testOptions(t))
	q := &quantities{t: t}
	out := query(p, "dies-first", "net", q)
	if out.Status != OK || out.Value != 2 || q.asked != 2 {
		t.Errorf("%+v after %d askings", out, q.asked)
	}
	if len(out.Warnings) != 1 || out.Warnings[0] != "asked a second time, because at first: plugin odd died (exit status 7)" {
		t.Errorf("warnings %q", out.Warnings)
	}
}

// TestGivenUp gives a measure up after three networks, and no other measure.
func TestGivenUp(t *testing.T) {
	p := startOdd(t, "odd", testOptions(t))
	died := "plugin odd died (exit status 7); it said: licence expired"
	for _, network := range []string{"a", "a", "b", "c"} {
		if out := query(p, "dies", network, nil); out.Reason != died {
			t.Errorf("network %s: %q", network, out.Reason)
		}
	}
	want := "plugin odd was given up for this run: dies failed so on 3 networks; the last time: " + died
	if out := query(p, "dies", "d", nil); out.Status != Failed || out.Reason != want {
		t.Errorf("%q, want %q", out.Reason, want)
	}
	if out := query(p, "mean", "d", &quantities{t: t}); out.Status != OK {
		t.Errorf("another measure: %+v", out)
	}
}

// TestMemory ends a process that takes memory without end, once, and leaves one
// alone that maps a file of the same size.
func TestMemory(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("no /proc to watch memory in")
	}
	o := testOptions(t)
	o.MemoryLimit = 256 << 20
	p := startOdd(t, "odd", o)
	start := time.Now()
	out := query(p, "eats", "net", nil)
	m := regexp.MustCompile(`^plugin odd exceeded its memory limit: it held ([0-9]+) MiB, the limit is 256 MiB; raise --plugin-memory if it needs more$`).FindStringSubmatch(out.Reason)
	if out.Status != Failed || m == nil {
		t.Fatalf("%+v", out)
	}
	if mib, err := strconv.Atoi(m[1]); err != nil || mib > 2048 {
		t.Errorf("it got as far as %s MiB", m[1])
	}
	t.Logf("ended at %s MiB after %v", m[1], time.Since(start))
	if out := query(p, "maps", "net", &quantities{t: t, zeros: 400 << 20 / 8}); out.Status != OK {
		t.Errorf("a mapped file counts as memory: %+v", out)
	}
}

// TestInterrupt ends a Compute with its context, at once, and the process with it.
func TestInterrupt(t *testing.T) {
	p := startOdd(t, "odd", testOptions(t))
	pid := p.session.pid()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(200*time.Millisecond, cancel)
	out := p.Compute(ctx, Request{Measure: "spins", Network: "net"})
	if out.Status != Failed || out.Reason != "interrupted" || !gone(pid) {
		t.Errorf("%+v, process gone: %v", out, gone(pid))
	}
	if out := query(p, "mean", "net", &quantities{t: t}); out.Status != OK {
		t.Errorf("after it: %+v", out)
	}
}

// TestCallsEndWithCompute holds the host to its word that no call is under way
// when Compute returns: the network may be closed then.
func TestCallsEndWithCompute(t *testing.T) {
	o := testOptions(t)
	o.ComputeTimeout, o.Grace = 300*time.Millisecond, 300*time.Millisecond
	p := startOdd(t, "odd", o)
	q := &quantities{t: t, block: true, left: make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.Background(), 150*time.Millisecond)
	defer cancel()
	out := p.Compute(ctx, Request{Measure: "mean", Network: "net", Provider: q})
	select {
	case <-q.left:
	default:
		t.Error("Compute returned before the host's own call did")
	}
	if out.Status != Failed {
		t.Errorf("%+v", out)
	}
}

// TestHostPanics keeps the host's own mistakes from ending genbench.
func TestHostPanics(t *testing.T) {
	p := startOdd(t, "odd", testOptions(t))
	out := query(p, "mean", "net", &quantities{t: t, panics: true})
	want := "mean: asking the host for train-margins: genbench itself panicked: a mistake of the host; please report it with this stack"
	if out.Status != Failed || !strings.HasPrefix(out.Reason, want) {
		t.Errorf("%q, want %q", out.Reason, want)
	}
	if out := query(p, "mean", "net", nil); out.Status != Failed || out.Reason != "mean: asking the host for train-margins: the host has no quantities of this network" {
		t.Errorf("without quantities: %+v", out)
	}
}

// TestConcurrentComputes queues the askings of several goroutines.
func TestConcurrentComputes(t *testing.T) {
	p := startOdd(t, "odd", testOptions(t))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			q := &quantities{t: t, margins: []float64{float64(i)}}
			if out := query(p, "mean", fmt.Sprint(i), q); out.Status != OK || out.Value != float64(i) {
				t.Errorf("%d: %+v", i, out)
			}
		})
	}
	wg.Wait()
}

// TestChildrenDie ends what a plugin started when the plugin ends.
func TestChildrenDie(t *testing.T) {
	if _, err := exec.LookPath("sleep"); err != nil {
		t.Skip("no program sleep")
	}
	o := testOptions(t)
	o.Getenv = os.Getenv // PATH
	p := startOdd(t, "odd", o)
	out := query(p, "leaves-child", "net", nil)
	m := regexp.MustCompile(`^plugin odd died \(exit status 7\); it said: child ([0-9]+)$`).FindStringSubmatch(out.Reason)
	if m == nil {
		t.Fatalf("%+v", out)
	}
	pid, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	waitGone(t, pid, 2*time.Second)
}

// TestEditedProgram refuses to go on with a program that changed during the run.
func TestEditedProgram(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "genbench-measure-odd")
	script := fmt.Sprintf("#!/bin/sh\nexec %q plugin odd\n", exe)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	program, err := External("odd", path)
	if err != nil {
		t.Fatal(err)
	}
	o := testOptions(t)
	o.Read = []string{exe} // the script runs a program of another folder
	p, err := Start(context.Background(), program, o)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if out := query(p, "mean", "net", &quantities{t: t}); out.Status != OK {
		t.Fatalf("%+v", out)
	}
	if err := os.WriteFile(path, []byte(script+"# edited\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	changed := fmt.Sprintf("starting plugin odd (%s): the program has changed since this run began: genbench-measure-odd changed; run again", path)
	if out := query(p, "dies", "net", nil); out.Reason != changed {
		t.Errorf("%q, want %q", out.Reason, changed)
	}
	if out := query(p, "mean", "net", nil); out.Reason != "plugin odd was given up for this run: "+changed {
		t.Errorf("%q", out.Reason)
	}
}
