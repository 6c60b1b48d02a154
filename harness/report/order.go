package report

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/genbench/genbench/harness/rank"
)

// board sorts the rows, ranks each class and collects the notes.
func (b *builder) board(rows []scored) *Board {
	reserved := []string{numParams, trainLoss, random, oracle002, oracle005, hyperparameters}
	for i := range rows {
		if slices.Contains(reserved, rows[i].Measure) {
			rows[i].Class = Control
		}
	}
	slices.SortFunc(rows, func(p, q scored) int {
		if p.sortable != q.sortable {
			return cmp.Compare(btoi(q.sortable), btoi(p.sortable))
		}
		return cmp.Or(cmp.Compare(q.estimate.Value, p.estimate.Value), compareTau(q.Tau, p.Tau), cmp.Compare(p.Measure, q.Measure))
	})
	for _, class := range []string{Train, Transductive} {
		var members []*scored
		for i := range rows {
			if rows[i].Class == class && rows[i].sortable {
				members = append(members, &rows[i])
			}
		}
		rankClass(members)
	}
	out := &Board{
		Schema: Schema, Corpus: b.in.Corpus, Models: len(b.in.Networks), axes: b.axes,
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

// rankClass gives the rows of one class, best first, their ranks. A tie group
// is a run of rows that the paired 95 % interval of the difference does not
// tell from the group's first row; all of a group share its first place. The
// interval of a rank counts the rows that are surely better and surely worse,
// at a level that holds for all comparisons of the row together (Bonferroni, as
// in Mogstad et al. 2024, doi:10.1093/restud/rdad006).
func rankClass(rows []*scored) {
	single := distuv.UnitNormal.Quantile(0.975)
	together := single
	if n := len(rows) - 1; n > 1 {
		together = distuv.UnitNormal.Quantile(1 - 0.05/float64(2*n))
	}
	first, group := 0, 0
	for i, r := range rows {
		if i == 0 || distance(rows[first], r) > single {
			first = i
			group++
		}
		better, worse := 0, 0
		for j, other := range rows {
			switch d := distance(other, r); {
			case j == i:
			case d > together:
				better++
			case d < -together:
				worse++
			}
		}
		place, g := first+1, group
		r.Rank, r.TieGroup = &place, &g
		r.RankCI = &[2]int{min(1+better, place), max(len(rows)-worse, place)}
	}
}

// distance is the difference of two rows in its standard errors.
func distance(a, b *scored) float64 {
	if a.unsure || b.unsure {
		return 0
	}
	d, se := rank.Difference(a.estimate, b.estimate)
	if d == 0 {
		return 0
	}
	if se == 0 {
		return math.Copysign(math.Inf(1), d)
	}
	return d / se
}
