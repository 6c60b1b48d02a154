package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/genbench/genbench/harness/rank"
)

// board sorts the rows, ranks each class and collects the notes.
func (b *builder) board(rows []scored) *Board {
	slices.SortFunc(rows, func(p, q scored) int {
		if p.sortable != q.sortable {
			return cmp.Compare(btoi(q.sortable), btoi(p.sortable))
		}
		return cmp.Or(cmp.Compare(q.estimate.Value, p.estimate.Value), compareTau(q.Tau, p.Tau), cmp.Compare(p.Measure, q.Measure))
	})
	for _, class := range []string{Train, Transductive} {
		var all, members []*scored
		for i := range rows {
			if rows[i].Class != class {
				continue
			}
			all = append(all, &rows[i])
			if rows[i].sortable && !b.unresampled {
				members = append(members, &rows[i])
			}
		}
		adjust(all)
		rankClass(members)
	}
	out := &Board{
		Schema: Schema, Corpus: b.in.Corpus, Models: len(b.in.Networks),
		Axes: append([]string{}, b.axes...), Configurations: b.grid.Configurations(), Seeds: b.seeds(), Repeats: b.in.Repeats,
		Possible: b.full(), Estimand: b.estimand(), Gap: b.in.Gap, Adjust: b.in.Adjust, Compat: append([]string{}, b.in.Compat...),
		Dropped: map[string]int{}, Notes: append(slices.Clone(b.in.Notes), b.notes...), Rows: []Row{},
	}
	maps.Copy(out.Dropped, b.in.Dropped)
	if b.floor != (NoiseFloor{}) {
		out.NoiseFloor = &b.floor
	}
	if b.floorNote != "" {
		out.Notes = append(out.Notes, b.floorNote)
	}
	if out.Notes == nil {
		out.Notes = []string{}
	}
	for i := range rows {
		r := &rows[i]
		if r.Rank == nil {
			reason := b.unranked(r)
			for _, field := range []string{"rank", "rank_ci", "tie_group"} {
				r.Notes[field] = reason
			}
		}
		if r.PValueHolm == nil {
			if r.Notes["p_value_holm"] = r.Notes["p_value"]; r.Class == Control {
				r.Notes["p_value_holm"] = "controls are not counted among the measures that are tested"
			}
		}
		out.Rows = append(out.Rows, r.Row)
	}
	out.byPaper()
	return out
}

// unranked says why a row has no rank.
func (b *builder) unranked(r *scored) string {
	switch {
	case r.Class == Control:
		return "controls are not ranked"
	case b.unresampled && r.sortable:
		return noBootstrap
	case r.sortable:
		return "it cannot be compared with others: " + cmp.Or(r.Notes["psi_ci"], r.Notes["tau_ci"])
	case len(b.axes) == 0:
		return "there is no τ to rank by"
	}
	return "there is no Ψ to rank by"
}

func (b *builder) estimand() string {
	if b.unresampled {
		return ""
	}
	s := b.grid.Estimand().String()
	if b.resampling.Noise == nil {
		s = strings.Replace(s, " and new test examples", "; the draw of the test examples is left out", 1)
	}
	return s
}

// compareTau puts an undefined τ below any other.
func compareTau(p, q *float64) int {
	if p == nil || q == nil {
		return cmp.Compare(btoi(p != nil), btoi(q != nil))
	}
	return cmp.Compare(*p, *q)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// seeds is the fewest and the most networks that a configuration has.
func (b *builder) seeds() [2]int {
	count := make([]int, b.grid.Configurations())
	for _, c := range b.grid.Config() {
		count[c]++
	}
	return [2]int{slices.Min(count), slices.Max(count)}
}

// rankClass gives the rows of one class, best first, their ranks. Two rows are
// resolved where the paired difference of their estimates is, at a level of 5 %
// for all pairs of the class together (Holm 1979).
//
//   - A tie group ends where every row above is resolved from every row below;
//     its rows share the place of its first. So two rows of different ranks are
//     always resolved; two of one group need not be alike: each may be unresolved
//     from a third that stands between them.
//   - The interval of a rank leaves out the places of the rows that are resolved
//     as better, and of those that are resolved as worse. It tells rows of a
//     large group apart, and need not hold the place that they share.
//
// A row that cannot be compared, for want of networks, has no rank where others
// can: it would tie all of them. Where none can be compared all rank 1.
func rankClass(rows []*scored) {
	var ranked []*scored
	for _, r := range rows {
		if !r.unsure {
			ranked = append(ranked, r)
		}
	}
	if len(ranked) == 0 {
		ranked = rows
	}
	apart := resolvedPairs(ranked)
	first, group := 0, 1
	for i, r := range ranked {
		if i > 0 && cut(apart, i) {
			first = i
			group++
		}
		better, worse := 0, 0
		for j := range ranked {
			switch {
			case !apart[min(i, j)][max(i, j)]:
			case j < i:
				better++
			default:
				worse++
			}
		}
		place, g := first+1, group
		r.Rank, r.TieGroup = &place, &g
		r.RankCI = &[2]int{1 + better, len(ranked) - worse}
	}
}

// adjust gives the p-values of one class the level of all of them together.
func adjust(rows []*scored) {
	var p []float64
	for _, r := range rows {
		if r.PValue != nil {
			p = append(p, *r.PValue)
		}
	}
	p = rank.Holm(p)
	for _, r := range rows {
		if r.PValue != nil {
			r.PValueHolm, p = &p[0], p[1:]
		}
	}
}

// cut tells whether all rows above i are resolved from i and all below.
func cut(apart [][]bool, i int) bool {
	for above := range i {
		for below := i; below < len(apart); below++ {
			if !apart[above][below] {
				return false
			}
		}
	}
	return true
}

// resolvedPairs marks the pairs i < j of rows whose difference is beyond its
// error, at 5 % for all of them together.
func resolvedPairs(rows []*scored) [][]bool {
	const level = 0.05
	var p []float64
	for i := range rows {
		for j := i + 1; j < len(rows); j++ {
			p = append(p, rank.Compare(rows[i].estimate, rows[j].estimate).P)
		}
	}
	p = rank.Holm(p)
	apart := make([][]bool, len(rows))
	for i := range rows {
		apart[i] = make([]bool, len(rows))
		for j := i + 1; j < len(rows); j++ {
			apart[i][j] = p[0] <= level && !rows[i].unsure && !rows[j].unsure
			p = p[1:]
		}
	}
	return apart
}
