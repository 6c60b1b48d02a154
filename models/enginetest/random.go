package enginetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/genbench/genbench/models"
)

// randomNetworks is how many networks are drawn layer by layer; a tenth of them with -short, as under the race detector.
func randomNetworks() int {
	if testing.Short() {
		return 3
	}
	return 30
}

// widest is how many values a layer of theirs may write.
const widest = 300

// random draws networks with any layer behind, and beside, any other: what a value's readers are, which of them is the
// last, and what may be computed in place or together differs from one to the next.
func random() ([]network, error) {
	var drawn []network
	wanted := randomNetworks()
	for seed := uint64(1); len(drawn) < wanted; seed++ {
		if seed > uint64(4*wanted) {
			return nil, fmt.Errorf("%d of %d random networks have no draw away from kinks", int(seed)-len(drawn), seed)
		}
		rng := rand.New(rand.NewPCG(seed, 47))
		c := network{name: fmt.Sprintf("random-%d", seed), arch: randomArchitecture(rng), rows: 1 + rng.IntN(40)}
		c.rows = max(c.rows, c.arch.LeastLearn())
		if rng.IntN(4) == 0 {
			c.rows = c.arch.LeastLearn() + rng.IntN(3)
		}
		if err := c.arch.Validate(); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		// Averages of equal values in another order are equal but for rounding: such a network has a kink in every draw.
		if c.fill(seed+1000) == nil {
			drawn = append(drawn, c)
		}
	}
	return drawn, nil
}

// randomArchitecture draws some layers, and from everything that none of them reads a dense layer to logits that are summed.
func randomArchitecture(rng *rand.Rand) models.Architecture {
	in := models.Shape{C: 1 + rng.IntN(4), H: 1 + rng.IntN(8), W: 1 + rng.IntN(8)}
	classes := 2 + rng.IntN(4)
	var layers []models.Layer
	for n := 2 + rng.IntN(10); len(layers) < n; {
		shapes := models.Architecture{Input: in, Layers: layers}.Shapes()
		source, shape := "", in
		if len(layers) > 0 {
			shape = shapes[len(layers)-1]
			if at := rng.IntN(len(layers)); rng.IntN(3) == 0 {
				source, shape = layers[at].Name, shapes[at]
			}
		}
		layer, ok := randomLayer(rng, fmt.Sprintf("l%d", len(layers)), shape)
		if ok && layer.Kind == models.Add {
			layer.With, ok = randomSummand(rng, layers, shapes, shape)
		}
		if ok && sized(in, classes, append(slices.Clone(layers), from(layer, source))...).Layers[len(layers)].Out <= widest {
			layers = append(layers, from(layer, source))
		}
	}
	return sized(in, classes, summed(layers, classes)...)
}

// randomLayer draws a layer for an input of this shape; ok is false where the draw does not fit.
func randomLayer(rng *rand.Rand, name string, in models.Shape) (layer models.Layer, ok bool) {
	kernel, stride := 1+rng.IntN(4), 1+rng.IntN(3)
	fits := func(padding int) bool { return min(in.H, in.W)+2*padding >= kernel }
	switch rng.IntN(12) {
	case 0, 1, 2:
		padding := rng.IntN(2 * kernel)
		layer = conv(name, 1+rng.IntN(10), kernel, stride, padding)
		layer.NoBias = rng.IntN(2) == 0
		return layer, fits(padding)
	case 3:
		padding := rng.IntN(kernel/2 + 1)
		return pool(name, models.MaxPool, kernel, stride, padding), fits(padding)
	case 4:
		return pool(name, models.AvgPool, kernel, stride, 0), fits(0)
	case 5:
		return models.Layer{Name: name, Kind: models.BatchNorm, Epsilon: 0.1, Momentum: 0.2}, true // a large epsilon: channels may be constant
	case 6, 7:
		return relu(name), true
	case 8:
		return dropout(name, 0.25), true
	case 9:
		return plain(name, []models.Kind{models.GlobalAvgPool, models.Flatten}[rng.IntN(2)]), true
	case 10:
		return plain(name, models.Add), true
	default:
		return dense(name, 1+rng.IntN(12)), rng.IntN(3) == 0
	}
}

// randomSummand names an earlier layer that writes this shape, if there is one.
func randomSummand(rng *rand.Rand, layers []models.Layer, shapes []models.Shape, shape models.Shape) (string, bool) {
	for range 20 * len(layers) {
		if at := rng.IntN(len(layers)); shapes[at] == shape {
			return layers[at].Name, true
		}
	}
	return "", false
}

// summed ends a network: what no layer reads becomes logits by dense layers of its own, and these are added up.
func summed(layers []models.Layer, classes int) []models.Layer {
	read := map[string]bool{}
	for l, layer := range layers {
		read[layer.From], read[layer.With] = true, true
		if l > 0 && layer.From == "" {
			read[layers[l-1].Name] = true
		}
	}
	sum := ""
	for _, layer := range layers {
		if read[layer.Name] {
			continue
		}
		name := "logits." + layer.Name
		layers = append(layers, from(dense(name, classes), layer.Name))
		if sum != "" {
			layers = append(layers, add("sum."+layer.Name, sum))
			name = "sum." + layer.Name
		}
		sum = name
	}
	return layers
}
