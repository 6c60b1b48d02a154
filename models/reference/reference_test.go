package reference

import (
	"testing"

	"github.com/genbench/genbench/models/enginetest"
)

func TestConformance(t *testing.T) { enginetest.Run(t, New()) }
