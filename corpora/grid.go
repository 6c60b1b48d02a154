package corpora

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/models"
)

// Network is one network of a corpus, trained or not.
type Network struct {
	ID        string    // 16 hex digits; see the package comment
	Config    []Setting // every axis but "seed", in the spec's order
	Seed      int64     // value of the axis "seed"
	Arch      models.Architecture
	Training  models.Training // Snapshots are those to keep
	Seeds     models.Seeds
	Set       string
	Transform dataset.Transform
	KeepInit  bool

	// Imported networks are in the store and cannot be trained.
	Imported bool
}

// String names the network for people: its ID and its settings.
func (n *Network) String() string {
	parts := []string{n.ID}
	for _, c := range n.Config {
		parts = append(parts, c.Axis+"="+c.Value.String())
	}
	return strings.Join(append(parts, fmt.Sprintf("seed=%d", n.Seed)), " ")
}

// count is the number of networks of the grid; ok is false above maxNetworks.
func (s *Spec) count() (n int, ok bool) {
	n = len(s.seeds)
	for _, a := range s.axes {
		if n *= len(a.Values); n > maxNetworks {
			return n, false
		}
	}
	return n, n <= maxNetworks
}

// Networks builds the networks of the grid: the last axis varies fastest, and
// seeds faster still. An imported corpus has no grid and answers none; ask
// its store ([Store.Networks]). Two points of the grid that are the same network (because a
// value has no effect beside another) and values that do not go together are errors.
func (s *Spec) Networks() ([]Network, error) {
	if s.Imported {
		return nil, nil
	}
	count, ok := s.count()
	if !ok {
		return nil, fmt.Errorf("corpus %s: more than %d networks", s.Name, maxNetworks)
	}
	nets := make([]Network, 0, count)
	seen := make(map[string]int, count)
	index := make([]int, len(s.axes))
	table := newHyperTable()
	for range count / len(s.seeds) {
		for _, seed := range s.seeds {
			n, err := s.network(table, index, seed)
			if err != nil {
				return nil, err
			}
			if first, twice := seen[n.ID]; twice {
				return nil, fmt.Errorf("%s is the same network as %s: a value of theirs has no effect beside the others", &n, &nets[first])
			}
			seen[n.ID] = len(nets)
			nets = append(nets, n)
		}
		for i := len(index) - 1; i >= 0; i-- {
			if index[i]++; index[i] < len(s.axes[i].Values) {
				break
			}
			index[i] = 0
		}
	}
	return nets, nil
}

// network builds the point of the grid with axis i at its value index[i].
func (s *Spec) network(table hyperTable, index []int, seed int64) (Network, error) {
	n := Network{Seed: seed, KeepInit: s.Keep.Init}
	p := point{widths: s.widths}
	for _, f := range s.fixed {
		table[f.Axis].set(&p, f.Value)
	}
	for i, a := range s.axes {
		c := Setting{Axis: a.Name, Value: a.Values[index[i]]}
		table[c.Axis].set(&p, c.Value)
		n.Config = append(n.Config, c)
	}
	if err := p.resolve(table, &n); err != nil {
		return n, fmt.Errorf("%s: %w", strings.TrimSpace(n.String()), err)
	}
	n.Training.Snapshots = keptSnapshots(s.Keep.Snapshots, n.Training.MaxEpochs)
	id, err := n.identity()
	n.ID = id
	return n, err
}

// keptSnapshots leaves out epochs that this network cannot reach.
func keptSnapshots(epochs []int, last int) []int {
	var kept []int
	for _, e := range epochs {
		if e <= last {
			kept = append(kept, e)
		}
	}
	return kept
}

// resolve fills in the network, and reports values that do not go together.
func (p *point) resolve(table hyperTable, n *Network) error {
	info, ok := setInfo(p.set)
	if !ok {
		return fmt.Errorf("unknown data set %q", clip(p.set))
	}
	t := p.transform
	pool := max(t.Pool, 1)
	if info.Shape.H%pool != 0 || info.Shape.W%pool != 0 {
		return fmt.Errorf("pool %d does not divide the %d x %d images of %s", pool, info.Shape.H, info.Shape.W, info.Name)
	}
	if !info.Generated && (t.Train > info.Train || t.Test > info.Test) {
		return fmt.Errorf("%s has %d training and %d test examples, not %d and %d", info.Name, info.Train, info.Test, t.Train, t.Test)
	}
	input := models.Shape{C: info.Shape.C, H: info.Shape.H / pool, W: info.Shape.W / pool}
	arch, err := models.MLP(input, info.Classes, models.MLPOptions{Width: p.width, Depth: p.depth, Widths: p.widths, Dropout: p.dropout, BatchNorm: p.batchnorm})
	if err != nil {
		return err
	}
	if p.batchnorm && p.training.BatchSize < 2 {
		return fmt.Errorf("batch norm has no variance in batches of one example: use a batch of at least 2")
	}
	t.ShuffleSeed, t.NoiseSeed = DeriveSeed("labels", n.Seed), DeriveSeed("noise", n.Seed)
	if err := t.Validate(); err != nil {
		return err
	}
	n.Set, n.Transform, n.Arch, n.Training = info.Name, t.Canonical(), arch, p.training
	n.Training.Optimizer = p.effective(table)
	n.Seeds = models.Seeds{Init: DeriveSeed("init", n.Seed), Order: DeriveSeed("order", n.Seed), Dropout: DeriveSeed("dropout", n.Seed)}
	return n.Training.Validate()
}

// effective is the optimizer without the settings that its rule does not read,
// so that they cannot tell two equal networks apart.
func (p *point) effective(table hyperTable) models.Optimizer {
	o := p.training.Optimizer
	for name, v := range map[string]*float64{"momentum": &o.Momentum, "beta1": &o.Beta1, "beta2": &o.Beta2, "alpha": &o.Alpha, "epsilon": &o.Epsilon} {
		if !slices.Contains(table[name].only, o.Name) {
			*v = 0
		}
	}
	return o
}

// identity is the network's ID: the first 16 hex digits of the SHA-256 of the
// JSON of all that determines its weights. The fields and their order are
// written out here, so that a field added elsewhere does not rename every network.
func (n *Network) identity() (string, error) {
	t := n.Training
	b, err := json.Marshal(struct {
		Trainer   int                 `json:"trainer"`
		Arch      models.Architecture `json:"architecture"`
		Optimizer models.Optimizer    `json:"optimizer"`
		Batch     int                 `json:"batch"`
		Target    float64             `json:"target_loss"`
		Epochs    int                 `json:"max_epochs"`
		Init      string              `json:"init"`
		Seeds     models.Seeds        `json:"seeds"`
		Set       string              `json:"set"`
		Transform dataset.Transform   `json:"transform"`
	}{models.TrainerVersion, n.Arch, t.Optimizer, t.BatchSize, t.TargetLoss, t.MaxEpochs, t.Init, n.Seeds, n.Set, n.Transform})
	if err != nil {
		return "", fmt.Errorf("identifying %s: %w", n, err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8]), nil
}

// cost is a network's training relative to others': trainable values times
// examples times epochs at most. It orders work and weighs progress, and no result depends on it.
func (n *Network) cost() float64 {
	return float64(n.Arch.NumParameters()) * float64(n.trainSize()) * float64(n.Training.MaxEpochs)
}

func (n *Network) trainSize() int {
	if n.Transform.Train > 0 {
		return n.Transform.Train
	}
	info, _ := setInfo(n.Set)
	return info.Train
}

func (n *Network) testSize() int {
	if n.Transform.Test > 0 {
		return n.Transform.Test
	}
	info, _ := setInfo(n.Set)
	return info.Test
}
