//go:build linux && (amd64 || arm64) && xla

package pjrt

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// module has two results, of different shapes. The values in TestPlugins were worked out by hand.
const module = `module {
  func.func public @main(%a: tensor<2x3xf32>, %b: tensor<3x2xf32>) -> (tensor<2x2xf32>, tensor<2x3xf64>) {
    %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0], precision = [HIGHEST, HIGHEST] : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
    %1 = stablehlo.convert %a : (tensor<2x3xf32>) -> tensor<2x3xf64>
    return %0, %1 : tensor<2x2xf32>, tensor<2x3xf64>
  }
}`

// plugins are the files that $PJRT_PLUGIN_LIBRARY_PATH names: .ci/run has two, of different ages.
func plugins(t *testing.T) []string {
	t.Helper()
	files := filepath.SplitList(os.Getenv("PJRT_PLUGIN_LIBRARY_PATH"))
	if len(files) == 0 {
		const remedy = "no plugin: name PJRT plugins for the processor in $PJRT_PLUGIN_LIBRARY_PATH; .ci/pjrt.txt lists some"
		if os.Getenv("GENBENCH_TEST_ALL") != "" {
			t.Fatal(remedy)
		}
		t.Skip(remedy)
	}
	return files
}

func TestPlugins(t *testing.T) {
	for _, path := range plugins(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			p, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			c, err := p.NewClient(nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("interface %s, platform %s, %d devices", p.Version(), c.Platform, len(c.Devices()))
			for _, d := range c.Devices() {
				testDevice(t, d)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// testDevice computes on a device, and makes what mistakes can be made.
func testDevice(t *testing.T, d Device) {
	e, err := d.Compile(module, 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Free()
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
	product, wide := make([]float32, 4), make([]float64, 6)
	if err := Get(out[0], product); err != nil || !slices.Equal(product, []float32{4, 5, 10, 11}) {
		t.Errorf("product %v, %v", product, err)
	}
	if err := Get(out[1], wide); err != nil || !slices.Equal(wide, []float64{1, 2, 3, 4, 5, 6}) {
		t.Errorf("converted %v, %v", wide, err)
	}
	if err := Get(out[0], product[:3]); err == nil {
		t.Error("reading into too little room is not an error")
	}
	for _, o := range out {
		o.Free()
		o.Free()
	}
	if err := Get(out[0], product); err == nil {
		t.Error("reading a freed array is not an error")
	}
	if _, err := e.Run(a); err == nil {
		t.Error("running with an argument too few is not an error")
	}
	if _, err := e.Run(a, out[0]); err == nil {
		t.Error("running with a freed array is not an error")
	}
	if _, err := Put(d, []float32{1, 2, 3}, 2, 2); err == nil {
		t.Error("3 values for 2 x 2 are not an error")
	}
	if _, err := d.Compile("module { nonsense }", 1, nil); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("compiling nonsense: %v", err)
	}
	if _, err := d.Compile(module, 2, map[string]any{"no_such_option": true}); err == nil || !strings.Contains(err.Error(), "no_such_option") {
		t.Errorf("an unknown option of XLA: %v", err)
	}
}

// TestOpenRefuses: files that are no plugin.
func TestOpenRefuses(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(text, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"none.so": "no such file", text: "does not load", "/lib/x86_64-linux-gnu/libc.so.6": "GetPjrtApi",
	} {
		if _, err := os.Stat(path); err != nil && path != "none.so" {
			continue // another system
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// TestCompileOptions: the bytes were written by protobuf's wire format by hand, from compile_options.proto and xla_data.proto.
func TestCompileOptions(t *testing.T) {
	got, err := compileOptions(3, map[string]any{"a": true, "b": int64(5)})
	if err != nil {
		t.Fatal(err)
	}
	want := []byte{
		0x1a, 14, // executable_build_options
		0x20, 1, 0x28, 1, // num_replicas, num_partitions
		0x4a, 8, 0x08, 1, 0x10, 1, 0x1a, 2, 0x08, 3, // device_assignment
		0x3a, 7, 0x0a, 1, 'a', 0x12, 2, 0x10, 1, // env_option_overrides
		0x3a, 7, 0x0a, 1, 'b', 0x12, 2, 0x18, 5,
	}
	if !slices.Equal(got, want) {
		t.Errorf("% x\nwant\n% x", got, want)
	}
	if _, err := compileOptions(0, map[string]any{"a": 1.5}); err == nil {
		t.Error("a number with a fraction is not an error")
	}
}
