package corpora

import (
	"fmt"
	"slices"
	"strings"
)

// together completes the spec and checks what no single value can show.
func (p *specParser) together() {
	s := p.spec
	varies := map[string]bool{}
	for _, a := range s.axes {
		varies[a.Name] = true
		if at, fixed := s.at[a.Name]; fixed {
			p.fail(s.at["axes."+a.Name], "axes."+a.Name, "remove one of the two", "is also fixed, on line %d", at.line)
		}
	}
	for _, h := range hypers() {
		given, fixed := p.given[h.name]
		switch {
		case fixed:
			s.fixed = append(s.fixed, given)
		case varies[h.name]:
		case h.required:
			at, ok := s.at[h.section]
			if !ok {
				at = s.at["name"]
			}
			p.fail(at, h.section+"."+h.name, "give "+h.wants()+", here or as an axis", "is missing")
		default:
			s.fixed = append(s.fixed, Setting{Axis: h.name, Value: h.def})
		}
	}
	if _, ok := s.at["axes."+seedAxis]; !ok {
		s.seeds = []int64{1}
	}
	p.widthsAlone(varies)
	p.optimizers()
	if len(p.errs) > 0 {
		return
	}
	p.grid()
}

// widthsAlone refuses width and depth beside widths, which overrides them.
func (p *specParser) widthsAlone(varies map[string]bool) {
	if p.spec.widths == nil {
		return
	}
	for _, name := range []string{"width", "depth"} {
		at, fixed := p.spec.at[name]
		field := "network." + name
		if varies[name] {
			at, field = p.spec.at["axes."+name], "axes."+name
		} else if !fixed {
			continue
		}
		p.fail(at, field, "remove one of the two", "has no effect beside network.widths, on line %d", p.spec.at["widths"].line)
	}
	p.spec.fixed = slices.DeleteFunc(p.spec.fixed, func(f Setting) bool { return f.Axis == "width" || f.Axis == "depth" })
}

// optimizers refuses settings that no optimizer of the spec reads. Where the
// optimizer varies, a fixed setting may be meant for some of its values; an
// axis may not, since the others would be trained several times over.
func (p *specParser) optimizers() {
	names := p.spec.values("optimizer")
	for _, h := range hypers() {
		if h.only == nil {
			continue
		}
		reads := func(v Value) bool { return slices.Contains(h.only, v.text) }
		not := slices.IndexFunc(names, func(v Value) bool { return !reads(v) })
		if _, fixed := p.given[h.name]; fixed && !slices.ContainsFunc(names, reads) {
			p.fail(p.spec.at[h.name], h.section+"."+h.name, fmt.Sprintf("remove it, or choose optimizer %s", strings.Join(h.only, " or ")),
				"has no effect with optimizer %s", names[0])
		}
		if at, axis := p.spec.at["axes."+h.name]; axis && not >= 0 {
			p.fail(at, "axes."+h.name, "make it a corpus of its own, or remove that optimizer",
				"has no effect with optimizer %s", names[not])
		}
	}
}

// values are all values of a hyperparameter, fixed or not.
func (s *Spec) values(name string) []Value {
	for _, a := range s.axes {
		if a.Name == name {
			return a.Values
		}
	}
	for _, f := range s.fixed {
		if f.Axis == name {
			return []Value{f.Value}
		}
	}
	return nil
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
			p.fail(at, "axes", "change one of the values named", "%v", err)
		}
		return
	}
	b := newBuilder(p.spec)
	for i, a := range p.spec.axes {
		for j := range a.Values {
			index := make([]int, len(p.spec.axes))
			index[i] = j
			if _, err := b.configuration(index); err != nil {
				p.fail(p.spec.at["axes."+a.Name], "axes."+a.Name, "change the value", "%v", err)
				return
			}
		}
	}
}
