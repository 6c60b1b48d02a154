package cpu

import "unsafe"

// What a product does with its sums S [M, N]; internal/asmgen has the same list.
const (
	modeStore      = iota // C = S
	modeAccumulate        // C += S
	modeBias              // C = S + aux, aux [M] is spread over columns
	modeBiasReLU          // C = max(0, S + aux)
	modeMask              // C = S, but 0 where aux <= 0; aux lies as C does
	modeMomentum          // S is the gradient of C: V = mu V + S + wd C; C -= lr V
)

// product is C[M, N] = A[M, K] B[K, N] in float32, K = runs x steps. All strides are in floats.
// N is a multiple of 8; columns up to it are read and written. Columns lie in groups of
// 32, bgroup and cgroup apart in B and C (and in what lies as C does).
type product struct {
	m, n        int
	runs, steps int // K: at least one of each

	a            []float32
	rs, cs, jump int // A[i, s] of run r is at i rs + s cs + r (steps cs + jump)
	b            []float32
	ldb, bgroup  int // B[s, j] of run r, j within a group, is at s ldb + j + r (steps ldb + bjump)
	bjump        int //
	c            []float32
	ldc, cgroup  int

	still    bool // a block of rows of A stays near while the columns pass, whatever the number of runs
	mode     int
	aux      []float32
	velocity []float32     // modeMomentum: lies as C does
	rule     *momentumRule // modeMomentum
}

// momentumRule is what modeMomentum's kernels read, at these offsets.
type momentumRule struct {
	distance   int64 // from C to the velocities, in bytes
	lr, mu, wd float32
}

// tileFunc is a micro-kernel: the number of rows and columns of C is in its name.
// rs, cs, jump, ldb, bjump and ldc are in bytes. aux is the bias at C's first row, the mask laid out as C,
// or a *momentumRule.
type tileFunc func(kp int, k int, a *float32, rs int, cs int, jump int, b *float32, ldb int, bjump int, c *float32, ldc int, mode int, aux *float32)

// tileSet is the micro-kernels of one width.
type tileSet struct {
	width int
	rows  []tileFunc // rows[i] computes i+1 rows
}

// gemm does the product. Each element of C is summed in the order of k by one lane, so its bits do
// not depend on the tiling.
func (k *kernels) gemm(p product) {
	// The farthest element of each operand: an index out of range is a panic
	// here instead of a stray read in assembler.
	_ = p.a[(p.m-1)*p.rs+(p.runs-1)*(p.steps*p.cs+p.jump)+(p.steps-1)*p.cs]
	_ = p.b[(p.n-1)/panel*p.bgroup+(p.runs-1)*(p.steps*p.ldb+p.bjump)+(p.steps-1)*p.ldb+(p.n-1)%panel]
	last := (p.n-1)/panel*p.cgroup + (p.m-1)*p.ldc + (p.n-1)%panel
	_ = p.c[last]
	switch p.mode {
	case modeBias, modeBiasReLU:
		_ = p.aux[p.m-1]
	case modeMask:
		_ = p.aux[last]
	case modeMomentum:
		_ = p.velocity[last]
		p.rule.distance = int64(uintptr(unsafe.Pointer(&p.velocity[0]))) - int64(uintptr(unsafe.Pointer(&p.c[0])))
	}
	if k.tiles == nil {
		p.plain()
		return
	}
	for from := 0; from < p.n; {
		set := 0
		for k.tiles[set].width > p.n-from {
			set++
		}
		to := p.n - (p.n-from)%k.tiles[set].width
		p.tile(&k.tiles[set], from, to)
		from = to
	}
}

// tile computes the columns [from, to) of C, a multiple of the tiles' width. With
// one run a block of rows of A stays in the nearest cache while the columns pass; with several, as in
// gradients of weights over many panels, the columns of B stay while the rows pass: that is 7 % faster there.
func (p *product) tile(set *tileSet, from, to int) {
	if p.runs == 1 || p.still {
		for i := 0; i < p.m; {
			i = p.block(set, i, from, to)
		}
		return
	}
	for j := from; j < to; j += set.width {
		for i := 0; i < p.m; {
			i = p.block(set, i, j, j+set.width)
		}
	}
}

// block computes the block of rows at i and answers where the next one begins. Blocks are nearly
// equally high: 128 rows in blocks of 13 and 12 run faster than nine of 14 and one of 2.
func (p *product) block(set *tileSet, i, from, to int) int {
	blocks := (p.m - i + len(set.rows) - 1) / len(set.rows)
	rows := (p.m - i + blocks - 1) / blocks
	rs, cs, jump, ldb, bjump, ldc := 4*p.rs, 4*p.cs, 4*p.jump, 4*p.ldb, 4*p.bjump, 4*p.ldc
	var aux *float32
	switch p.mode {
	case modeBias, modeBiasReLU:
		aux = at(p.aux, i)
	case modeMomentum:
		aux = (*float32)(unsafe.Pointer(p.rule))
	}
	kernel, a := set.rows[rows-1], at(p.a, i*p.rs)
	for j := from; j < to; j += set.width {
		c := j/panel*p.cgroup + i*p.ldc + j%panel
		if p.mode == modeMask {
			aux = at(p.aux, c)
		}
		kernel(p.runs, p.steps, a, rs, cs, jump, at(p.b, j/panel*p.bgroup+j%panel), ldb, bjump, at(p.c, c), ldc, p.mode, aux)
	}
	return i + rows
}

func at(s []float32, i int) *float32 {
	return (*float32)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(s)), 4*i))
}

// plain is the product in plain Go, four rows by up to 32 columns at a time.
func (p *product) plain() {
	const high, wide = 4, panel
	for j := 0; j < p.n; j += wide {
		w := min(wide, p.n-j)
		for i := 0; i < p.m; i += high {
			h := min(high, p.m-i)
			var acc [high][wide]float32
			for r := range p.runs {
				for s := range p.steps {
					b := p.b[j/panel*p.bgroup+r*(p.steps*p.ldb+p.bjump)+s*p.ldb:][:w]
					from := i*p.rs + r*(p.steps*p.cs+p.jump) + s*p.cs
					for t := range h {
						a, sum := p.a[from+t*p.rs], acc[t][:w]
						for q, v := range b {
							sum[q] += float32(a * v)
						}
					}
				}
			}
			for t := range h {
				p.finish(i+t, j, acc[t][:w])
			}
		}
	}
}

// finish writes the sums of row i from column j on.
func (p *product) finish(i, j int, sum []float32) {
	from := j/panel*p.cgroup + i*p.ldc
	c := p.c[from:][:len(sum)]
	switch p.mode {
	case modeStore:
		copy(c, sum)
	case modeAccumulate:
		for q, v := range sum {
			c[q] += v
		}
	case modeBias:
		for q, v := range sum {
			c[q] = v + p.aux[i]
		}
	case modeBiasReLU:
		for q, v := range sum {
			c[q] = max(0, v+p.aux[i])
		}
	case modeMask:
		for q, v := range sum {
			if p.aux[from+q] <= 0 {
				v = 0
			}
			c[q] = v
		}
	case modeMomentum:
		sgdGo(c, sum, p.velocity[from:][:len(sum)], p.rule.lr, p.rule.mu, p.rule.wd)
	}
}
