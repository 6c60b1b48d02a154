package rank

import "math"

// effects splits one value a configuration into the mean, an effect of each
// axis, and the rest: least squares of main effects, which a grid need not be
// complete for.
type effects struct {
	s      *Sample
	levels [][]int // [A][C]
	counts [][]int // [A][level] configurations
	config []int   // those that hold a network

	parts [][]float64 // [A+1][C] the effects, then the rest
	sums  []float64   // by level
}

// squares are sums of squares over the configurations.
type squares struct {
	axes []float64 // [A]
	rest float64
}

func (s *Sample) newEffects() *effects {
	e := &effects{s: s}
	for c, nets := range s.member {
		if len(nets) > 0 {
			e.config = append(e.config, c)
		}
	}
	for a, axis := range s.grid.levels {
		levels, counts := make([]int, s.grid.configs), make([]int, len(s.grid.given[a]))
		for i, c := range s.grid.config {
			levels[c] = axis[i]
		}
		for _, c := range e.config {
			counts[levels[c]]++
		}
		e.levels, e.counts = append(e.levels, levels), append(e.counts, counts)
		e.parts = append(e.parts, make([]float64, s.grid.configs))
	}
	e.parts = append(e.parts, make([]float64, s.grid.configs))
	return e
}

// split fills parts by fitting the axes in turn until nothing moves; in a
// complete grid the first round is exact. It returns the mean.
func (e *effects) split(v []float64) float64 {
	rest := e.parts[len(e.levels)]
	first := v[e.config[0]]
	var grand, largest float64
	for _, c := range e.config {
		grand += (v[c] - first) / float64(len(e.config))
	}
	grand += first
	for _, c := range e.config {
		rest[c] = v[c] - grand
		largest = max(largest, math.Abs(rest[c]))
	}
	for a := range e.levels {
		clear(e.parts[a])
	}
	const rounds, enough = 50, 1e-9
	for range rounds {
		moved := 0.0
		for a, levels := range e.levels {
			e.sums = resized(e.sums, len(e.counts[a]))
			clear(e.sums)
			for _, c := range e.config {
				e.sums[levels[c]] += rest[c]
			}
			for l, n := range e.counts[a] {
				e.sums[l] /= float64(max(1, n))
				moved = max(moved, math.Abs(e.sums[l]))
			}
			for _, c := range e.config {
				e.parts[a][c] += e.sums[levels[c]]
				rest[c] -= e.sums[levels[c]]
			}
		}
		if moved <= enough*largest {
			break
		}
	}
	return grand
}

func (e *effects) squared(part int) float64 {
	var sum float64
	for _, c := range e.config {
		sum += e.parts[part][c] * e.parts[part][c]
	}
	return sum
}

// chance is what noise alone gives the sums of squares, and a standard deviation
// of that more: ofMean is the variance of a configuration's mean over seeds,
// noise the draw of the test examples, or nil. With the expectation alone half of
// the effects that do not exist would be taken for some; correlations with a
// measure of no relation then seem 9 % more certain than they are.
func (e *effects) chance(ofMean float64, noise *TestNoise) squares {
	out := squares{axes: make([]float64, len(e.levels))}
	degrees := squares{axes: make([]float64, len(e.levels)), rest: float64(len(e.config) - 1)}
	for a, counts := range e.counts {
		for _, n := range counts {
			if n > 0 {
				degrees.axes[a]++
			}
		}
		degrees.axes[a]--
		degrees.rest -= degrees.axes[a]
		out.axes[a] = degrees.axes[a] * ofMean
	}
	out.rest = max(0, degrees.rest) * ofMean
	if noise != nil {
		e.addTests(&out, noise)
	}
	more := func(degrees float64) float64 { return 1 + math.Sqrt(2/max(1, degrees)) } // of χ²
	for a := range out.axes {
		out.axes[a] *= more(degrees.axes[a])
	}
	out.rest *= more(degrees.rest)
	return out
}

// addTests adds what the draw of the test examples gives on average.
func (e *effects) addTests(out *squares, noise *TestNoise) {
	const enough = 100 // draws: the expectation is known to some 10 %
	draws := min(enough, noise.draws())
	shift := make([]float64, e.s.grid.configs)
	for b := range draws {
		of := noise.of(b)
		for _, c := range e.config {
			shift[c] = 0
			for _, i := range e.s.member[c] {
				shift[c] += of[i] / float64(len(e.s.member[c]))
			}
		}
		e.split(shift)
		for a := range out.axes {
			out.axes[a] += e.squared(a) / float64(draws)
		}
		out.rest += e.squared(len(e.levels)) / float64(draws)
	}
}

// shrink makes the spread of v, [C], that of the true means: an effect whose
// squares sum to Q, where chance makes q, is multiplied by √(max(0, 1 − q/Q)).
func (e *effects) shrink(v []float64, noise squares) {
	grand := e.split(v)
	factor := func(part int, q float64) float64 {
		all := e.squared(part)
		if all <= q {
			return 0
		}
		return math.Sqrt(1 - q/all)
	}
	for _, c := range e.config {
		v[c] = grand
	}
	for part := range e.parts {
		q := noise.rest
		if part < len(e.levels) {
			q = noise.axes[part]
		}
		f := factor(part, q)
		for _, c := range e.config {
			v[c] += f * e.parts[part][c]
		}
	}
}
