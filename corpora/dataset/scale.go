package dataset

import (
	"fmt"
	"math"
)

// scale turns 8-bit images into network inputs. The mean of pool x pool pixels on the [0, 1] scale is
// k/(255·pool²) with an integer k, so every clean value comes from a table and is
// the correctly rounded one: no order of summation enters.
type scale struct {
	native Shape
	pool   int
	top    int // largest k

	mean, std []float64 // [C]; nil without normalisation
}

func newScale(native Shape, pool int) *scale {
	return &scale{native: native, pool: pool, top: 255 * pool * pool}
}

// plane is the number of values of one channel, after pooling.
func (s *scale) plane() int { return s.native.H / s.pool * (s.native.W / s.pool) }

// sums writes the integers k of one channel of an image, [H, W], into dst, [H/pool, W/pool].
func (s *scale) sums(dst []int32, src []uint8) {
	w, pw := s.native.W, s.native.W/s.pool
	switch s.pool {
	case 1:
		for i, v := range src {
			dst[i] = int32(v)
		}
	case 2: // the usual one; a quarter of the general loop's time
		for y := 0; y < s.native.H; y += 2 {
			row := dst[y/2*pw:][:pw]
			a, b := src[y*w:][:w], src[(y+1)*w:][:w]
			for x := range row {
				row[x] = int32(a[2*x]) + int32(a[2*x+1]) + int32(b[2*x]) + int32(b[2*x+1])
			}
		}
	default:
		clear(dst)
		for y := range s.native.H {
			row := dst[y/s.pool*pw:][:pw]
			line := src[y*w:][:w]
			for x, v := range line {
				row[x/s.pool] += int32(v)
			}
		}
	}
}

// each calls visit with the k of every channel of every image; at is the offset
// of the channel's values in [N, D].
func (s *scale) each(native []uint8, visit func(at, channel int, ks []int32)) {
	area, plane := s.native.H*s.native.W, s.plane()
	ks := make([]int32, plane)
	for i := range len(native) / area {
		s.sums(ks, native[i*area:(i+1)*area])
		visit(i*plane, i%s.native.C, ks)
	}
}

// normalize sets mean and std from the images. Both are computed from exact
// counts, so they do not depend on the order of the images.
func (s *scale) normalize(native []uint8) error {
	counts := make([][]int64, s.native.C) // by channel, how often each k occurs
	for c := range counts {
		counts[c] = make([]int64, s.top+1)
	}
	s.each(native, func(_, c int, ks []int32) {
		h := counts[c]
		for _, k := range ks {
			h[k]++
		}
	})
	for c, h := range counts {
		var n, sum int64
		for k, m := range h {
			n += m
			sum += m * int64(k)
		}
		mean := float64(sum) / float64(n)
		squares := 0.0
		for k, m := range h {
			e := float64(k) - mean
			squares += float64(float64(m) * float64(e*e))
		}
		if squares == 0 {
			return fmt.Errorf("normalize: every training pixel of channel %d has the same value; switch normalize off", c)
		}
		s.mean = append(s.mean, mean/float64(s.top))
		s.std = append(s.std, math.Sqrt(squares/float64(n))/float64(s.top))
	}
	return nil
}

// values is the table from k to the value on the [0, 1] scale.
func (s *scale) values() []float64 {
	t := make([]float64, s.top+1)
	for k := range t {
		t[k] = float64(k) / float64(s.top)
	}
	return t
}

// finish normalises a value on the [0, 1] scale, if that is on.
func (s *scale) finish(v float64, c int) float32 {
	if s.mean != nil {
		v = (v - s.mean[c]) / s.std[c]
	}
	return float32(v)
}

// clean returns the inputs without noise, [N, D].
func (s *scale) clean(native []uint8) []float32 {
	values := s.values()
	tables := make([][]float32, s.native.C)
	for c := range tables {
		tables[c] = make([]float32, len(values))
		for k, v := range values {
			tables[c][k] = s.finish(v, c)
		}
	}
	dst := make([]float32, len(native)/(s.pool*s.pool))
	s.each(native, func(at, c int, ks []int32) {
		table, out := tables[c], dst[at:][:len(ks)]
		for i, k := range ks {
			out[i] = table[k]
		}
	})
	return dst
}

// noisy returns the inputs with noise of standard deviation t.InputNoise, [N, D]. The noise of
// value j of the example at position i of the set depends on the noise seed, i and j alone.
func (s *scale) noisy(native []uint8, index []int, t Transform) []float32 {
	values := s.values()
	stream := streamKey(t.NoiseSeed, inputNoise)
	plane := s.plane()
	dst := make([]float32, len(native)/(s.pool*s.pool))
	s.each(native, func(at, c int, ks []int32) {
		key := draw(stream, uint64(index[at/(plane*s.native.C)]))
		out := dst[at:][:len(ks)]
		for i, k := range ks {
			z := normal(unit(draw(key, uint64(c*plane+i))))
			v := values[k] + float64(t.InputNoise*z)
			if t.ClipNoise {
				v = min(max(v, 0), 1)
			}
			out[i] = s.finish(v, c)
		}
	})
	return dst
}
