package scaffold

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/internal/pythontest"
)

func tree(t *testing.T) Source {
	t.Helper()
	s, err := FindSource("", "devel", ".")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func inside(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	// What building genbench fetched has to do.
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off", "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestGoMeasureBuilds: a new folder passes its test, is formatted and vetted, and builds, offline.
func TestGoMeasureBuilds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if err := Write(Measure{Name: "my-norm2", Language: "go", Dir: dir, Source: tree(t)}); err != nil {
		t.Fatal(err)
	}
	if out := inside(t, dir, "gofmt", "-l", "."); out != "" {
		t.Errorf("not formatted: %s", out)
	}
	inside(t, dir, "go", "vet", "./...")
	inside(t, dir, "go", "test", "./...")
	inside(t, dir, "go", "build", "-o", "genbench-measure-my-norm2", ".")
	out, _ := exec.Command(filepath.Join(dir, "genbench-measure-my-norm2")).CombinedOutput()
	if !strings.Contains(string(out), "my-norm2 (version 1)") {
		t.Errorf("the program says: %s", out)
	}
}

// TestNeededModules holds the list of modules against the go command.
func TestNeededModules(t *testing.T) {
	root := tree(t).Dir
	out := inside(t, root, "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./harness/measure", "./harness/measure/measuretest")
	var linked []string
	for _, path := range strings.Fields(out) {
		if path != module && !slices.Contains(linked, path) {
			linked = append(linked, path)
		}
	}
	slices.Sort(linked)
	if !slices.Equal(linked, needed) {
		t.Errorf("package measure links %v, the list has %v", linked, needed)
	}
}

func TestPythonMeasurePasses(t *testing.T) {
	program := pythontest.Program(t, "grpc, google.protobuf, numpy")
	dir := filepath.Join(t.TempDir(), "new")
	if err := Write(Measure{Name: "my-norm2", Language: "python", Dir: dir}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PYTHONPATH", "") // the package lies beside it
	if out := inside(t, dir, program, "-m", "unittest"); !strings.Contains(out, "Ran 2 tests") {
		t.Errorf("it ran: %s", out)
	}
	out, _ := exec.Command(program, filepath.Join(dir, "measure.py")).CombinedOutput()
	if !strings.Contains(string(out), "my-norm2 (version 1)") {
		t.Errorf("the program says: %s", out)
	}
	if info, err := os.Stat(filepath.Join(dir, "measure.py")); err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("measure.py is not executable: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		m    Measure
		want string
	}{
		{Measure{Name: "Not A Name", Language: "go"}, "measure name"},
		{Measure{Name: "a.1", Language: "go"}, "no dots"},
		{Measure{Name: "a", Language: "rust"}, `no language "rust" (known: go, python)`},
		{Measure{Name: "a", Language: "python", Dir: full}, "is not empty"},
		{Measure{Name: "a", Language: "go", Dir: filepath.Join(full, "x")}, ErrNoSource.Error()},
	} {
		if err := Write(c.m); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v; want %q", c.m, err, c.want)
		}
	}
	if _, err := os.Stat(filepath.Join(full, "x")); err == nil {
		t.Error("a refused measure left a folder")
	}
}

func TestFindSource(t *testing.T) {
	root := tree(t).Dir
	if s, err := FindSource(root, "v1.2.3"); err != nil || s.Dir != root {
		t.Errorf("given: %+v, %v", s, err)
	}
	if s, err := FindSource("", "v1.2.3", root); err != nil || s != (Source{Version: "v1.2.3"}) {
		t.Errorf("a published version: %+v, %v", s, err)
	}
	if s, err := FindSource("", "v1.2.4-0.20260101000000-abcdefabcdef+dirty", filepath.Join(root, "models")); err != nil || s.Dir != root {
		t.Errorf("a version between two: %+v, %v", s, err)
	}
	if _, err := FindSource(t.TempDir(), "devel"); err == nil || !strings.Contains(err.Error(), "has no go.mod of module") {
		t.Errorf("a folder that is none: %v", err)
	}
	if files, err := (Source{Version: "v1.2.3"}).module("a"); err != nil || len(files) != 1 || !strings.Contains(string(files[0].text), "require "+module+" v1.2.3") {
		t.Errorf("by version: %v, %v", files, err)
	}
	if _, err := (Source{}).module("a"); !errors.Is(err, ErrNoSource) {
		t.Errorf("without a source: %v", err)
	}
}
