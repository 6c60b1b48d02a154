// Package slides computes the figures of the slides that this project starts from (Gain and Siegelmann,
// "Abstraction mechanisms predict generalization in deep neural networks", 2019, arXiv:1905.11515) from a corpus.
//
// [Draw] answers a figure as data; package figure makes the picture. Everything is evaluated from the store's
// networks and snapshots by the engine given, so the same store gives the same figure. What was published is laid over
// ours where its numbers are known: they were read off the slides' bitmaps, to ±0.002 for bars and about ±0.02 for
// curves (published.go). Each caption says in what ours differs.
//
// With [Options.Published] the defects of the authors' programs (alexgain/cna-icml2020) are reproduced where that can be: the
// factor 1/fraction on the losses by complexity, the margin that is none, losses summed over batches, checkpoints
// counted as networks, absolute correlations.
package slides

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness/figure"
)

// Options say what to draw of a corpus.
type Options struct {
	Published bool   // with the defects of the authors' programs
	Network   string // the network of figures of one network: an ID or its beginning; "": the first that fits
}

// Slide is a figure by name.
type Slide struct {
	Name string
	Doc  string // what it shows, a line

	lacks func(nets []corpora.Network) string // what a corpus needs for it, "" where these have it
	make  func(*Corpus, context.Context, Options) (*figure.Figure, error)
}

// All lists the figures in the order of the slides; cna-time is not one of them.
func All() []Slide {
	return []Slide{
		{"complexity", "test loss and error of the most complex inputs, against training time", lacksSnapshots(2), (*Corpus).complexity},
		{"loss-cna", "training loss and CNA, mini-batch by mini-batch", lacksTrained, (*Corpus).lossAndCNA},
		{"cna-time", "loss, accuracy and CNA against epochs, a network of each architecture", lacksSnapshots(2), (*Corpus).time},
		{"trajectory", "the weights' way through training in the plane of their first two principal components, over CNA", lacksSnapshots(3), (*Corpus).trajectory},
		{"cna-accuracy", "CNA against test accuracy", lacksNetworks(leastNetworks, "", everyNetwork), (*Corpus).accuracy},
		{"curves", "the (α, β) curves of training and test inputs of a network", lacksNetworks(1, "", everyNetwork), (*Corpus).curves},
		{"gap-noise", "correlation with the gap: standard and Gaussian-noise data, and input noise", lacksNoise, (*Corpus).gapNoise},
		{"gap-shuffled", "correlation with the gap: shuffled labels", lacksNetworks(leastNetworks, " with shuffled labels", shuffledNetwork), (*Corpus).gapShuffled},
		{"gap-standard", "correlation with the gap: standard data", lacksNetworks(leastNetworks, " with clean labels and inputs", standardNetwork), (*Corpus).gapStandard},
	}
}

// leastNetworks is how many a correlation needs.
const leastNetworks = 3

// noiseSet is the data set of noise.
const noiseSet = "gaussian-noise"

// LackError says that a corpus does not have what a figure needs.
type LackError struct {
	Figure, Corpus, Missing string
	Has                     []string // built-in corpora that have it
}

func (e *LackError) Error() string {
	s := fmt.Sprintf("figure %s: corpus %s lacks %s", e.Figure, e.Corpus, e.Missing)
	if len(e.Has) == 0 {
		return s + "; no built-in corpus has that either"
	}
	return s + "; built-in corpora that have: " + strings.Join(e.Has, ", ")
}

// Draw computes a figure. The error is a [*LackError] where the corpus cannot have it.
func Draw(ctx context.Context, c *Corpus, s Slide, o Options) (*figure.Figure, error) {
	if missing := s.lacks(c.nets); missing != "" {
		return nil, &LackError{Figure: s.Name, Corpus: c.spec.Name, Missing: missing, Has: having(s)}
	}
	f, err := s.make(c, ctx, o)
	if err != nil {
		return nil, fmt.Errorf("figure %s: %w", s.Name, err)
	}
	f.Name = s.Name
	if missing := len(c.nets) - len(c.records); missing > 0 {
		f.Caption = append(f.Caption, fmt.Sprintf("%d of the corpus' %d networks are not trained and not in the figure.", missing, len(c.nets)))
	}
	return f, nil
}

// having lists the built-in corpora from which a figure can be drawn.
func having(s Slide) []string {
	var names []string
	for _, name := range corpora.Builtin() {
		spec, err := corpora.Find(name)
		if err != nil {
			continue
		}
		if nets, err := spec.Networks(); err == nil && s.lacks(nets) == "" {
			names = append(names, name)
		}
	}
	return names
}

func everyNetwork(*corpora.Network) bool { return true }

func shuffledNetwork(n *corpora.Network) bool { return n.Transform.LabelShuffle > 0 }

func noisyNetwork(n *corpora.Network) bool { return n.Set == noiseSet || n.Transform.InputNoise > 0 }

func standardNetwork(n *corpora.Network) bool { return !shuffledNetwork(n) && !noisyNetwork(n) }

func count(nets []corpora.Network, which func(*corpora.Network) bool) int {
	n := 0
	for i := range nets {
		if which(&nets[i]) {
			n++
		}
	}
	return n
}

func lacksNetworks(least int, kind string, which func(*corpora.Network) bool) func([]corpora.Network) string {
	return func(nets []corpora.Network) string {
		if count(nets, which) >= least {
			return ""
		}
		if least == 1 {
			return "a network" + kind
		}
		return fmt.Sprintf("%d networks%s", least, kind)
	}
}

func lacksNoise(nets []corpora.Network) string {
	if count(nets, noisyNetwork) > 0 && count(nets, notShuffled) >= leastNetworks {
		return ""
	}
	return "networks of the set " + noiseSet + " or with input noise"
}

func notShuffled(n *corpora.Network) bool { return !shuffledNetwork(n) }

func lacksSnapshots(least int) func([]corpora.Network) string {
	return func(nets []corpora.Network) string {
		if slices.ContainsFunc(nets, func(n corpora.Network) bool { return len(n.Training.Snapshots) >= least }) {
			return ""
		}
		return fmt.Sprintf("%d snapshots of a training (`keep: {snapshots: [0, 1, every 5]}` in the specification)", least)
	}
}

func lacksTrained(nets []corpora.Network) string {
	if slices.ContainsFunc(nets, func(n corpora.Network) bool { return !n.Imported }) {
		return ""
	}
	return "a network whose training can be repeated (imported ones cannot)"
}

// notTrained is the error where the networks that a figure needs are of the corpus, but not in the store.
func (c *Corpus) notTrained(what string) error {
	return fmt.Errorf("the store %s has not %s: `genbench train` makes what is missing of corpus %s", c.store.Dir(), what, c.spec.Name)
}

// title is how figures name a family of networks.
func title(family string) string {
	if layers, ok := strings.CutPrefix(family, "resnet"); ok {
		return "ResNet-" + layers
	}
	switch family {
	case "nin":
		return "NiN"
	case "mlp", "vgg":
		return strings.ToUpper(family)
	}
	return family
}

// familyOf is what figures group a network by: its architecture's family, or for lists of layers of the corpus' own the name that an
// axis of named alternatives gives it.
func familyOf(r *corpora.Record) string {
	if r.Architecture.Family != "custom" {
		return r.Architecture.Family
	}
	for _, s := range r.Network().Config {
		if !corpora.IsHyperparameter(s.Axis) {
			return s.Value.String()
		}
	}
	return r.Architecture.Family
}

// sentence begins with a capital.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// ofNetwork names a network for a caption.
func ofNetwork(r *corpora.Record) string {
	n := r.Network()
	parts := []string{}
	for _, s := range n.Config {
		parts = append(parts, s.Axis+" "+s.Value.String())
	}
	parts = append(parts, fmt.Sprintf("seed %d", r.Seed))
	return fmt.Sprintf("network %s (%s of %d weights on %s, %d training and %d test images; %s)", r.ID, title(familyOf(r)),
		r.Architecture.NumParameters(), r.DataSet, r.Train.N, r.Test.N, strings.Join(parts, ", "))
}
