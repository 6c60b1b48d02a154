package rank

import "math"

// mostGroups is the number of groups of configurations that the jackknife leaves
// out in turn: one configuration each in grids of up to so many.
const mostGroups = 200

// leaveOut computes the statistics without each group of configurations. The
// groups are the same for all measures of a grid.
func (s *Sample) leaveOut(kind Tau, seed uint64) (values []scores, information []optional) {
	g := s.grid
	groups := min(g.configs, mostGroups)
	order := make([]int, g.configs)
	shuffle(order, seed, forGroups, 0)
	group := make([]int, g.configs)
	for at, c := range order {
		group[c] = at % groups
	}
	size := make([]int, groups)
	all := make([]bool, g.n)
	for c, nets := range s.member {
		for _, i := range nets {
			all[i] = true
			size[group[c]]++
		}
	}
	values, information = make([]scores, groups), make([]optional, groups)
	defined := make([]bool, g.n)
	for k := range groups {
		if size[k] == 0 {
			continue
		}
		for i, c := range g.config {
			defined[i] = all[i] && group[c] != k
		}
		less, err := g.Sample(s.netX, s.netY, defined, s.repeats)
		if err != nil {
			continue // not of a sample that was accepted whole
		}
		tau := less.TauB
		if kind == A {
			tau = less.TauA
		}
		values[k].tau, values[k].spearman, values[k].pearson = existing(tau()), existing(less.Spearman()), existing(less.Pearson())
		i := less.Information()
		information[k] = existing(i.K, i.Err)
	}
	return values, information
}

func existing(v float64, err error) optional { return optional{v: v, ok: err == nil} }

// jackknife is the standard error of the values without each of the groups, and
// its degrees of freedom.
func jackknife(without []optional) (standardError, degrees float64) {
	var m mean
	for _, o := range without {
		m.add(o)
	}
	if m.n < 2 {
		return 0, 1
	}
	var ss float64
	centre := m.value().v
	for _, o := range without {
		if o.ok {
			ss += (o.v - centre) * (o.v - centre)
		}
	}
	n := float64(m.n)
	return math.Sqrt(ss * (n - 1) / n), n - 1
}

// subtract is a − b where both are defined.
func subtract(a, b []optional) []optional {
	out := make([]optional, min(len(a), len(b)))
	for i := range out {
		out[i] = optional{v: a[i].v - b[i].v, ok: a[i].ok && b[i].ok}
	}
	return out
}

// deviation is the standard deviation of draws.
func deviation(draws []optional) float64 {
	var m mean
	for _, o := range draws {
		m.add(o)
	}
	if m.n < 2 {
		return 0
	}
	var ss float64
	centre := m.value().v
	for _, o := range draws {
		if o.ok {
			ss += (o.v - centre) * (o.v - centre)
		}
	}
	return math.Sqrt(ss / float64(m.n-1))
}
