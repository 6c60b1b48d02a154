package models

import (
	"errors"
	"fmt"
)

// Input is what [Architecture.Sources] says of a layer that reads the network's input.
const Input = -1

// Sources answers, for each layer, the index of the layer whose output it reads, and [Input] where it reads the network's
// input. The second summand of an add is not among them: see [Architecture.Summand]. The architecture must be valid.
func (a Architecture) Sources() []int {
	from := make([]int, len(a.Layers))
	for l, layer := range a.Layers {
		from[l] = l - 1
		if layer.From != "" {
			from[l] = a.index(layer.From)
		}
	}
	return from
}

// Summand is the index of the layer whose output layer l, an add, adds to what it reads; ok is false for other kinds.
func (a Architecture) Summand(l int) (with int, ok bool) {
	if a.Layers[l].Kind != Add {
		return 0, false
	}
	return a.index(a.Layers[l].With), true
}

// index finds a layer by name; -1: there is none.
func (a Architecture) index(name string) int {
	for l := range a.Layers {
		if a.Layers[l].Name == name {
			return l
		}
	}
	return -1
}

// LeastLearn is the fewest examples that a Learn batch may have: 2 where a batch norm reads one place a channel, else 1.
// As torch.nn.functional.batch_norm, which refuses one value a channel and no more (PyTorch 1.13).
func (a Architecture) LeastLearn() int {
	for l, shape := range a.Shapes() {
		if a.Layers[l].Kind == BatchNorm && shape.H*shape.W == 1 {
			return 2
		}
	}
	return 1
}

// Shapes answers the shape of what each layer writes. The architecture must be valid.
func (a Architecture) Shapes() []Shape {
	shapes := make([]Shape, len(a.Layers))
	from := a.Sources()
	for l, layer := range a.Layers {
		in := a.Input
		if from[l] >= 0 && from[l] < l {
			in = shapes[from[l]]
		}
		shapes[l] = layer.writes(in)
	}
	return shapes
}

// Reads answers the shape of what layer l reads. The architecture must be valid.
func (a Architecture) Reads(l int) Shape { return a.reads(l, a.Shapes()) }

func (a Architecture) reads(l int, shapes []Shape) Shape {
	from := l - 1
	if name := a.Layers[l].From; name != "" {
		from = a.index(name)
	}
	if from < 0 {
		return a.Input
	}
	return shapes[from]
}

// writes is the shape of the layer's output for an input of shape in.
func (l Layer) writes(in Shape) Shape {
	switch l.Kind {
	case Dense:
		return Shape{C: l.Out, H: 1, W: 1}
	case Conv2D:
		return Shape{C: l.Channels, H: l.window(in.H), W: l.window(in.W)}
	case MaxPool, AvgPool:
		return Shape{C: in.C, H: l.window(in.H), W: l.window(in.W)}
	case GlobalAvgPool:
		return Shape{C: in.C, H: 1, W: 1}
	case Flatten:
		return Shape{C: in.Size(), H: 1, W: 1}
	}
	return in
}

// window is the number of places of the layer's window along an axis of length n: incomplete ones do not count.
func (l Layer) window(n int) int {
	if l.Stride < 1 || n+2*l.Padding < l.Kernel {
		return 0
	}
	return (n+2*l.Padding-l.Kernel)/l.Stride + 1
}

// Bounds on one layer, far above any network that trains here: a slip of the
// pen in a specification is an error and not an attempt to allocate it, and
// sizes in bytes stay within an int.
const (
	maxFeatures = 1 << 20
	maxWeights  = 1 << 31
)

// Validate reports the first thing that makes the architecture unusable, a [LayerError] where it is a layer.
func (a Architecture) Validate() error {
	if err := a.validateEnds(); err != nil {
		return err
	}
	if len(a.Layers) == 0 {
		return errors.New("no layers")
	}
	return a.validateLayers()
}

// validateEnds checks what the network reads and the number of classes.
func (a Architecture) validateEnds() error {
	for _, d := range []int{a.Input.C, a.Input.H, a.Input.W} {
		if d < 1 || d > maxFeatures {
			return fmt.Errorf("input shape [%d, %d, %d] is not positive, or beyond %d", a.Input.C, a.Input.H, a.Input.W, maxFeatures)
		}
	}
	if a.Classes < 2 {
		return fmt.Errorf("%d classes: at least 2 are needed", a.Classes)
	}
	return nil
}

func (a Architecture) validateLayers() error {
	written := map[string]Shape{}
	read := map[string]bool{} // by a later layer
	before := a.Input
	for i, layer := range a.Layers {
		out, err := layer.follow(before, written)
		if err == nil && i > 0 && layer.From == "" {
			read[a.Layers[i-1].Name] = true
		}
		if err == nil {
			if _, taken := written[layer.Name]; taken {
				err = fmt.Errorf("the name %q is taken", layer.Name)
			}
		}
		if err != nil {
			return &LayerError{i, layer.Name, err}
		}
		read[layer.From], read[layer.With] = true, true
		written[layer.Name] = out
		before = out
	}
	last := a.Layers[len(a.Layers)-1]
	for i, layer := range a.Layers[:len(a.Layers)-1] {
		if !read[layer.Name] {
			return &LayerError{i, layer.Name, errors.New("no layer reads it")}
		}
	}
	if before.Size() != a.Classes || before.H != 1 || before.W != 1 || last.Kind == ReLU || last.Kind == Dropout {
		return fmt.Errorf("the last layer must write %d logits, one a class, as a dense layer does", a.Classes)
	}
	return nil
}

// follow checks the layer behind one that wrote before, in a network whose earlier layers wrote shapes of these names, and answers what it writes.
func (l Layer) follow(before Shape, written map[string]Shape) (Shape, error) {
	in := before
	if l.From != "" {
		var ok bool
		if in, ok = written[l.From]; !ok {
			return Shape{}, fmt.Errorf("reads from %q, which is no earlier layer", l.From)
		}
	}
	if err := l.validate(in); err != nil {
		return Shape{}, err
	}
	if l.Kind == Add {
		other, ok := written[l.With]
		if !ok {
			return Shape{}, fmt.Errorf("adds %q, which is no earlier layer", l.With)
		}
		if other != in {
			return Shape{}, fmt.Errorf("adds %q of shape [%d, %d, %d] to [%d, %d, %d]: the shapes must be equal", l.With, other.C, other.H, other.W, in.C, in.H, in.W)
		}
	} else if l.With != "" {
		return Shape{}, fmt.Errorf("%s cannot add %q: only an add has a second summand", l.Kind, l.With)
	}
	return l.writes(in), nil
}

// validate checks the layer's own values, for an input of shape in.
func (l Layer) validate(in Shape) error {
	if l.Name == "" {
		return errors.New("has no name")
	}
	if l.In != in.Size() {
		return fmt.Errorf("reads %d features, but the layer before it writes %d", l.In, in.Size())
	}
	if l.Out < 1 || l.Out > maxFeatures || l.In > maxFeatures {
		return fmt.Errorf("reads %d and writes %d features: at least 1 and at most %d are possible", l.In, l.Out, maxFeatures)
	}
	switch l.Kind {
	case Dense:
		if int64(l.In)*int64(l.Out) > maxWeights {
			return fmt.Errorf("%d x %d weights: at most %d are possible", l.Out, l.In, int64(maxWeights))
		}
	case Conv2D, MaxPool, AvgPool:
		if err := l.validateWindow(in); err != nil {
			return err
		}
	case BatchNorm:
		if !(l.Epsilon > 0 && l.Momentum >= 0 && l.Momentum <= 1) {
			return fmt.Errorf("batch norm needs epsilon > 0 and momentum in [0, 1], not %v and %v", l.Epsilon, l.Momentum)
		}
	case Dropout:
		if !(l.Rate >= 0 && l.Rate < 1) {
			return fmt.Errorf("dropout rate %v is not in [0, 1)", l.Rate)
		}
	case ReLU, GlobalAvgPool, Flatten, Add:
	default:
		return fmt.Errorf("unknown kind %q (known: %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", l.Kind,
			Dense, Conv2D, BatchNorm, ReLU, Dropout, MaxPool, AvgPool, GlobalAvgPool, Flatten, Add)
	}
	if out := l.writes(in); out.Size() != l.Out {
		return fmt.Errorf("%s of [%d, %d, %d] writes [%d, %d, %d], not %d features", l.Kind, in.C, in.H, in.W, out.C, out.H, out.W, l.Out)
	}
	return nil
}

// validateWindow checks a layer that moves a window over its input.
func (l Layer) validateWindow(in Shape) error {
	const most = 1 << 10
	if l.Kernel < 1 || l.Kernel > most || l.Stride < 1 || l.Stride > most || l.Padding < 0 || l.Padding >= 2*l.Kernel {
		return fmt.Errorf("kernel %d, stride %d, padding %d: kernel and stride must be in [1, %d], padding at least 0 and less than twice the kernel", l.Kernel, l.Stride, l.Padding, most)
	}
	if l.window(in.H) < 1 || l.window(in.W) < 1 {
		return fmt.Errorf("a window of %d x %d does not fit into %d x %d with padding %d", l.Kernel, l.Kernel, in.H, in.W, l.Padding)
	}
	switch {
	case l.Kind == AvgPool && l.Padding != 0:
		return fmt.Errorf("avgpool has no padding, got %d", l.Padding)
	case l.Kind == MaxPool && 2*l.Padding > l.Kernel:
		return fmt.Errorf("maxpool's padding %d is more than half its kernel %d", l.Padding, l.Kernel)
	case l.Kind == Conv2D && (l.Channels < 1 || l.Channels > maxFeatures):
		return fmt.Errorf("writes %d channels: at least 1 and at most %d are possible", l.Channels, maxFeatures)
	case l.Kind == Conv2D && int64(l.Channels)*int64(in.C)*int64(l.Kernel*l.Kernel) > maxWeights:
		return fmt.Errorf("%d x %d x %d x %d weights: at most %d are possible", l.Channels, in.C, l.Kernel, l.Kernel, int64(maxWeights))
	}
	return nil
}
