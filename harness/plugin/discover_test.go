package plugin

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// place writes an executable file and returns its path.
func place(t *testing.T, dir, name, content string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDiscover(t *testing.T) {
	first, second, own := t.TempDir(), t.TempDir(), t.TempDir()
	place(t, first, prefix+"fisher", "1")
	place(t, second, prefix+"fisher", "2")
	place(t, second, prefix+"path-norm", "3")
	place(t, second, "path-norm-tool", "not a plugin")
	named := place(t, own, "anything", "4")
	t.Chdir(own) // the current folder is never searched
	place(t, own, prefix+"here", "5")
	t.Setenv("PATH", own)

	programs, err := Discover(map[string]string{"path-norm": "anything"}, []string{first, "", filepath.Join(first, "absent"), second}, []string{"l2norm"})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("4"))
	want := []Program{
		{Name: "fisher", Path: filepath.Join(first, prefix+"fisher")},
		{Name: "path-norm", Path: named, SHA256: hex.EncodeToString(sum[:])},
	}
	if len(programs) != 2 || programs[0].Name != want[0].Name || programs[0].Path != want[0].Path || programs[1].Name != want[1].Name || programs[1].SHA256 != want[1].SHA256 {
		t.Errorf("found %+v, want %+v", programs, want)
	}
}

func TestDiscoverRefuses(t *testing.T) {
	dir := t.TempDir()
	plain := place(t, dir, "plain", "")
	if err := os.Chmod(plain, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, path, want string }{
		{"l2norm", place(t, dir, "program", ""), "a built-in measure has that name"},
		{"L2", filepath.Join(dir, "program"), "lower-case"},
		{"x", plain, "chmod +x"},
		{"x", dir, "is not a file"},
		{"x", filepath.Join(dir, "absent"), "build it, or mend its path"},
	} {
		_, err := Discover(map[string]string{c.name: c.path}, nil, []string{"l2norm"})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: error %v, want one that says %q", c.name, c.path, err, c.want)
		}
	}
}

func TestTail(t *testing.T) {
	var logged int
	tl := &tail{log: func(string) { logged++ }}
	tl.Write([]byte("panic: the cause\n"))
	for range 1000 {
		tl.Write([]byte("goroutine 1 [running]\n"))
	}
	tl.Write([]byte("last"))
	if got := tl.reason(); got != "panic: the cause" {
		t.Errorf("reason %q, want the panic's line", got)
	}
	if n := len(tl.text()); n > tailBytes+10 || !strings.HasSuffix(tl.text(), "last") {
		t.Errorf("kept %d bytes ending in %q", n, tl.text()[n-10:])
	}
	if logged != 1001 {
		t.Errorf("%d lines logged, want 1001", logged)
	}
	tl.forget()
	tl.Write([]byte("\nTraceback\nValueError: no\n"))
	if got := tl.reason(); got != "ValueError: no" {
		t.Errorf("reason %q, want the last line", got)
	}
}
