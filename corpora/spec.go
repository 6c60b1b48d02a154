package corpora

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/genbench/genbench/models"
)

// Spec describes a corpus: what all its networks share, what varies, and what
// is kept of each. It is read-only once made.
type Spec struct {
	Name        string
	Description string

	// Imported says that the corpus has no grid: its networks were trained
	// elsewhere, are in the store, and their axes are those of their records.
	Imported bool

	Keep     Keep
	Measures []string          // what to score with: patterns of measures; empty: all built-ins
	Plugins  map[string]string // third-party measures: name -> path of the program; absolute from [Find]
	Read     []string          // more files and folders that plugins may read; absolute from [Find]

	fixed  []Setting // every hyperparameter that is not an axis, defaults included
	widths []int     // network.widths; nil: width and depth say it
	axes   []Axis    // in the spec's order, "seed" left out
	seeds  []int64

	layers    []models.Layer // network.layers, as [models.Build] takes them
	overrides []override     // in the order in which they apply

	file string         // where it was read, for messages
	at   map[string]pos // where each field stands in it
}

// Keep says what is kept of each network beside its final tensors.
type Keep struct {
	Init          bool   `json:"init"`                     // the initial tensors
	Snapshots     []Mark `json:"snapshots,omitempty"`      // the tensors after these epochs; 0: before training
	SnapshotSteps []Mark `json:"snapshot_steps,omitempty"` // and after these optimizer steps, from 1
}

type pos struct{ line, column int }

// Axes names the hyperparameters that have more than one value, in the spec's
// order; "seed" is never one of them.
func (s *Spec) Axes() []string {
	var names []string
	for _, a := range s.axes {
		if len(a.Values) > 1 {
			names = append(names, a.Name)
		}
	}
	return names
}

// Levels gives the values of every axis of [Spec.Axes], as texts, in the
// spec's order: the order that they have in statistics and tables.
func (s *Spec) Levels() map[string][]string {
	levels := map[string][]string{}
	for _, a := range s.axes {
		if len(a.Values) < 2 {
			continue
		}
		for _, v := range a.Values {
			levels[a.Name] = append(levels[a.Name], v.String())
		}
	}
	return levels
}

// Seeds are the values of the axis "seed", in the spec's order.
func (s *Spec) Seeds() []int64 { return slices.Clone(s.seeds) }

// Settings are the axes with their values, one-valued ones included, in the
// spec's order and without "seed".
func (s *Spec) Settings() []Axis { return slices.Clone(s.axes) }

// Fixed are the hyperparameters that all networks share, defaults included.
func (s *Spec) Fixed() []Setting { return slices.Clone(s.fixed) }

// specJSON is the resolved spec as corpus.json holds it.
type specJSON struct {
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Imported    bool              `json:"imported,omitempty"`
	Fixed       []Setting         `json:"fixed,omitempty"`
	Widths      []int             `json:"widths,omitempty"`
	Layers      []models.Layer    `json:"layers,omitempty"`
	Axes        []Axis            `json:"axes"`
	Overrides   []override        `json:"overrides,omitempty"`
	Seeds       []int64           `json:"seeds"`
	Keep        Keep              `json:"keep"`
	Measures    []string          `json:"measures,omitempty"`
	Plugins     map[string]string `json:"plugins,omitempty"`
	Read        []string          `json:"plugin_read,omitempty"`
}

// MarshalJSON writes the resolved spec: defaults written out, axes in order.
func (s *Spec) MarshalJSON() ([]byte, error) {
	return json.Marshal(specJSON{
		Name: s.Name, Description: s.Description, Imported: s.Imported,
		Fixed: s.fixed, Widths: s.widths, Layers: s.layers, Axes: s.axes, Overrides: s.overrides, Seeds: s.seeds,
		Keep: s.Keep, Measures: s.Measures, Plugins: s.Plugins, Read: s.Read,
	})
}

// UnmarshalJSON reads what MarshalJSON writes, and checks every value again.
func (s *Spec) UnmarshalJSON(b []byte) error {
	var j specJSON
	if err := decodeStrict(b, &j); err != nil {
		return err
	}
	*s = Spec{
		Name: j.Name, Description: j.Description, Imported: j.Imported,
		fixed: j.Fixed, widths: j.Widths, layers: j.Layers, axes: j.Axes, overrides: j.Overrides, seeds: j.Seeds,
		Keep: j.Keep, Measures: j.Measures, Plugins: j.Plugins, Read: j.Read,
	}
	if !nameOK(s.Name) {
		return fmt.Errorf("name %q: %s", clip(s.Name), nameRule)
	}
	if s.Imported {
		return nil
	}
	return s.checkValues()
}

// checkValues checks what a resolved spec holds against the table of hyperparameters.
func (s *Spec) checkValues() error {
	table := newHyperTable()
	one := func(name string, v Value) error {
		h, ok := table[name]
		if !ok {
			return fmt.Errorf("unknown hyperparameter %q", clip(name))
		}
		if problem, remedy, ok := h.check(v); !ok {
			return fmt.Errorf("%s: %s; %s", name, problem, remedy)
		}
		return nil
	}
	for _, f := range s.fixed {
		if err := one(f.Axis, f.Value); err != nil {
			return err
		}
	}
	for _, o := range s.overrides {
		for _, f := range o.Set {
			if err := one(f.Axis, f.Value); err != nil {
				return err
			}
		}
	}
	for _, a := range s.axes {
		if len(a.Values) == 0 {
			return fmt.Errorf("axis %q has no values", clip(a.Name))
		}
		for _, v := range a.Values {
			if s.named(a.Name) && v.kind == text {
				continue
			}
			if err := one(a.Name, v); err != nil {
				return err
			}
		}
	}
	if len(s.seeds) == 0 {
		return fmt.Errorf("no seeds")
	}
	return nil
}

// nameRule is what a corpus may be called: its name is part of paths.
const nameRule = "a name is 1 to 64 letters, digits, dots, dashes and underscores and starts with a letter or digit"

func nameOK(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for i, r := range name {
		alnum := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !alnum && (i == 0 || r != '-' && r != '_' && r != '.') {
			return false
		}
	}
	return true
}
