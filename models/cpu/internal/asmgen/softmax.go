package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// softmaxKernel builds the softmax over panels: exponentials of logits less their
// highest, four examples at a time in float64, and their spreading.
func softmaxKernel(c *build.Context) {
	exponentials(c, exponentialConstants(c))
	spread(c)
}

// exponentialConstants lays down the numbers that exp needs.
func exponentialConstants(c *build.Context) map[string]operand.Mem {
	constants := map[string]operand.Mem{}
	constant := func(name string, v uint64) {
		g := c.StaticGlobal("softmax" + name)
		c.DataAttributes(attr.RODATA | attr.NOPTR)
		c.AddDatum(0, operand.U64(v))
		constants[name] = g
	}
	float := func(name string, v float64) { constant(name, math.Float64bits(v)) }
	float("Lowest", -708)
	float("Log2E", math.Log2E)
	float("Shift", 0x1.8p52)
	float("Ln2Hi", 6.93147180369123816490e-01)
	float("Ln2Lo", 1.90821492927058770002e-10)
	float("One", 1)
	factorial := 1.0
	for i := 2; i <= 13; i++ {
		factorial *= float64(i)
		float(fmt.Sprint("Term", i), 1/factorial)
	}
	return constants
}

// exponential computes exp of four float64:
//
//	exp(x) = 2ⁿ exp(r), n = round(x/ln 2), |r| <= ln(2)/2
//
// with exp(r) by its Taylor polynomial of degree 13, whose remainder is under 1e-17. n comes out of
// adding 1.5 2⁵², which leaves it in the sum's low bits. Below -708 x counts as -708,
// 3e-308. A logit that is no number makes its exponential none, whatever the highest is.
type exponential struct {
	c         *build.Context
	constants map[string]operand.Mem

	lowest, log2e, shift, hi, lo, one reg.VecVirtual
}

func newExponential(c *build.Context, constants map[string]operand.Mem) exponential {
	broadcast := func(name string) reg.VecVirtual {
		v := c.YMM()
		c.VBROADCASTSD(constants[name], v)
		return v
	}
	return exponential{
		c: c, constants: constants,
		lowest: broadcast("Lowest"), log2e: broadcast("Log2E"), shift: broadcast("Shift"),
		hi: broadcast("Ln2Hi"), lo: broadcast("Ln2Lo"), one: broadcast("One"),
	}
}

// of replaces x by exp(x).
func (e exponential) of(x reg.VecVirtual) {
	c := e.c
	n, r, y := c.YMM(), c.YMM(), c.YMM()
	c.VMAXPD(x, e.lowest, x)
	c.VMOVAPD(e.shift, n)
	c.VFMADD231PD(e.log2e, x, n)
	c.VSUBPD(e.shift, n, r)
	c.VFNMADD231PD(e.hi, r, x)
	c.VFNMADD231PD(e.lo, r, x)
	c.VPSLLQ(operand.U8(52), n, n)
	c.VPADDQ(e.one, n, n) // 2ⁿ
	c.VBROADCASTSD(e.constants["Term13"], y)
	for i := 12; i >= 2; i-- {
		term := c.YMM()
		c.VBROADCASTSD(e.constants[fmt.Sprint("Term", i)], term)
		c.VFMADD213PD(term, x, y)
	}
	c.VFMADD213PD(e.one, x, y)
	c.VFMADD213PD(e.one, x, y)
	c.VMULPD(n, y, x)
}

func exponentials(c *build.Context, constants map[string]operand.Mem) {
	begin(c, "softmaxAVX2", "softmaxAVX2 writes, for each column of logits [k, w], the highest to highest [w], exp(logit - highest) to e [k, w] and the sum of those to sum [w]; w is a multiple of 8.",
		"func(e *float64, sum *float64, highest *float32, logits *float32, k int, w int)")
	e, sum, highest, logits, k, w := gp(c, "e"), gp(c, "sum"), gp(c, "highest"), gp(c, "logits"), gp(c, "k"), gp(c, "w")
	left, classes, p, q := c.GP64(), c.GP64(), c.GP64(), c.GP64()
	exp := newExponential(c, constants)
	top, total := c.XMM(), c.YMM()

	c.MOVQ(w, left)
	c.Label("columns")
	c.MOVQ(k, classes)
	c.MOVQ(logits, p)
	c.VMOVUPS(operand.Mem{Base: p}, top)
	c.Label("highest")
	c.VMAXPS(operand.Mem{Base: p}, top, top)
	c.LEAQ(operand.Mem{Base: p, Index: w, Scale: 4}, p)
	c.DECQ(classes)
	c.JNZ(operand.LabelRef("highest"))
	c.VMOVUPS(top, operand.Mem{Base: highest})

	top64 := c.YMM()
	c.VCVTPS2PD(top, top64)
	c.VXORPD(total, total, total)
	c.MOVQ(k, classes)
	c.MOVQ(logits, p)
	c.MOVQ(e, q)
	c.Label("class")
	y := c.YMM()
	c.VCVTPS2PD(operand.Mem{Base: p}, y)
	c.VSUBPD(top64, y, y)
	exp.of(y)
	c.VMOVUPD(y, operand.Mem{Base: q})
	c.VADDPD(y, total, total)
	c.LEAQ(operand.Mem{Base: p, Index: w, Scale: 4}, p)
	c.LEAQ(operand.Mem{Base: q, Index: w, Scale: 8}, q)
	c.DECQ(classes)
	c.JNZ(operand.LabelRef("class"))
	c.VMOVUPD(total, operand.Mem{Base: sum})
	c.ADDQ(operand.U8(16), logits)
	c.ADDQ(operand.U8(16), highest)
	c.ADDQ(operand.U8(32), e)
	c.ADDQ(operand.U8(32), sum)
	c.SUBQ(operand.U8(4), left)
	c.JNZ(operand.LabelRef("columns"))
	c.VZEROUPPER()
	c.RET()
}

func spread(c *build.Context) {
	begin(c, "spreadAVX2", "spreadAVX2 writes e times factor to delta, all [k, w] but factor [w]; w is a multiple of 8.",
		"func(delta *float32, e *float64, factor *float64, k int, w int)")
	delta, e, factor, k, w := gp(c, "delta"), gp(c, "e"), gp(c, "factor"), gp(c, "k"), gp(c, "w")
	left, f := c.GP64(), c.GP64()
	c.Label("row")
	c.MOVQ(w, left)
	c.MOVQ(factor, f)
	c.Label("column")
	v, narrow := c.YMM(), c.XMM()
	c.VMOVUPD(operand.Mem{Base: e}, v)
	c.VMULPD(operand.Mem{Base: f}, v, v)
	c.VCVTPD2PSY(v, narrow)
	c.VMOVUPS(narrow, operand.Mem{Base: delta})
	c.ADDQ(operand.U8(32), e)
	c.ADDQ(operand.U8(32), f)
	c.ADDQ(operand.U8(16), delta)
	c.SUBQ(operand.U8(4), left)
	c.JNZ(operand.LabelRef("column"))
	c.DECQ(k)
	c.JNZ(operand.LabelRef("row"))
	c.VZEROUPPER()
	c.RET()
}
