package importer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/models"
)

// architecture is the one that the record gives, or one of the family that it names, read off the
// tensors; rename maps the file's tensor names to the architecture's.
func (c *claim) architecture(s models.State, data *dataset.Data) (a models.Architecture, rename map[string]string, err error) {
	input := models.Shape{C: data.Shape.C, H: data.Shape.H, W: data.Shape.W}
	if c.Architecture == nil && c.Family != "mlp" {
		return inferConvolutional(c.Family, c.Stem, s, input, data.Classes)
	}
	if c.Architecture == nil {
		return inferMLP(s, input, data.Classes)
	}
	a = *c.Architecture
	switch {
	case a.Input.Size() != input.Size():
		return a, nil, fmt.Errorf("the architecture reads %d features, the examples have %d (%v)", a.Input.Size(), input.Size(), data.Shape)
	case a.Classes != data.Classes:
		return a, nil, fmt.Errorf("the architecture has %d classes, the data set %d", a.Classes, data.Classes)
	}
	return a, nil, nil
}

// module is the tensors of one layer in a file: those with one prefix.
type module struct {
	prefix  string
	tensors map[string]*models.Tensor // by what follows the prefix
}

// inferMLP reads a multi-layer perceptron with ReLU off its tensors. The
// modules are taken by the natural order of their names ("2" before "10", as
// torch.nn.Sequential numbers them), or else in the order of the file, if their shapes then form a
// chain; one with a matrix is dense, one with running statistics is batch norm with PyTorch's
// constants. Dropout leaves no tensors and does nothing in evaluation. What is inferred wrongly (another
// activation, say) is caught by an accuracy that does not hold.
func inferMLP(s models.State, input models.Shape, classes int) (a models.Architecture, rename map[string]string, err error) {
	inFile, err := modulesOf(s)
	if err != nil {
		return a, nil, err
	}
	byName := slices.Clone(inFile)
	order := nameOrder(inFile)
	slices.SortStableFunc(byName, func(a, b *module) int { return naturalOrder(order(a), order(b)) })
	a, rename, err = chain(byName, input, classes)
	if err == nil {
		if err = fits(s, rename, a); err == nil {
			return a, rename, nil
		}
	}
	if b, names, other := chain(inFile, input, classes); other == nil && fits(s, names, b) == nil {
		return b, names, nil
	}
	return a, nil, err
}

// chain makes an MLP of the modules in their order.
func chain(modules []*module, input models.Shape, classes int) (a models.Architecture, rename map[string]string, err error) {
	var widths []int
	rename = map[string]string{}
	norms := 0
	for _, m := range modules {
		kind := ""
		switch weight := m.tensors["weight"]; {
		case weight == nil:
			return a, nil, fmt.Errorf("%q has no weight: an MLP has dense layers and batch norm; give the architecture", m.prefix)
		case m.tensors["running_mean"] != nil:
			norms++
			if norms != len(widths) {
				return a, nil, fmt.Errorf("batch norm %q does not follow a dense layer of its own; give the architecture", m.prefix)
			}
			kind = "bn" + strconv.Itoa(norms)
		case len(weight.Shape) == 2:
			widths = append(widths, weight.Shape[0])
			kind = "fc" + strconv.Itoa(len(widths))
		default:
			return a, nil, fmt.Errorf("tensor %q of shape %v is no dense layer's; give the architecture", weight.Name, weight.Shape)
		}
		for suffix, t := range m.tensors {
			rename[t.Name] = kind + "." + suffix
		}
	}
	hidden := len(widths) - 1
	if hidden < 0 {
		return a, nil, errors.New("holds no dense layer")
	}
	if norms != 0 && norms != hidden {
		return a, nil, fmt.Errorf("%d batch norms for %d hidden layers; give the architecture", norms, hidden)
	}
	if widths[hidden] != classes {
		return a, nil, fmt.Errorf("the last dense layer has %d outputs, the data set %d classes", widths[hidden], classes)
	}
	a, err = models.MLP(input, classes, models.MLPOptions{Widths: widths[:hidden:hidden], BatchNorm: norms > 0})
	return a, rename, err
}

// modulesOf groups the tensors of a file by prefix, in the order of the file.
func modulesOf(s models.State) ([]*module, error) {
	byPrefix := map[string]*module{}
	var modules []*module
	for i := range s {
		prefix, suffix := "", s[i].Name
		if dot := strings.LastIndexByte(s[i].Name, '.'); dot >= 0 {
			prefix, suffix = s[i].Name[:dot], s[i].Name[dot+1:]
		}
		if !slices.Contains([]string{"weight", "bias", "running_mean", "running_var"}, suffix) {
			return nil, fmt.Errorf("tensor %q is neither a weight nor a bias nor a running statistic; give the architecture", s[i].Name)
		}
		m := byPrefix[prefix]
		if m == nil {
			m = &module{prefix: prefix, tensors: map[string]*models.Tensor{}}
			byPrefix[prefix] = m
			modules = append(modules, m)
		}
		m.tensors[suffix] = &s[i]
	}
	return modules, nil
}

// nameOrder gives the key that orders modules: their names, except that names
// of one word and a number (fc1, bn1, fc2) are ordered by number first and then dense
// before batch norm.
func nameOrder(modules []*module) func(*module) string {
	for _, m := range modules {
		word := strings.TrimRight(m.prefix, "0123456789")
		if word == m.prefix || word == "" || strings.Contains(word, ".") {
			return func(m *module) string { return m.prefix }
		}
	}
	return func(m *module) string {
		word := strings.TrimRight(m.prefix, "0123456789")
		rank := "0"
		if m.tensors["running_mean"] != nil {
			rank = "1"
		}
		return m.prefix[len(word):] + "." + rank
	}
}

// naturalOrder compares texts with their runs of digits as numbers.
func naturalOrder(a, b string) int {
	digits := func(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }
	for a != "" && b != "" {
		i, j := digits(a), digits(b)
		if i > 0 && j > 0 {
			x, y := strings.TrimLeft(a[:i], "0"), strings.TrimLeft(b[:j], "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
				return c
			}
			a, b = a[i:], b[j:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}
