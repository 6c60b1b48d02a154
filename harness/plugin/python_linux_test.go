package plugin

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// python is a Python to run scripts with.
func python(t *testing.T) string {
	t.Helper()
	path := os.Getenv("GENBENCH_TEST_PYTHON")
	if path == "" {
		path = "python3"
	}
	path, err := exec.LookPath(path)
	if err == nil {
		return path
	}
	if os.Getenv("GENBENCH_TEST_ALL") == "1" {
		t.Fatal("this test needs python3: ", err)
	}
	t.Skip("needs python3: ", err)
	return ""
}

// TestPythonStarts runs scripts of several kinds, confined: each imports a module that lies elsewhere, and says so as
// its last words. What they may not read they cannot: a file beside nothing of theirs.
func TestPythonStarts(t *testing.T) {
	needsLandlock(t)
	interpreter := python(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	venv := filepath.Join(dir, "home", "venv")
	if out, err := exec.Command(interpreter, "-m", "venv", "--without-pip", venv).CombinedOutput(); err != nil {
		t.Skipf("this Python makes no virtual environments: %v: %s", err, out)
	}
	sites, err := filepath.Glob(filepath.Join(venv, "lib", "python3*", "site-packages"))
	if err != nil || len(sites) != 1 {
		t.Fatal(sites, err)
	}
	site, err := filepath.Rel(dir, sites[0])
	if err != nil {
		t.Fatal(err)
	}
	write(site+"/installed.py", "")
	write(site+"/editable.pth", filepath.Join(dir, "checkout")+"\n")
	write("checkout/developed.py", "")
	write("path/given.py", "")
	write("project/beside.py", "")
	write("elsewhere/extra.py", "")
	secret := write("elsewhere/secret", "secret")
	write("work/beside.py", "")
	write("work/genbench-store/tiny/values/x.jsonl", "secret")
	const body = `
import sys, json, ssl, ctypes, multiprocessing, tempfile
import %s
tempfile.TemporaryFile().write(b"x")
try:
    open(%q)
    sys.exit("it read what it should not")
except PermissionError:
    sys.exit("all is well")
`
	for _, c := range []struct {
		name, script, first, module, secret string
		read                                []string
		want                                string
	}{
		{"by env", "project/a", "#!/usr/bin/env python3", "beside", secret, nil, "all is well"},
		{"virtual environment", "project/b", "#!" + venv + "/bin/python", "installed", secret, nil, "all is well"},
		{"editable install", "project/c", "#!" + venv + "/bin/python3", "developed", secret, nil, "all is well"},
		{"PYTHONPATH", "project/d", "#!/usr/bin/env python3", "given", secret, nil, "all is well"},
		{"--plugin-read", "project/e", "#!/usr/bin/env -S python3 -W ignore", "sys; sys.path.append('" + dir + "/elsewhere'); import extra", "/root/none", []string{dir + "/elsewhere"}, "No such file"},
		{"beside a store", "work/f", "#!/usr/bin/env python3", "beside", filepath.Join(dir, "work/genbench-store/tiny/values/x.jsonl"), nil, "all is well"},
		{"not allowed", "project/g", "#!/usr/bin/env python3", "sys; sys.path.append('" + dir + "/elsewhere'); import extra", secret, nil,
			"ModuleNotFoundError: No module named 'extra'; confined, it reads the system, its own folder and its interpreter: if it needs more, allow it with --plugin-read PATH"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(c.script, c.first+fmt.Sprintf(body, c.module, c.secret))
			o := testOptions(t)
			o.Sandbox, o.Read = SandboxRequire, c.read
			o.Getenv = func(name string) string {
				return map[string]string{"HOME": filepath.Join(dir, "home"), "PYTHONPATH": filepath.Join(dir, "path"), "PATH": filepath.Dir(interpreter) + ":/usr/bin:/bin"}[name]
			}
			_, err := Start(t.Context(), Program{Name: "script", Path: path}, o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
}

// TestWideFolders: a program that lies in the home directory, or in one that holds it, reads itself alone.
func TestWideFolders(t *testing.T) {
	home := t.TempDir()
	lib := filepath.Join(home, "lib", "x")
	if err := os.MkdirAll(lib, 0o700); err != nil {
		t.Fatal(err)
	}
	environ := func(name string) string { return map[string]string{"HOME": home}[name] }
	for path, want := range map[string][]string{
		filepath.Join(home, "program"):     nil,
		filepath.Join(lib, "program"):      {lib},
		filepath.Dir(home) + "/program":    nil,
		"/program":                         nil,
		filepath.Join(home, ".local/prog"): nil,
	} {
		g := readable(Program{Path: path}, Options{}, environ)
		if got := g.read[1:]; g.read[0] != path || strings.Join(got, " ") != strings.Join(want, " ") || len(g.list) > 0 {
			t.Errorf("%s reads %v and lists %v; want itself and %v", path, g.read, g.list, want)
		}
	}
}
