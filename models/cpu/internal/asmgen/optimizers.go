package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// optimizerKernels are the update rules over whole arenas of parameters; n is a multiple of 8.
func optimizerKernels(c *build.Context) {
	sgd(c)
	adam(c)
	rmsprop(c)
}

// scalar spreads a float32 argument over a register.
func scalar(c *build.Context, name string) reg.VecVirtual {
	v := c.YMM()
	m, err := c.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	c.VBROADCASTSS(m.Addr, v)
	return v
}

func at(r reg.GPVirtual) operand.Mem { return operand.Mem{Base: r} }

func sgd(c *build.Context) {
	begin(c, "sgdAVX2", "sgdAVX2 does v = mu v + g + wd w; w -= lr v.", "func(w *float32, grad *float32, v *float32, n int, lr float32, mu float32, wd float32)")
	w, g, v, n := gp(c, "w"), gp(c, "grad"), gp(c, "v"), gp(c, "n")
	lr, mu, wd := scalar(c, "lr"), scalar(c, "mu"), scalar(c, "wd")
	x, y := c.YMM(), c.YMM()
	loop8(c, n, []reg.GPVirtual{w, g, v}, func() {
		c.VMOVUPS(at(w), x)
		c.VMOVUPS(at(g), y)
		c.VFMADD231PS(wd, x, y)
		c.VFMADD231PS(at(v), mu, y)
		c.VMOVUPS(y, at(v))
		c.VFNMADD231PS(y, lr, x)
		c.VMOVUPS(x, at(w))
	})
}

func adam(c *build.Context) {
	begin(c, "adamAVX2", "adamAVX2 does g += wd w; m = b1 m + c1 g; v = b2 v + c2 g²; w -= step m / (sqrt(v) root + eps).",
		"func(w *float32, grad *float32, m *float32, v *float32, n int, b1 float32, c1 float32, b2 float32, c2 float32, step float32, root float32, eps float32, wd float32)")
	w, g, m, v, n := gp(c, "w"), gp(c, "grad"), gp(c, "m"), gp(c, "v"), gp(c, "n")
	b1, c1, b2, c2 := scalar(c, "b1"), scalar(c, "c1"), scalar(c, "b2"), scalar(c, "c2")
	step, root, eps, wd := scalar(c, "step"), scalar(c, "root"), scalar(c, "eps"), scalar(c, "wd")
	x, y, t, u := c.YMM(), c.YMM(), c.YMM(), c.YMM()
	loop8(c, n, []reg.GPVirtual{w, g, m, v}, func() {
		c.VMOVUPS(at(w), x)
		c.VMOVUPS(at(g), y)
		c.VFMADD231PS(wd, x, y)
		c.VMULPS(at(m), b1, t)
		c.VFMADD231PS(y, c1, t)
		c.VMOVUPS(t, at(m))
		c.VMULPS(y, y, y)
		c.VMULPS(at(v), b2, u)
		c.VFMADD231PS(y, c2, u)
		c.VMOVUPS(u, at(v))
		c.VSQRTPS(u, u)
		c.VFMADD132PS(root, eps, u)
		c.VDIVPS(u, t, t)
		c.VFNMADD231PS(t, step, x)
		c.VMOVUPS(x, at(w))
	})
}

func rmsprop(c *build.Context) {
	begin(c, "rmspropAVX2", "rmspropAVX2 does g += wd w; v = alpha v + c g²; b = mu b + g / (sqrt(v) + eps); w -= lr b.",
		"func(w *float32, grad *float32, v *float32, b *float32, n int, lr float32, alpha float32, c float32, eps float32, mu float32, wd float32)")
	w, g, v, b, n := gp(c, "w"), gp(c, "grad"), gp(c, "v"), gp(c, "b"), gp(c, "n")
	lr, alpha, cc, eps, mu, wd := scalar(c, "lr"), scalar(c, "alpha"), scalar(c, "c"), scalar(c, "eps"), scalar(c, "mu"), scalar(c, "wd")
	x, y, u, t := c.YMM(), c.YMM(), c.YMM(), c.YMM()
	loop8(c, n, []reg.GPVirtual{w, g, v, b}, func() {
		c.VMOVUPS(at(w), x)
		c.VMOVUPS(at(g), y)
		c.VFMADD231PS(wd, x, y)
		c.VMULPS(y, y, t)
		c.VMULPS(at(v), alpha, u)
		c.VFMADD231PS(t, cc, u)
		c.VMOVUPS(u, at(v))
		c.VSQRTPS(u, u)
		c.VADDPS(eps, u, u)
		c.VDIVPS(u, y, y)
		c.VFMADD231PS(at(b), mu, y)
		c.VMOVUPS(y, at(b))
		c.VFNMADD231PS(y, lr, x)
		c.VMOVUPS(x, at(w))
	})
}
