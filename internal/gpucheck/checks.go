package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
	"github.com/genbench/genbench/models/xla"
)

// basics checks one matrix product against float64 and one convolution's gradient against the cpu engine.
func (s settings) basics(_ context.Context, e models.Engine, r *found) error {
	var failed error
	note := func(name string, tolerance float64, run func() (float64, error)) {
		start := time.Now()
		off, err := run()
		c := check{Name: name, OK: err == nil && off <= tolerance, Seconds: time.Since(start).Seconds()}
		if c.Detail = fmt.Sprintf("largest error %.2g of the largest value, allowed %.2g", off, tolerance); err != nil {
			c.Detail = err.Error()
		}
		if !c.OK {
			failed = errors.Join(failed, fmt.Errorf("%s: %s", name, c.Detail))
		}
		r.Checks = append(slices.DeleteFunc(r.Checks, func(old check) bool { return old.Name == name }), c)
	}
	note("matrix product 256x784x512", 1e-5, func() (float64, error) { return product(e) })
	for _, way := range []string{xla.Native, xla.Patches} {
		note("convolution gradient, "+way, 1e-5, func() (float64, error) {
			o := s.options()
			o.Convolutions = way
			e, err := xla.New(o)
			if err != nil {
				return 0, err
			}
			return convolutionGradient(e)
		})
	}
	return failed
}

func normals(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// product is the error of one dense layer's outputs.
func product(e models.Engine) (float64, error) {
	const n, d, k = 256, 784, 512
	a, err := models.MLP(models.Shape{C: 1, H: 1, W: d}, k, models.MLPOptions{})
	if err != nil {
		return 0, err
	}
	session, err := e.NewSession(a, n)
	if err != nil {
		return 0, err
	}
	defer session.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	state, x, got := models.NewState(a), normals(rng, n*d), make([]float32, n*k)
	copy(state[0].Data, normals(rng, k*d))
	if err := errors.Join(session.SetState(state), session.Logits(got, x)); err != nil {
		return 0, err
	}
	var off, top float64
	for i := range n {
		for j := range k {
			var want float64
			for l := range d {
				want += float64(x[i*d+l]) * float64(state[0].Data[j*d+l])
			}
			off, top = max(off, math.Abs(float64(got[i*k+j])-want)), max(top, math.Abs(want))
		}
	}
	return off / top, nil
}

// convolutionGradient is the distance of the engine's gradients from the cpu engine's.
func convolutionGradient(e models.Engine) (float64, error) {
	alone, err := cpu.New("")
	if err != nil {
		return 0, err
	}
	a, err := models.Build("cnn", models.Shape{C: 3, H: 16, W: 16}, 10, []models.Layer{
		{Kind: models.Conv2D, Channels: 8, Kernel: 3, Padding: 1}, {Kind: models.Conv2D, Channels: 12, Kernel: 3, Stride: 2, Padding: 1},
		{Kind: models.Flatten}, {Kind: models.Dense},
	})
	if err != nil {
		return 0, err
	}
	state, err := models.InitialState(a, "pytorch", 1)
	if err != nil {
		return 0, err
	}
	rng := rand.New(rand.NewPCG(3, 4))
	x, y := normals(rng, 32*a.Input.Size()), make([]int32, 32)
	for i := range y {
		y[i] = int32(i % 10)
	}
	var grads [2]models.State
	for i, engine := range []models.Engine{e, alone} {
		session, err := engine.NewSession(a, 32)
		if err != nil {
			return 0, err
		}
		grads[i] = models.NewState(a)
		err = session.SetState(state)
		if err == nil {
			_, err = session.Gradient(grads[i], x, y, models.Eval, models.Draw{})
		}
		if err := errors.Join(err, session.Close()); err != nil {
			return 0, err
		}
	}
	var off, top float64
	for i := range grads[0] {
		for j, v := range grads[1][i].Data {
			off, top = max(off, math.Abs(float64(grads[0][i].Data[j]-v))), max(top, math.Abs(float64(v)))
		}
	}
	return off / top, nil
}
