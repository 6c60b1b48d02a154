package report

import (
	"cmp"
	"maps"
	"slices"

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
		var members []*scored
		for i := range rows {
			if rows[i].Class == class && rows[i].sortable && !b.unresampled {
				members = append(members, &rows[i])
			}
		}
		rankClass(members)
	}
	out := &Board{
		Schema: Schema, Corpus: b.in.Corpus, Models: len(b.in.Networks),
		Axes: append([]string{}, b.axes...), Configurations: b.grid.Configurations(), Seeds: b.seeds(), Repeats: b.in.Repeats,
		Dropped: map[string]int{}, Notes: append(slices.Clone(b.in.Notes), b.notes...), Rows: []Row{},
	}
	maps.Copy(out.Dropped, b.in.Dropped)
	if out.Notes == nil {
		out.Notes = []string{}
	}
	for i := range rows {
		r := &rows[i]
		if r.Rank == nil {
			reason := "there is no Ψ to rank by"
			switch {
			case r.Class == Control:
				reason = "controls are not ranked"
			case len(b.axes) == 0:
				reason = "there is no τ to rank by"
			}
			if b.unresampled && r.sortable && r.Class != Control {
				reason = noBootstrap
			}
			for _, field := range []string{"rank", "rank_ci", "tie_group"} {
				r.Notes[field] = reason
			}
		}
		out.Rows = append(out.Rows, r.Row)
	}
	return out
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

// rankClass gives the rows of one class, best first, their ranks. A row is
// resolved from another where the 95 % interval of their paired difference
// leaves out 0, at a level that holds for all comparisons of the row together
// (Bonferroni, as in Mogstad et al. 2024, doi:10.1093/restud/rdad006).
//
//   - A tie group is a run of rows none of which is resolved from the group's
//     first; its rows share the first's place. The next group begins with the
//     first row that is resolved. So a group can span a wide range of values
//     where the errors are wide, and its last row can be tied with rows of the
//     next: being unresolved is not transitive.
//   - The interval of a rank leaves out the places of the rows that are resolved
//     as better, and of those that are resolved as worse.
//
// Both follow from the same comparisons: where none of a class is resolved, all
// rank 1, from 1 to the last.
func rankClass(rows []*scored) {
	alpha := 0.05 / float64(max(1, len(rows)-1))
	first, group := 0, 0
	for i, r := range rows {
		if i == 0 || resolved(rows[first], r, alpha) > 0 {
			first = i
			group++
		}
		better, worse := 0, 0
		for j, other := range rows {
			switch {
			case j == i:
			case resolved(other, r, alpha) > 0:
				better++
			case resolved(other, r, alpha) < 0:
				worse++
			}
		}
		place, g := first+1, group
		r.Rank, r.TieGroup = &place, &g
		r.RankCI = &[2]int{min(1+better, place), max(len(rows)-worse, place)}
	}
}

// resolved is rank.Resolved, where a row without an interval is resolved from none.
func resolved(a, b *scored, alpha float64) int {
	if a.unsure || b.unsure {
		return 0
	}
	return rank.Resolved(a.estimate, b.estimate, alpha)
}
