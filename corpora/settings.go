package corpora

import (
	"fmt"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/genbench/genbench/models"
)

// settings are hyperparameters that one place of a spec gives: the sections data, network and training of
// the spec itself, of a named alternative of an axis, or of an override.
type settings struct {
	set    map[string]Setting
	order  []string // the names in the order of the file
	widths []int
	layers []models.Layer
}

// section reads data, network or training.
func (p *specParser) section(field, section string, node ast.Node, into *settings) {
	table := map[string]hyper{}
	var keys []string
	for _, h := range hypers() {
		if h.section == section {
			table[h.name] = h
			keys = append(keys, h.name)
		}
	}
	if section == "network" {
		keys = append(keys, "widths", "layers")
	}
	p.mapping(node, field, keys, func(key string, at pos, v ast.Node) {
		inner := field + "." + key
		p.spec.at[inner] = at
		switch key {
		case "widths":
			into.widths = p.widths(inner, v)
		case "layers":
			into.layers = p.layers(inner, v)
		default:
			if value, ok := p.value(v, inner, table[key]); ok {
				into.set[key] = Setting{Axis: key, Value: value}
				into.order = append(into.order, key)
			}
		}
	})
}

func (p *specParser) widths(field string, node ast.Node) []int {
	widths := []int{}
	width := integer("widths", 1, 1<<16, 0, nil)
	p.sequence(node, field, func(i int, item ast.Node) {
		if v, ok := p.value(item, fmt.Sprintf("%s[%d]", field, i), width); ok {
			widths = append(widths, int(v.number))
		}
	})
	if len(widths) > 256 {
		p.fail(position(node), field, "give at most 256", "%d hidden layers", len(widths))
	}
	return widths
}

// axes reads the hyperparameters that vary, named alternatives, and "seed".
func (p *specParser) axes(node ast.Node) {
	table := map[string]hyper{seedAxis: seedHyper()}
	keys := []string{}
	for _, h := range hypers() {
		table[h.name] = h
		keys = append(keys, h.name)
	}
	keys = append(keys, seedAxis)
	p.mapping(node, "axes", nil, func(key string, at pos, v ast.Node) {
		field := "axes." + clip(key)
		p.spec.at[field] = at
		h, known := table[key]
		_, list := v.(*ast.SequenceNode)
		switch {
		case !known && list:
			p.fail(at, field, p.unknownKey(key, keys), "unknown key")
		case !known:
			p.alternatives(key, at, v)
		case key == seedAxis:
			for _, v := range p.axis(v, field, h) {
				p.spec.seeds = append(p.spec.seeds, int64(v.number))
			}
		default:
			p.spec.axes = append(p.spec.axes, Axis{Name: key, Values: p.axis(v, field, h)})
		}
	})
	if m, ok := node.(*ast.MappingNode); ok && len(m.Values) == 0 {
		p.fail(position(node), "axes", "name at least one hyperparameter with a list of values", "is empty")
	}
}

// alternatives reads an axis whose values are names, each for settings of its own:
//
//	network:
//	  mlp: {network: {family: mlp, width: 500, depth: 5}, training: {optimizer: rmsprop, lr: 2e-4}}
//	  vgg: {network: {family: vgg}}
func (p *specParser) alternatives(name string, at pos, node ast.Node) {
	field := "axes." + clip(name)
	if !nameOK(name) {
		p.fail(at, field, nameRule, "%q is not a name", clip(name))
		return
	}
	axis := Axis{Name: name}
	p.mapping(node, field, nil, func(key string, at pos, v ast.Node) {
		inner := field + "." + clip(key)
		if !nameOK(key) {
			p.fail(at, inner, nameRule, "%q is not a name", clip(key))
			return
		}
		p.spec.at[inner] = at
		axis.Values = append(axis.Values, Text(key))
		p.add(override{When: []Axis{{Name: name, Values: []Value{Text(key)}}}, field: inner}, v, nil)
	})
	if m, ok := node.(*ast.MappingNode); ok && len(m.Values) == 0 {
		p.fail(at, field, "name the alternatives, each with its settings: NAME: {network: {...}, training: {...}}", "is empty")
	}
	p.spec.axes = append(p.spec.axes, axis)
}

// override is settings that hold where axes have certain values, in place of what the spec fixes.
type override struct {
	When   []Axis         `json:"when"` // each of these axes has one of these values
	Set    []Setting      `json:"set,omitempty"`
	Widths []int          `json:"widths,omitempty"`
	Layers []models.Layer `json:"layers,omitempty"`

	field string // where it stands, for messages
}

// overrides reads a list of settings for parts of the grid; what stands later wins:
//
//   - {when: {set: [cifar-10, cifar-100], network: vgg}, training: {max_epochs: 100}}
func (p *specParser) overrides(node ast.Node) {
	p.sequence(node, "overrides", func(i int, item ast.Node) {
		o := override{field: fmt.Sprintf("overrides[%d]", i)}
		p.spec.at[o.field] = position(item)
		p.add(o, item, func(o *override, v ast.Node) {
			field := o.field + ".when"
			p.mapping(v, field, nil, func(key string, at pos, v ast.Node) {
				inner := field + "." + clip(key)
				p.spec.at[inner] = at
				condition := Axis{Name: key}
				items := []ast.Node{v}
				if list, ok := v.(*ast.SequenceNode); ok {
					items = list.Values
				}
				for _, item := range items {
					value, ok := scalar(item)
					if !ok {
						p.fail(position(item), inner, "give a value of the axis, or a list of them", "is %s", describe(item))
						continue
					}
					condition.Values = append(condition.Values, value)
				}
				o.When = append(o.When, condition)
			})
		})
		if o := p.spec.overrides; len(p.errs) == 0 && len(o[len(o)-1].When) == 0 {
			p.fail(position(item), fmt.Sprintf("overrides[%d]", i), "say when it holds, as when: {axis: value}, or fix it for all", "has no condition")
		}
	})
}

// add reads the sections of an override and, where it takes one, its condition.
func (p *specParser) add(o override, node ast.Node, when func(*override, ast.Node)) {
	keys := []string{"data", "network", "training"}
	if when != nil {
		keys = append([]string{"when"}, keys...)
	}
	s := settings{set: map[string]Setting{}}
	p.mapping(node, o.field, keys, func(key string, at pos, v ast.Node) {
		if key == "when" {
			when(&o, v)
			return
		}
		p.section(o.field+"."+key, key, v, &s)
	})
	for _, name := range s.order {
		o.Set = append(o.Set, s.set[name])
	}
	o.Widths, o.Layers = s.widths, s.layers
	p.spec.overrides = append(p.spec.overrides, o)
}

// named says that the axis is one of named alternatives.
func (s *Spec) named(axis string) bool {
	_, hyper := newHyperTable()[axis]
	return !hyper && slices.ContainsFunc(s.overrides, func(o override) bool {
		return slices.ContainsFunc(o.When, func(a Axis) bool { return a.Name == axis })
	})
}

// value is what the override sets a hyperparameter to.
func (o *override) value(name string) (Value, bool) {
	for _, s := range o.Set {
		if s.Axis == name {
			return s.Value, true
		}
	}
	return Value{}, false
}

// holds reports whether the override is meant for a point of the grid.
func (o *override) holds(config []Setting) bool {
	for _, condition := range o.When {
		if !slices.ContainsFunc(config, func(c Setting) bool { return c.Axis == condition.Name && slices.Contains(condition.Values, c.Value) }) {
			return false
		}
	}
	return true
}
