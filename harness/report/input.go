package report

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/genbench/genbench/harness/rank"
)

// leastReplicates is what the 2.5 % quantile of a bootstrap needs at least.
const leastReplicates = 20

// meanOfSeeds is the usual value of Input.Repeats.
const meanOfSeeds = "mean"

func (b *builder) options() error {
	in := &b.in
	const usual = 1000
	switch {
	case in.Bootstrap == 0:
		in.Bootstrap = usual
	case in.Bootstrap < 0:
		b.unresampled = true
		b.notes = append(b.notes, "there are no intervals and no ranks: no bootstrap was asked for (0 replicates)")
	case in.Bootstrap < leastReplicates:
		return fmt.Errorf("%d bootstrap replicates: a 95 %% interval needs at least %d (the usual number is %d); 0 leaves out the intervals", in.Bootstrap, leastReplicates, usual)
	}
	if in.Permute == 0 {
		if in.Permute = in.Bootstrap; b.unresampled {
			in.Permute = usual
		}
	}
	if in.Permute < 1 {
		return fmt.Errorf("%d permutations: at least 1 is needed", in.Permute)
	}
	in.Repeats = cmp.Or(in.Repeats, meanOfSeeds)
	repeats := map[string]rank.Repeats{meanOfSeeds: rank.Mean, "pooled": rank.Pooled, "per-seed": rank.PerSeed}
	var ok bool
	if b.repeats, ok = repeats[in.Repeats]; !ok {
		return fmt.Errorf("repeats %q: it must be mean, pooled or per-seed", in.Repeats)
	}
	if err := b.compat(); err != nil {
		return err
	}
	switch in.Gap {
	case "":
		in.Gap = AccuracyGap
	case AccuracyGap:
	case LossGap:
		b.notes = append(b.notes, "gap: test loss minus train loss, in nats")
	default:
		return fmt.Errorf("gap %q: it must be accuracy or loss", in.Gap)
	}
	b.resampling = rank.Resampling{Replicates: in.Bootstrap, Seed: in.Seed}
	return nil
}

// The reasons in Dropped of networks that did not converge.
const (
	missedTarget = "missed the target training loss"
	diverged     = "diverged in training (a loss was not a number): a smaller lr may help"
)

// whyUnconverged counts the networks that did not converge by reason, in order.
func whyUnconverged(networks []Network) (reasons []string, count map[string]int) {
	count = map[string]int{}
	for _, n := range networks {
		switch {
		case n.Unconverged && n.Diverged:
			count[diverged]++
		case n.Unconverged:
			count[missedTarget]++
		}
	}
	return slices.Sorted(maps.Keys(count)), count
}

// dropUnconverged leaves out the networks that missed the target, and what was
// measured of them.
func (b *builder) dropUnconverged() error {
	in := &b.in
	for _, m := range in.Measures {
		if len(m.Values) != len(in.Networks) {
			return fmt.Errorf("measure %s: %d values for %d networks", m.Name, len(m.Values), len(in.Networks))
		}
	}
	missed := func(n Network) bool { return n.Unconverged }
	reasons, count := whyUnconverged(in.Networks)
	if in.KeepUnconverged {
		for _, reason := range reasons {
			b.notes = append(b.notes, fmt.Sprintf("%d of the networks scored %s", count[reason], reason))
		}
		return nil
	}
	if len(reasons) == 0 {
		return nil
	}
	measures := slices.Clone(in.Measures)
	for k := range measures {
		var values []Cell
		for i, n := range in.Networks {
			if !n.Unconverged {
				values = append(values, in.Measures[k].Values[i])
			}
		}
		measures[k].Values = values
	}
	all := len(in.Networks)
	in.Measures, in.Networks = measures, slices.DeleteFunc(slices.Clone(in.Networks), missed)
	in.Dropped = maps.Clone(in.Dropped)
	if in.Dropped == nil {
		in.Dropped = map[string]int{}
	}
	var said []string
	for _, reason := range reasons {
		in.Dropped[reason] += count[reason]
		said = append(said, fmt.Sprintf("%d %s", count[reason], reason))
	}
	switch {
	case len(in.Networks) > 0:
		return nil
	case len(said) == 1:
		return fmt.Errorf("no network to score: all %s", said[0])
	}
	return fmt.Errorf("no network to score of %d: %s", all, strings.Join(said, "; "))
}

func (b *builder) readGaps() error {
	seen := map[string]bool{}
	b.gaps = make([]float64, len(b.in.Networks))
	for i, n := range b.in.Networks {
		if n.ID == "" || seen[n.ID] {
			return fmt.Errorf("network %d: the id %q is empty or taken", i, n.ID)
		}
		seen[n.ID] = true
		g := n.Gap
		if b.in.Gap == LossGap {
			g = n.LossGap
		}
		if math.IsInf(g, 0) {
			return fmt.Errorf("network %s: its %s gap is %v: leave the network out", n.ID, b.in.Gap, g)
		}
		if math.IsNaN(g) {
			return fmt.Errorf("network %s: it has no %s gap (test and train %s, or their difference): give it, leave the network out, or rank by the other gap", n.ID, b.in.Gap, b.in.Gap)
		}
		if b.in.Gap == AccuracyGap {
			// 0.9-0.7 and 1-0.8 are one gap but two float64s.
			g = math.Round(g*1e12) / 1e12
		}
		b.gaps[i] = g
	}
	return nil
}

func (b *builder) readGrid() error {
	for _, axis := range b.in.Axes {
		if axis == "seed" {
			return errors.New("axis seed: the seed is not a hyperparameter; give it as Network.Seed")
		}
		values := make([]string, len(b.in.Networks))
		for i, n := range b.in.Networks {
			v, ok := n.Config[axis]
			if !ok {
				return fmt.Errorf("network %s: no value for the axis %s", n.ID, axis)
			}
			values[i] = v
		}
		order := b.in.AxisLevels[axis]
		if order == nil {
			order = levelOrder(values)
		}
		at, names, err := places(values, order)
		if err != nil {
			return fmt.Errorf("network %s: %s %w", b.in.Networks[at[0]].ID, axis, err)
		}
		if len(names) == 1 {
			b.notes = append(b.notes, fmt.Sprintf("axis %s does not vary over the networks scored and is left out", axis))
			continue
		}
		b.axes = append(b.axes, axis)
		b.levels = append(b.levels, at)
		b.names = append(b.names, names)
		b.possible = append(b.possible, len(slices.Compact(slices.Sorted(slices.Values(order)))))
	}
	seeds := map[int64]int{}
	for _, n := range b.in.Networks {
		seeds[n.Seed] = 0
	}
	for k, s := range slices.Sorted(maps.Keys(seeds)) {
		seeds[s] = k
	}
	seed := make([]int, len(b.in.Networks))
	for i, n := range b.in.Networks {
		seed[i] = seeds[n.Seed]
	}
	var err error
	if b.grid, err = rank.NewGrid(len(b.in.Networks), b.levels, seed); err != nil {
		return err
	}
	return b.canonicalDirections()
}

// places numbers values by their place among the levels that occur, in the order
// given. On an error the first place is the value at fault.
func places(values, order []string) (at []int, names []string, err error) {
	occurs := map[string]bool{}
	for _, v := range values {
		occurs[v] = true
	}
	place := map[string]int{}
	for _, level := range order {
		if _, taken := place[level]; occurs[level] && !taken {
			place[level] = len(names)
			names = append(names, level)
		}
	}
	at = make([]int, len(values))
	for i, v := range values {
		k, ok := place[v]
		if !ok {
			return []int{i}, nil, fmt.Errorf("is %q, which is not among the axis's levels %q", v, order)
		}
		at[i] = k
	}
	return at, names, nil
}

// full is the number of configurations of the full grid: 0 where there are no
// axes, or more than 2⁵³.
func (b *builder) full() int {
	n := 1
	for _, levels := range b.possible {
		if n > 1<<53/levels {
			return 0
		}
		n *= levels
	}
	if len(b.possible) == 0 {
		return 0
	}
	return n
}

// levelOrder sorts numbers by size, before text in its own order.
func levelOrder(values []string) []string {
	order := slices.Compact(slices.Sorted(slices.Values(values)))
	slices.SortStableFunc(order, func(a, c string) int {
		x, errX := strconv.ParseFloat(a, 64)
		y, errY := strconv.ParseFloat(c, 64)
		switch {
		case errX == nil && errY == nil:
			return cmp.Compare(x, y)
		case errX == nil:
			return -1
		case errY == nil:
			return 1
		}
		return 0
	})
	return order
}

func (b *builder) readMeasures() error {
	seen := map[string]bool{}
	controls := ControlNames()
	for _, m := range b.in.Measures {
		switch {
		case m.Name == "":
			return errors.New("a measure without a name")
		case slices.Contains(controls, m.Name):
			return fmt.Errorf("measure %s: the name belongs to a control of the leaderboard (%s): give the measure another", m.Name, strings.Join(controls, ", "))
		case seen[m.Name]:
			return fmt.Errorf("measure %s: the name is taken", m.Name)
		case !slices.Contains([]string{Train, Transductive}, m.Class):
			return fmt.Errorf("measure %s: class %q: it must be train or transductive", m.Name, m.Class)
		case m.Transform != "" && m.Transform != logarithm:
			return fmt.Errorf("measure %s: transform %q: it must be log or left out", m.Name, m.Transform)
		case math.IsNaN(m.Seconds) || math.IsInf(m.Seconds, 0) || m.Seconds < 0:
			return fmt.Errorf("measure %s: it took %v seconds", m.Name, m.Seconds)
		case !slices.Contains([]string{"larger", "smaller", "unknown"}, m.Direction):
			return fmt.Errorf("measure %s: direction %q: it must be larger, smaller or unknown", m.Name, m.Direction)
		}
		seen[m.Name] = true
		for i, c := range m.Values {
			if c.Defined && (math.IsNaN(c.Value) || math.IsInf(c.Value, 0)) {
				return fmt.Errorf("measure %s, network %s: the value is %v: mark it undefined", m.Name, b.in.Networks[i].ID, c.Value)
			}
		}
	}
	return nil
}

func (b *builder) readTestNoise() error {
	correct := make([][]bool, len(b.in.Networks))
	known := 0
	for i, n := range b.in.Networks {
		correct[i] = n.TestCorrect
		if len(n.TestCorrect) > 0 {
			known++
		}
	}
	b.testSize = b.in.TestSize
	if known == len(correct) && b.testSize == 0 {
		b.testSize = len(correct[0])
	}
	switch {
	case b.unresampled:
		return nil
	case b.in.Gap == LossGap:
		return nil // correctness says nothing of the loss
	case known == 0:
		b.notes = append(b.notes, "the intervals leave out the draw of the test examples: per-example correctness is not known")
		return nil
	case known < len(correct):
		b.notes = append(b.notes, fmt.Sprintf("the intervals leave out the draw of the test examples: per-example correctness is known for %d of %d networks only", known, len(correct)))
		return nil
	}
	var err error
	b.resampling.Noise, err = rank.NewTestNoise(correct, b.in.Bootstrap, b.in.Seed)
	return err
}

// chooseEnvironment takes the published environments of the sign error where
// the grid has repeats enough for one of them, else the pooled ones: the choice
// is the board's, so that rows can be compared. It looks at gaps alone.
func (b *builder) chooseEnvironment() error {
	assumed := b.testSize == 0
	if assumed {
		b.testSize = 10000
	}
	var err error
	if b.base, err = b.grid.Sample(b.gaps, b.gaps, nil, b.repeats); err != nil || len(b.axes) == 0 {
		return err
	}
	if b.in.Gap == LossGap {
		b.notes = append(b.notes, "sign err and p90 weigh each pair alike: the published weights are for gaps of accuracy")
	}
	defined := func() bool { return b.base.SignErrorsOf(b.signErrorOptions()).Err == nil }
	if !defined() {
		if b.environment = rank.LevelPair; !defined() {
			return nil
		}
		b.notes = append(b.notes, fmt.Sprintf("sign err and p90 are over pooled environments: one environment is a pair of levels of one axis, over all settings of the other axes together. Dziugaite et al. 2020 take each pair of configurations for an environment, but here none of those reaches the effective sample size %d that they ask for", rank.LeastESS))
	}
	if assumed && b.in.Gap != LossGap {
		b.notes = append(b.notes, "sign err, p90 and RGM weigh pairs as if 10,000 test examples were behind each gap, as in Dziugaite et al. 2020: the number is not known here")
	}
	return nil
}

// noteGrid says how much of the full grid there is, and what Ψ lacks for it.
func (b *builder) noteGrid() {
	if len(b.axes) == 0 {
		return
	}
	if full := b.full(); full > b.grid.Configurations() {
		b.notes = append(b.notes, fmt.Sprintf("%d of %d configurations of the full grid are there", b.grid.Configurations(), full))
	}
	small, cells := 0, 0
	var parts []string
	for a, axis := range b.base.Granulated(rank.B).Axes {
		small += axis.Small
		cells += axis.Cells
		if axis.Small > 0 {
			parts = append(parts, fmt.Sprintf("%d of %d along %s", axis.Small, axis.Cells, b.axes[a]))
		}
	}
	if small > 0 {
		b.notes = append(b.notes, fmt.Sprintf("%d of the %d cells that Ψ averages over have fewer than two networks and say nothing: %s", small, cells, strings.Join(parts, ", ")))
	}
}
