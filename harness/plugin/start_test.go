package plugin

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestStartFails has every plugin that does not start say why, in words that
// name it and the remedy.
func TestStartFails(t *testing.T) {
	for _, c := range []struct{ kind, want string }{
		{"slow", "it did not answer within 1s; raise --plugin-start-timeout if it needs longer; it said: importing a large library"},
		{"early", "it ended (exit status 3) before its handshake; is it a measure plugin, whose main calls measure.Serve, or genbench.serve in Python?; it said: libcuda.so.1: cannot open shared object file"},
		{"chatty", `it wrote "loading torch..." to standard output before its handshake; have it write to standard error, and call measure.Serve, or genbench.serve in Python, first`},
		{"endless", `it wrote "` + strings.Repeat("x", 200) + `..." to standard output before its handshake; have it write to standard error, and call measure.Serve, or genbench.serve in Python, first`},
		{"old-protocol", "it speaks another version of the protocol: rebuild it for this genbench"},
		{"twice-named", "it ended (exit status 1) before its handshake; is it a measure plugin, whose main calls measure.Serve, or genbench.serve in Python?; it said: exe: two measures are named twin"},
		{"describe-hangs", "it did not answer within 1s; raise --plugin-start-timeout if it needs longer"},
		{"describe-dies", "it ended (exit status 9) when it was asked what it measures; it said: no such device"},
		{"describe-fails", "asking what it measures: no weights for this accelerator"},
		{"nothing", "it serves no measures"},
		{"twins", "it serves two measures named twin"},
		{"bad-name", `it describes itself wrongly: measure name "../../etc/passwd": write a lower-case letter, then at most 40 of a-z, 0-9, - and . before a digit`},
		{"bad-need", `it describes itself wrongly: measure m: unknown need "test-labels"`},
		{"bad-direction", "it describes itself wrongly: measure m: unknown direction 17"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			o := testOptions(t)
			if strings.Contains(c.want, "within 1s") {
				o.StartTimeout = time.Second
			}
			p, err := Start(context.Background(), oddProgram(c.kind), o)
			if err == nil {
				p.Stop()
				t.Fatal("it started")
			}
			want := "starting plugin odd (/proc/self/exe): " + c.want
			if got := err.Error(); !strings.HasPrefix(got, want) || c.kind == "chatty" && got != want || len(got) > len(want)+1500 {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
			left, err := os.ReadDir(o.RunDir)
			if err != nil || len(left) != 0 {
				t.Errorf("it left %v, %v", left, err)
			}
		})
	}
}

// TestStartOfNoProgram starts files that are no programs.
func TestStartOfNoProgram(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("not a program"), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file or directory",
		text:                       "is it built for this machine, or a script without a first line #!?",
		dir:                        "permission denied",
	} {
		_, err := Start(context.Background(), Program{Name: "x", Path: path}, testOptions(t))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if _, err := Start(context.Background(), oddProgram("odd"), Options{Sandbox: "harder"}); err == nil || !strings.Contains(err.Error(), `unknown sandbox "harder" (known: best-effort, off, require)`) {
		t.Errorf("sandbox: %v", err)
	}
}

// TestStartInterrupted ends a start that would take long.
func TestStartInterrupted(t *testing.T) {
	for _, kind := range []string{"slow", "describe-hangs"} {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(300*time.Millisecond, cancel)
		_, err := Start(ctx, oddProgram(kind), testOptions(t)) // 30 s without the interrupt
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestDescribe(t *testing.T) {
	p := startOdd(t, "odd", testOptions(t))
	if p.SDK() != "go 1" {
		t.Errorf("sdk %q", p.SDK())
	}
	infos := p.Measures()
	if len(infos) != len(oddMeasures()) || infos[0].Name != "mean" || infos[0].Needs[0] != "train-margins" {
		t.Errorf("%+v", infos)
	}
	infos[0].Name = "changed"
	if p.Measures()[0].Name != "mean" {
		t.Error("the caller changed the process's own list")
	}
	if f := startOdd(t, "value", testOptions(t)); f.SDK() != "foreign 7" {
		t.Errorf("sdk %q", f.SDK())
	}
}
