package corpora

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// Bounds on what a spec may ask for; beyond them it is a mistake.
const (
	maxSpecBytes = 64 << 10
	maxNetworks  = 1_000_000
	maxReported  = 10 // errors in one answer
)

// ParseSpec reads a spec, YAML; file is the name that messages give it. Every
// mistake is reported by a [SpecError]; several are joined, in the order of the file.
// Nothing is guessed: unknown keys, values of the wrong type, anchors and
// other devices of YAML that a spec does not need are refused.
func ParseSpec(file string, src []byte) (*Spec, error) {
	p := &specParser{file: file, spec: &Spec{file: file, at: map[string]pos{}, Keep: Keep{Init: true}}, given: settings{set: map[string]Setting{}}}
	if root := p.parseYAML(src); root != nil {
		p.root(root)
	}
	if len(p.errs) == 0 {
		p.together()
	}
	if len(p.errs) == 0 {
		return p.spec, nil
	}
	slices.SortStableFunc(p.errs, func(a, b *SpecError) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	var errs []error
	for i, e := range p.errs {
		if i == maxReported {
			errs = append(errs, fmt.Errorf("%s: and %d more mistakes", file, len(p.errs)-i))
			break
		}
		errs = append(errs, e)
	}
	return nil, errors.Join(errs...)
}

// specParser turns a YAML tree into a Spec.
type specParser struct {
	file  string
	spec  *Spec
	given settings // fixed hyperparameters that the file names
	errs  []*SpecError
}

func (p *specParser) fail(at pos, field, remedy, format string, args ...any) {
	p.errs = append(p.errs, &SpecError{File: p.file, Line: at.line, Column: at.column, Field: field, Problem: fmt.Sprintf(format, args...), Remedy: remedy})
}

func (p *specParser) root(node ast.Node) {
	keys := []string{"name", "description", "data", "network", "training", "axes", "overrides", "keep", "measures", "plugins", "plugin_read"}
	p.mapping(node, "", keys, func(key string, at pos, v ast.Node) {
		p.spec.at[key] = at
		switch key {
		case "name":
			if p.string(v, key, &p.spec.Name) && !nameOK(p.spec.Name) {
				p.fail(position(v), key, nameRule, "%q is not a name", clip(p.spec.Name))
			}
		case "description":
			p.string(v, key, &p.spec.Description)
		case "data", "network", "training":
			p.section(key, key, v, &p.given)
		case "axes":
			p.axes(v)
		case "overrides":
			p.overrides(v)
		case "keep":
			p.keep(v)
		case "measures":
			p.sequence(v, key, func(i int, item ast.Node) {
				var s string
				if p.string(item, fmt.Sprintf("measures[%d]", i), &s) {
					p.spec.Measures = append(p.spec.Measures, s)
				}
			})
		case "plugin_read":
			p.sequence(v, key, func(i int, item ast.Node) {
				var s string
				if p.string(item, fmt.Sprintf("plugin_read[%d]", i), &s) {
					p.spec.Read = append(p.spec.Read, s)
				}
			})
		case "plugins":
			p.spec.Plugins = map[string]string{}
			p.mapping(v, key, nil, func(name string, _ pos, item ast.Node) {
				var s string
				if p.string(item, "plugins."+clip(name), &s) {
					p.spec.Plugins[name] = s
				}
			})
		}
	})
	for _, key := range []string{"name", "axes"} {
		if _, ok := p.spec.at[key]; !ok && len(p.errs) == 0 {
			p.fail(position(node), key, "add the key", "is missing")
		}
	}
}

func (p *specParser) axis(node ast.Node, field string, h hyper) []Value {
	var values []Value
	items, before := 0, map[Value]int{}
	p.sequence(node, field, func(i int, item ast.Node) {
		items++
		v, ok := p.value(item, fmt.Sprintf("%s[%d]", field, i), h)
		if !ok {
			return
		}
		if j, twice := before[v]; twice {
			p.fail(position(item), fmt.Sprintf("%s[%d]", field, i), "remove it: every value trains its own networks", "%s is already there, at [%d]", v.quoted(), j)
			return
		}
		before[v] = i
		values = append(values, v)
	})
	if _, ok := node.(*ast.SequenceNode); ok && items == 0 {
		p.fail(position(node), field, "give at least one value, or remove the axis", "has no values")
	}
	return values
}
