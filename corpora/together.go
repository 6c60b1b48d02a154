package corpora

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/genbench/genbench/models"
)

// together completes the spec and checks what no single value can show.
func (p *specParser) together() {
	s := p.spec
	s.widths, s.layers = p.given.widths, p.given.layers
	varies := map[string]bool{}
	for _, a := range s.axes {
		varies[a.Name] = true
	}
	table := newHyperTable()
	for _, a := range s.axes {
		if h := table[a.Name]; h != nil {
			if at, fixed := s.at[h.field()]; fixed {
				p.fail(s.at["axes."+a.Name], "axes."+a.Name, "remove one of the two", "is also fixed, on line %d", at.line)
			}
		}
	}
	p.conditions(varies)
	if _, fixed := p.given.set["family"]; !fixed && !varies["family"] && !p.covered("family") {
		p.given.set["family"] = Setting{Axis: "family", Value: table["family"].def}
	}
	for _, h := range hypers() {
		given, fixed := p.given.set[h.name]
		switch {
		case fixed:
			s.fixed = append(s.fixed, given)
		case varies[h.name] || p.covered(h.name):
		case h.required:
			at, ok := s.at[h.section]
			if !ok {
				at = s.at["name"]
			}
			p.fail(at, h.field(), "give "+h.wants()+", here or as an axis", "is missing")
		case h.families != nil:
			if v, ok := h.families[p.family()]; ok {
				s.fixed = append(s.fixed, Setting{Axis: h.name, Value: v})
			}
		default:
			s.fixed = append(s.fixed, Setting{Axis: h.name, Value: h.def})
		}
	}
	if _, ok := s.at["axes."+seedAxis]; !ok {
		s.seeds = []int64{1}
	}
	p.widthsAlone(varies)
	p.optimizers()
	p.families()
	if len(p.errs) > 0 {
		return
	}
	p.grid()
}

// field is where a spec fixes the hyperparameter.
func (h *hyper) field() string { return h.section + "." + h.name }

// family is the family of all networks, "" where they have several.
func (p *specParser) family() string {
	if f := p.given.set["family"]; f.Axis != "" && !slices.ContainsFunc(p.spec.overrides, func(o override) bool { _, ok := o.value("family"); return ok }) {
		return f.Value.text
	}
	return ""
}

// covered says that every alternative of some axis sets the hyperparameter.
func (p *specParser) covered(name string) bool {
	for _, a := range p.spec.axes {
		sets := 0
		for _, o := range p.spec.overrides {
			if _, ok := o.value(name); ok && len(o.When) == 1 && o.When[0].Name == a.Name && strings.HasPrefix(o.field, "axes.") {
				sets++
			}
		}
		if sets > 0 && sets == len(a.Values) {
			return true
		}
	}
	return false
}

// conditions checks what overrides are for, and that they leave axes alone.
func (p *specParser) conditions(varies map[string]bool) {
	var axes []string
	for _, a := range p.spec.axes {
		axes = append(axes, a.Name)
	}
	for i := range p.spec.overrides {
		o := &p.spec.overrides[i]
		for _, condition := range o.When {
			field := o.field + ".when." + clip(condition.Name)
			at := slices.IndexFunc(p.spec.axes, func(a Axis) bool { return a.Name == condition.Name })
			if at < 0 {
				p.fail(p.spec.at[field], field, didYouMean(condition.Name, axes), "is not an axis of this corpus")
				continue
			}
			for _, v := range condition.Values {
				if !slices.Contains(p.spec.axes[at].Values, v) {
					p.fail(p.spec.at[field], field, "give values that the axis has", "the axis has no value %s", v.quoted())
				}
			}
		}
		table := newHyperTable()
		for _, s := range o.Set {
			if h := table[s.Axis]; varies[s.Axis] {
				field := o.field + "." + h.field()
				p.fail(p.spec.at[field], field, "remove one of the two", "is an axis, on line %d", p.spec.at["axes."+s.Axis].line)
			}
		}
	}
}

// widthsAlone refuses width and depth beside widths, which overrides them.
func (p *specParser) widthsAlone(varies map[string]bool) {
	if p.spec.widths == nil {
		return
	}
	for _, name := range []string{"width", "depth"} {
		field := "network." + name
		at, fixed := p.spec.at[field]
		if varies[name] {
			at, field = p.spec.at["axes."+name], "axes."+name
		} else if !fixed {
			continue
		}
		p.fail(at, field, "remove one of the two", "has no effect beside network.widths, on line %d", p.spec.at["network.widths"].line)
	}
	p.spec.fixed = slices.DeleteFunc(p.spec.fixed, func(f Setting) bool { return f.Axis == "width" || f.Axis == "depth" })
}

// optimizers refuses settings that no optimizer of the spec reads.
func (p *specParser) optimizers() {
	for _, h := range hypers() {
		if h.only != nil {
			p.without(h, "optimizer", func(v Value) bool { return slices.Contains(h.only, v.text) }, "choose optimizer "+strings.Join(h.only, " or "))
		}
	}
}

// families refuses settings that no family of the spec reads, and lists that are not their family's.
func (p *specParser) families() {
	for _, h := range hypers() {
		if h.families == nil {
			continue
		}
		var names []string
		for _, f := range families() {
			if _, ok := h.families[f]; ok {
				names = append(names, f)
			}
		}
		p.without(h, "family", func(v Value) bool { _, ok := h.families[v.text]; return ok }, "choose family "+strings.Join(names, " or "))
	}
	all := p.spec.values("family")
	lists := func(field string, families []Value, widths []int, layers []models.Layer) {
		for _, l := range []struct {
			name, family string
			given        bool
		}{{"widths", "mlp", widths != nil}, {"layers", "custom", layers != nil}} {
			if inner := field + "." + l.name; l.given && !slices.Contains(families, Text(l.family)) {
				p.fail(p.spec.at[inner], inner, "remove it, or choose family "+l.family, "has no effect with family %s", families[0])
			}
		}
	}
	lists("network", all, p.spec.widths, p.spec.layers)
	has := p.spec.layers != nil
	for _, o := range p.spec.overrides {
		families := all
		if v, ok := o.value("family"); ok {
			families = []Value{v}
		}
		lists(o.field+".network", families, o.Widths, o.Layers)
		has = has || o.Layers != nil
	}
	if at := p.spec.at["network.family"]; !has && slices.Contains(all, Text("custom")) {
		p.fail(at, "network.layers", "list the layers: [{conv2d: {channels: 32, kernel: 3}}, relu, {dense: classes}]", "is missing")
	}
}

// without refuses a setting that no value of the choice (optimizer, family) reads. Where the
// choice varies, a fixed setting may be meant for some of its values; an
// axis may not, since the others would be trained several times over. What stands beside a value of the choice is meant for it.
func (p *specParser) without(h hyper, choice string, reads func(Value) bool, remedy string) {
	values := p.spec.values(choice)
	not := slices.IndexFunc(values, func(v Value) bool { return !reads(v) })
	if _, fixed := p.given.set[h.name]; fixed && !slices.ContainsFunc(values, reads) {
		p.fail(p.spec.at[h.field()], h.field(), "remove it, or "+remedy, "has no effect with %s %s", choice, values[0])
	}
	if at, axis := p.spec.at["axes."+h.name]; axis && not >= 0 {
		p.fail(at, "axes."+h.name, "make it a corpus of its own, or remove that "+choice,
			"has no effect with %s %s", choice, values[not])
	}
	for _, o := range p.spec.overrides {
		_, sets := o.value(h.name)
		if v, chooses := o.value(choice); sets && chooses && !reads(v) {
			field := o.field + "." + h.field()
			p.fail(p.spec.at[field], field, "remove it, or "+remedy, "has no effect with %s %s", choice, v)
		}
	}
}

// values are all values of a hyperparameter, fixed or not.
func (s *Spec) values(name string) []Value {
	var values []Value
	add := func(v Value) {
		if !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	for _, f := range s.fixed {
		if f.Axis == name {
			add(f.Value)
		}
	}
	for _, a := range s.axes {
		if a.Name == name {
			for _, v := range a.Values {
				add(v)
			}
		}
	}
	for _, o := range s.overrides {
		if v, ok := o.value(name); ok {
			add(v)
		}
	}
	return values
}

// grid checks the size of the grid and builds its networks: all of them where
// they are few, else each value once, with the other axes at their first.
func (p *specParser) grid() {
	at := p.spec.at["axes"]
	count, ok := p.spec.count()
	if !ok {
		p.fail(at, "axes", "take values away", "make more than %d networks", maxNetworks)
		return
	}
	const few = 2000
	if count <= few {
		if _, err := p.spec.Networks(); err != nil {
			p.impossible(at, "axes", "change one of the values named", err)
		}
		return
	}
	b := newBuilder(p.spec)
	for i, a := range p.spec.axes {
		for j := range a.Values {
			index := make([]int, len(p.spec.axes))
			index[i] = j
			if _, err := b.configuration(index); err != nil {
				p.impossible(p.spec.at["axes."+a.Name], "axes."+a.Name, "change the value", err)
				return
			}
		}
	}
}

// impossible reports a network that cannot be, at the layer that is the reason where the spec lists it.
func (p *specParser) impossible(at pos, field, remedy string, err error) {
	if wrong := (*layersError)(nil); errors.As(err, &wrong) {
		at, field, remedy = p.spec.at[wrong.field], wrong.field, "change one of the layers"
		if wrong.layer >= 0 {
			field = fmt.Sprintf("%s[%d]", wrong.field, wrong.layer)
			at, remedy = p.spec.at[field], "change the layer"
		}
	}
	p.fail(at, field, remedy, "%v", err)
}
