package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// none stands for a statistic that does not exist.
const none = "—"

// column is one column of the printed tables.
type column struct {
	head string
	text func(*Row) string
	left bool // aligned left
}

// identity are the columns that every printed table begins with.
func (b *Board) identity() []column {
	shared := b.shared()
	return []column{
		{head: "#", text: func(r *Row) string { return place(r, shared) }},
		{head: "measure", text: func(r *Row) string { return r.Measure }, left: true},
	}
}

// group is a tie group of a class.
type group struct {
	class string
	group int
}

// shared counts the rows of each tie group.
func (b *Board) shared() map[group]int {
	rows := map[group]int{}
	for i := range b.Rows {
		if r := &b.Rows[i]; r.TieGroup != nil {
			rows[group{r.Class, *r.TieGroup}]++
		}
	}
	return rows
}

// tables are the printed tables: what was published, where that was asked for,
// else the main statistics, ψ by axis, and what is known beside them.
func (b *Board) tables() [][]column {
	if columns := b.compatColumns(); len(columns) > 0 {
		return [][]column{columns}
	}
	tables := [][]column{b.mainColumns()}
	if more := append(b.axisColumns(), b.detailColumns()...); len(more) > 0 {
		tables = append(tables, more)
	}
	return tables
}

// mainColumns are the columns of the first table, in the order of design.
func (b *Board) mainColumns() []column {
	columns := []column{{head: "class", text: func(r *Row) string { return r.Class }, left: true}}
	psi := column{head: b.psiHead(), text: func(r *Row) string { return r.partial() + withInterval(r.Psi, r.PsiCI) }}
	tau := column{head: "τ [95 %]", text: func(r *Row) string { return withInterval(r.Tau, r.TauCI) }}
	if len(b.Axes) > 0 {
		columns = append(columns, psi)
	}
	return append(columns, tau,
		column{head: "p", text: func(r *Row) string { return probability(r.PValue) }},
		column{head: "K", text: func(r *Row) string { return decimals(r.CMI, 3) }},
		column{head: "ρ", text: func(r *Row) string { return decimals(r.Spearman, 2) }},
		column{head: "r", text: func(r *Row) string { return decimals(r.Pearson, 2) }},
		column{head: "sign err", text: func(r *Row) string { return r.signError(func(e *SignError) float64 { return e.Mean }) }},
		column{head: "p90", text: func(r *Row) string { return r.signError(func(e *SignError) float64 { return e.P90 }) }},
		column{head: "cover", text: func(r *Row) string { return strconv.FormatFloat(100*r.Coverage, 'f', 0, 64) + " %" }},
		column{head: "n", text: func(r *Row) string { return strconv.Itoa(r.N) }},
		column{head: "s/net", text: func(r *Row) string { return seconds(r.Seconds) }},
	)
}

// psiHead explains the star where there is one.
func (b *Board) psiHead() string {
	for i := range b.Rows {
		if b.Rows[i].partial() != "" {
			return "Ψ [95 %] *partial"
		}
	}
	return "Ψ [95 %]"
}

// axisColumns show ψ of each axis.
func (b *Board) axisColumns() []column {
	var columns []column
	for _, axis := range b.Axes {
		columns = append(columns, column{head: "ψ " + axis, text: func(r *Row) string { return decimals(r.PsiByAxis[axis], 2) }})
	}
	return columns
}

// detailColumns are the intervals and p-values for which the main table has no
// room, and where the sign error is largest. Columns without a value are left out.
func (b *Board) detailColumns() []column {
	columns := []column{
		{head: "max err at", left: true, text: func(r *Row) string {
			if r.SignError == nil || r.SignError.MaxAt == nil {
				return none
			}
			return decimals(&r.SignError.Max, 2) + " " + *r.SignError.MaxAt
		}},
		{head: "K [95 %]", text: func(r *Row) string { return intervalAlone(r.CMICI, 3, 5) }}, // K has no sign
		{head: "ρ [95 %]", text: func(r *Row) string { return intervalAlone(r.SpearmanCI, 2, 5) }},
		{head: "r [95 %]", text: func(r *Row) string { return intervalAlone(r.PearsonCI, 2, 5) }},
		{head: "p Holm", text: func(r *Row) string { return probability(r.PValueHolm) }},
	}
	return slices.DeleteFunc(columns, func(c column) bool {
		for i := range b.Rows {
			if c.text(&b.Rows[i]) != none {
				return false
			}
		}
		return true
	})
}

// place is the rank; of a shared one, which says little by itself, the places that
// the row can have: "~ 2-5".
func place(r *Row, shared map[group]int) string {
	if r.Rank == nil {
		return none
	}
	if r.TieGroup == nil || shared[group{r.Class, *r.TieGroup}] < 2 {
		return strconv.Itoa(*r.Rank)
	}
	if r.RankCI == nil {
		return "~ " + strconv.Itoa(*r.Rank)
	}
	return fmt.Sprintf("~ %d-%d", r.RankCI[0], r.RankCI[1])
}

// partial marks a Ψ that is not the mean of all axes: it is not of a kind with
// the others.
func (r *Row) partial() string {
	if r.Psi == nil {
		return ""
	}
	for _, psi := range r.PsiByAxis {
		if psi == nil {
			return "*"
		}
	}
	return ""
}

func (r *Row) signError(of func(*SignError) float64) string {
	if r.SignError == nil {
		return none
	}
	v := of(r.SignError)
	return decimals(&v, 2)
}

func decimals(v *float64, n int) string {
	if v == nil {
		return none
	}
	// Adding 0 turns the -0 that rounding makes into 0.
	scale := math.Pow(10, float64(n))
	return strconv.FormatFloat(math.Round(*v*scale)/scale+0, 'f', n, 64)
}

func withInterval(v *float64, ci *Interval) string {
	if v == nil || ci == nil {
		return decimals(v, 2)
	}
	return fmt.Sprintf("%s [%5s, %5s]", decimals(v, 2), decimals(&ci[0], 2), decimals(&ci[1], 2))
}

func intervalAlone(ci *Interval, digits, width int) string {
	if ci == nil {
		return none
	}
	return fmt.Sprintf("[%*s, %*s]", width, decimals(&ci[0], digits), width, decimals(&ci[1], digits))
}

func probability(p *float64) string {
	switch {
	case p == nil:
		return none
	case *p < 0.001:
		return "<.001"
	}
	return decimals(p, 3)
}

func seconds(v *float64) string {
	if v == nil || *v <= 0 {
		return none
	}
	switch s := *v; {
	case s < 0.001:
		return "<1ms"
	case s < 1:
		return fmt.Sprintf("%.0fms", 1000*s)
	case s < 100:
		return fmt.Sprintf("%.1fs", s)
	default:
		return fmt.Sprintf("%.0fs", s)
	}
}
