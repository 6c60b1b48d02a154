package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is one set of vector instructions.
type isa struct {
	name  string
	bytes int // a register's
	reg   func(c *build.Context) reg.VecVirtual
}

var (
	avx512 = isa{"AVX512", 64, (*build.Context).ZMM}
	avx2   = isa{"AVX2", 32, (*build.Context).YMM}
)

func (i isa) zero(c *build.Context, r reg.VecVirtual) {
	if i.bytes == 64 {
		c.VPXORD(r, r, r)
	} else {
		c.VXORPS(r, r, r)
	}
}

// What a tile kernel does with its sums; models/cpu/gemm.go has the same list.
const (
	modeStore = iota
	modeAccumulate
	modeBias
	modeBiasReLU
	modeMask
	modeMomentum
)

// tileBuilder builds one micro-kernel: rows x (vecs registers) of C stay in
// registers while k runs.
type tileBuilder struct {
	c          *build.Context
	isa        isa
	rows, vecs int
	name       string
	acc        [][]reg.VecVirtual // [rows][vecs]
	spare      [4]reg.VecVirtual  // B's registers, then two for A
}

const tileSignature = "func(kp int, k int, a *float32, rs int, cs int, jump int, b *float32, ldb int, bjump int, c *float32, ldc int, mode int, aux *float32)"

func tile(c *build.Context, i isa, rows, vecs int) {
	t := &tileBuilder{c: c, isa: i, rows: rows, vecs: vecs}
	t.name = fmt.Sprintf("gemm%dx%d%s", rows, vecs*i.bytes/4, i.name)
	c.Function(t.name)
	c.Attributes(attr.NOSPLIT)
	c.Pragma("noescape")
	c.SignatureExpr(tileSignature)
	c.Doc(fmt.Sprintf("%s computes a tile of %d rows and %d columns; see tileFunc.", t.name, rows, vecs*i.bytes/4))
	for r := 0; r < rows; r++ {
		row := make([]reg.VecVirtual, vecs)
		for v := range row {
			row[v] = i.reg(c)
			i.zero(c, row[v])
		}
		t.acc = append(t.acc, row)
	}
	for s := range t.spare {
		if s < vecs || s >= 2 {
			t.spare[s] = i.reg(c)
		}
	}
	t.multiply()
	t.finish()
}

// multiply sums over kp runs of k steps; after each run the pointers into A and B jump.
func (t *tileBuilder) multiply() {
	c := t.c
	load := func(name string) reg.GPVirtual { return c.Load(c.Param(name), c.GP64()).(reg.GPVirtual) }
	runs, steps, rs, cs, jump, b, ldb, bjump := load("kp"), load("k"), load("rs"), load("cs"), load("jump"), load("b"), load("ldb"), load("bjump")
	bases := []reg.GPVirtual{load("a")}
	for r := 4; r < t.rows; r += 4 {
		next := c.GP64()
		c.LEAQ(operand.Mem{Base: bases[len(bases)-1], Index: rs, Scale: 4}, next)
		bases = append(bases, next)
	}
	rs3 := c.GP64()
	c.LEAQ(operand.Mem{Base: rs, Index: rs, Scale: 2}, rs3)
	left := c.GP64()

	c.Label("run")
	c.MOVQ(steps, left)
	c.Label("step")
	for v := 0; v < t.vecs; v++ {
		c.VMOVUPS(operand.Mem{Base: b, Disp: v * t.isa.bytes}, t.spare[v])
	}
	for r := 0; r < t.rows; r++ {
		m := operand.Mem{Base: bases[r/4]}
		switch r % 4 {
		case 1:
			m.Index, m.Scale = rs, 1
		case 2:
			m.Index, m.Scale = rs, 2
		case 3:
			m.Index, m.Scale = rs3, 1
		}
		a := t.spare[2+r%2]
		c.VBROADCASTSS(m, a)
		for v := 0; v < t.vecs; v++ {
			c.VFMADD231PS(t.spare[v], a, t.acc[r][v])
		}
	}
	c.ADDQ(ldb, b)
	for _, base := range bases {
		c.ADDQ(cs, base)
	}
	c.DECQ(left)
	c.JNZ(operand.LabelRef("step"))
	for _, base := range bases {
		c.ADDQ(jump, base)
	}
	c.ADDQ(bjump, b)
	c.DECQ(runs)
	c.JNZ(operand.LabelRef("run"))
}

// finish writes the sums the way the mode says.
func (t *tileBuilder) finish() {
	c := t.c
	load := func(name string) reg.GPVirtual { return c.Load(c.Param(name), c.GP64()).(reg.GPVirtual) }
	dst, ldc, mode, aux := load("c"), load("ldc"), load("mode"), load("aux")
	for _, j := range []struct {
		mode  int
		label string
	}{{modeAccumulate, "accumulate"}, {modeBias, "bias"}, {modeBiasReLU, "biasrelu"}, {modeMask, "mask"}, {modeMomentum, "momentum"}} {
		c.CMPQ(mode, operand.U8(j.mode))
		c.JEQ(operand.LabelRef(j.label))
	}
	t.each(dst, ldc, nil, nil)

	c.Label("accumulate")
	t.each(dst, ldc, nil, func(r, v int, at operand.Mem) { c.VADDPS(at, t.acc[r][v], t.acc[r][v]) })

	c.Label("bias")
	t.bias(dst, ldc, aux, false)
	c.Label("biasrelu")
	t.bias(dst, ldc, aux, true)

	c.Label("mask")
	t.mask(dst, ldc, aux)

	c.Label("momentum")
	t.momentum(dst, ldc, aux)
}

// each visits the tile's registers row by row, stores them and returns.
func (t *tileBuilder) each(dst, ldc reg.GPVirtual, row func(r int), change func(r, v int, at operand.Mem)) {
	c := t.c
	for r := 0; r < t.rows; r++ {
		if row != nil {
			row(r)
		}
		for v := 0; v < t.vecs; v++ {
			at := operand.Mem{Base: dst, Disp: v * t.isa.bytes}
			if change != nil {
				change(r, v, at)
			}
			c.VMOVUPS(t.acc[r][v], at)
		}
		if r < t.rows-1 {
			c.ADDQ(ldc, dst)
		}
	}
	c.VZEROUPPER()
	c.RET()
}

// bias adds aux[row]. The maximum with zero has the sum as its second source,
// which is what the instruction answers when one of the two is not a number.
func (t *tileBuilder) bias(dst, ldc, aux reg.GPVirtual, relu bool) {
	c := t.c
	zero := t.spare[0]
	if relu {
		t.isa.zero(c, zero)
	}
	bias := t.spare[2]
	t.each(dst, ldc,
		func(r int) { c.VBROADCASTSS(operand.Mem{Base: aux, Disp: 4 * r}, bias) },
		func(r, v int, _ operand.Mem) {
			c.VADDPS(bias, t.acc[r][v], t.acc[r][v])
			if relu {
				c.VMAXPS(t.acc[r][v], zero, t.acc[r][v])
			}
		})
}

// mask zeroes the sums where aux, laid out as C, is not above zero (a value that is no number lets them pass).
func (t *tileBuilder) mask(dst, ldc, aux reg.GPVirtual) {
	c := t.c
	const notLessOrEqual = 0x16
	zero, x := t.spare[0], t.spare[2]
	t.isa.zero(c, zero)
	var keep reg.OpmaskVirtual
	if t.isa.bytes == 64 {
		keep = c.K()
	}
	t.each(dst, ldc,
		func(r int) {
			if r > 0 {
				c.ADDQ(ldc, aux)
			}
		},
		func(r, v int, _ operand.Mem) {
			c.VMOVUPS(operand.Mem{Base: aux, Disp: v * t.isa.bytes}, x)
			if t.isa.bytes == 64 {
				c.VCMPPS(operand.U8(notLessOrEqual), zero, x, keep)
				c.VMOVAPS_Z(t.acc[r][v], keep, t.acc[r][v])
				return
			}
			c.VCMPPS(operand.U8(notLessOrEqual), zero, x, x)
			c.VANDPS(x, t.acc[r][v], t.acc[r][v])
		})
}

// momentum takes the sums as a gradient and applies SGD with momentum at once: C holds
// the weights, aux the rule (see momentumRule), and the velocities lie at a fixed distance
// from the weights. The gradient then never travels through memory.
func (t *tileBuilder) momentum(dst, ldc, aux reg.GPVirtual) {
	c := t.c
	far := c.GP64()
	c.MOVQ(operand.Mem{Base: aux, Disp: 0}, far)
	rate, mu, x := t.spare[0], t.spare[2], t.spare[3]
	if t.vecs == 2 {
		x = t.spare[1]
	}
	decay := t.spare[3]
	if t.vecs == 1 {
		decay = t.isa.reg(c)
	}
	c.VBROADCASTSS(operand.Mem{Base: aux, Disp: 8}, rate)
	c.VBROADCASTSS(operand.Mem{Base: aux, Disp: 12}, mu)
	c.VBROADCASTSS(operand.Mem{Base: aux, Disp: 16}, decay)
	for r := 0; r < t.rows; r++ {
		for v := 0; v < t.vecs; v++ {
			w := operand.Mem{Base: dst, Disp: v * t.isa.bytes}
			velocity := operand.Mem{Base: dst, Index: far, Scale: 1, Disp: v * t.isa.bytes}
			sum := t.acc[r][v]
			c.VMOVUPS(w, x)
			c.VFMADD231PS(decay, x, sum)     // g + wd w
			c.VFMADD231PS(velocity, mu, sum) // + mu v
			c.VMOVUPS(sum, velocity)
			c.VFNMADD231PS(sum, rate, x) // w - lr v
			c.VMOVUPS(x, w)
		}
		if r < t.rows-1 {
			c.ADDQ(ldc, dst)
		}
	}
	c.VZEROUPPER()
	c.RET()
}
