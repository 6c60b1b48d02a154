package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Compat holds the scores that papers published, each as its authors' code
// computes it, whatever this package would choose, on the measure as oriented by
// its direction. FGM's are of the board's repeats, PGDL's of the configurations'
// means, the others of single networks. A score that does not exist is nil, with
// its reason in the row's notes ("compat.pgdl", say).
type Compat struct {
	FGMPsi       *float64            `json:"fgm_psi"`         // Jiang et al. 2019: Ψ of τ-a
	FGMTau       *float64            `json:"fgm_tau"`         // and the overall τ-a
	FGMPsiByAxis map[string]*float64 `json:"fgm_psi_by_axis"` // and ψ of τ-a
	PGDL         *float64            `json:"pgdl"`            // the score of one task of PGDL, 0 to 100 and a little more
	RGMMean      *float64            `json:"rgm_mean"`        // Dziugaite et al. 2020: the sign error over environments, mean,
	RGMP90       *float64            `json:"rgm_p90"`         // 90th percentile
	RGMMax       *float64            `json:"rgm_max"`         // and largest
	Environments *int                `json:"rgm_environments"`
	CNA          *float64            `json:"cna"` // Gain and Siegelmann: absolute Pearson with the loss gap
}

// published is one paper's scores.
type published struct {
	name    string
	key     func(*Row) *float64 // what the rows are ordered by; larger is better
	columns func(*Board) []column
	legend  string
	quirks  []string // what its authors' code does that this board does otherwise
}

// papers are what Input.Compat can name.
var papers = []published{
	{
		name: "fgm",
		key: func(r *Row) *float64 {
			if r.Compat.FGMPsi == nil { // no axes
				return r.Compat.FGMTau
			}
			return r.Compat.FGMPsi
		},
		columns: fgmColumns,
		legend:  "FGM: Ψ and ψ of each axis, and overall τ, all of Kendall's τ-a, as in Jiang et al. 2019.",
		quirks:  []string{"compat fgm: Kendall's τ-a counts a tied pair as 0, so that an axis that a measure does not see scores 0 and pulls Ψ towards 0; under τ-b it has no ψ"},
	},
	{
		name:    "pgdl",
		key:     func(r *Row) *float64 { return r.Compat.PGDL },
		columns: func(*Board) []column { return []column{score("PGDL", 2, func(c *Compat) *float64 { return c.PGDL })} },
		legend:  "PGDL: the score of one task of the NeurIPS 2020 competition, 100 x conditional mutual information, least over pairs of hyperparameters.",
		quirks: []string{
			"compat pgdl: each network is also paired with itself, which counts as agreement and lifts the score of a measure that knows nothing above 0",
			"compat pgdl: the score is blind to sign: a measure that orders all networks the wrong way scores too",
			"compat pgdl: cells of the grid count alike, however many pairs they hold",
		},
	},
	{
		name: "rgm",
		key: func(r *Row) *float64 {
			if r.Compat.RGMMean == nil {
				return nil
			}
			better := -*r.Compat.RGMMean
			return &better
		},
		columns: func(*Board) []column {
			return []column{
				score("RGM mean", 3, func(c *Compat) *float64 { return c.RGMMean }),
				score("RGM p90", 3, func(c *Compat) *float64 { return c.RGMP90 }),
				score("RGM max", 3, func(c *Compat) *float64 { return c.RGMMax }),
				{head: "environments", text: func(r *Row) string {
					if r.Compat.Environments == nil {
						return none
					}
					return strconv.Itoa(*r.Compat.Environments)
				}},
			}
		},
		legend: "RGM: sign error over environments (mean, 90th percentile, largest; smaller is better, 0.5 is chance), as in Dziugaite et al. 2020.",
		quirks: []string{"compat rgm: an environment is a pair of configurations that differ in one axis, over all pairs of their repeats, and needs an effective sample size of 12: grids with few seeds have none"},
	},
	{
		name: "cna",
		key:  func(r *Row) *float64 { return r.Compat.CNA },
		columns: func(*Board) []column {
			return []column{score("|r| loss gap", 3, func(c *Compat) *float64 { return c.CNA })}
		},
		legend: "|r| loss gap: absolute Pearson correlation with test loss minus train loss over single networks, as in the work on CNA.",
		quirks: []string{"compat cna: the absolute Pearson correlation with the loss gap is blind to sign, and one network with an extreme value can decide it"},
	},
}

func score(head string, digits int, of func(*Compat) *float64) column {
	return column{head: head, text: func(r *Row) string { return decimals(of(&r.Compat), digits) }}
}

func fgmColumns(b *Board) []column {
	var columns []column
	if len(b.Axes) > 0 {
		columns = append(columns, score("FGM Ψ", 3, func(c *Compat) *float64 { return c.FGMPsi }))
	}
	columns = append(columns, score("FGM τ", 3, func(c *Compat) *float64 { return c.FGMTau }))
	for _, axis := range b.Axes {
		columns = append(columns, score("ψ "+axis, 3, func(c *Compat) *float64 { return c.FGMPsiByAxis[axis] }))
	}
	return columns
}

// notes tells whether a field's note is about one of the paper's scores.
func (p published) notes(field string) bool { return strings.HasPrefix(field, "compat."+p.name) }

func paper(name string) (published, bool) {
	i := slices.IndexFunc(papers, func(p published) bool { return p.name == name })
	if i < 0 {
		return published{}, false
	}
	return papers[i], true
}

// compat checks what was asked for, and notes the papers' quirks.
func (b *builder) compat() error {
	seen := map[string]bool{}
	for _, name := range b.in.Compat {
		p, ok := paper(name)
		switch {
		case !ok:
			return fmt.Errorf("compat %q: it must be fgm, pgdl, rgm or cna", name)
		case seen[name]:
			return fmt.Errorf("compat %q is asked for twice", name)
		}
		seen[name] = true
		b.notes = append(b.notes, p.quirks...)
		if b.in.Gap == LossGap && (name == "fgm" || name == "pgdl") {
			b.notes = append(b.notes, "compat "+name+": with the loss gap, as asked for; the paper's is the gap of accuracy")
		}
	}
	return nil
}

// compatColumns are those of the papers asked for.
func (b *Board) compatColumns() []column {
	var columns []column
	for _, name := range b.Compat {
		if p, ok := paper(name); ok {
			columns = append(columns, p.columns(b)...)
		}
	}
	return columns
}

// byPaper orders rows by the first paper asked for, undefined last.
func (b *Board) byPaper() {
	if len(b.Compat) == 0 {
		return
	}
	p, ok := paper(b.Compat[0])
	if !ok {
		return
	}
	slices.SortStableFunc(b.Rows, func(x, y Row) int {
		u, v := p.key(&x), p.key(&y)
		if u == nil || v == nil {
			return cmp.Compare(btoi(v != nil), btoi(u != nil))
		}
		return cmp.Compare(*v, *u)
	})
}
