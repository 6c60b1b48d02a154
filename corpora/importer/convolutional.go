package importer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/genbench/genbench/models"
)

// families that a record may name in place of an architecture.
var families = []string{"mlp", "nin", "vgg", "resnet18", "resnet34", "resnet50", "resnet101"}

// torchvision has other names for the same modules of a ResNet, and numbers those of a VGG.
var otherNames = strings.NewReplacer("downsample.", "shortcut.")

// inferConvolutional reads the sizes of a NiN, a VGG or a ResNet off its tensors, which have the names of [models.NiN], [models.VGG]
// or [models.ResNet], or torchvision's: downsample and fc in a ResNet; in a VGG, features and classifier with numbers, whose layers are taken in their order.
// What leaves no tensors cannot be read: the stem is the record's, dropout does nothing in evaluation.
func inferConvolutional(family, stem string, s models.State, input models.Shape, classes int) (a models.Architecture, rename map[string]string, err error) {
	modules, err := modulesOf(s)
	if err != nil {
		return a, nil, err
	}
	switch {
	case family == "nin":
		a, err = inferNiN(s, input, classes)
	case family == "vgg":
		a, rename, err = inferVGG(modules, stem, input, classes)
	case strings.HasPrefix(family, "resnet"):
		a, rename, err = inferResNet(family, stem, s, input, classes)
	default:
		err = fmt.Errorf("no family %q (known: %s); give the architecture", family, strings.Join(families, ", "))
	}
	if err != nil {
		return a, nil, err
	}
	if _, err := renamed(s, rename).Arrange(a); err != nil {
		return a, nil, fmt.Errorf("the tensors do not fit a %s: %w; give the architecture", family, err)
	}
	return a, rename, nil
}

// outputs is the number of channels or units of a layer, 0 where there is none of that name.
func outputs(s models.State, layer string) int {
	if w := s.Find(layer + ".weight"); w != nil && len(w.Shape) > 1 {
		return w.Shape[0]
	}
	return 0
}

func inferNiN(s models.State, input models.Shape, classes int) (models.Architecture, error) {
	depth := 0
	for outputs(s, fmt.Sprintf("blocks.%d.conv1", depth)) > 0 {
		depth++
	}
	if depth == 0 {
		return models.Architecture{}, fmt.Errorf("there is no blocks.0.conv1.weight, with which a nin begins; give the architecture")
	}
	return models.NiN(input, classes, models.NiNOptions{
		Width: outputs(s, "blocks.0.conv1"), Depth: depth, BatchNorm: s.Find("blocks.0.bn1.running_mean") != nil,
	})
}

func inferResNet(family, stem string, s models.State, input models.Shape, classes int) (models.Architecture, map[string]string, error) {
	width := outputs(s, "conv1")
	if width == 0 {
		return models.Architecture{}, nil, fmt.Errorf("there is no conv1.weight, with which a %s begins; give the architecture", family)
	}
	layers, err := strconv.Atoi(strings.TrimPrefix(family, "resnet"))
	if err != nil {
		return models.Architecture{}, nil, fmt.Errorf("no family %q (known: %s); give the architecture", family, strings.Join(families, ", "))
	}
	rename := map[string]string{}
	for _, t := range s {
		to := otherNames.Replace(t.Name)
		if suffix, ok := strings.CutPrefix(to, "fc."); ok {
			to = "linear." + suffix
		}
		rename[t.Name] = to
	}
	a, err := models.ResNet(input, classes, models.ResNetOptions{Layers: layers, Width: width, Stem: stem})
	return a, rename, err
}

// inferVGG counts the convolutions and the dense layers of a VGG, in the natural order of their names.
func inferVGG(modules []*module, stem string, input models.Shape, classes int) (models.Architecture, map[string]string, error) {
	o := models.VGGOptions{Stem: stem}
	modules = slices.Clone(modules)
	order := nameOrder(modules)
	slices.SortStableFunc(modules, func(a, b *module) int { return naturalOrder(order(a), order(b)) })
	rename := map[string]string{}
	convolutions, norms, dense := 0, 0, 0
	for _, m := range modules {
		name := ""
		switch weight := m.tensors["weight"]; {
		case weight == nil:
			return models.Architecture{}, nil, fmt.Errorf("%q has no weight; give the architecture", m.prefix)
		case m.tensors["running_mean"] != nil:
			norms++
			name = fmt.Sprint("bn", norms)
		case len(weight.Shape) == 4:
			if convolutions++; convolutions == 1 {
				o.Width = weight.Shape[0]
			}
			name = fmt.Sprint("conv", convolutions)
		default:
			dense++
			name = fmt.Sprint("dense", dense)
		}
		for suffix, t := range m.tensors {
			rename[t.Name] = name + "." + suffix
		}
	}
	stages := map[int]int{2: 1, 4: 2, 7: 3, 10: 4, 13: 5}
	if o.Depth = stages[convolutions]; o.Depth == 0 || dense == 0 || norms != 0 && norms != convolutions {
		return models.Architecture{}, nil, fmt.Errorf("%d convolutions, %d batch norms and %d dense layers: a vgg has 2, 4, 7, 10 or 13 convolutions, as many batch norms or none, and a dense layer; give the architecture",
			convolutions, norms, dense)
	}
	o.Dense, o.BatchNorm = dense-1, norms > 0
	a, err := models.VGG(input, classes, o)
	return a, rename, err
}
