package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rowKernels are the element-wise and reducing kernels. All counts are
// multiples of eight floats, one AVX2 register; the AVX-512 set uses them too, for
// what they do is bound by memory.
func rowKernels(c *build.Context) {
	transpose(c)
	sums(c, "rowSumAVX2", "rowSumAVX2 adds the float64 sum of each row of x [rows, w] to dst [rows].",
		"func(dst *float64, x *float32, rows int, w int)", nil,
		func(x []operand.Mem, _, v reg.VecVirtual) { c.VCVTPS2PD(x[0], v) }, "x")
	sums(c, "rowDotAVX2", "rowDotAVX2 adds the float64 scalar product of each row of x and y [rows, w] to dst [rows].",
		"func(dst *float64, x *float32, y *float32, rows int, w int)", nil,
		func(x []operand.Mem, _, v reg.VecVirtual) {
			y := c.YMM()
			c.VCVTPS2PD(x[0], v)
			c.VCVTPS2PD(x[1], y)
			c.VMULPD(y, v, v)
		}, "x", "y")
	sums(c, "rowDeviationAVX2", "rowDeviationAVX2 adds the float64 sum of (x - mean)² of each row of x [rows, w] to dst [rows]; mean is [rows].",
		"func(dst *float64, x *float32, mean *float64, rows int, w int)",
		func(r reg.GPVirtual, y reg.VecVirtual) { c.VBROADCASTSD(operand.Mem{Base: r}, y) },
		func(x []operand.Mem, mean, v reg.VecVirtual) {
			c.VCVTPS2PD(x[0], v)
			c.VSUBPD(mean, v, v)
			c.VMULPD(v, v, v)
		}, "x")
	columnDot(c)
	elementwise(c)
	batchNorm(c)
}

func begin(c *build.Context, name, doc, signature string) {
	c.Function(name)
	c.Attributes(attr.NOSPLIT)
	c.Pragma("noescape")
	c.SignatureExpr(signature)
	c.Doc(doc)
}

func gp(c *build.Context, name string) reg.GPVirtual {
	return c.Load(c.Param(name), c.GP64()).(reg.GPVirtual)
}

// sums builds a kernel that reduces rows of w floats, in four float64 lanes each of
// two accumulators, to one float64 a row.
func sums(c *build.Context, name, doc, signature string, perRow func(reg.GPVirtual, reg.VecVirtual), term func(x []operand.Mem, y, v reg.VecVirtual), inputs ...string) {
	begin(c, name, doc, signature)
	dst, rows, w := gp(c, "dst"), gp(c, "rows"), gp(c, "w")
	var in []reg.GPVirtual
	for _, n := range inputs {
		in = append(in, gp(c, n))
	}
	var mean reg.GPVirtual
	constant := c.YMM()
	if perRow != nil {
		mean = gp(c, "mean")
	}
	left := c.GP64()
	lo, hi, v := c.YMM(), c.YMM(), c.YMM()
	at := func(d int) []operand.Mem {
		var m []operand.Mem
		for _, r := range in {
			m = append(m, operand.Mem{Base: r, Disp: d})
		}
		return m
	}
	c.Label("row")
	c.MOVQ(w, left)
	c.VXORPD(lo, lo, lo)
	c.VXORPD(hi, hi, hi)
	if perRow != nil {
		perRow(mean, constant)
		c.ADDQ(operand.U8(8), mean)
	}
	c.Label("column")
	term(at(0), constant, v)
	c.VADDPD(v, lo, lo)
	term(at(16), constant, v)
	c.VADDPD(v, hi, hi)
	for _, r := range in {
		c.ADDQ(operand.U8(32), r)
	}
	c.SUBQ(operand.U8(8), left)
	c.JNZ(operand.LabelRef("column"))
	c.VADDPD(hi, lo, lo)
	half := c.XMM()
	c.VEXTRACTF128(operand.U8(1), lo, half)
	sum := c.XMM()
	c.VADDPD(lo.AsX(), half, sum)
	c.VHADDPD(sum, sum, sum)
	c.VADDSD(operand.Mem{Base: dst}, sum, sum)
	c.VMOVSD(sum, operand.Mem{Base: dst})
	c.ADDQ(operand.U8(8), dst)
	c.DECQ(rows)
	c.JNZ(operand.LabelRef("row"))
	c.VZEROUPPER()
	c.RET()
}

// transpose moves blocks of eight by eight: unpack pairs, shuffle quads, swap halves.
func transpose(c *build.Context) {
	begin(c, "transposeAVX2", "transposeAVX2 writes the transpose of src [rows, cols] to dst [cols, rows]; ds and ss are the row strides in bytes, rows and cols multiples of 8.",
		"func(dst *float32, ds int, src *float32, ss int, rows int, cols int)")
	dst, ds, src, ss, rows, cols := gp(c, "dst"), gp(c, "ds"), gp(c, "src"), gp(c, "ss"), gp(c, "rows"), gp(c, "cols")
	s3, d3 := c.GP64(), c.GP64()
	c.LEAQ(operand.Mem{Base: ss, Index: ss, Scale: 2}, s3)
	c.LEAQ(operand.Mem{Base: ds, Index: ds, Scale: 2}, d3)
	s, d, left, s4, d4 := c.GP64(), c.GP64(), c.GP64(), c.GP64(), c.GP64()
	row := func(base, base4, stride, stride3 reg.GPVirtual, i int) operand.Mem {
		m := operand.Mem{Base: base}
		if i >= 4 {
			m.Base = base4
		}
		switch i % 4 {
		case 1:
			m.Index, m.Scale = stride, 1
		case 2:
			m.Index, m.Scale = stride, 2
		case 3:
			m.Index, m.Scale = stride3, 1
		}
		return m
	}
	c.Label("rows8")
	c.MOVQ(src, s)
	c.MOVQ(dst, d)
	c.MOVQ(cols, left)
	c.Label("block")
	c.LEAQ(operand.Mem{Base: s, Index: ss, Scale: 4}, s4)
	c.LEAQ(operand.Mem{Base: d, Index: ds, Scale: 4}, d4)
	block8(c, func(i int) operand.Mem { return row(s, s4, ss, s3, i) }, func(i int) operand.Mem { return row(d, d4, ds, d3, i) })
	c.ADDQ(operand.U8(32), s)
	c.LEAQ(operand.Mem{Base: d, Index: ds, Scale: 8}, d)
	c.SUBQ(operand.U8(8), left)
	c.JNZ(operand.LabelRef("block"))
	c.LEAQ(operand.Mem{Base: src, Index: ss, Scale: 8}, src)
	c.ADDQ(operand.U8(32), dst)
	c.SUBQ(operand.U8(8), rows)
	c.JNZ(operand.LabelRef("rows8"))
	c.VZEROUPPER()
	c.RET()
}

// block8 transposes eight rows of eight.
func block8(c *build.Context, src, dst func(i int) operand.Mem) {
	var in, pair, quad [8]reg.VecVirtual
	for i := range in {
		in[i] = c.YMM()
		c.VMOVUPS(src(i), in[i])
	}
	for i := 0; i < 8; i += 2 {
		pair[i], pair[i+1] = c.YMM(), c.YMM()
		c.VUNPCKLPS(in[i+1], in[i], pair[i])
		c.VUNPCKHPS(in[i+1], in[i], pair[i+1])
	}
	for i := 0; i < 8; i += 4 {
		for j := 0; j < 2; j++ {
			quad[i+2*j], quad[i+2*j+1] = c.YMM(), c.YMM()
			c.VSHUFPS(operand.U8(0x44), pair[i+2+j], pair[i+j], quad[i+2*j])
			c.VSHUFPS(operand.U8(0xee), pair[i+2+j], pair[i+j], quad[i+2*j+1])
		}
	}
	for i := 0; i < 4; i++ {
		out := c.YMM()
		c.VPERM2F128(operand.U8(0x20), quad[i+4], quad[i], out)
		c.VMOVUPS(out, dst(i))
	}
	for i := 0; i < 4; i++ {
		out := c.YMM()
		c.VPERM2F128(operand.U8(0x31), quad[i+4], quad[i], out)
		c.VMOVUPS(out, dst(i+4))
	}
}

// loop8 runs body over n floats, eight at a time.
func loop8(c *build.Context, n reg.GPVirtual, pointers []reg.GPVirtual, body func()) {
	c.Label("loop")
	body()
	for _, p := range pointers {
		c.ADDQ(operand.U8(32), p)
	}
	c.SUBQ(operand.U8(8), n)
	c.JNZ(operand.LabelRef("loop"))
	c.VZEROUPPER()
	c.RET()
}

func elementwise(c *build.Context) {
	begin(c, "reluAVX2", "reluAVX2 writes max(0, src) to dst; n is a multiple of 8.", "func(dst *float32, src *float32, n int)")
	dst, src, n := gp(c, "dst"), gp(c, "src"), gp(c, "n")
	zero, x := c.YMM(), c.YMM()
	c.VXORPS(zero, zero, zero)
	loop8(c, n, []reg.GPVirtual{dst, src}, func() {
		c.VMAXPS(operand.Mem{Base: src}, zero, x)
		c.VMOVUPS(x, operand.Mem{Base: dst})
	})

	begin(c, "maskAVX2", "maskAVX2 zeroes d where a <= 0; n is a multiple of 8.", "func(d *float32, a *float32, n int)")
	d, a, n := gp(c, "d"), gp(c, "a"), gp(c, "n")
	zero, x = c.YMM(), c.YMM()
	c.VXORPS(zero, zero, zero)
	loop8(c, n, []reg.GPVirtual{d, a}, func() {
		c.VMOVUPS(operand.Mem{Base: a}, x)
		c.VCMPPS(operand.U8(0x16), zero, x, x)
		c.VANDPS(operand.Mem{Base: d}, x, x)
		c.VMOVUPS(x, operand.Mem{Base: d})
	})

	begin(c, "multiplyAVX2", "multiplyAVX2 writes x y to dst; n is a multiple of 8.", "func(dst *float32, x *float32, y *float32, n int)")
	dst, p, q, n := gp(c, "dst"), gp(c, "x"), gp(c, "y"), gp(c, "n")
	x = c.YMM()
	loop8(c, n, []reg.GPVirtual{dst, p, q}, func() {
		c.VMOVUPS(operand.Mem{Base: p}, x)
		c.VMULPS(operand.Mem{Base: q}, x, x)
		c.VMOVUPS(x, operand.Mem{Base: dst})
	})

	begin(c, "axpyAVX2", "axpyAVX2 adds a x to dst; n is a multiple of 8.", "func(dst *float32, x *float32, n int, a float32)")
	dst, p, n = gp(c, "dst"), gp(c, "x"), gp(c, "n")
	x = c.YMM()
	factor := c.YMM()
	c.VBROADCASTSS(c.Load(c.Param("a"), c.XMM()), factor)
	loop8(c, n, []reg.GPVirtual{dst, p}, func() {
		c.VMOVUPS(operand.Mem{Base: dst}, x)
		c.VFMADD231PS(operand.Mem{Base: p}, factor, x)
		c.VMOVUPS(x, operand.Mem{Base: dst})
	})

	begin(c, "maximumAVX2", "maximumAVX2 replaces dst by the larger of dst and x; n is a multiple of 8.", "func(dst *float32, x *float32, n int)")
	dst, p, n = gp(c, "dst"), gp(c, "x"), gp(c, "n")
	x = c.YMM()
	loop8(c, n, []reg.GPVirtual{dst, p}, func() {
		c.VMOVUPS(operand.Mem{Base: dst}, x)
		c.VMAXPS(operand.Mem{Base: p}, x, x)
		c.VMOVUPS(x, operand.Mem{Base: dst})
	})

	pick(c)

	begin(c, "addAVX2", "addAVX2 adds x to dst in float64; n is a multiple of 8.", "func(dst *float64, x *float32, n int)")
	dst, p, n = gp(c, "dst"), gp(c, "x"), gp(c, "n")
	lo, hi := c.YMM(), c.YMM()
	loop8(c, n, []reg.GPVirtual{dst, dst, p}, func() { // eight float64 are twice 32 bytes
		c.VCVTPS2PD(operand.Mem{Base: p}, lo)
		c.VCVTPS2PD(operand.Mem{Base: p, Disp: 16}, hi)
		c.VADDPD(operand.Mem{Base: dst}, lo, lo)
		c.VADDPD(operand.Mem{Base: dst, Disp: 32}, hi, hi)
		c.VMOVUPD(lo, operand.Mem{Base: dst})
		c.VMOVUPD(hi, operand.Mem{Base: dst, Disp: 32})
	})
}

// pick is the backward pass of one place of a pooling window. Bits of left say whose maximum has not been found yet.
func pick(c *build.Context) {
	begin(c, "pickAVX2", "pickAVX2 adds dy to dx where x is highest and left is set, and clears left there; n is a multiple of 8, left all ones or zeros in each value.",
		"func(dx *float32, x *float32, highest *float32, dy *float32, left *float32, n int)")
	dx, x, highest, dy, left, n := gp(c, "dx"), gp(c, "x"), gp(c, "highest"), gp(c, "dy"), gp(c, "left"), gp(c, "n")
	u, open, v := c.YMM(), c.YMM(), c.YMM()
	loop8(c, n, []reg.GPVirtual{dx, x, highest, dy, left}, func() {
		c.VMOVUPS(operand.Mem{Base: x}, u)
		c.VCMPPS(operand.U8(0), operand.Mem{Base: highest}, u, u)
		c.VMOVUPS(operand.Mem{Base: left}, open)
		c.VANDPS(open, u, u)
		c.VANDNPS(open, u, open)
		c.VMOVUPS(open, operand.Mem{Base: left})
		c.VANDPS(operand.Mem{Base: dy}, u, v)
		c.VADDPS(operand.Mem{Base: dx}, v, v)
		c.VMOVUPS(v, operand.Mem{Base: dx})
	})
}

// columnDot walks down the rows, eight columns at a time: each column is one float64 lane and
// is summed in the order of the rows.
func columnDot(c *build.Context) {
	begin(c, "columnDotAVX2", "columnDotAVX2 adds the float64 scalar product of each column of x and y [rows, w] to dst [w]; w is a multiple of 8.",
		"func(dst *float64, x *float32, y *float32, rows int, w int)")
	dst, x, y, rows, w := gp(c, "dst"), gp(c, "x"), gp(c, "y"), gp(c, "rows"), gp(c, "w")
	stride, px, py, left := c.GP64(), c.GP64(), c.GP64(), c.GP64()
	c.MOVQ(w, stride)
	c.SHLQ(operand.U8(2), stride)
	sums := []reg.VecVirtual{c.YMM(), c.YMM()}
	u, v := c.YMM(), c.YMM()
	c.Label("columns")
	c.MOVQ(x, px)
	c.MOVQ(y, py)
	c.MOVQ(rows, left)
	for i, sum := range sums {
		c.VMOVUPD(operand.Mem{Base: dst, Disp: 32 * i}, sum)
	}
	c.Label("row")
	for i, sum := range sums {
		c.VCVTPS2PD(operand.Mem{Base: px, Disp: 16 * i}, u)
		c.VCVTPS2PD(operand.Mem{Base: py, Disp: 16 * i}, v)
		c.VMULPD(u, v, u)
		c.VADDPD(u, sum, sum)
	}
	c.ADDQ(stride, px)
	c.ADDQ(stride, py)
	c.DECQ(left)
	c.JNZ(operand.LabelRef("row"))
	for i, sum := range sums {
		c.VMOVUPD(sum, operand.Mem{Base: dst, Disp: 32 * i})
	}
	c.ADDQ(operand.U8(64), dst)
	c.ADDQ(operand.U8(32), x)
	c.ADDQ(operand.U8(32), y)
	c.SUBQ(operand.U8(8), w)
	c.JNZ(operand.LabelRef("columns"))
	c.VZEROUPPER()
	c.RET()
}

// rowLoop runs body over rows of w floats; constants are read once a row.
func rowLoop(c *build.Context, constants []string, pointers []string, body func(k []reg.VecVirtual, p []operand.Mem)) {
	rows, w := gp(c, "rows"), gp(c, "w")
	var kp, pp []reg.GPVirtual
	var k []reg.VecVirtual
	var p []operand.Mem
	for _, n := range constants {
		kp = append(kp, gp(c, n))
		k = append(k, c.YMM())
	}
	for _, n := range pointers {
		r := gp(c, n)
		pp = append(pp, r)
		p = append(p, operand.Mem{Base: r})
	}
	left := c.GP64()
	c.Label("row")
	for i, r := range kp {
		c.VBROADCASTSS(operand.Mem{Base: r}, k[i])
		c.ADDQ(operand.U8(4), r)
	}
	c.MOVQ(w, left)
	c.Label("column")
	body(k, p)
	for _, r := range pp {
		c.ADDQ(operand.U8(32), r)
	}
	c.SUBQ(operand.U8(8), left)
	c.JNZ(operand.LabelRef("column"))
	c.DECQ(rows)
	c.JNZ(operand.LabelRef("row"))
	c.VZEROUPPER()
	c.RET()
}

func batchNorm(c *build.Context) {
	begin(c, "normalizeAVX2", "normalizeAVX2 writes (x - mean) inv to xhat and gamma xhat + beta to y, all [rows, w]; the four constants are [rows].",
		"func(y *float32, xhat *float32, x *float32, mean *float32, inv *float32, gamma *float32, beta *float32, rows int, w int)")
	rowLoop(c, []string{"mean", "inv", "gamma", "beta"}, []string{"y", "xhat", "x"}, func(k []reg.VecVirtual, p []operand.Mem) {
		v := c.YMM()
		c.VMOVUPS(p[2], v)
		c.VSUBPS(k[0], v, v)
		c.VMULPS(k[1], v, v)
		c.VMOVUPS(v, p[1])
		c.VFMADD132PS(k[2], k[3], v)
		c.VMOVUPS(v, p[0])
	})

	begin(c, "denormalizeAVX2", "denormalizeAVX2 replaces dy by scale (dy - m1 - xhat m2), all [rows, w]; the three constants are [rows].",
		"func(dy *float32, xhat *float32, scale *float32, m1 *float32, m2 *float32, rows int, w int)")
	rowLoop(c, []string{"scale", "m1", "m2"}, []string{"dy", "xhat"}, func(k []reg.VecVirtual, p []operand.Mem) {
		v := c.YMM()
		c.VMOVUPS(p[0], v)
		c.VSUBPS(k[1], v, v)
		c.VFNMADD231PS(p[1], k[2], v)
		c.VMULPS(k[0], v, v)
		c.VMOVUPS(v, p[0])
	})

	begin(c, "blendAVX2", "blendAVX2 writes a x + b y + c to dst, all [rows, w]; the three constants are [rows]. dst may be x or y.",
		"func(dst *float32, x *float32, y *float32, a *float32, b *float32, c *float32, rows int, w int)")
	rowLoop(c, []string{"a", "b", "c"}, []string{"dst", "x", "y"}, func(k []reg.VecVirtual, p []operand.Mem) {
		v := c.YMM()
		c.VMOVUPS(p[2], v)
		c.VFMADD132PS(k[1], k[2], v)
		c.VFMADD231PS(p[1], k[0], v)
		c.VMOVUPS(v, p[0])
	})
}
