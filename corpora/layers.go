package corpora

import (
	"fmt"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/genbench/genbench/models"
)

// layerField is one value of a layer in a spec's list.
type layerField struct {
	hyper
	apply   func(*models.Layer, Value)
	classes bool // the text "classes" stands for the number of classes
}

// layerKind is a kind of layer in a spec's list. Its first field may stand alone: "maxpool: 2" is
// "maxpool: {kernel: 2}". Fields that are required have no default.
type layerKind struct {
	kind   models.Kind
	fields []layerField
}

// layerKinds lists the kinds, in the order of messages. Every layer may have a name, and from, the name of the layer that it reads.
func layerKinds() []layerKind {
	whole := func(name string, lo float64, apply func(*models.Layer, int)) layerField {
		return layerField{hyper: integer(name, lo, 1<<20, 0, nil), apply: func(l *models.Layer, v Value) { apply(l, int(v.number)) }}
	}
	fraction := func(h hyper, apply func(*models.Layer, float64)) layerField {
		return layerField{hyper: h, apply: func(l *models.Layer, v Value) { apply(l, v.number) }}
	}
	name := func(name string, apply func(*models.Layer, string)) layerField {
		return layerField{hyper: hyper{name: name, kind: text}, apply: func(l *models.Layer, v Value) { apply(l, v.text) }}
	}
	must := func(f layerField) layerField { f.required = true; return f }
	orClasses := func(f layerField) layerField { f.classes = true; return must(f) }
	kernel := must(whole("kernel", 1, func(l *models.Layer, n int) { l.Kernel = n }))
	stride := whole("stride", 1, func(l *models.Layer, n int) { l.Stride = n })
	padding := whole("padding", 0, func(l *models.Layer, n int) { l.Padding = n })
	bias := layerField{hyper: boolean("bias", nil), apply: func(l *models.Layer, v Value) { l.NoBias = v.number == 0 }}
	kinds := []layerKind{
		{models.Dense, []layerField{orClasses(whole("units", 1, func(l *models.Layer, n int) { l.Out = n }))}},
		{models.Conv2D, []layerField{orClasses(whole("channels", 1, func(l *models.Layer, n int) { l.Channels = n })), kernel, stride, padding, bias}},
		{models.BatchNorm, []layerField{
			fraction(above(real("epsilon", 0, 1, 0, nil)), func(l *models.Layer, f float64) { l.Epsilon = f }),
			fraction(above(real("momentum", 0, 1, 0, nil)), func(l *models.Layer, f float64) { l.Momentum = f }),
		}},
		{models.ReLU, nil},
		{models.Dropout, []layerField{must(fraction(below(real("rate", 0, 1, 0, nil)), func(l *models.Layer, f float64) { l.Rate = f }))}},
		{models.MaxPool, []layerField{kernel, stride, padding}},
		{models.AvgPool, []layerField{kernel, stride}},
		{models.GlobalAvgPool, nil},
		{models.Flatten, nil},
		{models.Add, []layerField{must(name("with", func(l *models.Layer, s string) { l.With = s }))}},
	}
	for i := range kinds {
		kinds[i].fields = append(kinds[i].fields, name("name", func(l *models.Layer, s string) { l.Name = s }), name("from", func(l *models.Layer, s string) { l.From = s }))
	}
	return kinds
}

// layers reads a list of layers: "relu", "maxpool: 2", "conv2d: {channels: 32, kernel: 3, padding: 1}".
func (p *specParser) layers(field string, node ast.Node) []models.Layer {
	kinds := map[string]layerKind{}
	var names []string
	for _, k := range layerKinds() {
		kinds[string(k.kind)] = k
		names = append(names, string(k.kind))
	}
	layers := []models.Layer{}
	p.sequence(node, field, func(i int, item ast.Node) {
		inner := fmt.Sprintf("%s[%d]", field, i)
		p.spec.at[inner] = position(item)
		if v, ok := scalar(item); ok {
			k, known := kinds[v.text]
			if !known {
				p.fail(position(item), inner, didYouMean(v.text, names), "%s is no kind of layer", v.quoted())
				return
			}
			layers = append(layers, p.layer(inner, position(item), k, nil))
			return
		}
		n := 0
		p.mapping(item, inner, names, func(key string, at pos, v ast.Node) {
			if n++; n > 1 {
				p.fail(at, inner+"."+key, "begin another item of the list with it", "a second layer in one item")
				return
			}
			layers = append(layers, p.layer(inner+"."+key, at, kinds[key], v))
		})
	})
	if s, ok := node.(*ast.SequenceNode); ok && len(s.Values) == 0 {
		p.fail(position(node), field, "list the layers, the last one with as many units as there are classes", "is empty")
	}
	return layers
}

// layer reads what follows a layer's kind; nil: nothing does.
func (p *specParser) layer(field string, at pos, k layerKind, node ast.Node) models.Layer {
	l := models.Layer{Kind: k.kind}
	read := map[string]bool{}
	take := func(f layerField, field string, v ast.Node) {
		read[f.name] = true
		if s, ok := scalar(v); ok && f.classes && s == Text("classes") {
			return // 0, which models.Build takes for it
		}
		if value, ok := p.value(v, field, f.hyper); ok {
			f.apply(&l, value)
		}
	}
	if node != nil {
		if _, single := scalar(node); single && k.fields[0].name != "name" {
			take(k.fields[0], field, node)
		} else {
			var keys []string
			for _, f := range k.fields {
				keys = append(keys, f.name)
			}
			p.mapping(node, field, keys, func(key string, _ pos, v ast.Node) {
				take(k.fields[slices.Index(keys, key)], field+"."+key, v)
			})
		}
	}
	for _, f := range k.fields {
		if f.required && !read[f.name] {
			remedy := "give " + f.wants()
			if f.kind == text {
				remedy = "give the name of an earlier layer"
			}
			p.fail(at, field+"."+f.name, remedy, "is missing")
		}
	}
	return l
}
