// Package plugin is the host of measure plugins: it starts their programs, asks
// what they measure, has them answer one network at a time, and outlives
// everything that they may do meanwhile.
//
// A plugin that panics, hangs, prints, exits or eats memory costs the cell in
// hand, with a message that names it; the process is started anew. A process
// has its own process group, an allow-listed environment, a folder of its own for
// sockets, and a watch on its memory. That is no boundary against malice: a
// plugin runs as the user. Code that is not trusted belongs in a container.
//
// Control goes by gRPC, bulk data by files that the plugin maps; one server of
// the host per process serves them.
package plugin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Program is what serves one measure or several.
type Program struct {
	Name    string
	Path    string
	Args    []string
	SHA256  string // of the file, in hex; "" for the built-ins, whose versions say what they are
	Builtin bool
}

// Options bound what a plugin may do. Zero values are the defaults.
type Options struct {
	StartTimeout   time.Duration // to start and describe itself; 15 s
	ComputeTimeout time.Duration // for one network; 10 min
	Grace          time.Duration // between the deadline and the end of the process; 2 s
	MemoryLimit    int64         // resident bytes of one process; 8 GiB
	RunDir         string        // short, private folder for sockets; "": one is made for each process
}

func (o Options) withDefaults() Options {
	if o.StartTimeout <= 0 {
		o.StartTimeout = 15 * time.Second
	}
	if o.ComputeTimeout <= 0 {
		o.ComputeTimeout = 10 * time.Minute
	}
	if o.Grace <= 0 {
		o.Grace = 2 * time.Second
	}
	if o.MemoryLimit <= 0 {
		o.MemoryLimit = 8 << 30
	}
	return o
}

// prefix begins the file name of every third-party plugin.
const prefix = "genbench-measure-"

var nameFormat = regexp.MustCompile(`^[a-z][a-z0-9-]{0,40}$`)

// Discover lists third-party plugins: those named by the user, and those named
// genbench-measure-NAME in the folders, of which earlier ones win. A folder that does not exist is
// empty. A name that a built-in has is an error: a silent override would change published numbers. Nothing
// is looked for in PATH or the current folder, and nothing is run.
func Discover(named map[string]string, dirs, builtin []string) ([]Program, error) {
	paths := map[string]string{}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // a plugin folder need not exist
		}
		for _, e := range entries {
			name, ok := strings.CutPrefix(e.Name(), prefix)
			if !ok || e.IsDir() {
				continue
			}
			if _, taken := paths[name]; !taken {
				paths[name] = filepath.Join(dir, e.Name())
			}
		}
	}
	for name, path := range named {
		paths[name] = path
	}
	var programs []Program
	for name, path := range paths {
		if !nameFormat.MatchString(name) {
			return nil, fmt.Errorf("plugin %q (%s): write the name as a lower-case letter, then at most 40 of a-z, 0-9 and -", name, path)
		}
		if slices.Contains(builtin, name) {
			return nil, fmt.Errorf("plugin %s (%s): a built-in measure has that name; choose another", name, path)
		}
		p, err := External(name, path)
		if err != nil {
			return nil, err
		}
		programs = append(programs, p)
	}
	slices.SortFunc(programs, func(a, b Program) int { return strings.Compare(a.Name, b.Name) })
	return programs, nil
}

// External is a third-party program, with the hash that its results are kept under.
func External(name, path string) (Program, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Program{}, fmt.Errorf("plugin %s: %w", name, err)
	}
	info, err := os.Stat(abs)
	switch {
	case err != nil:
		return Program{}, fmt.Errorf("plugin %s: %w; build it, or mend its path", name, err)
	case info.IsDir():
		return Program{}, fmt.Errorf("plugin %s: %s is a folder; name the program in it", name, abs)
	case info.Mode()&0o111 == 0:
		return Program{}, fmt.Errorf("plugin %s: %s is not executable; try chmod +x", name, abs)
	}
	f, err := os.Open(abs)
	if err != nil {
		return Program{}, fmt.Errorf("plugin %s: %w", name, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return Program{}, fmt.Errorf("plugin %s: reading %s: %w", name, abs, err)
	}
	return Program{Name: name, Path: abs, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}
