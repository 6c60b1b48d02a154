//go:build linux && (amd64 || arm64) && !noxla

package pjrt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const doubled = `module {
  func.func public @main(%a: tensor<2x3xf32>, %b: tensor<3x2xf32>) -> (tensor<2x2xf32>, tensor<2x3xf32>) {
    %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0], precision = [HIGHEST, HIGHEST] : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
    %1 = stablehlo.add %a, %a : tensor<2x3xf32>
    return %0, %1 : tensor<2x2xf32>, tensor<2x3xf32>
  }
}`

func TestMatrixProduct(t *testing.T) {
	for _, path := range strings.Split(os.Getenv("PJRT_TRY"), ":") {
		p, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		c, err := p.NewClient(nil)
		if err != nil {
			t.Fatal(err)
		}
		d := c.Devices()[0]
		t.Log(filepath.Base(path), p.Version(), c.Platform, c.Version, d.Kind, len(c.Devices()), d.Memory())
		e, err := d.Compile(doubled, 2, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := Put(d, []float32{1, 2, 3, 4, 5, 6}, 2, 3)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Put(d, []float32{1, 0, 0, 1, 1, 1}, 3, 2)
		if err != nil {
			t.Fatal(err)
		}
		out, err := e.Run(a, b)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, 4)
		if err := Get(out[0], got); err != nil {
			t.Fatal(err)
		}
		t.Log(got)
		_, err = d.Compile("module { nonsense }", 1, nil)
		t.Log("error:", err)
	}
}
