package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// byCI are the README's two commands; running them in a test would run the tests
// in the tests. .ci/run runs them, which is checked instead.
var byCI = map[string]bool{"go run ./cmd/genbench run": true, "go test ./...": true}

// TestReadmeCommandsRun runs every shell block of the README in a copy of the tree.
func TestReadmeCommandsRun(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program anew: not in -short")
	}
	root := filepath.Join("..", "..")
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	ci, err := os.ReadFile(filepath.Join(root, ".ci", "run"))
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	copyTree(t, root, copied)
	blocks := regexp.MustCompile("(?s)```(sh|bash|shell|console)\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) < 5 {
		t.Fatalf("only %d shell blocks found in the README", len(blocks))
	}
	for _, b := range blocks {
		script := strings.TrimSpace(b[2])
		if byCI[script] {
			if !strings.Contains(string(ci), script) {
				t.Errorf(".ci/run does not run the README's %q", script)
			}
			continue
		}
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
		cmd.Dir = copied
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s\n%v\n%s", script, err, out)
		}
	}
}

// TestReadmeShowsTheExample compares the measure that the README prints with the
// one that is built and tested.
func TestReadmeShowsTheExample(t *testing.T) {
	root := filepath.Join("..", "..")
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(root, "examples", "margin-variance", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```go\n"+string(source)+"```\n") {
		t.Error("the README's example is not examples/margin-variance/main.go as it stands")
	}
}

// copyTree copies the source tree without what runs leave in it.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	leave := map[string]bool{".git": true, "genbench-store": true, "bin": true, ".genbench": true}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case leave[rel] && d.IsDir():
			return filepath.SkipDir
		case leave[rel]: // .git is a file in a linked work tree
			return nil
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}
