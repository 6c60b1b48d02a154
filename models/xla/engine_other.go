//go:build !linux || (!amd64 && !arm64) || !xla

package xla

import (
	"errors"

	"github.com/genbench/genbench/models"
)

// Supported says whether this build has the engine.
const Supported = false

// New says that this build has no such engine.
func New(Options) (models.Engine, error) {
	return nil, errors.New("this build has no xla engine: on Linux on amd64 or arm64, `go build -tags xla ./cmd/genbench` makes one that has it, without a C compiler")
}

// Describe finds nothing: this build has no such engine.
func Describe(func(string) string) []Description { return nil }

// Ahead would compile for a GPU that is not there; this build has no such engine.
type Ahead struct{}

// Compiled is one program.
type Compiled struct {
	Program   string  `json:"program"`
	Seconds   float64 `json:"seconds"`
	Arguments int64   `json:"arguments"`
	Outputs   int64   `json:"outputs"`
	Temporary int64   `json:"temporary"`
}

// NewAhead says that this build has no such engine.
func NewAhead(string, Options) (*Ahead, error) {
	_, err := New(Options{})
	return nil, err
}

// Close does nothing.
func (a *Ahead) Close() error { return nil }

// Session cannot be reached.
func (a *Ahead) Session(models.Architecture, int, ...models.Optimizer) ([]Compiled, error) {
	_, err := New(Options{})
	return nil, err
}

// Group cannot be reached.
func (a *Ahead) Group(models.GroupShape, int, bool) ([]Compiled, error) {
	_, err := New(Options{})
	return nil, err
}
