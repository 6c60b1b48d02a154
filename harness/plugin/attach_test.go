package plugin

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAttachments reads what a plugin prints that waits.
func TestAttachments(t *testing.T) {
	ps, err := Attachments(`{"mine":{"addr":"unix:/tmp/x","pid":12,"protocol":1}}`)
	if err != nil || len(ps) != 1 || ps[0].Name != "mine" || ps[0].Attach != "unix:/tmp/x" || ps[0].pid != 12 {
		t.Errorf("%+v, %v", ps, err)
	}
	if ps, err := Attachments(""); err != nil || ps != nil {
		t.Errorf("of nothing: %+v, %v", ps, err)
	}
	for text, want := range map[string]string{
		"nonsense":                                     "is not what a plugin prints",
		`{"No Name":{"addr":"x","protocol":1}}`:        "no plugin's name",
		`{"mine":{"protocol":1}}`:                      "has no addr",
		`{"mine":{"addr":"unix:/tmp/x","protocol":9}}`: "speaks version 9 of the protocol, this genbench version 1",
	} {
		if _, err := Attachments(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

// TestAttach asks a process that was started by hand, twice over, and leaves it running.
func TestAttach(t *testing.T) {
	socket := filepath.Join(shortDir(t), "s")
	made := program(t, "well")
	waits := exec.Command(made.Path, made.Args...)
	waits.Env = append(os.Environ(), "GENBENCH_DEBUG=unix:"+socket)
	if err := waits.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { waits.Process.Kill(); waits.Wait() })
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("unix", socket) // the file is there before the process listens
		if err == nil {
			conn.Close()
		}
		if err == nil || time.Now().After(end) {
			break
		}
	}
	at := Program{Name: "third", Path: "unix:" + socket, Attach: "unix:" + socket, pid: waits.Process.Pid}
	for range 2 {
		p := begin(t, at, short) // whose deadline of 300 ms does not hold for it
		if out := ask(t, p, "margin-sum", "n"); out.Status != OK || out.Value != 7 {
			t.Errorf("%+v; want 7", out)
		}
		if out := ask(t, p, "pid", "n"); out.Value != float64(waits.Process.Pid) {
			t.Errorf("process %v answers, not the one that waits", out.Value)
		}
		if out := ask(t, p, "panics", "n"); out.Reason != "panics: panic: index 5 of 3" {
			t.Errorf("%+v", out)
		}
		p.Stop()
	}
	if ended(waits.Process.Pid) {
		t.Error("it ended with its host")
	}
	p := begin(t, at, Options{})
	waits.Process.Kill()
	waits.Wait()
	if out := ask(t, p, "margin-sum", "n"); out.Status != Failed || !strings.Contains(out.Reason, "does the plugin wait there?") {
		t.Errorf("once it is gone: %+v", out)
	}
}
