package corpora

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"
)

// ImportedSpec is the spec of a new corpus without a grid, whose networks were
// trained elsewhere. Its axes come from their records ([Store.UpdateImported]).
func ImportedSpec(name string) (*Spec, error) {
	if !nameOK(name) {
		return nil, fmt.Errorf("corpus name %q: %s", clip(name), nameRule)
	}
	return &Spec{Name: name, Imported: true, Keep: Keep{Init: true}}, nil
}

// OpenForImport opens the store in dir for networks trained elsewhere, whatever corpus it holds, and
// creates a corpus of that name without a grid where there is none.
func OpenForImport(dir, name string) (*Store, error) {
	s, err := LoadStore(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	spec, err := ImportedSpec(name)
	if err != nil {
		return nil, err
	}
	return OpenStore(dir, spec)
}

// UpdateImported notes in corpus.json which axes, values and seeds the networks of an imported corpus
// have: axes in the order of the first network's settings, values by rising size. It does nothing
// for a corpus with a grid.
func (s *Store) UpdateImported() error {
	if !s.Spec().Imported {
		return nil
	}
	nets, err := s.Networks()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	spec := *s.meta.Spec
	spec.axes, spec.seeds = nil, nil
	for _, n := range nets {
		if len(n.Arch.Layers) == 0 {
			continue // its record cannot be read
		}
		for _, c := range n.Config {
			i := slices.IndexFunc(spec.axes, func(a Axis) bool { return a.Name == c.Axis })
			if i < 0 {
				spec.axes = append(spec.axes, Axis{Name: c.Axis})
				i = len(spec.axes) - 1
			}
			if !slices.Contains(spec.axes[i].Values, c.Value) {
				spec.axes[i].Values = append(spec.axes[i].Values, c.Value)
			}
		}
		if !slices.Contains(spec.seeds, n.Seed) {
			spec.seeds = append(spec.seeds, n.Seed)
		}
	}
	for i := range spec.axes {
		slices.SortFunc(spec.axes[i].Values, compareValues)
	}
	slices.Sort(spec.seeds)
	s.meta.Spec = &spec
	return s.writeCorpusFile()
}

// Varying gives the axes that take more than one value among the networks: in
// the spec's order, and their values in the spec's order, then those that only
// imported networks have, by rising size. These are the axes of statistics.
func Varying(spec *Spec, nets []Network) []Axis {
	var axes []Axis
	for _, a := range spec.axes {
		present := map[Value]bool{}
		for i := range nets {
			for _, c := range nets[i].Config {
				if c.Axis == a.Name {
					present[c.Value] = true
				}
			}
		}
		var values, extra []Value
		for _, v := range a.Values {
			if present[v] {
				values = append(values, v)
				delete(present, v)
			}
		}
		for v := range present {
			extra = append(extra, v)
		}
		slices.SortFunc(extra, compareValues)
		if values = append(values, extra...); len(values) > 1 {
			axes = append(axes, Axis{Name: a.Name, Values: values})
		}
	}
	return axes
}

// ArrangeConfig puts the settings of a network from elsewhere in the order of
// the corpus, and reports axes that are missing or too many: statistics compare networks
// that differ in one axis, so all must have the same. The first network of an
// imported corpus decides.
func (s *Store) ArrangeConfig(config []Setting) ([]Setting, error) {
	var names []string
	for i, c := range config {
		if !nameOK(c.Axis) || c.Axis == seedAxis {
			return nil, fmt.Errorf("config[%d]: %q is not the name of an axis; %s", i, clip(c.Axis), nameRule)
		}
		if c.Value.kind == text && (len(c.Value.text) > 64 || strings.ContainsFunc(c.Value.text, unicode.IsControl)) {
			return nil, fmt.Errorf("config[%d]: %s: %q is not a value; give at most 64 printable letters", i, c.Axis, clip(c.Value.text))
		}
		if slices.Contains(names, c.Axis) {
			return nil, fmt.Errorf("config[%d]: the axis %q is there twice", i, c.Axis)
		}
		names = append(names, c.Axis)
	}
	spec := s.Spec()
	if len(spec.axes) == 0 && spec.Imported {
		return config, nil
	}
	arranged := make([]Setting, len(spec.axes))
	for i, a := range spec.axes {
		at := slices.Index(names, a.Name)
		if at < 0 {
			return nil, fmt.Errorf("config: the axis %q of the corpus is missing; add it", a.Name)
		}
		arranged[i] = config[at]
	}
	for _, name := range names {
		if !slices.ContainsFunc(spec.axes, func(a Axis) bool { return a.Name == name }) {
			return nil, fmt.Errorf("config: the corpus has no axis %q; remove it", clip(name))
		}
	}
	return arranged, nil
}

// ImportedID is the ID of a network trained elsewhere: the first 16 hex digits of the SHA-256 of
// its tensors' sum, its data and its settings.
func ImportedID(r *Record, final string) (string, error) {
	if r.DataHash == "" || final == "" {
		return "", errors.New("identifying an imported network: its data or tensors are not known")
	}
	b, err := json.Marshal(struct {
		Import string    `json:"import"` // tensors
		Data   string    `json:"data"`
		Config []Setting `json:"config"`
		Seed   int64     `json:"seed"`
	}{final, r.DataHash, r.Config, r.Seed})
	if err != nil {
		return "", fmt.Errorf("identifying an imported network: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8]), nil
}
