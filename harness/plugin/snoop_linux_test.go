package plugin

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
)

// snoops is a measure that tries to get at what it was not given, knowing where it lies: option
// root is a folder with a store in it, given is a file of a quantity, listener an address. What it got it says on
// standard error, a line each, "got WHAT".
func snoops() measure.Measure {
	options := []measure.Option{{Name: "root", Default: "/"}, {Name: "given", Default: "/"}, {Name: "listener", Default: ":1"}}
	return odd{name: "snoops", needs: measure.Needs{measure.TrainMargins}, options: options, compute: func(ctx context.Context, net *measure.Network) (float64, error) {
		if _, err := net.TrainMargins(ctx); err != nil { // so that there is a file
			return 0, err
		}
		snoopFiles(net.Option("root"))
		snoopProcesses()
		snoopSelf()
		snoopGiven(net.Option("given"))
		snoopConnect(net.Option("listener"))
		fmt.Fprintf(os.Stderr, "tried: %s\n", net.ID())
		return 1, nil
	}}
}

func got(format string, args ...any) { fmt.Fprintf(os.Stderr, "got "+format+"\n", args...) }

// snoopFiles reads all that it finds, and what it knows the name of.
func snoopFiles(root string) {
	named := []string{
		"store/models/0123456789abcdef/record.json", "store/models/0123456789abcdef/test-correct.bin", "store/values/host-1-1.jsonl",
		"store/corpus.json", "store/cache/0123.q", "store/report/board.json", "home/.ssh/id", "home/.bashrc", "other/t/x",
	}
	for _, name := range named {
		if b, err := os.ReadFile(filepath.Join(root, name)); err == nil {
			got("%s: %q", name, b)
		}
		if os.WriteFile(filepath.Join(root, name), []byte("overwritten"), 0o600) == nil {
			got("to write %s", name)
		}
		if os.Remove(filepath.Join(root, name)) == nil {
			got("to remove %s", name)
		}
	}
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && path != root {
			got("the name %s", path)
		}
		return nil
	})
	if os.RemoveAll(filepath.Join(root, "store", "models")) == nil {
		if _, err := os.Stat(filepath.Join(root, "store", "models")); err != nil {
			got("to remove the models")
		}
	}
}

// snoopProcesses reads what /proc tells of its parent, and tries to touch it.
func snoopProcesses() {
	parent := os.Getppid()
	proc := "/proc/" + strconv.Itoa(parent)
	for _, name := range []string{"cmdline", "environ", "maps", "status", "stat", "mounts", "mem", "auxv"} {
		f, err := os.Open(filepath.Join(proc, name))
		if err != nil {
			continue
		}
		n, _ := f.Read(make([]byte, 4096))
		if f.Close(); n > 0 {
			got("its parent's %s", name)
		}
	}
	for _, name := range []string{"cwd", "exe", "root", "fd/0", "fd/1", "fd/2", "fd/3", "fd/4", "fd/5"} {
		if to, err := os.Readlink(filepath.Join(proc, name)); err == nil {
			got("where its parent's %s points: %s", name, to)
		}
		if f, err := os.Open(filepath.Join(proc, name)); err == nil {
			f.Close()
			got("its parent's open %s", name)
		}
	}
	for _, dir := range []string{"/proc", proc + "/fd", proc + "/task"} {
		if entries, err := os.ReadDir(dir); err == nil {
			got("the names in %s: %d", dir, len(entries))
		}
	}
	if syscall.Kill(parent, syscall.SIGCONT) == nil {
		got("a signal through to its parent")
	}
	if unix.PtraceSeize(parent) == nil { // the kind that does not stop it
		got("hold of its parent")
	}
	local := []unix.Iovec{{Base: new(byte), Len: 1}}
	if _, err := unix.ProcessVMReadv(parent, local, []unix.RemoteIovec{{Base: 0x400000, Len: 1}}, 0); err == nil {
		got("its parent's memory")
	}
}

// snoopSelf looks at what it was started with.
func snoopSelf() {
	for _, e := range os.Environ() {
		if strings.Contains(e, "secret") || strings.Contains(e, "store") {
			got("the variable %s", e)
		}
	}
	for fd := 3; fd < 1024; fd++ {
		var info unix.Stat_t
		if unix.Fstat(fd, &info) != nil {
			continue
		}
		path, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		own := err == nil && strings.HasPrefix(path, "/sys/fs/cgroup/") // Go's runtime opens these itself
		if kind := info.Mode & unix.S_IFMT; !own && (kind == unix.S_IFREG || kind == unix.S_IFDIR) {
			got("the open file %d, %s", fd, path)
		}
	}
}

// snoopGiven tries to change the file of a quantity, and to see what lies beside it.
func snoopGiven(path string) {
	if _, err := os.ReadFile(path); err != nil {
		got("no sight of the file that it was given: %v", err) // it has to be readable
	}
	if f, err := os.OpenFile(path, os.O_RDWR, 0); err == nil {
		f.Close()
		got("the file that it was given open to write")
	}
	if os.Truncate(path, 0) == nil {
		got("to truncate the file that it was given")
	}
	if os.Remove(path) == nil {
		got("to remove the file that it was given")
	}
	for dir := filepath.Dir(path); dir != "/"; dir = filepath.Dir(dir) {
		if entries, err := os.ReadDir(dir); err == nil {
			got("the names in %s: %d", dir, len(entries))
		}
	}
}

func snoopConnect(address string) {
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		got("a connection to %s", address)
	}
	for _, of := range []struct {
		kind     string
		protocol int
	}{{"tcp", unix.IPPROTO_TCP}, {"mptcp", unix.IPPROTO_MPTCP}, {"udp", unix.IPPROTO_UDP}} {
		style := unix.SOCK_STREAM
		if of.kind == "udp" {
			style = unix.SOCK_DGRAM
		}
		fd, err := unix.Socket(unix.AF_INET, style, of.protocol)
		if err != nil {
			continue
		}
		if unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}) == nil {
			got("a port of %s", of.kind)
		}
		unix.Close(fd)
	}
}

// snooped runs the measure and returns what it got. The store lies beside the program's quantities as in a run.
func snooped(t *testing.T, sandbox Sandbox) []string {
	t.Helper()
	root := t.TempDir()
	for _, name := range []string{
		"store/models/0123456789abcdef/record.json", "store/models/0123456789abcdef/test-correct.bin", "store/values/host-1-1.jsonl", "store/corpus.json",
		"store/cache/0123.q", "store/report/board.json", "home/.ssh/id", "home/.bashrc", "other/t/x",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var mu sync.Mutex
	var lines []string
	o := testOptions(t)
	o.Sandbox = sandbox
	o.Hide, o.Views = []string{filepath.Join(root, "store")}, filepath.Join(root, "store", "cache")
	o.Getenv = func(name string) string {
		return map[string]string{"HOME": filepath.Join(root, "home"), "GENBENCH_DATA": "/secret", "PATH": os.Getenv("PATH")}[name]
	}
	o.Log = func(_, line string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, line)
	}
	p, err := Start(t.Context(), program(t, "snoops"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	margins := filepath.Join(root, "store", "cache", "margins.q")
	if err := os.WriteFile(margins, make([]byte, 8), 0o400); err != nil {
		t.Fatal(err)
	}
	out := p.Compute(t.Context(), Request{
		Measure: "snoops", Network: "8f1c", Provider: &stored{bundle: &quantity.Bundle{Arrays: []quantity.Array{{Name: "margins", DType: "f64", Shape: []int{1}, Path: margins}}}},
		Options: map[string]string{"root": root, "given": filepath.Join(p.session.view.dir, "1"), "listener": listener.Addr().String()},
	})
	p.Stop()
	mu.Lock()
	defer mu.Unlock()
	if out.Status != OK || len(lines) == 0 || lines[len(lines)-1] != "tried: 8f1c" {
		t.Fatalf("%+v\n%s", out, strings.Join(lines, "\n"))
	}
	return lines[:len(lines)-1]
}

// TestSnoopGetsNothing: a plugin that knows where the answers lie does not get at them.
func TestSnoopGetsNothing(t *testing.T) {
	needsLandlock(t)
	for _, line := range snooped(t, SandboxRequire) {
		t.Errorf("a confined plugin %s", line)
	}
}

// TestSnoopIsNoCoward: without the sandbox the same attempts succeed, so that what the other test sees is the
// sandbox. What is not given away on any system stays away: variables and open files.
func TestSnoopIsNoCoward(t *testing.T) {
	all := strings.Join(snooped(t, SandboxOff), "\n")
	for _, want := range []string{
		"got store/models/0123456789abcdef/record.json: \"secret\"", "got store/values/host-1-1.jsonl", "got to remove store/corpus.json", "got home/.ssh/id",
		"got the name ", "got to remove the models", "got its parent's cmdline", "got its parent's environ", "got where its parent's cwd points",
		"got the file that it was given open to write", "got a connection to", "got a port of tcp", "got a port of udp", "got a signal through to its parent", "got the names in /proc",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("unconfined it never %q:\n%s", want, all)
		}
	}
	for _, never := range []string{"got the variable", "got the open file"} {
		if strings.Contains(all, never) {
			t.Errorf("%s, which no plugin should:\n%s", never, all)
		}
	}
}

// needsLandlock skips a test where the kernel cannot confine.
func needsLandlock(t *testing.T) Confinement {
	t.Helper()
	c := Probe()
	if c.enough() == nil && c.Signals {
		return c
	}
	if os.Getenv("GENBENCH_TEST_ALL") == "1" {
		t.Fatal("this kernel cannot confine plugins: ", c)
	}
	t.Skip("needs a kernel with Landlock 6 or later; this one: ", c)
	return c
}
