package plugin

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestLock writes programs down, reads them back and finds nothing changed; then everything that can change, one at
// a time.
func TestLock(t *testing.T) {
	p := program(t, "well")
	p.SHA256 = strings.Repeat("0a", 32)
	process := begin(t, Program{Name: p.Name, Path: p.Path, Args: p.Args}, Options{})
	dir := t.TempDir()
	path := filepath.Join(dir, LockName)
	lock := &Lock{}
	lock.Put(Locked{Name: "z"})
	lock.Put(LockOf(p, process, filepath.Dir(p.Path)))
	if err := lock.Write(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := `(?m)^  \{"name":"margin-sum","version":"1","larger":"smaller","scale":"log","needs":\["train-margins"\],"options":\{"mode":"a"\}\},$`
	if !regexp.MustCompile(line).Match(text) || !strings.Contains(string(text), `"path":"plugin.test"`) {
		t.Errorf("no line %s, or no relative path, in\n%s", line, text)
	}
	read := func() (*Lock, *Locked) {
		l, err := ReadLock(path)
		if err != nil {
			t.Fatal(err)
		}
		return l, l.find("third")
	}
	l, _ := read()
	if f, c := l.CheckFile(p), l.CheckProcess(p, process); f != nil || c != nil {
		t.Errorf("just written, it differs: %v, %v", f, c)
	}
	for _, c := range []struct {
		change func(*Locked)
		want   string
	}{
		{func(l *Locked) { l.SHA256 = strings.Repeat("1", 64) }, "has changed (sha256 0a0a0a0a0a0a, it was 111111111111)"},
		{func(l *Locked) { l.Name = "other" }, "plugin third is not in it"},
		{func(l *Locked) { l.Protocol = 7 }, "the protocol was 7 and is 1"},
		{func(l *Locked) { l.Version = "v9" }, `the version was "v9" and is ""`},
		{func(l *Locked) { l.Measures = l.Measures[1:] }, "which is new"},
		{func(l *Locked) { l.Measures[0].Name = "absent" }, "it no longer serves absent"},
		{func(l *Locked) { l.Measures[0].Version = "9" }, "the version was 9 and is 1"},
		{func(l *Locked) { l.Measures[0].Larger = "unknown" }, "what a larger value predicts was unknown and is smaller"},
		{func(l *Locked) { l.Measures[0].Scale = "raw" }, "the scale was raw and is log"},
		{func(l *Locked) { l.Measures[0].Needs = []string{"weights"} }, "the list of needs was [weights] and is"},
		{func(l *Locked) { l.Measures[0].Options = nil }, "the list of options was map[] and is map[mode:a]"},
		{func(l *Locked) { l.Measures[0].Aliases = []string{"x"} }, "the list of aliases was [x] and is []"},
		{func(l *Locked) { l.Measures[0].Stochastic = true }, "stochastic was true and is false"},
	} {
		l, locked := read()
		c.change(locked)
		err := l.CheckFile(p)
		if err == nil {
			err = l.CheckProcess(p, process)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v; want %q", err, c.want)
		}
	}
	if err := l.CheckFile(Program{Name: "third", SHA256: p.SHA256, Attach: "unix:x"}); err == nil {
		t.Error("an attached process may be anything")
	}
	if _, err := ReadLock(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "genbench measures lock") {
		t.Errorf("a lock that is not there: %v", err)
	}
}

// TestScriptHash: a script's hash changes with every file of its folder that it may be made of, and with no other; it is what
// sha256sum makes of the files.
func TestScriptHash(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	hash := func() Program {
		t.Helper()
		p, err := External("script", filepath.Join(dir, "script"))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	write("script", "#!/bin/sh\n")
	write("lib/data.txt", "1\n")
	p := hash()
	// cd DIR; LC_ALL=C; sha256sum lib/data.txt script | sha256sum, with coreutils 9.1
	if want := "df5ccdf6a710da39dd557e0e6969ab24822550248222608a9f262a722029edec"; p.SHA256 != want {
		t.Errorf("hash %s, want %s", p.SHA256, want)
	}
	if p.Folder != real(dir) {
		t.Errorf("the hash is of %q", p.Folder)
	}
	for name, counts := range map[string]bool{
		"lib/module.py": true, "data.bin": true, "lib/deeper/x": true,
		".git/index": false, "lib/__pycache__/module.cpython-311.pyc": false, "stray.pyc": false, "venv/lib/x.py": false, "genbench-store/tiny/values/x.jsonl": false,
		"results/models/x": false, LockName: false, "x.egg-info/PKG-INFO": false,
		"notes.txt": true, "notes.txt~": false, "lib/module.py.swp": false, "README.md": false,
	} {
		write("venv/pyvenv.cfg", "home = /usr/bin\n")
		write("results/corpus.json", "{}\n")
		if err := os.MkdirAll(filepath.Join(dir, "results", "models"), 0o700); err != nil {
			t.Fatal(err)
		}
		before := hash()
		write(name, "something\n")
		if after := hash(); (after.SHA256 != before.SHA256) != counts {
			t.Errorf("%s: counts %v, want %v", name, after.SHA256 != before.SHA256, counts)
		}
		if err := before.check(); (err != nil) != counts {
			t.Errorf("%s: before a start: %v", name, err)
		}
	}
	// Touched, but the same: read again, and let through.
	p = hash()
	write("script", "#!/bin/sh\n")
	if err := p.check(); err != nil {
		t.Errorf("written again with the same content: %v", err)
	}
	// A program that is no script counts alone.
	write("binary", "\x7fELF")
	alone, err := External("binary", filepath.Join(dir, "binary"))
	if err != nil || alone.Folder != "" {
		t.Errorf("%+v, %v", alone, err)
	}
}

// TestLockNamesFiles: what differs in a folder is named, from the lock as it is read back.
func TestLockNamesFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	script := func() Program {
		t.Helper()
		p, err := External("script", filepath.Join(dir, "script"))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	write("script", "#!/bin/sh\n")
	write("old", "1\n")
	p := script()
	path := filepath.Join(t.TempDir(), LockName)
	if err := (&Lock{Plugins: []Locked{{Name: p.Name, SHA256: p.SHA256, Of: "folder", Files: p.files}}}).Write(path); err != nil {
		t.Fatal(err)
	}
	lock, err := ReadLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.CheckFile(p); err != nil {
		t.Errorf("just written, it differs: %v", err)
	}
	holds := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v; want it to end in %q", err, want)
		}
	}
	write("board.csv", "x\n")
	write("script", "#!/bin/sh\nexit 1\n")
	if err := os.Remove(filepath.Join(dir, "old")); err != nil {
		t.Fatal(err)
	}
	holds(lock.CheckFile(script()), "): board.csv is new, old is gone, script changed")
	holds(p.check(), ": board.csv is new, old is gone, script changed; run again")
	for _, name := range []string{"1", "2", "3", "4", "5"} {
		write(name, "x\n")
	}
	holds(lock.CheckFile(script()), "): 1 is new, 2 is new, 3 is new, 4 is new, 5 is new, and 3 more")
	lock.Plugins[0].Files = nil // of a lock that was written before files were
	holds(lock.CheckFile(script()), ")")
}

// TestScriptInALargeFolder is refused, with a remedy.
func TestScriptInALargeFolder(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, mostBytes+1); err != nil { // a hole, which takes no room
		t.Fatal(err)
	}
	path := filepath.Join(dir, "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := External("script", path); err == nil || !strings.Contains(err.Error(), "put it into a folder of its own") {
		t.Errorf("%v", err)
	}
}
