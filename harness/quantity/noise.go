package quantity

import (
	"math"
	"sync"

	"github.com/genbench/genbench/models"
)

// law is a distribution that directions in weight space are drawn from.
type law uint64

const (
	normal     law = 1 // N(0, 1)
	uniform    law = 2 // U(-1, 1)
	rademacher law = 3 // -1 or 1, each with probability ½
	labels     law = 4 // U(0, 1) in float64, one an example: no direction, but what labels are drawn by
)

// noiseLimit is how many values are kept, 4 bytes each.
const noiseLimit = 32 << 20

// noise generates random directions and keeps them: a search uses the same ones
// at every scale, and so do all networks of one architecture. The value at
// (law, seed, draw, tensor, index) depends on nothing else:
//
//	key = mix(mix(seed ^ 0x9e3779b97f4a7c15·law) + mix(draw+1)·0xbf58476d1ce4e5b9 + tensor·0x94d049bb133111eb)
//	u_i = (mix(key + i·0x9e3779b97f4a7c15) >> 11 + ½) · 2^-53                   in (0, 1)
//	uniform: x_i = 2 u_i - 1
//	rademacher: x_i = 1 where the first bit of mix(key + i·0x9e3779b97f4a7c15) is 0, else -1
//	normal:  x_2j = √(-2 ln u_2j) cos 2π u_2j+1,  x_2j+1 = √(-2 ln u_2j) sin 2π u_2j+1   (Box and Muller 1958)
//
// mix is SplitMix64's finalizer, arithmetic is modulo 2^64, values are rounded to float32.
type noise struct {
	mu    sync.Mutex
	kept  map[direction][]float32
	total int
	limit int
}

type direction struct {
	law    law
	seed   uint64
	draw   int
	tensor int
}

func newNoise() *noise { return &noise{kept: map[direction][]float32{}, limit: noiseLimit} }

// like returns a direction with the shape of s, one slice a tensor. They are read-only.
func (g *noise) like(s models.State, l law, seed uint64, draw int) [][]float32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([][]float32, len(s))
	for t := range s {
		d := direction{l, seed, draw, t}
		n := len(s[t].Data)
		z := g.kept[d]
		if len(z) < n {
			if g.total+n > g.limit {
				clear(g.kept)
				g.total = 0
			} else {
				g.total -= len(z)
			}
			z = d.generate(n)
			g.kept[d] = z
			g.total += n
		}
		out[t] = z[:n]
	}
	return out
}

// golden is 2^64 over the golden ratio, SplitMix64's increment.
const golden = 0x9e3779b97f4a7c15

func (d direction) key() uint64 {
	return mix(mix(d.seed^golden*uint64(d.law)) + mix(uint64(d.draw)+1)*0xbf58476d1ce4e5b9 + uint64(d.tensor)*0x94d049bb133111eb)
}

// unit is u_i of a direction's key.
func unit(key uint64, i int) float64 { return (float64(mix(key+uint64(i)*golden)>>11) + 0.5) * 0x1p-53 }

func (d direction) generate(n int) []float32 {
	key := d.key()
	z := make([]float32, n)
	switch d.law {
	case rademacher:
		for i := range z {
			z[i] = 1 - 2*float32(mix(key+uint64(i)*golden)>>63)
		}
		return z
	case uniform:
		for i := range z {
			z[i] = float32(2*unit(key, i) - 1)
		}
		return z
	}
	for i := 0; i < n; i += 2 {
		r := math.Sqrt(-2 * math.Log(unit(key, i)))
		sin, cos := math.Sincos(2 * math.Pi * unit(key, i+1))
		z[i] = float32(r * cos)
		if i+1 < n {
			z[i+1] = float32(r * sin)
		}
	}
	return z
}

// mix is SplitMix64's finalizer (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
