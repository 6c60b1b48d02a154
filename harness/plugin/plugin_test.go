package plugin

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/genbench/genbench/harness/measure"
)

func TestDescription(t *testing.T) {
	p := begin(t, program(t, "well"), Options{})
	want := testers(nil)
	got := p.Measures()
	if len(got) != len(want) {
		t.Fatalf("%d measures, want %d", len(got), len(want))
	}
	for i, m := range want {
		if !reflect.DeepEqual(got[i], m.Info()) && len(m.Info().Needs) > 0 {
			t.Errorf("measure %d is described as %+v, want %+v", i, got[i], m.Info())
		}
	}
}

// Every way in which a Compute ends that leaves the process alive. The values
// are those of the fake network: margins 1, 2, 4; losses 10·scale + seed.
func TestOutcomes(t *testing.T) {
	elsewhere := t.TempDir()
	p := begin(t, program(t, "well", elsewhere), Options{})
	first := ask(t, p, "pid", "n").Value
	for _, c := range []struct {
		name   string
		status Status
		value  float64
		reason string
	}{
		{"margin-sum", OK, 7, ""},
		{"nan", Undefined, 0, "NaN"},
		{"inf", Undefined, 0, "+Inf"},
		{"undefined", Undefined, 0, "the weights are zero"},
		{"panics", Failed, 0, "panics: panic: index 5 of 3"},
		{"fails", Failed, 0, "fails: did not converge"},
		{"writes", Failed, 0, "panic: runtime error: invalid memory address"},
		{"prints", OK, 1, ""},
		{"reads-stdin", Undefined, 0, "read 0: EOF"},
		{"undeclared", Failed, 0, `quantity "weights" is not declared`},
		{"peeks", Failed, 0, `"test-inputs"`},
		{"evaluates-undeclared", Failed, 0, `"perturbed-losses"`},
		{"wants-init", Skipped, 0, "needs init-weights: the corpus did not keep them"},
		{"wants-search", Undefined, 0, "no noise costs 0.1"},
		{"wants-broken", Failed, 0, "the disk is full"},
		{"evaluates", OK, 27, ""},
		{"no-such", Failed, 0, `serves no measure "no-such"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := ask(t, p, c.name, "n")
			if out.Status != c.status || out.Value != c.value || !strings.Contains(out.Reason, c.reason) {
				t.Errorf("%+v; want status %s, value %v and a reason with %q", out, c.status, c.value, c.reason)
			}
			if (out.Reason == "") != (c.status == OK) || strings.Contains(out.Reason, "\n") {
				t.Errorf("reason %q of status %s", out.Reason, out.Status)
			}
		})
	}
	if last := ask(t, p, "pid", "n").Value; last != first {
		t.Errorf("process %v answers at last, %v at first: it was started anew", last, first)
	}
}

func TestDiagnosticsAndCost(t *testing.T) {
	p := begin(t, program(t, "well"), Options{})
	out := p.Compute(t.Context(), Request{Measure: "evaluates", Network: "n", Seed: 7, Options: map[string]string{"mode": "b"}, Provider: newFake(t)})
	if out.Diagnostics["second"] != 30 || len(out.Warnings) != 1 || out.Warnings[0] != "seed 7, option b" {
		t.Errorf("diagnostics %v, warnings %q; want second 30, and seed 7, option b", out.Diagnostics, out.Warnings)
	}
	if out = ask(t, p, "margin-sum", "n"); out.HostSeconds != 0.25 {
		t.Errorf("host seconds %v; the margins cost 0.25 when they were computed", out.HostSeconds)
	}
	if out.PeakRSS < 1<<20 && os.Getenv("GOOS") == "" {
		t.Errorf("peak of %d bytes", out.PeakRSS)
	}
	out = p.Compute(t.Context(), Request{Measure: "nan", Options: map[string]string{"mod": "a"}})
	if out.Status != Failed || !strings.Contains(out.Reason, `did you mean "mode"`) {
		t.Errorf("an unknown option: %+v", out)
	}
}

// A plugin that does not come up: the message names the plugin, what it did and the
// remedy.
func TestStartFailures(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("no interpreter line\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		program Program
		want    []string
	}{
		{"prints first", program(t, "prints-first"), []string{`"loading weights ..."`, "standard output", "call measure.Serve, or genbench.serve in Python, first"}},
		{"exits", program(t, "exits"), []string{"exit status 7", "before its handshake", "libcudart"}},
		{"panics", program(t, "crashes-at-start"), []string{"panic: no luck"}},
		{"silent", program(t, "silent"), []string{"did not answer within 700ms", "--plugin-start-timeout"}},
		{"invalid", program(t, "invalid"), []string{"Not a name", "lower-case"}},
		{"no program", Program{Name: "third", Path: "/no/such/program"}, []string{"no such file"}},
		{"another program", Program{Name: "third", Path: "/bin/echo", Args: []string{"hello"}}, []string{`"hello"`, "standard output"}},
		{"silent program", Program{Name: "third", Path: "/bin/true"}, []string{"exit status 0", "is it a measure plugin"}},
		{"no interpreter", Program{Name: "third", Path: script}, []string{"exec format error", "#!"}},
		{"changed", Program{Name: "third", Path: script, SHA256: strings.Repeat("0", 64)}, []string{"has changed", "run again"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			timeout := 5 * time.Second
			if c.name == "silent" {
				timeout = 700 * time.Millisecond
			}
			p, err := Start(t.Context(), c.program, Options{StartTimeout: timeout})
			if err == nil {
				p.Stop()
				t.Fatal("it started")
			}
			for _, want := range append(c.want, "starting plugin third") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestStartIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := Start(ctx, program(t, "silent"), Options{StartTimeout: time.Minute}); err == nil || time.Since(start) > 30*time.Second {
		t.Errorf("error %v after %v", err, time.Since(start))
	}
}

// By hand, a plugin says what it is instead of waiting for a host.
func TestRunByHand(t *testing.T) {
	p := program(t, "well")
	out, err := exec.Command(p.Path, p.Args...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "genbench run --plugin margin-sum=") || !strings.Contains(string(out), "nan (version 1)") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestStderrIsLogged(t *testing.T) {
	lines := make(chan string, 100)
	p := begin(t, program(t, "well"), Options{Log: func(plugin, line string) { lines <- plugin + ": " + line }})
	ask(t, p, "prints", "n")
	want := map[string]bool{"third: to stdout": true, "third: to descriptor 1": true, "third: to stderr": true}
	timeout := time.After(10 * time.Second)
	for len(want) > 0 {
		select {
		case l := <-lines:
			delete(want, l)
		case <-timeout:
			t.Fatalf("never logged: %v", want)
		}
	}
}

// The example is a program of its own: it is built, started and asked as a
// third-party plugin is.
func TestExampleProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program; run without -short")
	}
	path := filepath.Join(t.TempDir(), "genbench-measure-margin-variance")
	if out, err := exec.Command("go", "build", "-o", path, "../../examples/margin-variance").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	programs, err := Discover(nil, []string{filepath.Dir(path)}, []string{"l2norm"})
	if err != nil || len(programs) != 1 {
		t.Fatalf("found %v, %v", programs, err)
	}
	p := begin(t, programs[0], Options{})
	if i := p.Measures()[0]; i.Name != "margin-variance" || i.Larger != measure.PredictsLargerGap {
		t.Errorf("described as %+v", i)
	}
	// Margins 1, 2, 4: mean 7/3, variance 21/9 - ... = 14/9; 14/9 over 49/9 is 2/7.
	if out := ask(t, p, "margin-variance", "n"); out.Status != OK || out.Value < 2./7-1e-15 || out.Value > 2./7+1e-15 {
		t.Errorf("%+v; want 2/7", out)
	}
}
