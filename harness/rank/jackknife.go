package rank

import "math"

// mostGroups is the number of groups of configurations that the jackknife leaves
// out in turn: one configuration each in grids of up to so many.
const mostGroups = 200

// leaveOut computes τ, ρ, r and K without each group of configurations. The
// groups are the same for all measures of a grid.
func (s *Sample) leaveOut(out *Intervals, kind Tau, seed uint64) {
	g := s.grid
	groups := min(g.configs, mostGroups)
	order := make([]int, g.configs)
	shuffle(order, seed, forGroups, 0)
	group := make([]int, g.configs)
	for at, c := range order {
		group[c] = at % groups
	}
	sizes := make([]int, groups)
	for c, nets := range s.member {
		sizes[group[c]] += len(nets)
	}
	for _, e := range []*Estimate{&out.Tau, &out.Spearman, &out.Pearson, &out.Information} {
		e.without = make([]optional, groups)
	}
	for k, size := range sizes {
		if size == 0 {
			continue
		}
		less := s.less(group, k)
		out.Tau.without[k] = existing(less.tau(kind))
		out.Spearman.without[k] = existing(less.Spearman())
		out.Pearson.without[k] = existing(less.Pearson())
		i := less.Information()
		out.Information.without[k] = existing(i.K, i.Err)
	}
}

// less is the sample without a group of configurations.
func (s *Sample) less(group []int, without int) *Sample {
	out := &Sample{grid: s.grid, repeats: s.repeats, netX: s.netX, netY: s.netY, rangeX: s.rangeX, rangeY: s.rangeY, member: make([][]int, s.grid.configs)}
	for c, nets := range s.member {
		if group[c] != without {
			out.member[c] = nets
			out.n += len(nets)
		}
	}
	for _, pt := range s.points {
		if group[pt.config] != without {
			out.points = append(out.points, pt)
		}
	}
	out.partition()
	return out
}

func existing(v float64, err error) optional { return optional{v: v, ok: err == nil} }

// jackknife is the standard error of the values without each of the groups,
// √((G−1)/G Σ(T_g − mean)²), and its degrees of freedom.
func jackknife(without []optional) (standardError, degrees float64) {
	n, ss := sumOfSquares(without)
	if n < 2 {
		return 0, 1
	}
	return math.Sqrt(ss * (n - 1) / n), n - 1
}

// deviation is the standard deviation of draws, 0 of fewer than two. Where half
// of them are undefined they are another statistic's, and it is 0 too.
func deviation(draws []optional) float64 {
	n, ss := sumOfSquares(draws)
	if n < 2 || 2*n < float64(len(draws)) {
		return 0
	}
	return math.Sqrt(ss / (n - 1))
}

// sumOfSquares is of the deviations from the mean of the n that are defined.
func sumOfSquares(v []optional) (n, ss float64) {
	var m mean
	for _, o := range v {
		m.add(o)
	}
	centre := m.value().v
	for _, o := range v {
		if o.ok {
			ss += (o.v - centre) * (o.v - centre)
		}
	}
	return float64(m.n), ss
}

// subtract is a − b where both are defined.
func subtract(a, b []optional) []optional {
	out := make([]optional, min(len(a), len(b)))
	for i := range out {
		out[i] = optional{v: a[i].v - b[i].v, ok: a[i].ok && b[i].ok}
	}
	return out
}
