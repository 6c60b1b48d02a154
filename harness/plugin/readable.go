package plugin

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// grants are the files that a confined plugin may use.
type grants struct {
	read  []string // files, and folders with all beneath them: read and executed
	list  []string // folders beneath which names are read
	view  string   // folder of the quantities: read
	write string   // its own temporary folder: all is allowed

	hidden []string // stores: never read, wherever they lie
	home   string   // "" where there is none
}

// readable lists what a program needs to read, the system apart: itself, its own folder, the
// interpreter of a script with what that imports, and what the user names.
//
// A folder that holds a store is opened around it. One that is no program's own
// (the home directory, the temporary folder, the root) is not opened at all: a program that lies there
// reads itself alone.
func readable(p Program, o Options, environ func(string) string) grants {
	g := grants{home: real(environ("HOME")), hidden: reals(o.Hide)}
	g.program(p.Path)
	if !p.Builtin && p.Path != self() {
		g.folder(filepath.Dir(p.Path))
		if to := real(p.Path); to != "" {
			g.folder(filepath.Dir(to))
		}
		g.interpreter(p.Path, environ, 3)
	}
	for _, name := range []string{"LD_LIBRARY_PATH", "PYTHONPATH"} {
		for _, dir := range filepath.SplitList(environ(name)) {
			g.folder(dir)
		}
	}
	for _, name := range []string{"VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME"} {
		g.folder(environ(name))
	}
	for _, path := range o.Read {
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			g.program(path)
			continue
		}
		g.around(real(path))
	}
	return g
}

// program opens one file.
func (g *grants) program(path string) { g.read = append(g.read, path) }

// folder opens a folder with what is beneath it, unless it is too wide to be a program's own.
func (g *grants) folder(path string) {
	if !filepath.IsAbs(path) {
		return
	}
	if path = real(path); path != "" && !g.wide(path) {
		g.around(path)
	}
}

// around opens a folder less the stores in it. Names beneath it can be read then, those in the
// stores too: they are hashes.
func (g *grants) around(path string) {
	if path == "" || slices.ContainsFunc(g.hidden, func(h string) bool { return beneath(path, h) }) {
		return
	}
	stores := slices.DeleteFunc(slices.Clone(g.hidden), func(h string) bool { return !beneath(h, path) })
	entries, err := os.ReadDir(path)
	for _, e := range entries {
		if child := filepath.Join(path, e.Name()); e.IsDir() && isStore(child) {
			stores = append(stores, child)
		}
	}
	if len(stores) == 0 || err != nil {
		g.read = append(g.read, path)
		return
	}
	g.list = append(g.list, path)
	for _, e := range entries {
		child := filepath.Join(path, e.Name())
		switch {
		case e.Type().IsRegular():
			g.read = append(g.read, child)
		case !e.IsDir() || slices.Contains(stores, child):
		case slices.ContainsFunc(stores, func(h string) bool { return beneath(h, child) }):
			g.around(child)
		default:
			g.read = append(g.read, child)
		}
	}
}

// isStore reports whether a folder is a store, or the folder in which genbench puts them.
func isStore(path string) bool {
	if filepath.Base(path) == "genbench-store" {
		return true
	}
	_, corpus := os.Stat(filepath.Join(path, "corpus.json"))
	models, err := os.Stat(filepath.Join(path, "models"))
	return corpus == nil && err == nil && models.IsDir()
}

// wide reports whether a folder holds much that is no program's.
func (g *grants) wide(path string) bool {
	for _, holds := range []string{g.home, real(os.TempDir()), "/tmp", "/var/tmp"} {
		if holds != "" && beneath(holds, path) {
			return true
		}
	}
	return path == "/" || g.home != "" && path == filepath.Join(g.home, ".local")
}

// interpreter opens what the interpreter of a script is made of, as far as files say it.
func (g *grants) interpreter(script string, environ func(string) string, depth int) {
	path := interpreterOf(script, environ("PATH"))
	if path == "" || depth == 0 {
		return
	}
	g.program(path)
	to := real(path)
	g.prefix(path)
	g.prefix(to)
	g.interpreter(path, environ, depth-1) // a shim is a script itself
	if strings.HasPrefix(filepath.Base(path), "python") || strings.HasPrefix(filepath.Base(to), "python") {
		g.python()
	}
}

// interpreterOf is the program that the first line of a script names, looked up as
// env would; "" for what is no script.
func interpreterOf(script, searchPath string) string {
	f, err := os.Open(script)
	if err != nil {
		return ""
	}
	defer f.Close()
	line, _ := bufio.NewReaderSize(f, 512).ReadSlice('\n')
	rest, ok := bytes.CutPrefix(line, []byte("#!"))
	words := strings.Fields(string(rest))
	if !ok || len(words) == 0 {
		return ""
	}
	if filepath.Base(words[0]) != "env" {
		return words[0]
	}
	for _, w := range words[1:] {
		if strings.HasPrefix(w, "-") || strings.Contains(w, "=") {
			continue
		}
		for _, dir := range filepath.SplitList(searchPath) {
			path := filepath.Join(dir, w)
			if found, err := exec.LookPath(path); err == nil && filepath.IsAbs(path) {
				return found
			}
		}
		return ""
	}
	return ""
}

// prefix opens the folder that an interpreter is installed in, PREFIX of
// PREFIX/bin/python3, and the one that its virtual environment was made from.
func (g *grants) prefix(path string) {
	bin := filepath.Dir(path)
	prefix := filepath.Dir(bin)
	if g.wide(prefix) { // ~/bin or ~/.local/bin: not all that is beside it
		g.folder(bin)
		g.folder(filepath.Join(prefix, "lib"))
		return
	}
	g.folder(prefix)
	config, err := os.ReadFile(filepath.Join(prefix, "pyvenv.cfg"))
	if err != nil {
		return
	}
	for line := range strings.Lines(string(config)) {
		if name, home, ok := strings.Cut(line, "="); ok && strings.TrimSpace(name) == "home" {
			base := strings.TrimSpace(home)
			g.prefix(filepath.Join(base, "python3"))
			g.prefix(real(filepath.Join(base, "python3")))
		}
	}
}

// python opens what Python imports beside its prefix: the user's own packages, this source tree's
// package genbench, and what *.pth files of all of these name.
func (g *grants) python() {
	if g.home != "" {
		users, _ := filepath.Glob(filepath.Join(g.home, ".local", "lib", "python3*")) // the pattern is good
		for _, dir := range users {
			g.folder(dir)
		}
	}
	if _, file, _, ok := runtime.Caller(0); ok { // not in builds with -trimpath
		dir := filepath.Join(filepath.Dir(file), "..", "..", "python")
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			g.folder(dir)
		}
	}
	for _, root := range slices.Clone(g.read) {
		for _, pattern := range []string{"site-packages", "lib/python3*/site-packages", "lib/python3*/dist-packages", "lib/python3/dist-packages"} {
			sites, _ := filepath.Glob(filepath.Join(root, pattern))
			for _, site := range sites {
				g.linked(site)
			}
		}
	}
}

var quoted = regexp.MustCompile(`'(/[^'\n]+)'`)

// linked opens the folders that a folder of packages refers to: those of editable installs.
func (g *grants) linked(site string) {
	files, _ := filepath.Glob(filepath.Join(site, "*.pth"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			g.folder(strings.TrimSpace(line)) // a line that is no absolute path says nothing here
		}
	}
	finders, _ := filepath.Glob(filepath.Join(site, "__editable__*_finder.py"))
	for _, file := range finders {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
			g.folder(m[1])
		}
	}
}

// real is the path without symbolic links, "" where there is no such file.
func real(path string) string {
	if path == "" {
		return ""
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	to, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return ""
	}
	return to
}

func reals(paths []string) []string {
	var out []string
	for _, p := range paths {
		if p = real(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// beneath reports whether path is dir or lies in it. Both are clean and absolute.
func beneath(path, dir string) bool {
	return path == dir || dir == "/" || strings.HasPrefix(path, dir+"/")
}
