// Package report turns gaps and the answers of measures into a leaderboard.
//
// It is the first place where a gap and a measure meet. [Build] computes every
// statistic of a [Board] from an [Input] that holds plain values only: it reads
// no file and draws no random number that the seed does not fix, so two boards
// of the same input agree in all but seconds. A board writes itself as text,
// Markdown, CSV, JSON and LaTeX.
//
// A statistic that does not exist is nil, with its reason in the row's notes.
package report

import (
	"maps"
	"slices"
)

// Input is all that a leaderboard is made of.
type Input struct {
	Corpus     string
	Axes       []string            // in the spec's order, without seed; empty: each network is a configuration
	AxisLevels map[string][]string // the order of each axis's levels; absent: numbers by size, then text
	Networks   []Network           // what was left out before is counted in Dropped
	Measures   []Measure
	Dropped    map[string]int // reason: networks
	Notes      []string

	// KeepUnconverged scores the networks that missed the target training loss
	// with the others; else they are left out, and counted in Dropped.
	KeepUnconverged bool
	// Canonical says of an axis what its larger levels do to the gap, "larger" or
	// "smaller", over what the control canonical-ordering believes of its name.
	Canonical map[string]string
	// Compat asks for the columns of published scores, each as its authors'
	// code computes it, and for the order of the first: fgm, pgdl, rgm, cna. The
	// scores are computed whether asked for or not: see [Compat].
	Compat []string

	// Adjust is "none" (default) or "rgm": see [Adjustments]. Adjusted says why values cannot
	// be adjusted, where they have been already; "" elsewhere.
	Adjust, Adjusted string

	Gap       GapKind // default: accuracy
	Repeats   string  // "mean" (default), "pooled", "per-seed": see rank.Repeats
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
	Unconverged bool // missed the target training loss
	Diverged    bool // Unconverged because a loss was NaN or infinite
	Gap         float64
	LossGap     float64 // NaN where unknown
	TrainLoss   float64 // nats; NaN where unknown
	Parameters  int     // 0 where unknown
	TrainSize   int     // training examples; 0 where unknown
	TestCorrect []bool  // [test examples], in one order for all networks; nil where unknown
}

// Measure is one measure's answers.
type Measure struct {
	Name      string
	Class     string // "train" or "transductive"
	Direction string // what a larger value predicts: "larger" gap, "smaller", or "unknown", which counts as larger
	Scale     string // "raw" or "log"
	Transform string // "", or "log": the natural logarithm of each value is scored; a value of 0 or less is undefined
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
	Configurations int            `json:"configurations"`   // points of the grid that the networks lie on; without axes each network is one
	Possible       int            `json:"possible"`         // points of the full grid; 0 without axes, and where there are more than 2⁵³
	Seeds          [2]int         `json:"seeds"`            // networks of a configuration, fewest and most
	Repeats        string         `json:"repeats"`          // what they count as: mean, pooled or per-seed
	Gap            GapKind        `json:"gap"`              // "" in boards written before there was a choice
	Adjust         string         `json:"adjust,omitempty"` // "rgm" where values are adjusted for the training set's size
	Estimand       string         `json:"estimand"`         // what the intervals of Ψ say; "" where there are none
	NoiseFloor     *NoiseFloor    `json:"noise_floor"`      // nil where it could not be computed: a note says why
	Compat         []string       `json:"compat"`           // the published scores whose columns are printed
	Dropped        map[string]int `json:"dropped"`
	Notes          []string       `json:"notes"`
	// Rows are sorted by Ψ, largest first, by τ where there are no axes, by the
	// first published score where some were asked for; undefined last.
	Rows []Row `json:"rows"`
}

// NoiseFloor is what a measure that knows nothing of the gap scores on this grid,
// where a score cannot be negative and so is not 0 on average.
type NoiseFloor struct {
	CMI  *Floor `json:"cmi"`  // of K; nil where it is undefined
	PGDL *Floor `json:"pgdl"` // of the PGDL score
}

// Floor is a score's distribution over random orders of the networks.
type Floor struct {
	Mean  float64 `json:"mean"`
	P95   float64 `json:"p95"`
	Draws int     `json:"draws"`
}

// Schema is the version of the JSON form.
const Schema = 1

// Interval is a 95 % interval [low, high].
type Interval [2]float64

// SignError summarises the weighted sign errors over environments, in [0, 1].
// The last three are nil in boards written before they were kept.
type SignError struct {
	Mean         float64 `json:"mean"`
	P90          float64 `json:"p90"`
	Max          float64 `json:"max"`
	MaxAt        *string `json:"max_at"`       // the environment of the largest: "width 64|128 at depth 2"
	Environments *int    `json:"environments"` // averaged over
	Rejected     *int    `json:"rejected"`     // left out: fewer pairs than the effective sample size asks for
}

// Row is one measure's line. Fields that may be undefined are nil then.
type Row struct {
	Measure    string               `json:"measure"`
	Class      string               `json:"class"`     // train, transductive or control
	Direction  string               `json:"direction"` // larger, smaller or unknown
	N          int                  `json:"n"`         // networks where the measure is defined
	Coverage   float64              `json:"coverage"`  // n / networks scored
	Psi        *float64             `json:"psi"`
	PsiCI      *Interval            `json:"psi_ci"`
	PsiByAxis  map[string]*float64  `json:"psi_by_axis"`
	PsiAxisCI  map[string]*Interval `json:"psi_by_axis_ci"`
	Tau        *float64             `json:"tau"`
	TauCI      *Interval            `json:"tau_ci"`
	CMI        *float64             `json:"cmi"`
	CMICI      *Interval            `json:"cmi_ci"`
	CMISet     []string             `json:"cmi_set"`      // axes of the minimising S; nil where cmi is
	CMIMinCell *int                 `json:"cmi_min_cell"` // ordered pairs in its smallest cell
	CMIMinAt   *string              `json:"cmi_min_at"`   // where that cell is: "depth 2|3, width 16|64" are the levels of the two networks; nil for the empty S
	Spearman   *float64             `json:"spearman"`
	SpearmanCI *Interval            `json:"spearman_ci"`
	Pearson    *float64             `json:"pearson"`
	PearsonCI  *Interval            `json:"pearson_ci"`
	SignError  *SignError           `json:"sign_error"`
	PValue     *float64             `json:"p_value"`      // permutation, two-sided: of Ψ; of τ without axes
	PValueHolm *float64             `json:"p_value_holm"` // the same, for all measures of the class together (Holm 1979)
	TauPValue  *float64             `json:"tau_p_value"`  // of τ
	Compat     Compat               `json:"compat"`
	Rank       *int                 `json:"rank"`    // within its class; controls have none
	RankCI     *[2]int              `json:"rank_ci"` // 95 %, best and worst
	TieGroup   *int                 `json:"tie_group"`
	Transform  string               `json:"transform"` // "" or log
	Seconds    *float64             `json:"seconds"`   // per network; nil where they were not measured
	Notes      map[string]string    `json:"notes"`     // field: reason
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
		c.Rows[i].Seconds = nil
		c.Rows[i].Notes = maps.Clone(b.Rows[i].Notes)
		delete(c.Rows[i].Notes, "seconds")
	}
	return &c
}
