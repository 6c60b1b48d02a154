package plugin

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/genbench/genbench/harness/quantity"
)

// stored answers every Get with the same bundle.
type stored struct {
	quantities
	bundle *quantity.Bundle
}

func (s *stored) Get(context.Context, string, map[string]string) (*quantity.Bundle, error) {
	return s.bundle, nil
}

func waitGone(t *testing.T, pid int, patience time.Duration) {
	t.Helper()
	for end := time.Now().Add(patience); !ended(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("process %d is still there after %v", pid, patience)
			_ = syscall.Kill(pid, syscall.SIGKILL)
			return
		}
	}
}

// TestNothingLeaks starts, kills and stops processes: goroutines, descriptors and
// folders come back to what they were.
func TestNothingLeaks(t *testing.T) {
	o := testOptions(t)
	o.Grace = 300 * time.Millisecond
	cycle := func() {
		p, err := Start(context.Background(), oddProgram("odd"), o)
		if err != nil {
			t.Fatal(err)
		}
		query(p, "dies", "net", nil)
		query(p, "mean", "net", &stored{bundle: &quantity.Bundle{}})
		p.Stop()
		p.Stop()
		if out := query(p, "mean", "net", nil); out.Reason != "plugin odd is stopped" {
			t.Errorf("after Stop: %+v", out)
		}
		if _, err := Start(context.Background(), oddProgram("early"), o); err == nil {
			t.Error("it started")
		}
	}
	cycle() // what is made once
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for range 4 {
		cycle()
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		g, f := runtime.NumGoroutine(), openFiles(t)
		if g <= goroutines && f <= files {
			break
		}
		if time.Now().After(end) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines and %d files became %d and %d\n%s", goroutines, files, g, f, stacks[:runtime.Stack(stacks, true)])
		}
	}
	if left, err := os.ReadDir(o.RunDir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc/self/fd to count files in")
	}
	return len(entries)
}

// TestIsolation reads what a plugin's process can see of itself.
func TestIsolation(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes are confined on Linux alone")
	}
	t.Setenv("GENBENCH_TEST_SECRET", "a token") // of the process, not of what it was told
	o := testOptions(t)
	o.Getenv = func(name string) string {
		return map[string]string{"PATH": "/bin", "HOME": "/home/x", "AWS_SECRET_ACCESS_KEY": "y"}[name]
	}
	p := startOdd(t, "odd", o)
	out := query(p, "tells", "net", nil)
	if score, err := os.ReadFile("/proc/" + p.session.runner.ID() + "/oom_score_adj"); err != nil || string(score) != "800\n" {
		t.Errorf("where memory runs out it goes with score %q, %v; want 800", score, err)
	}
	if want := "tells: core=0 tmp_is_here=true write=<nil> env="; !strings.HasPrefix(out.Reason, want) {
		t.Fatalf("%q, want %q", out.Reason, want)
	}
	var names []string
	env := out.Reason[strings.Index(out.Reason, "env=")+4:]
	for _, entry := range strings.Split(strings.Trim(env, "[]."), `" "`) {
		name, _, _ := strings.Cut(strings.Trim(entry, `"`), "=")
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{"GENBENCH_HOST_PID", "GENBENCH_PLUGIN", "GOMAXPROCS", "HOME", "PATH", "PLUGIN_MAX_PORT", "PLUGIN_MIN_PORT", "PLUGIN_PROTOCOL_VERSIONS", "PLUGIN_UNIX_SOCKET_DIR", "TMPDIR", "XDG_CACHE_HOME"}
	if !slices.Equal(names, want) {
		t.Errorf("it sees %q, want %q", names, want)
	}
}

// TestFolders makes a folder whose sockets' paths fit, and removes old ones of dead hosts.
func TestFolders(t *testing.T) {
	dir, err := makeFolder(filepath.Join("/tmp", strings.Repeat("x", 100)))
	if err != nil || filepath.Dir(dir) != "/tmp" {
		t.Errorf("%s, %v", dir, err)
	}
	os.RemoveAll(dir)

	parent := testOptions(t).RunDir
	old := time.Now().Add(-48 * time.Hour)
	for name, age := range map[string]time.Time{
		"gb999999999-1": old, "gb999999999-2": time.Now(), fmt.Sprintf("gb%d-3", os.Getpid()): old, "gb-mine": old,
	} {
		path := filepath.Join(parent, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, age, age); err != nil {
			t.Fatal(err)
		}
	}
	sweep(parent)
	for name, want := range map[string]bool{"gb999999999-1": false, "gb999999999-2": true, fmt.Sprintf("gb%d-3", os.Getpid()): true, "gb-mine": true} {
		if _, err := os.Stat(filepath.Join(parent, name)); (err == nil) != want {
			t.Errorf("%s: %v, want it kept: %v", name, err, want)
		}
	}
}
