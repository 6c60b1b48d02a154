//go:build !linux || (!amd64 && !arm64) || noxla

package xla

import (
	"errors"

	"github.com/genbench/genbench/models"
)

// Supported says whether this build has the engine.
const Supported = false

// New says that this build has no such engine.
func New(Options) (models.Engine, error) {
	return nil, errors.New("this build has no xla engine: it is for Linux on amd64 and arm64, built without the tag noxla")
}

// Describe finds nothing: this build has no such engine.
func Describe(func(string) string) []Description { return nil }
