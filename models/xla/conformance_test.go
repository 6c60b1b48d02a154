//go:build linux && (amd64 || arm64) && !noxla

package xla

import (
	"os"
	"testing"

	"github.com/genbench/genbench/models/enginetest"
)

func TestConformance(t *testing.T) {
	e, err := New(Options{Getenv: os.Getenv, Convolutions: os.Getenv("CONV")})
	if err != nil {
		t.Skip(err)
	}
	enginetest.Run(t, e)
}
