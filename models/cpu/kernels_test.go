package cpu

import (
	"math"
	"math/rand/v2"
	"testing"
)

// within reports elements of got that are farther from want than tolerance times the
// scale of the values (at least 1).
func within(t *testing.T, what string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	for i, w := range want {
		if d := math.Abs(float64(got[i]) - w); !(d <= tolerance*max(1, math.Abs(w))) {
			t.Errorf("%s: element %d is %v, want %v", what, i, got[i], w)
			return
		}
	}
}

// float32s are a few roundoffs of float32, all that an elementwise kernel may lose.
const few = 4.0 / (1 << 24)

// TestTranspose compares with the definition, strides included.
func TestTranspose(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for _, k := range available() {
		for rows := 8; rows <= 40; rows += 8 {
			for cols := 8; cols <= 48; cols += 8 {
				ss, ds := cols+rng.IntN(5), rows+rng.IntN(5)
				src, dst := normals(rng, rows*ss), make([]float32, cols*ds)
				k.transpose(dst, ds, src, ss, rows, cols)
				for i := range dst {
					want := float32(0)
					if r, c := i%ds, i/ds; r < rows {
						want = src[r*ss+c]
					}
					if dst[i] != want {
						t.Fatalf("%s: [%d, %d]: element %d is %v, want %v", k.name, rows, cols, i, dst[i], want)
					}
				}
			}
		}
	}
}

// TestRowSums compares the reductions with sums taken here in float64. The kernels
// do too, in another order: 1e-13 is a thousand of its roundoffs.
func TestRowSums(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	for _, k := range available() {
		for _, w := range []int{8, 16, 32} {
			const rows = 5
			x, y := normals(rng, rows*w), normals(rng, rows*w)
			mean := []float64{0.5, -1, 1e3, 0, 2}
			sum, dot, square := []float64{1, 2, 3, 4, 5}, make([]float64, rows), make([]float64, rows)
			k.rowSum(sum, x, rows, w)
			k.rowDot(dot, x, y, rows, w)
			k.rowSquare(square, x, mean, rows, w)
			for r := range rows {
				s, d, q := float64(r+1), 0.0, 0.0
				for i := r * w; i < (r+1)*w; i++ {
					s += float64(x[i])
					d += float64(x[i]) * float64(y[i])
					q += (float64(x[i]) - mean[r]) * (float64(x[i]) - mean[r])
				}
				for _, c := range [][2]float64{{sum[r], s}, {dot[r], d}, {square[r], q}} {
					if math.Abs(c[0]-c[1]) > 1e-13*max(1, math.Abs(c[1])) {
						t.Errorf("%s: width %d, row %d: %v, want %v", k.name, w, r, c[0], c[1])
					}
				}
			}
		}
	}
}

// TestColumnSums compares with sums taken here in float64, in the order in which the kernels take them; and adding in float64 with the definition.
func TestColumnSums(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 11))
	for _, k := range available() {
		for _, w := range []int{8, 16, 32} {
			const rows = 7
			x, y := normals(rng, rows*w), normals(rng, rows*w)
			got, want := make([]float64, w), make([]float64, w)
			for e := range want {
				got[e] = float64(e)
				want[e] = got[e]
				for r := range rows {
					want[e] += float64(float64(x[r*w+e]) * float64(y[r*w+e]))
				}
			}
			k.columnDot(got, x, y, rows, w)
			for e, v := range want {
				if got[e] != v {
					t.Errorf("%s: width %d, column %d: %v, want %v", k.name, w, e, got[e], v)
				}
			}
			k.add(got, x[:w])
			for e, v := range want {
				if got[e] != v+float64(x[e]) {
					t.Errorf("%s: width %d: %v + %v = %v", k.name, w, v, x[e], got[e])
				}
			}
		}
	}
}

// TestElementwise compares with the definitions, not-a-number included.
func TestElementwise(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	nan := float32(math.NaN())
	for _, k := range available() {
		x, y := normals(rng, 24), normals(rng, 24)
		x[3], y[5], x[9] = nan, nan, 0
		got := make([]float32, 24)
		k.relu(got, x)
		for i, v := range x {
			if v != v && got[i] == got[i] || v == v && got[i] != max(0, v) {
				t.Errorf("%s: relu(%v) = %v", k.name, v, got[i])
			}
		}
		k.multiply(got, x, y)
		for i := range x {
			if want := x[i] * y[i]; got[i] != want && want == want || want != want && got[i] == got[i] {
				t.Errorf("%s: %v times %v is %v", k.name, x[i], y[i], got[i])
			}
		}
		copy(got, y)
		k.mask(got, x)
		for i, v := range x {
			want := y[i]
			if v <= 0 {
				want = 0
			}
			if math.Float32bits(got[i]) != math.Float32bits(want) {
				t.Errorf("%s: masked by %v: %v, want %v", k.name, v, got[i], want)
			}
		}
	}
}

// TestPooling compares the kernels of pooling and sums with their definitions.
func TestPooling(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 13))
	for _, k := range available() {
		const n = 40
		x, y, dy, dx := normals(rng, n), normals(rng, n), normals(rng, n), normals(rng, n)
		x[7], y[7] = 0.5, 0.5
		got := append([]float32(nil), x...)
		k.maximum(got, y)
		for i := range x {
			if got[i] != max(x[i], y[i]) {
				t.Errorf("%s: the larger of %v and %v is %v", k.name, x[i], y[i], got[i])
			}
		}
		want := make([]float64, n)
		for i := range x {
			want[i] = float64(dx[i]) + 0.75*float64(dy[i])
		}
		sum := append([]float32(nil), dx...)
		k.axpy(sum, dy, 0.75)
		within(t, k.name+" axpy", sum, want, few)

		left := make([]float32, n)
		for i := range left {
			if i%5 != 0 {
				left[i] = math.Float32frombits(0xffffffff)
			}
		}
		first, before := append([]float32(nil), dx...), append([]float32(nil), left...)
		k.pick(first, x, got, dy, left)
		for i := range x {
			won := i%5 != 0 && x[i] >= y[i]
			w, l := dx[i], before[i]
			if won {
				w, l = dx[i]+dy[i], 0
			}
			if first[i] != w || math.Float32bits(left[i]) != math.Float32bits(l) {
				t.Errorf("%s: pick %d: gradient %v, want %v; left %v, want %v", k.name, i, first[i], w, left[i], l)
			}
		}
	}
}

// TestNormalize compares batch norm's kernels with the formulas in float64.
func TestNormalize(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for _, k := range available() {
		for _, w := range []int{8, 16, 32} {
			const rows = 3
			x, dy := normals(rng, rows*w), normals(rng, rows*w)
			a, b, c, d := normals(rng, rows), normals(rng, rows), normals(rng, rows), normals(rng, rows)
			y, xhat := make([]float32, rows*w), make([]float32, rows*w)
			k.normalize(y, xhat, x, a, b, c, d, rows, w)
			wantX, wantY, wantD := make([]float64, rows*w), make([]float64, rows*w), make([]float64, rows*w)
			for i := range x {
				r := i / w
				wantX[i] = (float64(x[i]) - float64(a[r])) * float64(b[r])
				wantY[i] = float64(c[r])*wantX[i] + float64(d[r])
				wantD[i] = float64(a[r]) * (float64(dy[i]) - float64(b[r]) - float64(xhat[i])*float64(c[r]))
			}
			within(t, k.name+" xhat", xhat, wantX, 4*few)
			within(t, k.name+" y", y, wantY, 16*few)
			blended, wantB := make([]float32, rows*w), make([]float64, rows*w)
			for i := range x {
				wantB[i] = float64(a[i/w])*float64(x[i]) + float64(b[i/w])*float64(dy[i]) + float64(c[i/w])
			}
			k.blend(blended, x, dy, a, b, c, rows, w)
			within(t, k.name+" blend", blended, wantB, 16*few)
			for _, over := range [][]float32{append([]float32(nil), x...), append([]float32(nil), dy...)} {
				first, second := x, dy
				if over[0] == x[0] {
					first = over
				} else {
					second = over
				}
				k.blend(over, first, second, a, b, c, rows, w)
				within(t, k.name+" blend in place", over, wantB, 16*few)
			}
			k.inverse(dy, xhat, a, b, c, rows, w)
			within(t, k.name+" dx", dy, wantD, 16*few)
		}
	}
}

// TestSoftmax compares with math.Exp over logits from tiny to beyond what
// exp can hold.
func TestSoftmax(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for _, k := range available() {
		for _, classes := range []int{2, 3, 10, 33} {
			const w = 16
			logits := normals(rng, classes*w)
			for i := range logits {
				logits[i] *= float32(math.Pow(10, float64(i%w)/3-2)) // up to about ±1000
			}
			e, sum, highest, delta, factor := make([]float64, classes*w), make([]float64, w), make([]float32, w), make([]float32, classes*w), make([]float64, w)
			k.softmax(e, sum, highest, logits, classes, w)
			for j := range factor {
				factor[j] = 1 / sum[j]
			}
			k.spread(delta, e, factor, classes, w)
			for j := range w {
				top, total := math.Inf(-1), 0.0
				for c := range classes {
					top = max(top, float64(logits[c*w+j]))
				}
				for c := range classes {
					total += math.Exp(float64(logits[c*w+j]) - top)
				}
				if float64(highest[j]) != top || math.Abs(sum[j]-total) > 1e-14*total {
					t.Errorf("%s: column %d: highest %v, sum %v; want %v, %v", k.name, j, highest[j], sum[j], top, total)
				}
				for c := range classes {
					want := math.Exp(float64(logits[c*w+j]) - top)
					if math.Abs(e[c*w+j]-want) > 1e-14*want+1e-300 {
						t.Errorf("%s: exp(%v) = %v, want %v", k.name, float64(logits[c*w+j])-top, e[c*w+j], want)
					}
					if p := want / total; math.Abs(float64(delta[c*w+j])-p) > few*p+1e-40 {
						t.Errorf("%s: probability %v, want %v", k.name, delta[c*w+j], p)
					}
				}
			}
		}
	}
}

// TestSoftmaxNotFinite: a logit that is no number, or +Inf, leaves no finite sum in
// its column and does not touch the others.
func TestSoftmaxNotFinite(t *testing.T) {
	for _, k := range available() {
		for _, bad := range []float64{math.NaN(), math.Inf(1)} {
			for class := range 3 {
				logits := make([]float32, 3*8)
				logits[class*8+5] = float32(bad)
				e, sum, highest := make([]float64, 3*8), make([]float64, 8), make([]float32, 8)
				k.softmax(e, sum, highest, logits, 3, 8)
				for j, s := range sum {
					if j == 5 && !math.IsNaN(s) || j != 5 && s != 3 {
						t.Errorf("%s: class %d is %v: the sum of column %d is %v", k.name, class, bad, j, s)
					}
				}
			}
		}
	}
}

// TestRules compares one step of every optimizer kernel with the rule in float64.
func TestRules(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 10))
	for _, k := range available() {
		const n = 48
		w, g, m, v := normals(rng, n), normals(rng, n), normals(rng, n), normals(rng, n)
		for i := range v {
			v[i] = v[i] * v[i]
		}
		run := func(name string, rule func(w, g, m, v float64) (float64, float64, float64), kernel func(w, m, v []float32)) {
			gw, gm, gv := append([]float32(nil), w...), append([]float32(nil), m...), append([]float32(nil), v...)
			kernel(gw, gm, gv)
			ww, wm, wv := make([]float64, n), make([]float64, n), make([]float64, n)
			for i := range w {
				ww[i], wm[i], wv[i] = rule(float64(w[i]), float64(g[i]), float64(m[i]), float64(v[i]))
			}
			within(t, k.name+" "+name+" weights", gw, ww, 16*few)
			within(t, k.name+" "+name+" first moment", gm, wm, 16*few)
			within(t, k.name+" "+name+" second moment", gv, wv, 16*few)
		}
		run("sgd", func(w, g, m, v float64) (float64, float64, float64) {
			m = 0.5*m + g + 0.25*w
			return w - 0.125*m, m, v
		}, func(w, m, _ []float32) { k.sgd(w, g, m, 0.125, 0.5, 0.25) })
		run("adam", func(w, g, m, v float64) (float64, float64, float64) {
			g += 0.25 * w
			m, v = 0.75*m+0.25*g, 0.875*v+0.125*g*g
			return w - 0.5*m/(math.Sqrt(v)*1.5+0.0625), m, v
		}, func(w, m, v []float32) {
			k.adam(w, g, m, v, adamRates{b1: 0.75, c1: 0.25, b2: 0.875, c2: 0.125, step: 0.5, root: 1.5, eps: 0.0625, wd: 0.25})
		})
		run("rmsprop", func(w, g, m, v float64) (float64, float64, float64) {
			g += 0.25 * w
			v = 0.875*v + 0.125*g*g
			m = 0.5*m + g/(math.Sqrt(v)+0.0625)
			return w - 0.125*m, m, v
		}, func(w, m, v []float32) { k.rmsprop(w, g, v, m, 0.125, 0.875, 0.125, 0.0625, 0.5, 0.25) })
	}
}
