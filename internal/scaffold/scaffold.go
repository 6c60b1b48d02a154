// Package scaffold makes the folder of a new measure: a program that builds, a
// test that passes and a note of what to do next.
//
// A Go measure finds genbench by a replace directive in its go.mod, so that it
// builds before genbench is published anywhere; a Python one gets the package
// genbench as a folder beside it.
package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/python"
)

// Measure is what to make.
type Measure struct {
	Name     string // of the measure, as in package measure
	Language string // "go" or "python"
	Dir      string // new, or empty
	Source   Source // of genbench, for Go
}

//go:embed templates
var templates embed.FS

// Languages are those that a measure can be written in here.
func Languages() []string { return []string{"go", "python"} }

// Write makes the folder. Errors leave it as it was, or incomplete where the disk failed.
func Write(m Measure) error {
	if err := (measure.Info{Name: m.Name, Version: "1"}).Validate(); err != nil {
		return err
	}
	if strings.Contains(m.Name, ".") {
		return fmt.Errorf("measure name %q: its plugin is called so too, and that name has no dots", m.Name)
	}
	if !slices.Contains(Languages(), m.Language) {
		return fmt.Errorf("no language %q (known: %s)", m.Language, strings.Join(Languages(), ", "))
	}
	entries, err := os.ReadDir(m.Dir)
	switch {
	case err == nil && len(entries) > 0:
		return fmt.Errorf("%s is not empty; choose another folder with --output", m.Dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("making %s: %w", m.Dir, err)
	}
	files, err := m.files()
	if err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(m.Dir, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("making a measure: %w", err)
		}
		if err := os.WriteFile(path, f.text, f.mode); err != nil {
			return fmt.Errorf("making a measure: %w", err)
		}
	}
	return nil
}

type file struct {
	name string // with slashes
	text []byte
	mode fs.FileMode
}

func (m Measure) files() ([]file, error) {
	root := "templates/" + m.Language
	entries, err := templates.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var files []file
	for _, e := range entries {
		text, err := m.fill(root + "/" + e.Name())
		if err != nil {
			return nil, err
		}
		name, mode := strings.TrimSuffix(e.Name(), ".tmpl"), fs.FileMode(0o644)
		if name == "gitignore" {
			name = ".gitignore"
		}
		if name == "measure.py" {
			mode = 0o755
		}
		files = append(files, file{name, text, mode})
	}
	var more []file
	if m.Language == "go" {
		more, err = m.Source.module(m.Name)
	} else {
		more, err = packageFiles()
	}
	return append(files, more...), err
}

func (m Measure) fill(path string) ([]byte, error) {
	text, err := templates.ReadFile(path)
	if err != nil {
		return nil, err
	}
	t, err := template.New(path).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]string{"Name": m.Name, "Type": typeName(m.Name), "Function": functionName(m.Name)})
	return b.Bytes(), err
}

// packageFiles are those of the Python package.
func packageFiles() ([]file, error) {
	var files []file
	err := fs.WalkDir(python.Package, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(python.Package, path)
		files = append(files, file{path, text, 0o644})
		return err
	})
	return files, err
}

// typeName is the measure's name as an exported Go name.
func typeName(name string) string {
	var b strings.Builder
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '.' }) {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

// functionName is the measure's name as a Python name.
func functionName(name string) string { return strings.NewReplacer("-", "_", ".", "_").Replace(name) }
