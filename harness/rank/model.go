package rank

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// model is a grid of which other draws of the seeds and of the test examples can
// be made. A network's x is the centre of its configuration plus the
// configuration's standard deviation times a residual, and so is its y; one
// donor network gives both residuals, so that x and y keep their correlation.
//
// Why a model and not the networks themselves drawn with replacement: those lie
// around means that hold noise already, so that their statistics vary too little
// where the true differences are small (standard deviations 10 to 30 % low,
// coverage 82 to 92 % in simulations of internal/coverage); and two seeds leave
// each configuration one degree of freedom for its variance.
type model struct {
	s      *Sample
	noise  *TestNoise
	x, y   side
	donors []int32 // [D] networks of the grid whose configuration has repeats
}

// side is the model of x or of y, or of the logarithm of x.
type side struct {
	sign     float64   // 0; where the logarithm is modelled the sign of all values
	centre   []float64 // [C]
	sd       []float64 // [C] of one network
	residual []float64 // [D] mean 0 in each configuration, mean square 1
}

// value is that of a network of configuration c with the residual of donor d.
func (m *side) value(c, d int) float64 {
	v := m.centre[c] + m.sd[c]*m.residual[d]
	if m.sign != 0 {
		const largest = 600 // means of e⁶⁰⁰ and their squared differences, scaled, are finite
		return m.sign * math.Exp(max(-largest, min(largest, v)))
	}
	return v
}

func (s *Sample) newModel(noise *TestNoise) *model {
	m := &model{s: s, noise: noise}
	for i, c := range s.grid.config {
		if s.grid.repeats[c] > 1 {
			m.donors = append(m.donors, int32(i))
		}
	}
	e := s.newEffects()
	x, sign := s.logarithms(s.tamed(s.netX))
	m.x = s.newSide(x, m.donors, e, nil)
	m.x.sign = sign
	y := s.netY
	if noise == nil {
		y = s.tamed(y)
	}
	m.y = s.newSide(y, m.donors, e, noise)
	return m
}

// tamed are the values times a power of two, which no statistic sees, where their
// squares would leave the range of a float64.
func (s *Sample) tamed(v []float64) []float64 {
	const least, most = 1e-100, 1e100
	largest := 0.0
	for _, nets := range s.member {
		for _, i := range nets {
			largest = max(largest, math.Abs(v[i]))
		}
	}
	if largest == 0 || least < largest && largest < most {
		return v
	}
	_, exponent := math.Frexp(largest)
	out := make([]float64, len(v))
	for _, nets := range s.member {
		for _, i := range nets {
			out[i] = math.Ldexp(v[i], -exponent)
		}
	}
	return out
}

// draw writes replicate b into the points of f.
func (m *model) draw(f *scorer, seed uint64, b int) {
	g := stream(seed, forSeeds, b)
	shift := m.noise.of(b)
	at := 0
	for c, nets := range m.s.member {
		// As many numbers are drawn as the grid has networks, so that measures
		// that lack some of them still share the rest of the stream.
		var sumX, sumY float64
		for r := range m.s.grid.repeats[c] {
			d := below(g, len(m.donors))
			if r >= len(nets) {
				continue
			}
			x, y := m.x.value(c, d), m.y.value(c, d)
			if shift != nil {
				y += shift[nets[r]]
			}
			if m.s.repeats == Mean {
				sumX += x
				sumY += y
				continue
			}
			f.x[at], f.y[at] = x, y
			at++
		}
		if m.s.repeats == Mean && len(nets) > 0 {
			n := float64(len(nets))
			f.x[at], f.y[at] = sumX/n, sumY/n
			at++
		}
	}
}

// newSide fits one side. noise is what the test examples do to it, or nil.
func (s *Sample) newSide(v []float64, donors []int32, e *effects, noise *TestNoise) side {
	means, variances, degrees := s.spread(v)
	out := side{centre: means, sd: make([]float64, len(means))}
	seeds := 1.0 // the share of the variances that is not the test examples'
	if noise != nil {
		seeds = s.seedShare(variances, degrees, noise)
	}
	moderated, sparse := moderate(variances, degrees)
	for c, v := range moderated {
		out.sd[c] = math.Sqrt(seeds * v)
	}
	out.residual = s.residuals(v, means, moderated, degrees, donors)
	if sparse {
		return out
	}
	var ofMean mean // variance of a configuration's mean, the test examples aside
	for c, nets := range s.member {
		switch n := float64(len(nets)); {
		case n > 1:
			ofMean.add(optional{seeds * variances[c] / n, true})
		case n == 1:
			ofMean.add(optional{seeds * pooled(variances, degrees), true})
		}
	}
	e.shrink(out.centre, e.chance(ofMean.value().v, noise))
	return out
}

// logarithms are log |x| and the sign of x where all x have one sign and noise that
// grows with |x|; else x and 0. Box and Cox 1964 decide (JRSS B 26(2)), between
// their λ = 0 and λ = 1: the scale on which the likelihood of the deviations from
// the means of the configurations is the larger, that is to say, whose variance
// is the smaller once that of the logarithms is multiplied by the squared
// geometric mean. On the wrong scale the intervals of r and K on log-normal noise
// covered 63 and 70 %.
func (s *Sample) logarithms(x []float64) ([]float64, float64) {
	logs := make([]float64, len(x))
	sign := 0.0
	var geometric mean
	for _, nets := range s.member {
		for _, i := range nets {
			v := x[i]
			if v == 0 || sign*v < 0 {
				return x, 0
			}
			sign = math.Copysign(1, v)
			logs[i] = math.Log(math.Abs(v))
			if len(nets) > 1 {
				geometric.add(optional{logs[i], true})
			}
		}
	}
	if geometric.n == 0 {
		return x, 0
	}
	_, variances, degrees := s.spread(x)
	_, ofLogs, _ := s.spread(logs)
	plain, scaled := pooled(variances, degrees), pooled(ofLogs, degrees)
	if !(plain > 0 && scaled > 0) || math.Log(scaled)+2*geometric.value().v >= math.Log(plain) {
		return x, 0
	}
	return logs, sign
}

// pooled is the mean of variances by their degrees of freedom.
func pooled(variances []float64, degrees []int) float64 {
	var m mean
	for c, d := range degrees {
		m.sum, m.n = m.sum+variances[c]*float64(d), m.n+d
	}
	return m.value().v
}

// spread is the mean and the variance of each configuration, and the variance's
// degrees of freedom: [C] each.
func (s *Sample) spread(v []float64) (means, variances []float64, degrees []int) {
	means, variances, degrees = make([]float64, s.grid.configs), make([]float64, s.grid.configs), make([]int, s.grid.configs)
	spread := s.spreadOf(v)
	for c, nets := range s.member {
		if len(nets) == 0 {
			continue
		}
		means[c] = s.meanOf(v, nets, spread)
		first := v[nets[0]]
		var sum, ss float64
		for _, i := range nets {
			sum += (v[i] - first) / float64(len(nets))
		}
		for _, i := range nets {
			d := v[i] - first - sum
			ss += d * d
		}
		if len(nets) > 1 {
			degrees[c] = len(nets) - 1
			variances[c] = ss / float64(degrees[c])
		}
	}
	return means, variances, degrees
}

// seedShare is the share of the variance within configurations that is not the
// draw of the test examples, in [0, 1]: those shift all networks in a replicate
// and must not count twice.
func (s *Sample) seedShare(variances []float64, degrees []int, noise *TestNoise) float64 {
	var all, test float64
	for c, d := range degrees {
		if d > 0 {
			all += variances[c] * float64(d)
			test += noise.within(s.member[c]) * float64(d)
		}
	}
	if all == 0 {
		return 0
	}
	return max(0, 1-test/all)
}

// residuals standardises the deviations of the donors by the moderated variances
// of their configurations and makes their mean square 1. A donor where the side
// is unknown or alone lends the next donor's.
func (s *Sample) residuals(v, means, variances []float64, degrees []int, donors []int32) []float64 {
	out := make([]float64, len(donors))
	known := make([]bool, len(donors))
	in := make([]bool, len(v))
	for _, nets := range s.member {
		for _, i := range nets {
			in[i] = true
		}
	}
	var square mean
	for d, i := range donors {
		c := s.grid.config[i]
		if known[d] = in[i] && degrees[c] > 0; !known[d] {
			continue
		}
		if variances[c] > 0 {
			r := float64(degrees[c] + 1)
			out[d] = (v[i] - means[c]) * math.Sqrt(r/(r-1)/variances[c])
		}
		square.add(optional{out[d] * out[d], true})
	}
	if square.sum == 0 {
		clear(out)
		return out
	}
	scale := 1 / math.Sqrt(square.value().v)
	next := 0.0
	for pass := range 2 { // the second time next has come round from the front
		for d := len(out) - 1; d >= 0; d-- {
			switch {
			case !known[d]:
				out[d] = next
			case pass == 0:
				out[d] *= scale
				fallthrough
			default:
				next = out[d]
			}
		}
	}
	return out
}

// moderate estimates the variance of each configuration from all of them by the
// empirical Bayes of Smyth 2004 (doi:10.2202/1544-6115.1027, section 6): a
// scaled inverse χ² prior is fitted to the log variances by its digamma and
// trigamma moments, and with d0 degrees of the prior,
//
//	v_c = (d0·s0² + d_c·s_c²) / (d0 + d_c).
//
// A configuration of one network has s0². Where the log variances vary no more
// than by chance d0 is infinite, and all are s0². Deviations: all are multiplied so
// that their mean is that of the s_c², as the v_c follow the means of 1/v rather
// than of v, and too little noise made intervals cover 86 to 93 %; variances of 0,
// which have no logarithm, are taken for the least other one times e⁻², the mean
// of log d² of a difference that rounding to a lattice hides; and where more than
// half are 0 (sparse) nothing is moderated, nor has a lone network noise: what does
// not vary with the seed in most configurations should not be made to.
func moderate(variances []float64, degrees []int) (out []float64, sparse bool) {
	out = make([]float64, len(variances))
	least, zeros, known := math.Inf(1), 0, 0
	for c, d := range degrees {
		switch {
		case d <= 0:
			continue
		case variances[c] == 0:
			zeros++
		default:
			least = min(least, variances[c])
		}
		known++
	}
	if 2*zeros > known || known == 0 {
		copy(out, variances)
		return out, true
	}
	var sum, squares, trigamma float64
	const normal = 0x1p-1022
	floored := func(c int) float64 { return max(variances[c], least*math.Exp(-2), normal) }
	logs := make([]float64, 0, known)
	for c, d := range degrees {
		if d > 0 {
			half := float64(d) / 2
			logs = append(logs, math.Log(floored(c))-mathext.Digamma(half)+math.Log(half))
			sum += logs[len(logs)-1]
			trigamma += mathext.Zeta(2, half) // the trigamma function
		}
	}
	centre := sum / float64(known)
	for _, l := range logs {
		squares += (l - centre) * (l - centre)
	}
	excess := 0.0
	if known > 1 {
		excess = squares/float64(known-1) - trigamma/float64(known)
	}
	half, prior := math.Inf(1), 1.0
	if excess > 0 {
		half = inverseTrigamma(excess)
		prior = math.Exp(centre + mathext.Digamma(half) - math.Log(half))
	}
	for c, d := range degrees {
		out[c] = prior
		if d > 0 && excess > 0 {
			out[c] = (2*half*prior + float64(d)*variances[c]) / (2*half + float64(d))
		}
	}
	scale := pooled(variances, degrees) / pooled(out, degrees)
	for c := range out {
		out[c] *= scale
	}
	return out, false
}

// inverseTrigamma finds x with trigamma(x) = v by bisection of its logarithm.
func inverseTrigamma(v float64) float64 {
	low, high := math.Log(1e-4), math.Log(1e8)
	for range 80 {
		if mid := (low + high) / 2; mathext.Zeta(2, math.Exp(mid)) > v {
			low = mid
		} else {
			high = mid
		}
	}
	return math.Exp((low + high) / 2)
}
