package cpu

import (
	"fmt"
	"testing"
)

func BenchmarkTile(b *testing.B) {
	for _, k := range available()[:2] {
		for _, c := range [][3]int{{14, 32, 32}, {13, 32, 32}, {12, 32, 32}, {14, 32, 128}, {14, 32, 784}, {12, 8, 256}, {14, 16, 256}, {28, 32, 64}, {256, 32, 784}, {256, 32, 256}} {
			b.Run(fmt.Sprint(k.name, c), func(b *testing.B) {
				m, n, kk := c[0], c[1], c[2]
				p := product{m: m, n: n, runs: 1, steps: kk, a: aligned(m * kk), rs: kk, cs: 1, b: aligned(kk * n), ldb: n, c: aligned(m * n), ldc: n, bgroup: 32, cgroup: 32, mode: modeStore}
				for b.Loop() {
					k.gemm(p)
				}
				b.ReportMetric(float64(2*m*n*kk)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GF/s")
			})
		}
	}
}
