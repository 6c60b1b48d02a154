package rank

import (
	"math"
	"slices"
)

// Ranks returns the 1-based ranks of v, ties sharing the mean of their places.
func Ranks(v []float64) []float64 {
	var s sorter
	s.sort(v)
	ranks := make([]float64, len(v))
	for i := 0; i < len(s.order); {
		j := i + 1
		for j < len(s.order) && s.rank[s.order[j]] == s.rank[s.order[i]] {
			j++
		}
		for _, k := range s.order[i:j] {
			ranks[k] = float64(i+j+1) / 2
		}
		i = j
	}
	return ranks
}

// sorter orders values and numbers them, equal values alike.
type sorter struct {
	order []int32 // [n] positions by ascending value, equal values by position
	rank  []int32 // [n] by position: dense from 0

	keys, spare []keyed
	digits      [][radix]int32
}

type keyed struct {
	key uint64
	at  int32
}

const (
	radixBits = 11
	radix     = 1 << radixBits
	passes    = (64 + radixBits - 1) / radixBits

	// fewValues is the number up to which comparing beats counting digits.
	fewValues = 512
)

// sort fills order and rank and returns the number of ranks. v holds no NaN.
func (s *sorter) sort(v []float64) int {
	n := len(v)
	s.keys = resized(s.keys, n)
	for i, f := range v {
		s.keys[i] = keyed{key: sortable(f), at: int32(i)}
	}
	if n <= fewValues {
		slices.SortFunc(s.keys, func(a, b keyed) int {
			if a.key != b.key {
				if a.key < b.key {
					return -1
				}
				return 1
			}
			return int(a.at - b.at)
		})
	} else {
		s.countingSort()
	}
	s.order, s.rank = resized(s.order, n), resized(s.rank, n)
	ranks := 0
	for i, k := range s.keys {
		if i > 0 && k.key != s.keys[i-1].key {
			ranks++
		}
		s.order[i], s.rank[k.at] = k.at, int32(ranks)
	}
	return min(n, ranks+1)
}

// sortable maps a float to a whole number of the same order; both zeros alike.
func sortable(f float64) uint64 {
	const top = 1 << 63
	if f == 0 {
		return top
	}
	b := math.Float64bits(f)
	if b < top {
		return b | top
	}
	return ^b
}

// countingSort sorts keys digit by digit, the last first.
func (s *sorter) countingSort() {
	s.spare = resized(s.spare, len(s.keys))
	s.digits = resized(s.digits, passes)
	clear(s.digits)
	for _, k := range s.keys {
		for d := range passes {
			s.digits[d][k.key>>(d*radixBits)%radix]++
		}
	}
	for d := range passes {
		count := &s.digits[d]
		shift := d * radixBits
		if int(count[s.keys[0].key>>shift%radix]) == len(s.keys) {
			continue // all alike in this digit
		}
		at := int32(0)
		for i, c := range count {
			count[i] = at
			at += c
		}
		for _, k := range s.keys {
			digit := k.key >> shift % radix
			s.spare[count[digit]] = k
			count[digit]++
		}
		s.keys, s.spare = s.spare, s.keys
	}
}

// Spearman is the Pearson correlation of average ranks, in [-1, 1].
func Spearman(x, y []float64) (float64, error) {
	if err := check(x, y); err != nil {
		return 0, err
	}
	return Pearson(Ranks(x), Ranks(y))
}

// Pearson is the product-moment correlation, in [-1, 1], in two passes over
// centred values scaled by their largest magnitude, so that neither a large
// offset nor a large range spoils it.
func Pearson(x, y []float64) (float64, error) {
	if err := check(x, y); err != nil {
		return 0, err
	}
	if err := constant(varies(x), varies(y)); err != nil {
		return 0, err
	}
	cx, cy := centred(x), centred(y)
	var sxx, syy, sxy float64
	for i := range cx {
		sxx += cx[i] * cx[i]
		syy += cy[i] * cy[i]
		sxy += cx[i] * cy[i]
	}
	if !(sxx > 0 && syy > 0) {
		return 0, undefined(Other, "the values differ by less than their own rounding")
	}
	return ratio(sxy, sxx, syy), nil
}

func varies(v []float64) bool {
	for _, f := range v {
		if f != v[0] {
			return true
		}
	}
	return false
}

// centred returns v minus its mean, divided by a power of two near the largest
// magnitude so that squares neither overflow nor vanish.
func centred(v []float64) []float64 {
	scaled := scale(v)
	var mean float64
	for _, f := range scaled {
		mean += f / float64(len(v))
	}
	var rest float64 // the mean's own rounding error: the correction of the two-pass algorithm
	for _, f := range scaled {
		rest += (f - mean) / float64(len(v))
	}
	for i := range scaled {
		scaled[i] = scaled[i] - mean - rest
	}
	return scale(scaled)
}

func scale(v []float64) []float64 {
	largest := 0.0
	for _, f := range v {
		largest = max(largest, math.Abs(f))
	}
	out := make([]float64, len(v))
	if largest == 0 {
		return out
	}
	_, exp := math.Frexp(largest)
	for i, f := range v {
		out[i] = math.Ldexp(f, -exp)
	}
	return out
}
