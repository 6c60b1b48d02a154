package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// normals are n standard normal numbers.
func normals(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// trial is a product with operands laid out at random strides.
type trial struct {
	product
	bias, mask []float32
}

func newTrial(m, n, runs, steps, slack int, columns bool, rng *rand.Rand) trial {
	k := runs * steps
	groups := (n + panel - 1) / panel
	t := trial{product: product{m: m, n: n, runs: runs, steps: steps, ldb: min(n, panel) + slack, ldc: min(n, panel) + 2*slack}}
	t.bjump, t.still = slack*t.ldb, slack%2 == 1
	t.bgroup, t.cgroup = (k+runs*slack)*t.ldb+slack, m*t.ldc+slack
	if columns {
		t.rs, t.cs, t.jump = 1, m+slack, slack
	} else {
		t.rs, t.cs, t.jump = k+runs*slack, 1, slack
	}
	t.a = normals(rng, (m-1)*t.rs+runs*(steps*t.cs+t.jump))
	t.b = normals(rng, groups*t.bgroup)
	t.c = normals(rng, groups*t.cgroup)
	t.velocity = normals(rng, groups*t.cgroup)
	t.bias, t.mask = normals(rng, m), normals(rng, groups*t.cgroup)
	return t
}

// sum is element (i, j) by the definition, in float64, and the sum of its terms' magnitudes.
func (t *trial) sum(i, j int) (s, size float64) {
	for r := range t.runs {
		for q := range t.steps {
			a := float64(t.a[i*t.rs+r*(t.steps*t.cs+t.jump)+q*t.cs])
			b := float64(t.b[j/panel*t.bgroup+r*(t.steps*t.ldb+t.bjump)+q*t.ldb+j%panel])
			s += a * b
			size += math.Abs(a * b)
		}
	}
	return s, size
}

// check runs the product in every mode and compares each element with the
// definition, within the bound of sums in float32: k+8 roundoffs (Higham 2002, eq. 3.5, and the
// operations after the sum).
func (t *trial) check(report func(format string, a ...any), k *kernels) {
	const unit = 1.0 / (1 << 24)
	const lr, mu, wd = 0.125, 0.75, 0.0625
	for mode := modeStore; mode <= modeMomentum; mode++ {
		p := t.product
		p.mode = mode
		p.c = append([]float32(nil), t.c...)
		p.velocity = append([]float32(nil), t.velocity...)
		p.rule = &momentumRule{lr: lr, mu: mu, wd: wd}
		p.aux = t.bias
		if mode == modeMask {
			p.aux = t.mask
		}
		k.gemm(p)
		written := map[int]bool{}
		for i := range p.m {
			for j := range p.n {
				at := j/panel*p.cgroup + i*p.ldc + j%panel
				written[at] = true
				want, size := t.sum(i, j)
				old := float64(t.c[at])
				switch mode {
				case modeAccumulate:
					want, size = want+old, size+math.Abs(old)
				case modeBias, modeBiasReLU:
					want, size = want+float64(t.bias[i]), size+math.Abs(float64(t.bias[i]))
					if mode == modeBiasReLU {
						want = max(0, want)
					}
				case modeMask:
					if t.mask[at] <= 0 {
						want = 0
					}
				case modeMomentum:
					v := mu*float64(t.velocity[at]) + want + wd*old
					size += math.Abs(mu*float64(t.velocity[at])) + math.Abs(wd*old)
					if d := math.Abs(float64(p.velocity[at]) - v); !(d <= float64(p.runs*p.steps+8)*unit*size) {
						report("%s: %s: velocity (%d, %d) is off by %g", k.name, t, i, j, d)
					}
					want, size = old-lr*v, size+math.Abs(old)
				}
				if d := math.Abs(float64(p.c[at]) - want); !(d <= float64(p.runs*p.steps+8)*unit*size) {
					report("%s: %s: mode %d: C(%d, %d) = %v, want %v ± %.2g", k.name, t, mode, i, j, p.c[at], want, float64(p.runs*p.steps+8)*unit*size)
				}
			}
		}
		for at, v := range p.c {
			if !written[at] && v != t.c[at] {
				report("%s: %s: mode %d: wrote outside C, at %d", k.name, t, mode, at)
			}
		}
	}
}

func (t *trial) String() string {
	return fmt.Sprintf("[%d, %d] in %d runs of %d, strides %d %d", t.m, t.n, t.runs, t.steps, t.rs, t.cs)
}

// TestGemmEveryTile meets every micro-kernel: each height around the tiles' and
// each mixture of widths, against the definition in float64.
func TestGemmEveryTile(t *testing.T) {
	for _, k := range available() {
		rng := rand.New(rand.NewPCG(1, 1))
		for m := 1; m <= 30; m++ {
			for n := 8; n <= 72; n += 8 {
				p := newTrial(m, n, 1+m%2, 1+(m*n)%9, m%3, n%16 == 0, rng)
				p.check(t.Errorf, k)
			}
		}
	}
}

// TestGemmShapes tries drawn shapes and strides, against the definition in float64.
func TestGemmShapes(t *testing.T) {
	sets := available()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, name) }
		p := newTrial(draw("m", 1, 70), 8*draw("n/8", 1, 14), draw("runs", 1, 4), draw("steps", 1, 130), draw("slack", 0, 9),
			rapid.Bool().Draw(t, "columns"), rand.New(rand.NewPCG(uint64(draw("seed", 0, 1<<30)), 2)))
		for _, k := range sets {
			p.check(t.Fatalf, k)
		}
	})
}

// TestGemmOverlap: groups of columns may read the same rows of B, as the windows of a convolution do.
func TestGemmOverlap(t *testing.T) {
	for _, k := range available() {
		p := newTrial(15, 3*panel, 3, 8, 0, false, rand.New(rand.NewPCG(12, 12)))
		p.ldb, p.bgroup, p.bjump = panel, 4*panel, 7*panel
		p.b = p.b[:2*p.bgroup+(3*8+2*7)*panel]
		p.check(t.Errorf, k)
	}
}

// TestGemmBits: the two assembler sets sum in one order, so they agree in bits,
// whatever the tiling.
func TestGemmBits(t *testing.T) {
	sets := assemblerKernels()
	if len(sets) < 2 {
		t.Skip("needs a processor with AVX-512: only one set of assembler kernels runs here")
	}
	rng := rand.New(rand.NewPCG(3, 3))
	for _, c := range [][2]int{{128, 32}, {13, 8}, {200, 136}, {10, 64}} {
		p := newTrial(c[0], c[1], 2, 33, 1, false, rng)
		var results [2][]float32
		for i, k := range sets {
			q := p.product
			q.c = append([]float32(nil), p.c...)
			k.gemm(q)
			results[i] = q.c
		}
		for i, v := range results[0] {
			if math.Float32bits(v) != math.Float32bits(results[1][i]) {
				t.Fatalf("%s: %s %v, %s %v", p.String(), sets[0].name, v, sets[1].name, results[1][i])
			}
		}
	}
}

// TestGemmRefusesShortOperands: operands that are too short panic in Go before
// the assembler reads past them.
func TestGemmRefusesShortOperands(t *testing.T) {
	for _, k := range available() {
		for name, cut := range map[string]func(p *product){
			"a":        func(p *product) { p.a = p.a[:len(p.a)-1] },
			"b":        func(p *product) { p.b = p.b[:len(p.b)-1] },
			"c":        func(p *product) { p.c = p.c[:len(p.c)-1] },
			"bias":     func(p *product) { p.mode, p.aux = modeBias, make([]float32, p.m-1) },
			"mask":     func(p *product) { p.mode, p.aux = modeMask, make([]float32, len(p.c)-1) },
			"velocity": func(p *product) { p.mode, p.velocity = modeMomentum, p.velocity[:len(p.velocity)-1] },
		} {
			p := newTrial(5, 16, 1, 7, 0, false, rand.New(rand.NewPCG(4, 4))).product
			p.a, p.b, p.c, p.velocity = p.a[:5*7], p.b[:7*16], p.c[:5*16], p.velocity[:5*16]
			p.rule = &momentumRule{}
			cut(&p)
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: a short %s is read past its end", k.name, name)
					}
				}()
				k.gemm(p)
			}()
		}
	}
}
