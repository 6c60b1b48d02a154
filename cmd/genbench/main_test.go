package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be genbench, and genbench's plugin.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "plugin" {
		os.Exit(servePlugin(os.Args[2:], os.Stderr))
	}
	commands := map[string]func(){"genbench": main}
	for name, misbehave := range faults {
		commands["genbench-measure-"+name] = misbehave
	}
	testscript.Main(m, commands)
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": statusOf, "damage": damage, "tear": tear, "newer": newer,
		},
		Setup: func(env *testscript.Env) error {
			root, err := filepath.Abs(filepath.Join("..", ".."))
			env.Setenv("ROOT", root)
			env.Setenv("HOME", env.WorkDir)
			return err
		},
	})
}

// statusOf runs a program and checks its exit status: status N PROGRAM ARGS...
func statusOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// damage flips one bit of a checkpoint of the store: damage STORE.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	edit(ts, filepath.Join(args[0], "models", "*", "final.safetensors"), func(b []byte) []byte {
		b[len(b)-100] ^= 1
		return b
	})
}

// tear cuts the last line of a results file in two: tear STORE.
func tear(ts *testscript.TestScript, _ bool, args []string) {
	edit(ts, filepath.Join(args[0], "values", "*.jsonl"), func(b []byte) []byte { return b[:len(b)-20] })
}

// newer makes a store say that a later version wrote it: newer STORE.
func newer(ts *testscript.TestScript, _ bool, args []string) {
	edit(ts, filepath.Join(args[0], "corpus.json"), func(b []byte) []byte {
		return []byte(regexp.MustCompile(`"schema": ?1`).ReplaceAllString(string(b), `"schema": 99`))
	})
}

// edit rewrites the first file that the pattern matches.
func edit(ts *testscript.TestScript, pattern string, change func([]byte) []byte) {
	files, err := filepath.Glob(ts.MkAbs(pattern))
	ts.Check(err)
	if len(files) == 0 {
		ts.Fatalf("no file matches %s", pattern)
	}
	b, err := os.ReadFile(files[0])
	ts.Check(err)
	changed := change(bytes.Clone(b))
	if bytes.Equal(b, changed) {
		ts.Fatalf("%s is as it was", files[0])
	}
	ts.Check(os.Chmod(files[0], 0o644))
	ts.Check(os.WriteFile(files[0], changed, 0o644))
}

// genbenchCommand runs this test binary as genbench.
func genbenchCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "genbench") // testscript.Main goes by the name
	if err := os.Symlink(exe, link); err != nil {
		t.Fatal(err)
	}
	return exec.Command(link, args...)
}

// board runs the command and returns its JSON leaderboard without the field that
// may differ between runs: seconds.
func board(t *testing.T, args ...string) string {
	t.Helper()
	cmd := genbenchCommand(t, append(args, "--format", "json", "--no-progress")...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, stderr.String())
	}
	var v map[string]any
	if err := json.Unmarshal(stdout.Bytes(), &v); err != nil {
		t.Fatalf("%v\n%s", err, stdout.String())
	}
	rows, _ := v["rows"].([]any)
	if len(rows) == 0 {
		t.Fatalf("the leaderboard has no rows:\n%s", stdout.String())
	}
	for _, r := range rows {
		delete(r.(map[string]any), "seconds")
	}
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestKilledRunsEndInTheSameLeaderboard kills a run at ten random moments, each
// time going on in the same store, and compares the end with an undisturbed run.
func TestKilledRunsEndInTheSameLeaderboard(t *testing.T) {
	if testing.Short() {
		t.Skip("kills ten runs: not in -short")
	}
	dir := t.TempDir()
	start := time.Now()
	want := board(t, "run", "tiny", "--store", filepath.Join(dir, "undisturbed"))
	whole := time.Since(start)
	store := filepath.Join(dir, "killed")
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for k := range 10 {
		cmd := genbenchCommand(t, "run", "tiny", "--store", store, "--no-progress")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		wait := time.Duration(rng.Float64() * float64(whole) / 3)
		time.Sleep(wait)
		cmd.Process.Kill()
		cmd.Wait()
		t.Logf("kill %d after %v of a run of %v", k, wait.Round(time.Millisecond), whole.Round(time.Millisecond))
	}
	if got := board(t, "run", "tiny", "--store", store); got != want {
		t.Errorf("after ten kills the leaderboard differs:\n%s\nwant\n%s", got, want)
	}
}

// TestWorkersDoNotChangeBits trains and measures with one worker and with two
// and compares checkpoints and leaderboard.
func TestWorkersDoNotChangeBits(t *testing.T) {
	dir := t.TempDir()
	var boards, tensors [2]string
	for i := range 2 {
		store := filepath.Join(dir, fmt.Sprint(i+1))
		boards[i] = board(t, "run", "tiny", "--store", store, "--jobs", fmt.Sprint(i+1))
		files, err := filepath.Glob(filepath.Join(store, "models", "*", "*.safetensors"))
		if err != nil || len(files) < 8 {
			t.Fatalf("%d checkpoints, error %v", len(files), err)
		}
		var all strings.Builder
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			rel, _ := filepath.Rel(store, f)
			fmt.Fprintf(&all, "%s %d ", rel, len(b))
			all.Write(b)
		}
		tensors[i] = all.String()
	}
	if boards[0] != boards[1] {
		t.Errorf("leaderboards differ between --jobs 1 and --jobs 2:\n%s\n%s", boards[0], boards[1])
	}
	if tensors[0] != tensors[1] {
		t.Error("checkpoints differ between --jobs 1 and --jobs 2")
	}
}
