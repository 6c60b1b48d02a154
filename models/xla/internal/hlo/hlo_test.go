package hlo

import (
	"strings"
	"testing"
)

// TestMistakes: the first mistake is kept and told with the shapes.
func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		make func(f *Func) Value
		want string
	}{
		"shapes": {func(f *Func) Value { return f.Add(f.Parameter(F32, 2, 3), f.Parameter(F32, 3, 2)) }, "add of tensor<2x3xf32> and tensor<3x2xf32>"},
		"types":  {func(f *Func) Value { return f.Mul(f.Parameter(F32, 2), f.Parameter(F64, 2)) }, "tensor<2xf32> and tensor<2xf64>"},
		"product": {func(f *Func) Value {
			return f.Dot(Highest, f.Parameter(F32, 4, 2, 3), f.Parameter(F32, 4, 2, 5), 1, 2, 1)
		}, "along 2"},
		"reshape":   {func(f *Func) Value { return f.Reshape(f.Parameter(F32, 2, 3), 5) }, "reshape"},
		"transpose": {func(f *Func) Value { return f.Transpose(f.Parameter(F32, 2, 3), 0, 0) }, "transposition"},
		"broadcast": {func(f *Func) Value { return f.Broadcast(f.Parameter(F32, 2), []int{3, 4}, 0) }, "broadcast"},
		"slice":     {func(f *Func) Value { return f.Slice(f.Parameter(F32, 4), []int{1}, []int{5}, []int{1}) }, "slice"},
		"pad":       {func(f *Func) Value { return f.Pad(f.Parameter(F32, 2), 0, []int{-3}, []int{0}, []int{0}) }, "padding"},
		"concat":    {func(f *Func) Value { return f.Concat(0, f.Parameter(F32, 2, 3), f.Parameter(F32, 2, 4)) }, "concatenation"},
		"first is told": {func(f *Func) Value {
			f.Reshape(f.Parameter(F32, 2), 7)
			return f.Add(f.Parameter(F32, 2), f.Parameter(F32, 3))
		}, "reshape"},
	} {
		f := New()
		v := c.make(f)
		if _, err := f.Program(v); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestText: a whole program as StableHLO's specification writes it, and constants by their bits.
func TestText(t *testing.T) {
	f := New()
	a := f.Parameter(F32, 2)
	text, err := f.Program(f.Add(a, f.Const(F32, -1.5, 2)), f.Add(a, f.Const(F32, -1.5, 2)))
	if err != nil {
		t.Fatal(err)
	}
	const want = `module {
  func.func public @main(%arg0: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
    %c0 = stablehlo.constant dense<0xBFC00000> : tensor<2xf32>
    %0 = stablehlo.add %arg0, %c0 : tensor<2xf32>
    %1 = stablehlo.add %arg0, %c0 : tensor<2xf32>
    return %0, %1 : tensor<2xf32>, tensor<2xf32>
  }
}
`
	if text != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
}
