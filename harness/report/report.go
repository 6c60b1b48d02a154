// Package report turns gaps and the answers of measures into a leaderboard.
//
// It is the first place where a gap and a measure meet. [Build] computes every
// statistic of a [Board] from an [Input] that holds plain values only: it reads
// no file and draws no random number that the seed does not fix, so two boards
// of the same input agree in all but seconds. A board writes itself as text,
// Markdown, CSV and JSON.
//
// A statistic that does not exist is nil, with its reason in the row's notes.
package report

import "slices"

// Input is all that a leaderboard is made of.
type Input struct {
	Corpus     string
	Axes       []string            // in the spec's order, without seed; empty: each network is a configuration
	AxisLevels map[string][]string // the order of each axis's levels; absent: numbers by size, then text
	Networks   []Network           // those that are scored; what was left out is counted in Dropped
	Measures   []Measure
	Dropped    map[string]int // reason: networks
	Notes      []string

	Gap       GapKind // default: accuracy
	Repeats   string  // "mean" (default), "pooled", "per-seed": see rank.Repeats
	Compat    string  // "" or "fgm": τ-a in place of τ-b, as Jiang et al. 2019
	Bootstrap int     // replicates, at least 20; 0: 1000; negative: none, and no intervals and ranks
	Permute   int     // permutations of the null; 0: as many as Bootstrap, or 1000 where that is none
	Seed      uint64
	TestSize  int // test examples behind each gap; 0: the length of TestCorrect, else 10,000 as in Dziugaite et al. 2020
	Jobs      int // rows computed at once; 0: as many as cores. Does not change a bit of the board
}

// GapKind says which gap is predicted.
type GapKind string

// The gaps.
const (
	AccuracyGap GapKind = "accuracy" // train accuracy on the labels trained on - test accuracy, fractions
	LossGap     GapKind = "loss"     // test loss - train loss, nats
)

// Network is a scored network.
type Network struct {
	ID          string
	Config      map[string]string // axis: value
	Seed        int64
	Gap         float64
	LossGap     float64
	TrainLoss   float64 // nats; NaN where unknown
	Parameters  int     // 0 where unknown
	TestCorrect []bool  // [test examples], in one order for all networks; nil where unknown
}

// Measure is one measure's answers.
type Measure struct {
	Name      string
	Class     string // "train" or "transductive"
	Direction string // what a larger value predicts: "larger" gap, "smaller", or "unknown", which counts as larger
	Scale     string // "raw" or "log"
	Values    []Cell // [Networks]
	Seconds   float64
}

// Cell is a measure's answer for one network.
type Cell struct {
	Value   float64
	Defined bool
	Reason  string // why not, where it is not defined
	Status  string // as in the result: "ok", "undefined", "skipped", "failed"; "" where it was never measured
}

// Board is a leaderboard, and its JSON form.
type Board struct {
	Schema int    `json:"schema"`
	Corpus string `json:"corpus"`
	Models int    `json:"models"` // networks scored
	// Axes are those that vary over the networks scored, in the spec's order: the
	// keys of the rows' psi_by_axis.
	Axes           []string       `json:"axes"`
	Configurations int            `json:"configurations"` // points of the grid that the networks lie on; without axes each network is one
	Seeds          [2]int         `json:"seeds"`          // networks of a configuration, fewest and most
	Repeats        string         `json:"repeats"`        // what they count as: mean, pooled or per-seed
	Dropped        map[string]int `json:"dropped"`
	Notes          []string       `json:"notes"`
	Rows           []Row          `json:"rows"` // by Ψ, largest first; by τ where there are no axes; undefined last
}

// Schema is the version of the JSON form.
const Schema = 1

// Interval is a 95 % interval [low, high].
type Interval [2]float64

// SignError summarises the weighted sign errors over environments, in [0, 1].
type SignError struct {
	Mean float64 `json:"mean"`
	P90  float64 `json:"p90"`
	Max  float64 `json:"max"`
}

// Row is one measure's line. Fields that may be undefined are nil then.
type Row struct {
	Measure    string              `json:"measure"`
	Class      string              `json:"class"`     // train, transductive or control
	Direction  string              `json:"direction"` // larger, smaller or unknown
	N          int                 `json:"n"`         // networks where the measure is defined
	Coverage   float64             `json:"coverage"`  // n / networks scored
	Psi        *float64            `json:"psi"`
	PsiCI      *Interval           `json:"psi_ci"`
	PsiByAxis  map[string]*float64 `json:"psi_by_axis"`
	Tau        *float64            `json:"tau"`
	TauCI      *Interval           `json:"tau_ci"`
	CMI        *float64            `json:"cmi"`
	CMISet     []string            `json:"cmi_set"`      // axes of the minimising S; nil where cmi is
	CMIMinCell *int                `json:"cmi_min_cell"` // ordered pairs in its smallest cell
	Spearman   *float64            `json:"spearman"`
	Pearson    *float64            `json:"pearson"`
	SignError  *SignError          `json:"sign_error"`
	PValue     *float64            `json:"p_value"`
	Rank       *int                `json:"rank"`    // within its class; controls have none
	RankCI     *[2]int             `json:"rank_ci"` // 95 %, best and worst
	TieGroup   *int                `json:"tie_group"`
	Seconds    float64             `json:"seconds"` // per network
	Notes      map[string]string   `json:"notes"`   // field: reason
}

// The classes of rows.
const (
	Train        = "train"
	Transductive = "transductive"
	Control      = "control"
)

// Equal reports whether two boards agree in all but seconds.
func Equal(a, b *Board) bool {
	x, errX := a.withoutSeconds().bytes()
	y, errY := b.withoutSeconds().bytes()
	return errX == nil && errY == nil && slices.Equal(x, y)
}

func (b *Board) withoutSeconds() *Board {
	c := *b
	c.Rows = slices.Clone(b.Rows)
	for i := range c.Rows {
		c.Rows[i].Seconds = 0
	}
	return &c
}
