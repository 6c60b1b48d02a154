package corpora

import (
	"context"
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
// The networks share their settings and layers: they are read-only.
func (s *Spec) Networks() ([]Network, error) { return s.NetworksContext(context.Background()) }

// NetworksContext is [Spec.Networks] that ends with the cause when ctx is cancelled: a grid
// may have a million networks.
func (s *Spec) NetworksContext(ctx context.Context) ([]Network, error) {
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
	b := newBuilder(s)
	seeds := make([]seedSet, len(s.seeds))
	for i, seed := range s.seeds {
		seeds[i] = newSeedSet(seed)
	}
	for range count / len(s.seeds) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		c, err := b.configuration(index)
		if err != nil {
			return nil, err
		}
		for i := range seeds {
			n, err := c.seeded(&seeds[i])
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

// builder makes the points of one spec's grid. What many points have in common is made once.
type builder struct {
	spec  *Spec
	table hyperTable
	archs map[archKey]archJSON
}

type archJSON struct {
	arch models.Architecture
	json []byte
}

func newBuilder(s *Spec) *builder {
	return &builder{spec: s, table: newHyperTable(), archs: map[archKey]archJSON{}}
}

// configuration is a point of the grid but for its seed.
type configuration struct {
	net       Network           // without what the seed determines
	transform dataset.Transform // not yet canonical
	identity  []byte            // the part of the text of identity that no seed enters
}

// configuration builds the points with axis i at its value index[i].
func (b *builder) configuration(index []int) (configuration, error) {
	s := b.spec
	c := configuration{net: Network{KeepInit: s.Keep.Init, Seed: s.seeds[0]}} // the seed is for the error
	p := point{widths: s.widths, layers: s.layers, layersField: "network.layers", given: map[string]bool{}}
	for _, f := range s.fixed {
		b.set(&p, f)
	}
	if len(s.axes) > 0 {
		c.net.Config = make([]Setting, len(s.axes))
	}
	for i, a := range s.axes {
		c.net.Config[i] = Setting{Axis: a.Name, Value: a.Values[index[i]]}
		if _, ok := b.table[a.Name]; ok {
			b.set(&p, c.net.Config[i])
		}
	}
	b.override(&p, c.net.Config)
	b.complete(&p)
	if err := b.resolve(&p, &c); err != nil {
		return c, fmt.Errorf("%s: %w", strings.TrimSpace(c.net.String()), err)
	}
	if err := c.net.keepSnapshots(s.Keep); err != nil {
		return c, fmt.Errorf("%s: %w", strings.TrimSpace(c.net.String()), err)
	}
	return c, nil
}

// seedSet is what the value of the axis "seed" determines.
type seedSet struct {
	seed          int64
	seeds         models.Seeds
	labels, noise uint64
	augment       uint64 // only of networks with augmentation
}

func newSeedSet(seed int64) seedSet {
	return seedSet{
		seed:   seed,
		seeds:  models.Seeds{Init: DeriveSeed("init", seed), Order: DeriveSeed("order", seed), Dropout: DeriveSeed("dropout", seed)},
		labels: DeriveSeed("labels", seed), noise: DeriveSeed("noise", seed), augment: DeriveSeed("augment", seed),
	}
}

// seeded is the point of that seed.
func (c *configuration) seeded(s *seedSet) (Network, error) {
	n := c.net
	t := c.transform
	t.ShuffleSeed, t.NoiseSeed = s.labels, s.noise
	n.Seed, n.Seeds, n.Transform = s.seed, s.seeds, t.Canonical()
	if n.Training.Augment.On() {
		n.Seeds.Augment = s.augment
	}
	var err error
	n.ID, err = n.identity(c.identity)
	return n, err
}

// resolve fills in the configuration, and reports values that do not go together.
func (b *builder) resolve(p *point, c *configuration) error {
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
	arch, err := b.architecture(p, models.Shape{C: info.Shape.C, H: info.Shape.H / pool, W: info.Shape.W / pool}, info.Classes)
	if err != nil {
		return err
	}
	if arch.arch.Has(models.BatchNorm) && p.training.BatchSize < 2 {
		return fmt.Errorf("batch norm has no variance in batches of one example: use a batch of at least 2")
	}
	if err := t.Validate(); err != nil {
		return err
	}
	n := &c.net
	c.transform = t
	n.Set, n.Arch, n.Training = info.Name, arch.arch, p.training
	n.Training.Optimizer = p.effective(b.table)
	if err := n.Training.Validate(); err != nil {
		return err
	}
	if err := n.Training.Fits(n.Arch); err != nil {
		return err
	}
	c.identity, err = n.identityOfConfiguration(arch.json)
	return err
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
// configuration is what [Network.identityOfConfiguration] answers; the rest is added here, because a
// grid has many points that differ in their seed alone.
func (n *Network) identity(configuration []byte) (string, error) {
	rest, err := json.Marshal(struct {
		Seeds     models.Seeds      `json:"seeds"`
		Set       string            `json:"set"`
		Transform dataset.Transform `json:"transform"`
	}{n.Seeds, n.Set, n.Transform})
	if err != nil {
		return "", fmt.Errorf("identifying %s: %w", n, err)
	}
	text := make([]byte, 0, len(configuration)+len(rest))
	text = append(append(text, configuration...), rest[1:]...)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), nil
}

// identityOfConfiguration is the beginning of the JSON of identity, up to the seeds.
func (n *Network) identityOfConfiguration(arch []byte) ([]byte, error) {
	t := n.Training
	training, err := json.Marshal(struct {
		Optimizer models.Optimizer `json:"optimizer"`
		Batch     int              `json:"batch"`
		Target    float64          `json:"target_loss"`
		Epochs    int              `json:"max_epochs"`
		Init      string           `json:"init"`

		Augment models.Augmentation `json:"augment,omitzero"`
	}{t.Optimizer, t.BatchSize, t.TargetLoss, t.MaxEpochs, t.Init, t.Augment})
	if err != nil {
		return nil, fmt.Errorf("identifying a network: %w", err)
	}
	b := fmt.Appendf(nil, `{"trainer":%d,"architecture":%s,`, models.TrainerVersion, arch)
	b = append(b, training[1:len(training)-1]...)
	return append(b, ','), nil
}

// cost is a network's training relative to others': multiply-adds of an example times
// examples times epochs at most. It orders work and weighs progress, and no result depends on it.
func (n *Network) cost() float64 {
	return float64(n.Arch.MultiplyAdds()) * float64(n.TrainSize()) * float64(n.Training.MaxEpochs)
}

// TrainSize is the number of training examples.
func (n *Network) TrainSize() int {
	if n.Transform.Train > 0 {
		return n.Transform.Train
	}
	info, _ := setInfo(n.Set)
	return info.Train
}

// TestSize is the number of test examples.
func (n *Network) TestSize() int {
	if n.Transform.Test > 0 {
		return n.Transform.Test
	}
	info, _ := setInfo(n.Set)
	return info.Test
}
