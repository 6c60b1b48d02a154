package plugin

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// short makes a hang cost little: 300 ms to answer, 200 ms of grace.
var short = Options{ComputeTimeout: 300 * time.Millisecond, Grace: 200 * time.Millisecond}

// A plugin that ends, hangs or eats memory costs its own answers; it is asked twice
// where that may help, and another measure of the same program still answers.
func TestProcessEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		o      Options
		want   string
		detail string
	}{
		{"dies", Options{}, "died (exit status 2); it said: panic: in a goroutine of the measure", "goroutine"},
		{"hangs", short, "no answer after 300ms", ""},
		{"spins", short, "no answer after 300ms", ""},
		{"slow-but-listens", short, "no answer after 300ms", ""},
		{"eats-memory", Options{MemoryLimit: 200 << 20}, "exceeded its memory limit", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := begin(t, program(t, "well"), c.o)
			out := ask(t, p, c.name, "n")
			if out.Status != Failed || !strings.Contains(out.Reason, c.want) || !strings.Contains(out.Reason, "third") || strings.Contains(out.Reason, "\n") {
				t.Errorf("%+v; want a failure of plugin third in one line that says %q", out, c.want)
			}
			if !strings.Contains(out.Detail, c.detail) {
				t.Errorf("detail %q; want %q in it", out.Detail, c.detail)
			}
			if next := ask(t, p, "margin-sum", "n"); next.Status != OK || next.Value != 7 {
				t.Errorf("after it: %+v; want 7", next)
			}
		})
	}
}

func TestDiesOnceAndRecovers(t *testing.T) {
	o := Options{Sandbox: SandboxOff} // the measure marks outside of its own folder that it died
	p := begin(t, program(t, "well", filepath.Join(t.TempDir(), "marker")), o)
	out := ask(t, p, "dies-once", "n")
	if out.Status != OK || out.Value != 5 || len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0], "died (exit status 9); it said: first time: aborting") {
		t.Errorf("%+v; want 5 at the second time, and a warning of the first", out)
	}
}

// A measure that kills its process on three networks is given up; the others of
// its program are not.
func TestGivenUpAfterThreeNetworks(t *testing.T) {
	p := begin(t, program(t, "well"), Options{})
	for _, network := range []string{"a", "a", "b"} {
		if out := ask(t, p, "dies", network); strings.Contains(out.Reason, "given up") {
			t.Fatalf("given up too soon: %+v", out)
		}
	}
	ask(t, p, "dies", "c")
	start := p.next
	out := ask(t, p, "dies", "d")
	if out.Status != Failed || !strings.Contains(out.Reason, "given up for this run: dies failed so on 3 networks") || p.next != start {
		t.Errorf("on the fourth network: %+v; want it given up, and not asked", out)
	}
	if out := ask(t, p, "margin-sum", "d"); out.Status != OK {
		t.Errorf("another measure: %+v", out)
	}
}

// A program that describes itself otherwise when it is started again is another
// program: its answers would be kept under the wrong version.
func TestRestartedProgramMustBeTheSame(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "marker")
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := begin(t, program(t, "alternates", marker), Options{})
	if err := os.Remove(marker); err != nil {
		t.Fatal(err)
	}
	out := ask(t, p, "alternates", "n")
	if out.Status != Failed || !strings.Contains(out.Reason, "third again: alternates: the version was 1 and is 2; a program has to answer what it measures alike every time") {
		t.Errorf("%+v; want it refused", out)
	}
}

func TestInterruptedCompute(t *testing.T) {
	p := begin(t, program(t, "well"), Options{Grace: 200 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	out := p.Compute(ctx, Request{Measure: "hangs", Network: "n", Provider: newFake(t)})
	if out.Status != Failed || out.Reason != "interrupted" || time.Since(start) > 20*time.Second {
		t.Errorf("%+v after %v; want it interrupted", out, time.Since(start))
	}
}

// A Compute that the host gave up on cannot read the network that comes after it.
func TestLateCallsAreRefused(t *testing.T) {
	h := &modelHost{}
	a := newAsking(t.Context(), 2, nil, newFake(t))
	h.begin(a)
	if _, _, _, err := h.enter(t.Context(), 1); err == nil {
		t.Error("the call of an earlier Compute was answered")
	}
	_, ctx, leave, err := h.enter(t.Context(), 2)
	if err != nil || ctx.Err() != nil {
		t.Fatalf("the Compute in hand: %v, %v", err, ctx.Err())
	}
	leave()
	h.end(a)
	if _, _, _, err := h.enter(t.Context(), 2); err == nil {
		t.Error("a call after the end was answered")
	}
}

// No plugin outlives its host by more than 2 s, however that ends: killed between
// two Computes, while the plugin sleeps in one, and while it burns its processor.
func TestNoOrphans(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "hangs", "spins"} {
		t.Run("killed in "+name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "pid")
			host := exec.Command(self, "host", name+","+file)
			host.Stderr = os.Stderr
			host.Env = append(os.Environ(), "GOMAXPROCS=1", "TMPDIR="+shortDir(t)) // a killed host leaves its folder
			if err := host.Start(); err != nil {
				t.Fatal(err)
			}
			pid := waitForPID(t, file)
			if err := syscall.Kill(pid, 0); err != nil {
				t.Fatalf("plugin %d before the end of its host: %v", pid, err)
			}
			if err := host.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = host.Wait()
			killed := time.Now()
			for !ended(pid) {
				if time.Since(killed) > 2*time.Second {
					_ = syscall.Kill(pid, syscall.SIGKILL)
					t.Fatalf("plugin %d outlives its host", pid)
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Logf("gone %v after its host", time.Since(killed).Round(10*time.Millisecond))
		})
	}
}

func waitForPID(t *testing.T, file string) int {
	t.Helper()
	for range 1500 {
		if b, err := os.ReadFile(file); err == nil {
			pid, err := strconv.Atoi(string(b))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the host did not come up")
	return 0
}

// ended reports whether a process has ended; whether its new parent has noticed
// does not matter.
func ended(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(b), ") Z ")
}

// What a plugin started ends with it, and its folder goes.
func TestStopLeavesNothing(t *testing.T) {
	run := t.TempDir()
	p, err := Start(t.Context(), program(t, "well"), Options{RunDir: shortDir(t)})
	if err != nil {
		t.Fatal(err)
	}
	_ = run
	pid, dir := p.session.pid(), p.session.dir
	p.Stop()
	if !ended(pid) {
		t.Errorf("process %d runs on", pid)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("folder %s: %v", dir, err)
	}
	if out := ask(t, p, "nan", "n"); out.Status != Failed || !strings.Contains(out.Reason, "stopped") {
		t.Errorf("after Stop: %+v", out)
	}
}

func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "t")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestPathsTooLongForSocketsAreAvoided(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	if err := os.MkdirAll(long, 0o700); err != nil {
		t.Fatal(err)
	}
	p := begin(t, program(t, "well"), Options{RunDir: long})
	if strings.HasPrefix(p.session.dir, long) {
		t.Errorf("sockets lie in %s", p.session.dir)
	}
}
