//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/hlo"
	"github.com/genbench/genbench/models/xla/internal/pjrt"
)

// augmentCase is a network's part of a batch to augment.
type augmentCase struct {
	how     models.Augmentation
	padding []float32
	seed    uint64
	epoch   uint64
	index   []int32 // [n]
	x, want []float32
}

// augmentedOnDevice runs one batch of K networks through the program's own lowering.
func augmentedOnDevice(t *testing.T, e *engine, shape models.Shape, cases []augmentCase) [][]float32 {
	t.Helper()
	k, n, d := len(cases), len(cases[0].index), shape.Size()
	a, err := models.Build("free", shape, 2, []models.Layer{{Kind: models.Flatten}, {Kind: models.Dense}})
	if err != nil {
		t.Fatal(err)
	}
	l := newLowering(a, k, n, e.how(k))
	x, index := l.Parameter(hlo.F32, k, n, d), l.Parameter(hlo.I32, k, n)
	change := augmentation{l.Parameter(hlo.U64, augments, k), l.Parameter(hlo.F32, k, shape.C)}
	src, err := finished(l, []hlo.Value{l.toRows(l.augment(l.fromRows(x, shape), change, index))})
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.compile(src)
	if err != nil {
		t.Fatal(err)
	}
	defer e.cache.release(p)
	var xs, padding []float32
	var indices []int32
	numbers := make([]uint64, augments*k)
	for i, c := range cases {
		xs, indices = append(xs, c.x...), append(indices, c.index...)
		padding = append(padding, c.padding...)
		for row, v := range augmentNumbers(c.how, c.seed, c.epoch) {
			numbers[row*k+i] = v
		}
	}
	u := &upload{device: e.device}
	defer u.free()
	arguments := []*pjrt.Array{put(u, xs, k, n, d), put(u, indices, k, n), put(u, numbers, augments, k), put(u, padding, k, shape.C)}
	if u.err != nil {
		t.Fatal(u.err)
	}
	out, err := p.exe.Run(arguments...)
	if err != nil {
		t.Fatal(err)
	}
	defer free(out)
	all := make([]float32, k*n*d)
	if err := pjrt.Get(out[0], all); err != nil {
		t.Fatal(err)
	}
	var parts [][]float32
	for i := range cases {
		parts = append(parts, all[i*n*d:][:n*d])
	}
	return parts
}

func compareAugmented(t *testing.T, what string, shape models.Shape, got [][]float32, cases []augmentCase) {
	t.Helper()
	for i, c := range cases {
		for j, v := range c.want {
			if math.Float32bits(got[i][j]) != math.Float32bits(v) {
				t.Errorf("%s, network %d, %+v: value %d of %v is %v, want %v", what, i, c.how, j, shape, got[i][j], v)
				break
			}
		}
	}
}

// TestAugmentOnDeviceIsPyTorch compares inputs that the device augments with models/testdata/augment.json, which PyTorch's pad, crop and flip made.
func TestAugmentOnDeviceIsPyTorch(t *testing.T) {
	e := testEngine(t, Options{}).(*engine)
	raw, err := os.ReadFile("../testdata/augment.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Shape   models.Shape
			Black   []float32
			Crop    int
			Flip    bool
			Seed    uint64
			N       int
			Epochs  []int
			X, Want []float32
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	for i, c := range file.Cases {
		var cases []augmentCase // a network an epoch
		for j, epoch := range c.Epochs {
			one := augmentCase{
				how: models.Augmentation{Crop: c.Crop, Flip: c.Flip}, padding: c.Black, seed: c.Seed, epoch: uint64(epoch),
				x: c.X, want: c.Want[j*len(c.X):][:len(c.X)],
			}
			for n := range c.N {
				one.index = append(one.index, int32(n))
			}
			cases = append(cases, one)
		}
		compareAugmented(t, fmt.Sprintf("case %d", i), c.Shape, augmentedOnDevice(t, e, c.Shape, cases), cases)
	}
	if len(file.Cases) != 4 {
		t.Errorf("%d cases, want 4", len(file.Cases))
	}
}

// TestAugmentOnDevice compares with the host, bit by bit: networks that differ in crop, mirror, padding and seed in one batch, examples in any order, odd sizes.
func TestAugmentOnDevice(t *testing.T) {
	e := testEngine(t, Options{}).(*engine)
	rng := rand.New(rand.NewPCG(5, 6))
	for _, shape := range []models.Shape{{C: 1, H: 7, W: 5}, {C: 3, H: 4, W: 9}, {C: 3, H: 32, W: 32}, {C: 2, H: 2, W: 1}} {
		d := shape.Size()
		var cases []augmentCase
		for i := range 5 {
			c := augmentCase{
				how: models.Augmentation{Crop: min(i, min(shape.H, shape.W)-1), Flip: i%2 == 1}, padding: make([]float32, shape.C), seed: rng.Uint64(), epoch: rng.Uint64N(1000),
				x: make([]float32, 13*d), want: make([]float32, 13*d),
			}
			for j := range c.x {
				c.x[j] = float32(rng.NormFloat64())
			}
			for j := range c.padding {
				c.padding[j] = float32(rng.NormFloat64())
			}
			for n := range 13 {
				at := rng.IntN(60_000)
				c.index = append(c.index, int32(at))
				if err := c.how.Apply(c.want[n*d:][:d], c.x[n*d:][:d], shape, c.padding, c.seed, int(c.epoch), at); err != nil {
					t.Fatal(err)
				}
			}
			cases = append(cases, c)
		}
		compareAugmented(t, "random", shape, augmentedOnDevice(t, e, shape, cases), cases)
	}
}
