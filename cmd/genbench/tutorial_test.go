package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// block is a shell block of a page, and what the page says that it prints.
type block struct {
	script   string
	expected []string // lines; … stands for anything
}

func blocksOf(page string) []block {
	var blocks []block
	for _, m := range regexp.MustCompile("(?s)```(\\w+)\n(.*?)```").FindAllStringSubmatch(page, -1) {
		switch m[1] {
		case "sh":
			blocks = append(blocks, block{script: m[2]})
		case "text":
			last := &blocks[len(blocks)-1]
			last.expected = strings.Split(strings.TrimRight(m[2], "\n"), "\n")
		}
	}
	return blocks
}

// TestTutorialRuns does what docs/your-own-measure.md says, in one shell, and holds the output against the page.
func TestTutorialRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program anew: not in -short")
	}
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "docs", "your-own-measure.md"))
	if err != nil {
		t.Fatal(err)
	}
	before, inPython, ok := strings.Cut(string(text), "\n## In Python\n")
	if !ok {
		t.Fatal("the page has no part about Python")
	}
	copied := filepath.Join(t.TempDir(), "genbench")
	copyTree(t, root, copied)
	t.Run("go", func(t *testing.T) { follow(t, copied, blocksOf(before)) })
	t.Run("python", func(t *testing.T) {
		dir := pythonFolder(t, "grpc, google.protobuf, numpy")
		t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
		follow(t, copied, append(blocksOf(before)[:1], blocksOf(inPython)...))
	})
}

func follow(t *testing.T, dir string, blocks []block) {
	t.Helper()
	if len(blocks) < 3 {
		t.Fatalf("only %d shell blocks", len(blocks))
	}
	const mark = "==== block %d ====\n"
	var script strings.Builder
	for i, b := range blocks {
		fmt.Fprintf(&script, "printf '"+strings.ReplaceAll(mark, "\n", `\n`)+"'\n%s", i, b.script)
	}
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script.String())
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, stderr.String())
	}
	rest := string(out)
	for i, b := range blocks {
		_, rest, _ = strings.Cut(rest, fmt.Sprintf(mark, i))
		printed, _, _ := strings.Cut(rest, fmt.Sprintf(mark, i+1))
		missing, ok := inOrder(printed, b.expected)
		if !ok {
			t.Errorf("%s\nprints\n%s\nwithout the line %q of the page in its place", b.script, printed, missing)
		}
	}
}

// inOrder looks for the lines, one after the other.
func inOrder(printed string, lines []string) (missing string, ok bool) {
	have := strings.Split(printed, "\n")
	for _, line := range lines {
		pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(line)), "…", ".*") + "$")
		found := false
		for !found && len(have) > 0 {
			found = pattern.MatchString(strings.TrimSpace(have[0]))
			have = have[1:]
		}
		if !found {
			return line, false
		}
	}
	return "", true
}

func TestInOrder(t *testing.T) {
	const printed = "a 1\nb\nc 3 d\n"
	for _, c := range []struct {
		lines []string
		want  bool
	}{
		{[]string{"a …", "c … d"}, true}, {[]string{"b", "a …"}, false}, {[]string{"c"}, false}, {nil, true},
	} {
		if _, ok := inOrder(printed, c.lines); ok != c.want {
			t.Errorf("%q: %v", c.lines, ok)
		}
	}
}
