package enginetest

import "github.com/genbench/genbench/models"

// sized fills in what the layers read and write.
func sized(input models.Shape, classes int, layers ...models.Layer) models.Architecture {
	a := models.Architecture{Family: "free", Input: input, Classes: classes, Layers: layers}
	shapes := a.Shapes()
	for l := range a.Layers {
		a.Layers[l].In, a.Layers[l].Out = a.Reads(l).Size(), shapes[l].Size()
	}
	return a
}

func conv(name string, channels, kernel, stride, padding int) models.Layer {
	return models.Layer{Name: name, Kind: models.Conv2D, Channels: channels, Kernel: kernel, Stride: stride, Padding: padding}
}

func pool(name string, kind models.Kind, kernel, stride, padding int) models.Layer {
	return models.Layer{Name: name, Kind: kind, Kernel: kernel, Stride: stride, Padding: padding}
}

func norm(name string) models.Layer {
	return models.Layer{Name: name, Kind: models.BatchNorm, Epsilon: 1e-5, Momentum: 0.1}
}

func dropout(name string, rate float64) models.Layer {
	return models.Layer{Name: name, Kind: models.Dropout, Rate: rate}
}

func dense(name string, out int) models.Layer {
	return models.Layer{Name: name, Kind: models.Dense, Out: out}
}

// plain is a layer without numbers.
func plain(name string, kind models.Kind) models.Layer { return models.Layer{Name: name, Kind: kind} }

func relu(name string) models.Layer { return plain(name, models.ReLU) }

func add(name, with string) models.Layer {
	return models.Layer{Name: name, Kind: models.Add, With: with}
}

func from(layer models.Layer, name string) models.Layer {
	layer.From = name
	return layer
}

func noBias(layer models.Layer) models.Layer {
	layer.NoBias = true
	return layer
}

// images are the suite's networks on images: every kind of layer with windows alone, next to every other, in branches,
// and with channels, places and batches off the multiples that a kernel could favour.
func images() []network {
	return append(windows(), branches()...)
}

// windows are chains.
func windows() []network {
	shape := func(c, h, w int) models.Shape { return models.Shape{C: c, H: h, W: w} }
	maxPool, avgPool, global := models.MaxPool, models.AvgPool, plain("global", models.GlobalAvgPool)
	return []network{
		{name: "conv", rows: 5, arch: sized(shape(1, 7, 5), 3, conv("c", 3, 3, 1, 1), relu("r"), dense("fc", 3))},
		{name: "conv-linear", rows: 1, arch: sized(shape(2, 4, 3), 3, conv("c", 3, 3, 1, 0), plain("flat", models.Flatten), dense("fc", 3))},
		{name: "conv-stride", rows: 37, arch: sized(shape(3, 6, 9), 4, noBias(conv("c", 5, 3, 2, 1)), norm("n"), relu("r"), plain("flat", models.Flatten), dense("fc", 4))},
		{name: "conv-1x1", rows: 6, arch: sized(shape(3, 5, 4), 3, conv("c1", 5, 1, 1, 0), relu("r1"), conv("c2", 7, 1, 2, 0), relu("r2"), global, dense("fc", 3))},
		{name: "conv-5x5", rows: 5, arch: sized(shape(1, 11, 8), 3, conv("c1", 4, 5, 1, 2), relu("r1"), pool("p", maxPool, 3, 2, 1), conv("c2", 6, 5, 2, 2), relu("r2"), dense("fc", 3))},
		{name: "conv-beyond-image", rows: 8, arch: sized(shape(2, 3, 4), 3, conv("c1", 3, 5, 1, 2), relu("r1"), noBias(conv("c2", 4, 7, 2, 6)), relu("r2"), dense("fc", 3))},
		{name: "conv-in-padding", rows: 6, arch: sized(shape(2, 4, 3), 3, conv("c1", 4, 1, 1, 1), relu("r1"), conv("c2", 5, 3, 2, 4), relu("r2"), noBias(conv("c3", 3, 2, 3, 3)), norm("n"), relu("r3"), dense("fc", 3))},
		{name: "conv-even", rows: 9, arch: sized(shape(3, 8, 7), 3, conv("c1", 4, 2, 2, 0), relu("r1"), conv("c2", 5, 4, 1, 2), relu("r2"), conv("c3", 2, 2, 1, 1), relu("r3"), dense("fc", 3))},
		{name: "conv-long-stride", rows: 4, arch: sized(shape(2, 9, 11), 2, conv("c1", 3, 2, 3, 0), relu("r1"), conv("c2", 3, 1, 2, 0), dense("fc", 2))},
		{name: "conv-last", rows: 5, arch: sized(shape(3, 4, 4), 4, relu("r0"), conv("c1", 9, 3, 1, 1), relu("r1"), pool("p", avgPool, 3, 1, 0), conv("c2", 4, 2, 1, 0))},
		{name: "conv-one-pixel", rows: 7, arch: sized(shape(5, 1, 1), 3, conv("c1", 6, 1, 1, 0), relu("r1"), conv("c2", 4, 3, 1, 1), norm("n"), relu("r2"), dense("fc", 3))},
		{name: "conv-dropout", rows: 16, arch: sized(shape(1, 6, 7), 3, conv("c1", 6, 3, 1, 1), relu("r1"), dropout("d1", 0.3), conv("c2", 5, 3, 1, 0), dropout("d2", 0.2), relu("r2"), pool("p", maxPool, 2, 2, 0), dropout("d3", 0.5), dense("fc", 3))},
		{name: "conv-one-image", rows: 1, arch: sized(shape(3, 5, 6), 3, norm("n0"), conv("c1", 4, 3, 1, 1), norm("n1"), relu("r1"), dense("fc", 3))},
		{name: "conv-one-place", rows: 4, arch: sized(shape(2, 5, 5), 3, conv("c1", 5, 3, 2, 1), norm("n1"), relu("r1"), conv("c2", 6, 3, 1, 0), norm("n2"), relu("r2"), dense("fc", 3))},
		{name: "maxpool-input", rows: 7, coarse: true, arch: sized(shape(2, 9, 7), 3, pool("p", maxPool, 3, 2, 1), conv("c", 3, 3, 1, 1), relu("r"), dense("fc", 3))},
		{name: "maxpool-shapes", rows: 6, arch: sized(shape(3, 9, 10), 3, conv("c", 3, 3, 1, 1), pool("p1", maxPool, 3, 2, 0), relu("r"), pool("p2", maxPool, 2, 1, 1), pool("p3", maxPool, 2, 3, 0), dense("fc", 3))},
		{name: "avgpool", rows: 5, arch: sized(shape(3, 11, 9), 3, pool("p0", avgPool, 2, 1, 0), conv("c", 5, 3, 1, 1), relu("r1"), pool("p1", avgPool, 3, 2, 0), pool("p2", avgPool, 1, 2, 0), conv("c2", 4, 1, 1, 0), relu("r2"), pool("p3", avgPool, 2, 3, 0), dense("fc", 3))},
		{name: "pool-one-place", rows: 5, arch: sized(shape(6, 1, 1), 3, pool("a", avgPool, 1, 1, 0), pool("m", maxPool, 1, 1, 0), dense("fc1", 7), relu("r"), global, dense("fc", 3))},
		{name: "nin", rows: 9, arch: sized(shape(3, 8, 8), 5, conv("c1", 7, 3, 2, 1), norm("n1"), relu("r1"), conv("c2", 7, 1, 1, 0), relu("r2"), dropout("d", 0.25), conv("c3", 5, 1, 1, 0), global)},
		{name: "flatten", rows: 5, arch: sized(shape(2, 3, 4), 3, plain("f0", models.Flatten), norm("n"), dense("a", 6), plain("f1", models.Flatten), relu("r"), dense("fc", 3))},
		{name: "vgg", rows: 70, arch: sized(shape(3, 6, 6), 10, conv("c1", 17, 3, 1, 1), norm("n1"), relu("r1"), pool("p1", maxPool, 2, 2, 0), conv("c2", 33, 3, 1, 1), norm("n2"), relu("r2"), pool("p2", maxPool, 2, 2, 0), plain("flat", models.Flatten), dense("fc1", 19), relu("r3"), dense("fc2", 10))},
		{name: "conv-deep", rows: 5, arch: sized(shape(65, 3, 4), 3, conv("c1", 70, 3, 1, 1), relu("r1"), global, dense("fc", 3))},
		{name: "conv-long-rows", rows: 33, arch: sized(shape(1, 3, 41), 3, conv("c1", 3, 3, 1, 1), relu("r1"), pool("p", maxPool, 3, 2, 1), conv("c2", 4, 2, 2, 0), relu("r2"), dense("fc", 3))},
		{name: "conv-blocks", rows: 32, arch: sized(shape(16, 5, 4), 8, conv("c1", 32, 3, 1, 1), relu("r1"), conv("c2", 16, 1, 1, 0), relu("r2"), dense("fc", 8))},
	}
}

// branches are networks whose layers read what is not before them.
func branches() []network {
	shape := func(c, h, w int) models.Shape { return models.Shape{C: c, H: h, W: w} }
	global := plain("global", models.GlobalAvgPool)
	return []network{
		{name: "residual", rows: 32, arch: sized(shape(3, 6, 5), 4,
			noBias(conv("stem", 5, 3, 1, 1)), norm("n0"), relu("r0"),
			noBias(conv("c1", 5, 3, 1, 1)), norm("n1"), relu("r1"), noBias(conv("c2", 5, 3, 1, 1)), norm("n2"), add("sum", "r0"), relu("r2"),
			global, dense("fc", 4))},
		{name: "residual-projection", rows: 13, arch: sized(shape(1, 9, 7), 3,
			conv("stem", 4, 3, 1, 1), norm("n0"), relu("r0"),
			noBias(conv("c1", 6, 3, 2, 1)), norm("n1"), relu("r1"), noBias(conv("c2", 6, 3, 1, 1)), norm("n2"),
			from(noBias(conv("short", 6, 1, 2, 0)), "r0"), norm("n3"), from(add("sum", "n3"), "n2"), relu("r2"),
			conv("c3", 6, 3, 1, 1), add("sum2", "r2"), relu("r3"), global, dense("fc", 3))},
		{name: "branches", rows: 11, arch: sized(shape(2, 6, 6), 3,
			conv("a", 4, 3, 1, 1), relu("r"), // read by four
			conv("b", 4, 3, 1, 1), from(conv("c", 4, 1, 1, 0), "r"), from(add("s1", "b"), "r"), add("s2", "c"), add("s3", "r"), dropout("d", 0.2),
			pool("max", models.MaxPool, 3, 2, 1), from(pool("avg", models.AvgPool, 2, 2, 0), "d"), add("s4", "max"), relu("r2"), dense("fc", 3))},
		{name: "twice", rows: 5, arch: sized(shape(1, 4, 4), 3,
			conv("a", 3, 3, 1, 1), add("double", "a"), relu("r"), from(add("more", "a"), "double"), add("sum", "r"), dense("fc", 3))},
		{name: "branches-dense", rows: 10, arch: sized(shape(6, 1, 1), 3,
			dense("a", 7), relu("r"), dense("b", 7), norm("n"), add("s", "a"), relu("r2"), dense("fc", 3), from(dense("short", 3), "a"), add("logits", "fc"))},
	}
}
