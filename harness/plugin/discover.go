package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// prefix begins the file name of every third-party plugin.
const prefix = "genbench-measure-"

var nameFormat = regexp.MustCompile(`^[a-z][a-z0-9-]{0,40}$`)

// Discover lists third-party plugins, by name: those that the user named, and the
// executable files genbench-measure-NAME in the folders, of which earlier folders
// win; a named plugin wins over both. A folder that does not exist is empty. Nothing
// else is searched, neither PATH nor the current folder, and nothing is run.
//
// A name that a built-in has is an error, for a silent override would change
// published numbers; so are a name of another form, a path that is no program
// and a folder that cannot be read.
func Discover(named map[string]string, dirs, builtin []string) ([]Program, error) {
	paths := map[string]string{}
	for _, dir := range dirs {
		if dir == "" {
			continue // an empty element of a path list; not the current folder
		}
		if err := list(dir, paths); err != nil {
			return nil, err
		}
	}
	maps.Copy(paths, named)
	var programs []Program
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		if slices.Contains(builtin, name) {
			return nil, fmt.Errorf("plugin %s (%s): a built-in measure has that name; choose another", name, paths[name])
		}
		p, err := External(name, paths[name])
		if err != nil {
			return nil, err
		}
		programs = append(programs, p)
	}
	return programs, nil
}

// list adds the plugins of a folder that paths does not have yet.
func list(dir string, paths map[string]string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading plugin folder: %w", err)
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
	return nil
}

// External is a third-party program with its hash, of a script that of its folder: results are kept under it, so
// that an edited plugin never answers with yesterday's number.
func External(name, path string) (Program, error) {
	if !nameFormat.MatchString(name) {
		return Program{}, fmt.Errorf("plugin %q (%s): write the name as a lower-case letter, then at most 40 of a-z, 0-9 and -", name, path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return Program{}, fmt.Errorf("plugin %s: %w", name, err)
	}
	info, err := os.Stat(abs)
	switch {
	case err != nil:
		return Program{}, fmt.Errorf("plugin %s: %w; build it, or mend its path", name, err)
	case !info.Mode().IsRegular():
		return Program{}, fmt.Errorf("plugin %s: %s is not a file; give the program itself", name, abs)
	case info.Mode()&0o111 == 0:
		return Program{}, fmt.Errorf("plugin %s: %s is not executable; try chmod +x", name, abs)
	}
	p := Program{Name: name, Path: abs}
	if err := p.fingerprint(); err != nil {
		return Program{}, fmt.Errorf("plugin %s: %w", name, err)
	}
	return p, nil
}
