package corpora

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/genbench/genbench/models"
)

// families lists the families of networks that a spec can name; the first is the default.
func families() []string {
	return []string{"mlp", "nin", "vgg", "resnet18", "resnet34", "resnet50", "resnet101", "custom"}
}

// resNetLayers has the number of layers of the residual families.
var resNetLayers = map[string]int{"resnet18": 18, "resnet34": 34, "resnet50": 50, "resnet101": 101}

// Defaults of a network's hyperparameters by the families that read them: the smallest of FGM's NiN, VGG-18 and the published ResNets.
var (
	widthDefaults = map[string]Value{
		"mlp": Number(128), "nin": Number(192), "vgg": Number(64),
		"resnet18": Number(64), "resnet34": Number(64), "resnet50": Number(64), "resnet101": Number(64),
	}
	depthDefaults     = map[string]Value{"mlp": Number(2), "nin": Number(2), "vgg": Number(5)}
	denseDefaults     = map[string]Value{"vgg": Number(0)}
	dropoutDefaults   = map[string]Value{"mlp": Number(0), "nin": Number(0), "vgg": Number(0)}
	batchNormDefaults = map[string]Value{"mlp": Truth(false), "nin": Truth(true), "vgg": Truth(true)}
	stemDefaults      = map[string]Value{
		"vgg": Text(models.StemCIFAR), "resnet18": Text(models.StemCIFAR), "resnet34": Text(models.StemCIFAR),
		"resnet50": Text(models.StemCIFAR), "resnet101": Text(models.StemCIFAR),
	}
)

// set gives a point the value of a hyperparameter.
func (b *builder) set(p *point, s Setting) {
	b.table[s.Axis].set(p, s.Value)
	p.given[s.Axis] = true
}

// override applies what the spec sets for points with these settings, in its order.
func (b *builder) override(p *point, config []Setting) {
	for i := range b.spec.overrides {
		o := &b.spec.overrides[i]
		if !o.holds(config) {
			continue
		}
		for _, s := range o.Set {
			b.set(p, s)
		}
		if o.Widths != nil {
			p.widths = o.Widths
		}
		if o.Layers != nil {
			p.layers, p.layersField = o.Layers, o.field+".network.layers"
		}
	}
}

// complete gives the point its family's defaults.
func (b *builder) complete(p *point) {
	for name, h := range b.table {
		if v, ok := h.families[p.family]; ok && !p.given[name] {
			h.set(p, v)
		}
	}
}

// archKey is what an architecture is made from.
type archKey struct {
	family              string
	input               models.Shape
	classes             int
	width, depth, dense int
	dropout             float64
	batchnorm           bool
	stem, widths        string
	layers              *models.Layer
}

// layersError is about the layers that a spec lists.
type layersError struct {
	field string // where
	layer int    // which of them; -1: all
	err   error
}

func (e *layersError) Error() string { return e.err.Error() }

func (b *builder) architecture(p *point, input models.Shape, classes int) (archJSON, error) {
	key := archKey{
		family: p.family, input: input, classes: classes, width: p.width, depth: p.depth, dense: p.dense,
		dropout: p.dropout, batchnorm: p.batchnorm, stem: p.stem, widths: fmt.Sprint(p.widths),
	}
	if len(p.layers) > 0 {
		key.layers = &p.layers[0]
	}
	if known, ok := b.archs[key]; ok {
		return known, nil
	}
	arch, err := p.architecture(input, classes)
	if err != nil {
		return archJSON{}, err
	}
	text, err := json.Marshal(arch)
	if err != nil {
		return archJSON{}, fmt.Errorf("identifying an architecture: %w", err)
	}
	made := archJSON{arch, text}
	b.archs[key] = made
	return made, nil
}

// architecture builds the point's network.
func (p *point) architecture(input models.Shape, classes int) (models.Architecture, error) {
	if layers, ok := resNetLayers[p.family]; ok {
		return models.ResNet(input, classes, models.ResNetOptions{Layers: layers, Width: p.width, Stem: p.stem})
	}
	switch p.family {
	case "nin":
		return models.NiN(input, classes, models.NiNOptions{Width: p.width, Depth: p.depth, Dropout: p.dropout, BatchNorm: p.batchnorm})
	case "vgg":
		return models.VGG(input, classes, models.VGGOptions{
			Width: p.width, Depth: p.depth, Dense: p.dense, Dropout: p.dropout, BatchNorm: p.batchnorm, Stem: p.stem,
		})
	case "custom":
		return p.custom(input, classes)
	}
	return models.MLP(input, classes, models.MLPOptions{Width: p.width, Depth: p.depth, Widths: p.widths, Dropout: p.dropout, BatchNorm: p.batchnorm})
}

// custom builds the listed layers.
func (p *point) custom(input models.Shape, classes int) (models.Architecture, error) {
	a, err := models.Build("custom", input, classes, p.layers)
	if err == nil {
		return a, nil
	}
	wrong := &layersError{field: p.layersField, layer: -1, err: err}
	if l := (*models.LayerError)(nil); errors.As(err, &l) {
		wrong.layer = l.Layer
	}
	return a, wrong
}
