package corpora

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/models"
)

// point is one network's hyperparameters, all of them.
type point struct {
	set       string
	transform dataset.Transform // seeds not yet set but for SubsetSeed
	training  models.Training

	family              string
	widths              []int // overrides width and depth
	width, depth, dense int
	dropout             float64
	batchnorm           bool
	stem                string
	layers              []models.Layer // of family custom
	layersField         string         // where the spec lists them, for messages

	given map[string]bool // hyperparameters that the spec sets
}

// hyper describes one hyperparameter: where a spec fixes it, what it may be,
// and what it means. Every hyperparameter may be an axis.
type hyper struct {
	name, section string
	kind          valueKind
	whole         bool // an integer
	min, max      float64
	openMin       bool     // min itself is refused
	openMax       bool     // max itself is refused
	choices       []string // texts allowed; nil: any
	required      bool     // no default
	def           Value
	set           func(p *point, v Value)
	only          []string // optimizers that read it; nil: not an optimizer's

	families map[string]Value // families that read it, each with its default; nil: all do, and def is the default
}

// IsHyperparameter says whether an axis of that name is a hyperparameter's; otherwise its values are a corpus' own named alternatives.
func IsHyperparameter(axis string) bool {
	return slices.ContainsFunc(hypers(), func(h hyper) bool { return h.name == axis })
}

// hypers lists every hyperparameter, in the order of the sections of a spec.
// The defaults are PyTorch's where it has one.
func hypers() []hyper {
	data := func(h hyper) hyper { h.section = "data"; return h }
	network := func(h hyper) hyper { h.section = "network"; return h }
	training := func(h hyper) hyper { h.section = "training"; return h }
	const many = 1 << 30
	return []hyper{
		data(hyper{name: "set", kind: text, required: true, choices: setNames(), set: func(p *point, v Value) { p.set = v.text }}),
		data(integer("pool", 1, 8, 1, func(p *point, n int) { p.transform.Pool = n })),
		data(integer("train", 0, many, 0, func(p *point, n int) { p.transform.Train = n })),
		data(integer("test", 0, many, 0, func(p *point, n int) { p.transform.Test = n })),
		data(boolean("normalize", func(p *point, b bool) { p.transform.Normalize = b })),
		data(real("label_shuffle", 0, 1, 0, func(p *point, f float64) { p.transform.LabelShuffle = f })),
		data(choice("shuffle_mode", []string{dataset.Permute, dataset.Resample, dataset.FirstK}, func(p *point, s string) { p.transform.ShuffleMode = s })),
		data(real("input_noise", 0, 1e6, 0, func(p *point, f float64) { p.transform.InputNoise = f })),
		data(boolean("clip_noise", func(p *point, b bool) { p.transform.ClipNoise = b })),
		data(integer("subset_seed", 0, maxSeed, 0, func(p *point, n int) { p.transform.SubsetSeed = DeriveSeed("subset", int64(n)) })),

		network(choice("family", families(), func(p *point, s string) { p.family = s })),
		network(choice("init", models.Schemes(), func(p *point, s string) { p.training.Init = s })),
		network(byFamily(integer("width", 1, 1<<16, 128, func(p *point, n int) { p.width = n }), widthDefaults)),
		network(byFamily(integer("depth", 0, 256, 2, func(p *point, n int) { p.depth = n }), depthDefaults)),
		network(byFamily(integer("dense", 0, 8, 0, func(p *point, n int) { p.dense = n }), denseDefaults)),
		network(byFamily(below(real("dropout", 0, 1, 0, func(p *point, f float64) { p.dropout = f })), dropoutDefaults)),
		network(byFamily(boolean("batchnorm", func(p *point, b bool) { p.batchnorm = b }), batchNormDefaults)),
		network(byFamily(choice("stem", models.Stems(), func(p *point, s string) { p.stem = s }), stemDefaults)),

		training(choice("optimizer", []string{"sgd", "adam", "rmsprop"}, func(p *point, s string) { p.training.Optimizer.Name = s })),
		training(needed(above(real("lr", 0, 1e6, 0, func(p *point, f float64) { p.training.Optimizer.LearningRate = f })))),
		training(of(below(real("momentum", 0, 1, 0, func(p *point, f float64) { p.training.Optimizer.Momentum = f })), "sgd", "rmsprop")),
		training(real("weight_decay", 0, 1e6, 0, func(p *point, f float64) { p.training.Optimizer.WeightDecay = f })),
		training(of(below(real("beta1", 0, 1, 0.9, func(p *point, f float64) { p.training.Optimizer.Beta1 = f })), "adam")),
		training(of(below(real("beta2", 0, 1, 0.999, func(p *point, f float64) { p.training.Optimizer.Beta2 = f })), "adam")),
		training(of(below(real("alpha", 0, 1, 0.99, func(p *point, f float64) { p.training.Optimizer.Alpha = f })), "rmsprop")),
		training(of(above(real("epsilon", 0, 1e6, 1e-8, func(p *point, f float64) { p.training.Optimizer.Epsilon = f })), "adam", "rmsprop")),
		training(integer("batch", 1, many, 32, func(p *point, n int) { p.training.BatchSize = n })),
		training(real("target_loss", 0, 1e6, 0.01, func(p *point, f float64) { p.training.TargetLoss = f })),
		training(integer("max_epochs", 1, many, 1000, func(p *point, n int) { p.training.MaxEpochs = n })),
		training(integer("augment_crop", 0, 64, 0, func(p *point, n int) { p.training.Augment.Crop = n })),
		training(boolean("augment_flip", func(p *point, b bool) { p.training.Augment.Flip = b })),
	}
}

// hyperTable finds a hyperparameter by name.
type hyperTable map[string]*hyper

func newHyperTable() hyperTable {
	table := hyperTable{}
	for _, h := range hypers() {
		table[h.name] = &h
	}
	return table
}

// maxSeed keeps seeds exact in readers of JSON that know only float64.
const maxSeed = 1 << 53

func integer(name string, lo, hi, def float64, set func(*point, int)) hyper {
	return hyper{name: name, whole: true, min: lo, max: hi, def: Number(def), set: func(p *point, v Value) { set(p, int(v.number)) }}
}

func real(name string, lo, hi, def float64, set func(*point, float64)) hyper {
	return hyper{name: name, min: lo, max: hi, def: Number(def), set: func(p *point, v Value) { set(p, v.number) }}
}

func boolean(name string, set func(*point, bool)) hyper {
	return hyper{name: name, kind: truth, def: Truth(false), set: func(p *point, v Value) { set(p, v.number != 0) }}
}

// choice has the first of its values as default.
func choice(name string, choices []string, set func(*point, string)) hyper {
	return hyper{name: name, kind: text, choices: choices, def: Text(choices[0]), set: func(p *point, v Value) { set(p, v.text) }}
}

func above(h hyper) hyper  { h.openMin = true; return h }
func below(h hyper) hyper  { h.openMax = true; return h }
func needed(h hyper) hyper { h.required = true; return h }
func byFamily(h hyper, of map[string]Value) hyper {
	h.families = of
	return h
}
func of(h hyper, optimizer ...string) hyper { h.only = optimizer; return h }

// seedHyper is the axis "seed", which is no hyperparameter but is written as one.
func seedHyper() hyper {
	return hyper{name: seedAxis, section: "axes", whole: true, min: 0, max: maxSeed}
}

const seedAxis = "seed"

// check says what is wrong with v as a value of h; ok when nothing is.
func (h hyper) check(v Value) (problem, remedy string, ok bool) {
	if v.kind != h.kind {
		return fmt.Sprintf("%s is %s", v.quoted(), v.kind), "give " + h.wants(), false
	}
	switch h.kind {
	case text:
		if h.choices != nil && !slices.Contains(h.choices, v.text) {
			return fmt.Sprintf("unknown value %s", v.quoted()), didYouMean(v.text, h.choices), false
		}
	case number:
		x := v.number
		if h.whole && x != math.Trunc(x) || x < h.min || x > h.max || h.openMin && x == h.min || h.openMax && x == h.max {
			return fmt.Sprintf("%s is impossible", v), "give " + h.wants(), false
		}
	}
	return "", "", true
}

// wants describes the values that h takes.
func (h hyper) wants() string {
	switch h.kind {
	case text:
		return "one of " + strings.Join(h.choices, ", ")
	case truth:
		return "true or false"
	}
	what, left, right := "a number", "[", "]"
	if h.whole {
		what = "an integer"
	}
	if h.openMin {
		left = "("
	}
	if h.openMax {
		right = ")"
	}
	return fmt.Sprintf("%s in %s%s, %s%s", what, left, Number(h.min), Number(h.max), right)
}

func (k valueKind) String() string {
	return [...]string{number: "a number", text: "a text", truth: "a truth value"}[k]
}

// quoted is the value as it is named in messages.
func (v Value) quoted() string {
	if v.kind == text {
		return fmt.Sprintf("%q", clip(v.text))
	}
	return v.String()
}

// clip shortens a text for a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "..."
	}
	return s
}

func setNames() []string {
	var names []string
	for _, info := range dataset.Known() {
		names = append(names, info.Name)
	}
	return names
}

func setInfo(name string) (dataset.Info, bool) {
	info, ok := knownSets()[name]
	return info, ok
}

// knownSets is the table of data sets, made once: a grid asks for every network.
var knownSets = sync.OnceValue(func() map[string]dataset.Info {
	sets := map[string]dataset.Info{}
	for _, info := range dataset.Known() {
		sets[info.Name] = info
	}
	return sets
})
