package scaffold

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"golang.org/x/mod/modfile"
)

const module = "github.com/genbench/genbench"

// needed are the modules that a program of package measure links, beside
// genbench's own. A test holds the list against the go command.
var needed = []string{
	"github.com/fatih/color", "github.com/golang/protobuf", "github.com/hashicorp/go-hclog", "github.com/hashicorp/go-plugin",
	"github.com/hashicorp/yamux", "github.com/mattn/go-colorable", "github.com/mattn/go-isatty", "github.com/oklog/run", "golang.org/x/net",
	"golang.org/x/sys", "golang.org/x/text", "gonum.org/v1/gonum", "google.golang.org/genproto/googleapis/rpc", "google.golang.org/grpc",
	"google.golang.org/protobuf",
}

// Source is where a Go measure finds genbench.
type Source struct {
	Dir     string // of a source tree; "": by version
	Version string // "v1.2.3"
}

// ErrNoSource says that no source tree was found and that genbench has no version to ask for.
var ErrNoSource = errors.New("this genbench was built from no source tree that can be found here, and from no published version; " +
	"give the folder of genbench's source with --source DIR (the one whose go.mod says module " + module + ")")

var released = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+$`)

// FindSource finds genbench's source: given, where that is not ""; else the version
// of this program, where it is a published one; else a source tree around one of the places, or the one that the
// program was built from.
func FindSource(given, version string, places ...string) (Source, error) {
	if given != "" {
		dir, err := filepath.Abs(given)
		if err != nil {
			return Source{}, err
		}
		if !isTree(dir) {
			return Source{}, fmt.Errorf("%s has no go.mod of module %s: give the folder of genbench's source", dir, module)
		}
		return Source{Dir: dir}, nil
	}
	if released.MatchString(version) {
		return Source{Version: version}, nil
	}
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) { // with -trimpath it is not
		places = append(places, filepath.Dir(file))
	}
	for _, place := range places {
		dir, err := filepath.Abs(place)
		if err != nil {
			return Source{}, err
		}
		for {
			if isTree(dir) {
				return Source{Dir: dir}, nil
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	return Source{}, ErrNoSource
}

func isTree(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && modfile.ModulePath(text) == module
}

// module makes go.mod and, from a source tree, go.sum: with them the measure builds
// from what building genbench has fetched already.
func (s Source) module(name string) ([]file, error) {
	if s.Dir == "" && s.Version == "" {
		return nil, ErrNoSource
	}
	m := new(modfile.File)
	if err := m.AddModuleStmt("example.com/" + name); err != nil {
		return nil, err
	}
	version := s.Version
	var sums []byte
	if s.Dir != "" {
		version = "v0.0.0"
		own, err := s.fill(m)
		if err != nil {
			return nil, err
		}
		sums = own
	} else if err := m.AddGoStmt(strings.TrimPrefix(runtime.Version(), "go")); err != nil {
		return nil, err
	}
	m.AddNewRequire(module, version, false)
	m.SetRequireSeparateIndirect(m.Require)
	m.Cleanup()
	text, err := m.Format()
	if err != nil {
		return nil, err
	}
	files := []file{{"go.mod", text, 0o644}}
	if sums != nil {
		files = append(files, file{"go.sum", sums, 0o644})
	}
	return files, nil
}

// fill adds to a go.mod what genbench's own says, and answers genbench's go.sum.
func (s Source) fill(m *modfile.File) ([]byte, error) {
	path := filepath.Join(s.Dir, "go.mod")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	own, err := modfile.Parse(path, text, nil)
	if err != nil {
		return nil, err
	}
	if own.Go == nil {
		return nil, fmt.Errorf("%s: no go directive", path)
	}
	if err := m.AddGoStmt(own.Go.Version); err != nil {
		return nil, err
	}
	for _, path := range needed {
		for _, r := range own.Require {
			if r.Mod.Path == path {
				m.AddNewRequire(path, r.Mod.Version, true)
			}
		}
	}
	if err := m.AddReplace(module, "", s.Dir, ""); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(s.Dir, "go.sum"))
}
