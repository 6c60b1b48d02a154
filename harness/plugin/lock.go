package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbench/genbench/harness/internal/pb"
	"github.com/genbench/genbench/harness/measure"
)

// LockName is the file in which a run's plugins are written down.
const LockName = "genbench.lock"

// lockSchema is the version of the lock's format. A reader refuses others.
const lockSchema = 1

// Lock says which programs served which measures, so that another run, elsewhere or later,
// can tell whether it has the same.
type Lock struct {
	Schema  int      `json:"schema"`
	Plugins []Locked `json:"plugins"` // by name
}

// Locked is one program.
type Locked struct {
	Name     string     `json:"name"`
	Path     string     `json:"path,omitempty"` // relative to the lock's folder where it lies beneath it; "" for the built-ins
	SHA256   string     `json:"sha256,omitempty"`
	Of       string     `json:"sha256_of,omitempty"` // "file" or "folder"
	Version  string     `json:"version,omitempty"`   // in its own words
	SDK      string     `json:"sdk"`
	Protocol int        `json:"protocol"`
	Measures []Contract `json:"measures"` // by name

	Files map[string]string `json:"files,omitempty"` // of a folder: a file's path beneath it, its SHA-256
}

// Contract is what of a measure's description its values and their rank depend on.
type Contract struct {
	Name       string            `json:"name"`
	Version    string            `json:"version"`
	Larger     string            `json:"larger"`
	Scale      string            `json:"scale"`
	Stochastic bool              `json:"stochastic,omitempty"`
	Needs      []string          `json:"needs,omitempty"`
	Options    map[string]string `json:"options,omitempty"` // with their defaults
	Aliases    []string          `json:"aliases,omitempty"`
}

func contractOf(i measure.Info) Contract {
	c := Contract{Name: i.Name, Version: i.Version, Larger: i.Larger.String(), Scale: i.Scale.String(), Stochastic: i.Stochastic, Aliases: i.Aliases}
	for _, n := range i.Needs {
		c.Needs = append(c.Needs, string(n))
	}
	slices.Sort(c.Needs)
	for _, o := range i.Options {
		if c.Options == nil {
			c.Options = map[string]string{}
		}
		c.Options[o.Name] = o.Default
	}
	return c
}

// changes says in what two contracts of one measure differ, a phrase each.
func changes(old, now Contract) []string {
	var said []string
	note := func(what, a, b string) {
		if a != b {
			said = append(said, fmt.Sprintf("%s: %s was %s and is %s", old.Name, what, a, b))
		}
	}
	list := func(s []string) string { return "[" + strings.Join(s, " ") + "]" }
	note("the version", old.Version, now.Version)
	note("what a larger value predicts", old.Larger, now.Larger)
	note("the scale", old.Scale, now.Scale)
	note("stochastic", fmt.Sprint(old.Stochastic), fmt.Sprint(now.Stochastic))
	note("the list of needs", list(old.Needs), list(now.Needs))
	if !maps.Equal(old.Options, now.Options) {
		note("the list of options", fmt.Sprint(old.Options), fmt.Sprint(now.Options))
	}
	note("the list of aliases", list(old.Aliases), list(now.Aliases))
	return said
}

// LockOf writes a program down. dir is the folder of the lock.
func LockOf(p Program, process *Process, dir string) Locked {
	l := Locked{Name: p.Name, SHA256: p.SHA256, Version: process.Version(), SDK: process.SDK(), Protocol: Protocol}
	if !p.Builtin {
		l.Path, l.Of = p.Path, "file"
		if rel, err := filepath.Rel(dir, p.Path); err == nil && filepath.IsLocal(rel) {
			l.Path = filepath.ToSlash(rel)
		}
		if p.Folder != "" {
			l.Of, l.Files = "folder", p.files
		}
	}
	for _, i := range process.Measures() {
		l.Measures = append(l.Measures, contractOf(i))
	}
	slices.SortFunc(l.Measures, func(a, b Contract) int { return strings.Compare(a.Name, b.Name) })
	return l
}

// ReadLock reads a lock.
func ReadLock(path string) (*Lock, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s (%w); `genbench measures lock` with the flags of the run makes it", path, err)
	}
	if err != nil {
		return nil, err
	}
	l := new(Lock)
	if err := json.Unmarshal(b, l); err != nil {
		return nil, fmt.Errorf("%s is no lock: %w; `genbench measures lock` makes it anew", path, err)
	}
	if l.Schema != lockSchema {
		return nil, fmt.Errorf("%s has schema %d, this genbench reads %d; use the version that wrote it, or make it anew with `genbench measures lock`", path, l.Schema, lockSchema)
	}
	return l, nil
}

// Write writes the lock, a line a file and a line a measure, so that a change is a line of a diff.
func (l *Lock) Write(path string) error {
	slices.SortFunc(l.Plugins, func(a, b Locked) int { return strings.Compare(a.Name, b.Name) })
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\"schema\": %d, \"plugins\": [", lockSchema)
	for i, p := range l.Plugins {
		measures, files := p.Measures, p.Files
		p.Measures, p.Files = []Contract{}, nil
		head, err := json.Marshal(p)
		if err != nil {
			return err
		}
		out.WriteString(separator(i) + " ")
		out.Write(bytes.TrimSuffix(head, []byte("]}"))) // the measures are the last of its fields
		for k, m := range measures {
			line, err := json.Marshal(m)
			if err != nil {
				return err
			}
			out.WriteString(separator(k) + "  ")
			out.Write(line)
		}
		out.WriteString("\n ]")
		for k, name := range slices.Sorted(maps.Keys(files)) {
			if k == 0 {
				out.WriteString(", \"files\": {")
			}
			line, err := json.Marshal(map[string]string{name: files[name]})
			if err != nil {
				return err
			}
			out.WriteString(separator(k) + "  ")
			out.Write(line[1 : len(line)-1])
		}
		if len(files) > 0 {
			out.WriteString("\n }")
		}
		out.WriteString("}")
	}
	out.WriteString("\n]}\n")
	temporary := path + ".new"
	if err := os.WriteFile(temporary, out.Bytes(), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// separator begins element i of a list on a line of its own.
func separator(i int) string {
	if i == 0 {
		return "\n"
	}
	return ",\n"
}

func (l *Lock) find(name string) *Locked {
	if l == nil {
		return nil
	}
	for i := range l.Plugins {
		if l.Plugins[i].Name == name {
			return &l.Plugins[i]
		}
	}
	return nil
}

// Has reports whether the program was written down.
func (l *Lock) Has(name string) bool { return l.find(name) != nil }

// Put writes a program down, in place of the one of that name.
func (l *Lock) Put(p Locked) {
	if old := l.find(p.Name); old != nil {
		*old = p
		return
	}
	l.Plugins = append(l.Plugins, p)
}

// CheckFile says, before the program is run, whether it is the one that was written down.
func (l *Lock) CheckFile(p Program) error {
	old := l.find(p.Name)
	switch {
	case old == nil:
		return fmt.Errorf("plugin %s is not in it", p.Name)
	case p.Attach != "":
		return fmt.Errorf("plugin %s runs under a debugger, and may be anything", p.Name)
	case old.SHA256 == p.SHA256:
		return nil
	}
	of := "the program " + p.Path
	if p.Folder != "" {
		of = "the folder " + p.Folder
	}
	return fmt.Errorf("plugin %s: %s has changed (sha256 %.12s, it was %.12s)%s", p.Name, of, p.SHA256, old.SHA256, touched(old.Files, p.files))
}

// CheckProcess says whether a program describes itself as it was written down.
func (l *Lock) CheckProcess(p Program, process *Process) error {
	old := l.find(p.Name)
	if old == nil {
		return fmt.Errorf("plugin %s is not in it", p.Name)
	}
	now := LockOf(p, process, "/")
	var said []string
	if old.Protocol != pb.ProtocolVersion {
		said = append(said, fmt.Sprintf("the protocol was %d and is %d", old.Protocol, pb.ProtocolVersion))
	}
	if !p.Builtin && old.Version != now.Version {
		said = append(said, fmt.Sprintf("the version was %q and is %q", old.Version, now.Version))
	}
	for _, o := range old.Measures {
		i := slices.IndexFunc(now.Measures, func(n Contract) bool { return n.Name == o.Name })
		if i < 0 {
			said = append(said, "it no longer serves "+o.Name)
			continue
		}
		said = append(said, changes(o, now.Measures[i])...)
	}
	for _, n := range now.Measures {
		if !slices.ContainsFunc(old.Measures, func(o Contract) bool { return o.Name == n.Name }) && !p.Builtin {
			said = append(said, "it serves "+n.Name+", which is new")
		}
	}
	if len(said) == 0 {
		return nil
	}
	return fmt.Errorf("plugin %s: %s", p.Name, strings.Join(said, "; "))
}
