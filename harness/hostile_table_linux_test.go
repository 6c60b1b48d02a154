package harness_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness"
	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/harness/result"
)

// hostilities are the rows of docs/hostile.md: the kind of plugin, and what it does, in words.
var hostilities = []struct{ kind, does string }{
	{"forks", "starts 600 processes, each in a session of its own"},
	{"allocates", "allocates 20 GB"},
	{"child-allocates", "starts a program that allocates 20 GB"},
	{"starts-large", "allocates 20 GB before its handshake"},
	{"loops", "loops for ever"},
	{"stops", "stops itself by SIGSTOP"},
	{"ends-host", "sends SIGTERM to genbench"},
	{"closes", "closes all its descriptors"},
	{"closes-standard", "closes standard input, output and error, and answers"},
	{"scribbles", "writes to a mapped quantity"},
	{"removes", "removes the store's networks, and empties its corpus.json"},
	{"reads", "reads the store"},
	{"connects", "connects out, by TCP and by UDP"},
	{"prints", "prints 1 GB to standard error, and answers"},
	{"dies", "exits in Compute"},
	{"another", "answers for another network"},
	{"takes-name", "serves a measure of the name of a built-in"},
	{"twins", "serves two measures of one name"},
	{"protocol-0", "speaks version 0 of the protocol"},
	{"protocol-99", "speaks version 99 of the protocol"},
	{"shifts", "exits in Compute, and describes itself otherwise when it is started again"},
}

// hostileRun is a corpus of a few networks to be hostile to.
type hostileRun struct {
	options  harness.Options
	records  []*corpora.Record
	listener string
}

func newHostileRun(t *testing.T) *hostileRun {
	c := trainTiny(t, 2, 1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	r := &hostileRun{listener: listener.Addr().String(), records: c.records}
	cache := filepath.Join(c.store.Dir(), "cache")
	r.options = harness.Options{
		Store: c.store, Data: c.data, Networks: c.networks, Engine: c.engine.Name(), Jobs: 1, Warn: func(error) {},
		Patterns: []string{"*"}, NewHost: func() *quantity.Host { return quantity.NewHost(c.engine, cache) },
		Plugin: plugin.Options{
			Getenv: os.Getenv, Sandbox: plugin.SandboxRequire, StartTimeout: 10 * time.Second, ComputeTimeout: time.Second, Grace: 200 * time.Millisecond,
			MemoryLimit: 256 << 20, Hide: []string{c.store.Dir()}, Views: cache,
		},
	}
	return r
}

// measure runs the built-ins and one hostile plugin, and returns the cells by network and measure.
func (r *hostileRun) measure(t *testing.T, kind string) (map[string]*result.Result, error) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := r.options
	if kind == "prints" || kind == "forks" { // it is not the deadline that ends these
		o.Plugin.ComputeTimeout = time.Minute
	}
	o.Programs = []plugin.Program{plugin.Builtin(nil), {Name: "hostile", Path: exe, Args: []string{"hostile", kind, o.Store.Dir(), r.listener}}}
	cells := map[string]*result.Result{}
	err = measureAll(t, o, r.records, func(c *result.Result) { cells[c.Network+" "+c.Measure] = c })
	return cells, err
}

// updateVariable has the test write the table in place of comparing it.
const updateVariable = "GENBENCH_TEST_UPDATE"

// TestHostileTable has every plugin of the table at a corpus: what its cell says is in docs/hostile.md, and all
// cells of others, those of a well-behaved measure of its own program among them, have the values that they have
// without it.
func TestHostileTable(t *testing.T) {
	if testing.Short() {
		t.Skip("short tests: this one waits for deadlines")
	}
	if c := plugin.Probe(); !c.Files || !c.Network || !c.Signals {
		if os.Getenv("GENBENCH_TEST_ALL") == "1" {
			t.Fatal("this kernel cannot confine plugins: ", c)
		}
		t.Skip("needs Landlock 6 or later, and seccomp; this kernel: ", c)
	}
	run := newHostileRun(t)
	want, err := run.measure(t, "well")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString(hostileHead)
	for _, h := range hostilities {
		start := time.Now()
		cells, err := run.measure(t, h.kind)
		said := ""
		switch {
		case err != nil:
			said = "the run is refused before it begins: " + err.Error()
		default:
			compareOthers(t, h.kind, cells, want)
			said = hostileCell(cells, run.records[0].ID)
		}
		if _, err := os.Stat(filepath.Join(run.options.Store.Dir(), "models", run.records[0].ID, "record.json")); err != nil {
			t.Fatalf("%s: the store is not what it was: %v", h.kind, err)
		}
		fmt.Fprintf(&table, "| %s | %s |\n", h.does, steady(said, run))
		t.Logf("%s: %v: %s", h.kind, time.Since(start).Round(time.Millisecond), said)
	}
	if left := sleepers(t); left > 0 {
		t.Errorf("%d processes of the fork bomb are left", left)
	}
	compareTable(t, filepath.Join("..", "docs", "hostile.md"), table.String())
}

const hostileHead = `# Hostile and clumsy plugins

Made by TestHostileTable in package harness, which has each of these plugins at a corpus, among the built-in measures, on a
kernel that can confine it, with a deadline of 1 s, 256 MiB of memory and 256 processes. What the plugin's cell then says stands
beside it. The test holds all other cells, those of another measure of the same program among them, to the values that they
have without it, bit for bit; a program that does not start has no other cells.

| the plugin | its cell |
|---|---|
`

// hostileCell is what the cell of the hostile measure says.
func hostileCell(cells map[string]*result.Result, network string) string {
	c := cells[network+" hostile"]
	switch {
	case c == nil:
		return "there is none"
	case c.Status == result.OK:
		return fmt.Sprintf("ok: %v", *c.Value)
	}
	return string(c.Status) + ": " + c.Reason
}

// compareOthers holds the cells of all measures but the hostile one against a run without it.
func compareOthers(t *testing.T, kind string, got, want map[string]*result.Result) {
	t.Helper()
	started := false
	for key := range got {
		started = started || strings.HasSuffix(key, " bystander")
	}
	for key, w := range want {
		if strings.HasSuffix(key, " hostile") || strings.HasSuffix(key, " bystander") && !started {
			continue
		}
		g := got[key]
		if kind == "shifts" && strings.HasSuffix(key, " bystander") { // its program cannot be started again
			continue
		}
		if g == nil || g.Status != w.Status || g.Reason != w.Reason || (w.Value != nil && *g.Value != *w.Value) {
			t.Errorf("%s: the cell %s is %+v, without it %+v", kind, key, g, w)
		}
	}
}

// steady takes out of a message what differs from run to run.
func steady(said string, run *hostileRun) string {
	said = strings.ReplaceAll(said, run.options.Store.Dir(), "STORE")
	if exe, err := os.Executable(); err == nil {
		said = strings.ReplaceAll(said, exe, "PROGRAM")
	}
	said = strings.ReplaceAll(said, run.listener, "ADDRESS")
	for pattern, by := range map[string]string{
		`it held \d+ MiB`:                            "it held … MiB",
		`it ran \d+`:                                 "it ran …",
		`the version was \d+ and is \d+`:             "the version was 1 and is 2",
		`plugin hostile was given up for this run: `: "", // what the second network hears, whichever that is
		`\n`: "; ",
		`\|`: `\|`,
	} {
		said = regexp.MustCompile(pattern).ReplaceAllString(said, by)
	}
	return said
}

// sleepers counts the processes that the fork bomb left.
func sleepers(t *testing.T) int {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		if b, err := os.ReadFile(file); err == nil && bytes.Equal(b, []byte("sleep\x00"+marker+"\x00")) {
			n++
		}
	}
	return n
}

func compareTable(t *testing.T, path, table string) {
	t.Helper()
	if os.Getenv(updateVariable) == "1" {
		if err := os.WriteFile(path, []byte(table), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != table {
		t.Errorf("%s differs from what plugins now say; %s=1 writes it anew. It would be\n%s", path, updateVariable, table)
	}
}
