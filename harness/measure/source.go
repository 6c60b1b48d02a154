package measure

import "context"

// Meta is what a [Network] knows without asking.
type Meta struct {
	ID         string // opaque; another one in every run
	Layers     []Layer
	Classes    int
	TrainSize  int   // training examples
	InputShape []int // [C, H, W]
	Seed       uint64
	Options    map[string]string // complete: defaults filled in, see [Info.Resolve]
}

// Layer is one layer of a network, after those that it reads.
type Layer struct {
	Name string
	Kind string // "dense", "conv2d", "batchnorm", "relu", "dropout", "maxpool", "avgpool", "globalavgpool", "flatten", "add"
	In   int    // values read
	Out  int    // values written

	From     string  // the earlier layer whose output this one reads; "": the layer before it
	With     string  // add: the earlier layer whose output is added
	Channels int     // conv2d: channels written
	Kernel   int     // conv2d, maxpool, avgpool: height and width of the window
	Stride   int     // conv2d, maxpool, avgpool: step of the window
	Padding  int     // conv2d, maxpool: rows and columns added on every side
	Epsilon  float64 // batchnorm: added to the variance

	InShape  [3]int // [C, H, W] of what is read; a vector is [In, 1, 1]
	OutShape [3]int // [C, H, W] of what is written
}

// Source is where a [Network] gets its quantities: the host over the wire, or
// anything in process. Authors of measures do not meet it.
type Source interface {
	// Quantity returns the named arrays. It returns an [*UndefinedError] for a
	// quantity that does not exist for the network and a [*MissingError] for one
	// that was not kept.
	Quantity(ctx context.Context, name string, args map[string]string) ([]Array, error)
	// Evaluate returns the training loss and accuracy at each perturbation.
	Evaluate(ctx context.Context, ps []Perturbation) ([]Evaluated, error)
}

// Array is one little-endian, row-major array, in a file or in memory.
type Array struct {
	Name   string
	DType  string // "f32", "f64", "i32", "u8"
	Shape  []int  // [] is a scalar
	Path   string
	Offset int64  // bytes into the file
	Data   []byte // the bytes themselves; the file is then not read
}

// Perturbation is a random change of all weights.
type Perturbation struct {
	Kind  string  // "gaussian": w + Scale z; "gaussian-magnitude": w + Scale |w| z; z ~ N(0, 1) per weight
	Scale float64 // standard deviation, >= 0
	Seed  uint64  // of z; the same seed is the same z at every scale
}

// Evaluated is the training set seen by perturbed weights.
type Evaluated struct {
	Loss     float64 // mean cross-entropy, nats; +Inf or NaN where the network overflows
	Accuracy float64 // fraction
}
