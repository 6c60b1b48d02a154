package corpora

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed specs/*.yaml
var builtin embed.FS

//go:embed spec.schema.json
var specSchema []byte

//go:embed record.schema.json
var recordSchema []byte

// SpecSchema is the JSON Schema (2020-12) of a spec, for editors.
func SpecSchema() []byte { return append([]byte(nil), specSchema...) }

// RecordSchema is the JSON Schema (2020-12) of models/ID/record.json.
func RecordSchema() []byte { return append([]byte(nil), recordSchema...) }

// Builtin names the corpora that come with the program.
func Builtin() []string {
	files, _ := fs.Glob(builtin, "specs/*.yaml") // the pattern is right
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(path.Base(f), ".yaml"))
	}
	slices.Sort(names) // files are sorted with their endings
	return names
}

// Source is the YAML of a built-in corpus.
func Source(name string) ([]byte, error) {
	b, err := builtin.ReadFile("specs/" + name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("no built-in corpus %q; %s", clip(name), didYouMean(name, Builtin()))
	}
	return b, nil
}

// Find reads the spec of a built-in corpus, of a YAML file, or of the store in
// a folder. A name without a slash is a built-in's, if there is one: write
// ./NAME for a file that has its name. Paths of plugins in a file are relative to the file's folder,
// and absolute in the Spec and in a store.
func Find(nameOrPath string) (*Spec, error) {
	if src, err := Source(nameOrPath); err == nil {
		return ParseSpec(nameOrPath+".yaml", src)
	}
	info, err := os.Stat(nameOrPath)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !looksLikePath(nameOrPath):
		return nil, fmt.Errorf("no corpus %q; %s; or give the path of a YAML file", clip(nameOrPath), didYouMean(nameOrPath, Builtin()))
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("no corpus file %s; built in are %s", nameOrPath, strings.Join(Builtin(), ", "))
	case err != nil:
		return nil, fmt.Errorf("reading the corpus: %w", err)
	case info.IsDir():
		s, err := LoadStore(nameOrPath)
		if err != nil {
			return nil, err
		}
		return s.Spec(), nil
	}
	f, err := os.Open(nameOrPath)
	if err != nil {
		return nil, fmt.Errorf("reading the corpus: %w", err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, maxSpecBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the corpus: %w", err)
	}
	s, err := ParseSpec(nameOrPath, src)
	if err != nil {
		return nil, err
	}
	return s, s.resolvePlugins(filepath.Dir(nameOrPath))
}

// resolvePlugins makes the paths of plugins, and of what they read, absolute: a spec names them relative to its own folder, and
// means the same program wherever it is used from, also when it is read from a store.
func (s *Spec) resolvePlugins(dir string) error {
	resolve := func(path string) (string, error) {
		if filepath.IsAbs(path) {
			return path, nil
		}
		return filepath.Abs(filepath.Join(dir, filepath.FromSlash(path)))
	}
	var err error
	for name, path := range s.Plugins {
		if s.Plugins[name], err = resolve(path); err != nil {
			return fmt.Errorf("finding plugin %s of the corpus: %w", clip(name), err)
		}
	}
	for i, path := range s.Read {
		if s.Read[i], err = resolve(path); err != nil {
			return fmt.Errorf("finding %s, which plugins of the corpus read: %w", clip(path), err)
		}
	}
	return nil
}

func looksLikePath(s string) bool {
	ext := filepath.Ext(s)
	return strings.ContainsAny(s, `/\`) || ext == ".yaml" || ext == ".yml"
}

// checkSchema refuses a file of a newer schema than is known. What is no JSON is left to [decodeStrict].
func checkSchema(b []byte, what string, known int) error {
	var head struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(b, &head); err == nil && head.Schema > known {
		return &NewerError{What: what, Schema: head.Schema, Known: known}
	}
	return nil
}

// decodeStrict reads one JSON value, and refuses unknown fields and what follows it.
func decodeStrict(b []byte, dst any) error {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(dst); err != nil {
		if err == io.EOF {
			return errors.New("the file is empty")
		}
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more text follows the JSON value")
	}
	return nil
}
