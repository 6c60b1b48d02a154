package corpora

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/models"
)

func networks(t testing.TB, src string) []Network {
	t.Helper()
	nets, err := parse(t, src).Networks()
	if err != nil {
		t.Fatal(err)
	}
	return nets
}

// TestDeriveSeed: values from Python 3.11,
// int.from_bytes(hashlib.sha256(b"genbench/init/1").digest()[:8], "big") >> 11.
func TestDeriveSeed(t *testing.T) {
	for _, c := range []struct {
		purpose string
		seed    int64
		want    uint64
	}{
		{"init", 1, 8471058205561593}, {"init", 2, 7751434461309242}, {"order", 1, 3399596208554104}, {"dropout", 2, 1235873637358167},
		{"labels", 1, 4411902696303871}, {"noise", 1, 6160391154668002}, {"subset", 0, 5574263758319419},
	} {
		if got := DeriveSeed(c.purpose, c.seed); got != c.want {
			t.Errorf("%s of %d: %d, want %d", c.purpose, c.seed, got, c.want)
		}
	}
}

// TestIdentityIsPinned: the first network of quick, written out by hand. If
// this fails, every store in the world is about to be trained again.
func TestIdentityIsPinned(t *testing.T) {
	dense := func(i, in, out int) string {
		return fmt.Sprintf(`{"name":"fc%d","kind":"dense","in":%d,"out":%d}`, i, in, out)
	}
	relu := func(i, n int) string {
		return fmt.Sprintf(`{"name":"relu%d","kind":"relu","in":%d,"out":%d}`, i, n, n)
	}
	layers := strings.Join([]string{dense(1, 196, 128), relu(1, 128), dense(2, 128, 128), relu(2, 128), dense(3, 128, 10)}, ",")
	text := `{"trainer":1,"architecture":{"family":"mlp","input":{"c":1,"h":14,"w":14},"classes":10,"layers":[` + layers + `]},` +
		`"optimizer":{"name":"sgd","learning_rate":0.02,"momentum":0.9,"weight_decay":0,"beta1":0,"beta2":0,"alpha":0,"epsilon":0},` +
		`"batch":32,"target_loss":0.01,"max_epochs":400,"init":"pytorch",` +
		`"seeds":{"init":8471058205561593,"order":3399596208554104,"dropout":7715818282067237},"set":"fmnist-mini",` +
		`"transform":{"pool":2,"train":1000,"test":2000,"normalize":false,"label_shuffle":0,"shuffle_mode":"","input_noise":0,"clip_noise":false,` +
		`"subset_seed":5574263758319419,"shuffle_seed":0,"noise_seed":0}}`
	sum := sha256.Sum256([]byte(text))
	s, err := Find("quick")
	if err != nil {
		t.Fatal(err)
	}
	nets, err := s.Networks()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := nets[0].ID, hex.EncodeToString(sum[:8]); got != want {
		t.Errorf("%s, want %s, the hash of %s", got, want, text)
	}
}

// TestQuick: 4 x 2 x 2 x 2 configurations with 2 seeds each.
func TestQuick(t *testing.T) {
	s, err := Find("quick")
	if err != nil {
		t.Fatal(err)
	}
	nets, err := s.Networks()
	if err != nil || len(nets) != 64 {
		t.Fatalf("%d networks, error %v; want 64", len(nets), err)
	}
	if want := []string{"label_shuffle", "input_noise", "width", "depth"}; !slices.Equal(s.Axes(), want) {
		t.Errorf("axes %v, want %v", s.Axes(), want)
	}
	ids := map[string]bool{}
	for i, n := range nets {
		ids[n.ID] = true
		if !isID(n.ID) {
			t.Errorf("ID %q", n.ID)
		}
		want := []string{[]string{"0", "0.1", "0.25", "0.5"}[i/16], []string{"0", "0.3"}[i/8%2], []string{"128", "256"}[i/4%2], []string{"2", "4"}[i/2%2]}
		for j, c := range n.Config {
			if c.Axis != s.Axes()[j] || c.Value.String() != want[j] {
				t.Errorf("network %d: %v, want %v", i, n.Config, want)
			}
		}
		if n.Seed != int64(i%2+1) {
			t.Errorf("network %d: seed %d", i, n.Seed)
		}
	}
	if len(ids) != 64 {
		t.Errorf("%d different IDs", len(ids))
	}
}

// TestGrowthKeepsIDs: what a spec gains, and what is kept, renames nothing.
func TestGrowthKeepsIDs(t *testing.T) {
	ids := func(nets []Network) map[string]bool {
		m := map[string]bool{}
		for _, n := range nets {
			m[n.ID] = true
		}
		return m
	}
	before := ids(networks(t, small))
	for _, c := range []struct {
		name, old, new string
		count          int
	}{
		{"value", "depth: [1, 2]", "depth: [3, 2, 1]", 6},
		{"seed", "seed: [1, 2]", "seed: [1, 2, 3]", 6},
		{"axis", "axes:", "axes:\n  label_shuffle: [0.5, 0]", 8},
		{"fixed to axis", "width: 8}\ntraining: {optimizer: sgd, lr: 0.1, max_epochs: 3}\naxes:", "width: 8}\ntraining: {optimizer: sgd, max_epochs: 3}\naxes:\n  lr: [0.1, 0.2]", 8},
		{"kept", "axes:", "keep: {init: false, snapshots: [0, 1]}\naxes:", 4},
		{"name", "name: small", "name: other\nmeasures: [cna]", 4},
	} {
		nets := networks(t, strings.Replace(small, c.old, c.new, 1))
		if len(nets) != c.count {
			t.Errorf("%s: %d networks, want %d", c.name, len(nets), c.count)
		}
		after := ids(nets)
		for id := range before {
			if !after[id] {
				t.Errorf("%s: network %s is lost", c.name, id)
			}
		}
	}
	for _, c := range []struct{ name, old, new string }{
		{"lr", "lr: 0.1", "lr: 0.11"}, {"epochs", "max_epochs: 3", "max_epochs: 4"}, {"width", "width: 8", "width: 9"},
		{"train", "train: 100", "train: 101"}, {"test", "test: 100", "test: 101"}, {"pool", "pool: 2", "pool: 4"}, {"subset", "pool: 2", "pool: 2, subset_seed: 1"},
		{"normalize", "pool: 2", "pool: 2, normalize: true"}, {"noise", "pool: 2", "pool: 2, input_noise: 0.1"}, {"init", "width: 8", "width: 8, init: he"},
		{"target", "lr: 0.1", "lr: 0.1, target_loss: 0.5"}, {"batch", "lr: 0.1", "lr: 0.1, batch: 16"}, {"decay", "lr: 0.1", "lr: 0.1, weight_decay: 0.1"},
	} {
		for id := range ids(networks(t, strings.Replace(small, c.old, c.new, 1))) {
			if before[id] {
				t.Errorf("another %s leaves the ID %s", c.name, id)
			}
		}
	}
}

// TestWhatSeedsDependOn: networks of one seed see the same data whatever else
// differs, and the subset is the same for all.
func TestWhatSeedsDependOn(t *testing.T) {
	nets := networks(t, strings.Replace(small, "axes:", "axes:\n  label_shuffle: [0.25, 0.5]\n  input_noise: [0.1]", 1))
	for _, a := range nets {
		for _, b := range nets {
			same := a.Seed == b.Seed
			if (a.Seeds == b.Seeds) != same || (a.Transform.ShuffleSeed == b.Transform.ShuffleSeed) != same || (a.Transform.NoiseSeed == b.Transform.NoiseSeed) != same {
				t.Errorf("%s and %s: seeds %v %v, transforms %v %v", &a, &b, a.Seeds, b.Seeds, a.Transform, b.Transform)
			}
			if a.Transform.SubsetSeed != b.Transform.SubsetSeed {
				t.Errorf("%s and %s have other subsets", &a, &b)
			}
		}
	}
	all := []uint64{nets[0].Seeds.Init, nets[0].Seeds.Order, nets[0].Seeds.Dropout, nets[0].Transform.ShuffleSeed, nets[0].Transform.NoiseSeed, nets[0].Transform.SubsetSeed}
	slices.Sort(all)
	if len(slices.Compact(all)) != 6 {
		t.Errorf("purposes share a seed: %v", all)
	}
}

// TestSameNetworkTwiceInGrid: statistics would count it twice.
func TestSameNetworkTwiceInGrid(t *testing.T) {
	for _, axes := range []string{"shuffle_mode: [permute, resample]", "clip_noise: [false, true]"} {
		_, err := ParseSpec("c.yaml", []byte(strings.Replace(small, "depth: [1, 2]", axes, 1)))
		if err == nil || !strings.Contains(err.Error(), "is the same network as") || !strings.HasPrefix(err.Error(), "c.yaml:5:1: axes: ") {
			t.Errorf("%s: %v", axes, err)
		}
	}
	if _, err := ParseSpec("c.yaml", []byte(strings.Replace(small, "depth: [1, 2]", "width: [4, 8]\n  depth: [0]", 1))); err == nil {
		t.Error("widths of a network without hidden layers were taken")
	}
}

// TestOptimizerAxis: a fixed momentum is meant for the optimizers that have one.
func TestOptimizerAxis(t *testing.T) {
	src := strings.Replace(small, "optimizer: sgd, lr: 0.1", "lr: 0.1, momentum: 0.9", 1)
	nets := networks(t, strings.Replace(src, "depth: [1, 2]", "optimizer: [sgd, adam, rmsprop]", 1))
	want := []models.Optimizer{
		{Name: "sgd", LearningRate: 0.1, Momentum: 0.9},
		{Name: "adam", LearningRate: 0.1, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8},
		{Name: "rmsprop", LearningRate: 0.1, Momentum: 0.9, Alpha: 0.99, Epsilon: 1e-8},
	}
	for i, w := range want {
		if got := nets[2*i].Training.Optimizer; !reflect.DeepEqual(got, w) {
			t.Errorf("%+v, want %+v", got, w)
		}
	}
}

// TestEveryHyperparameterMatters: each, moved off its default, changes the
// network where it has an effect, so none is read and forgotten.
func TestEveryHyperparameterMatters(t *testing.T) {
	with := map[string]string{ // values that give the others an effect
		"shuffle_mode": "label_shuffle: [0.5]", "clip_noise": "input_noise: [0.5]", "momentum": "optimizer: [sgd]",
		"beta1": "optimizer: [adam]", "beta2": "optimizer: [adam]", "alpha": "optimizer: [rmsprop]", "epsilon": "optimizer: [adam]",
		"dense": "family: [vgg]\n  depth: [4]", "stem": "family: [vgg]\n  depth: [4]",
	}
	values := map[string]string{
		"set": "[fmnist-mini, mnist]", "pool": "[1, 2]", "train": "[100, 200]", "test": "[100, 200]", "normalize": "[false, true]", "label_shuffle": "[0, 0.5]",
		"shuffle_mode": "[permute, resample, first-k]", "input_noise": "[0, 0.5]", "clip_noise": "[false, true]", "subset_seed": "[0, 1]", "family": "[mlp, nin, resnet18, resnet34, resnet50, resnet101]",
		"init": "[pytorch, glorot, he]", "width": "[8, 9]", "depth": "[1, 2]", "dropout": "[0, 0.5]", "batchnorm": "[false, true]", "dense": "[0, 1]", "stem": "[cifar, cna]", "optimizer": "[sgd, adam, rmsprop]",
		"lr": "[0.1, 0.2]", "momentum": "[0, 0.9]", "weight_decay": "[0, 0.1]", "beta1": "[0.8, 0.9]", "beta2": "[0.9, 0.99]", "alpha": "[0.9, 0.99]", "epsilon": "[1e-8, 1e-6]",
		"batch": "[16, 32]", "target_loss": "[0, 0.1]", "max_epochs": "[1, 2]", "augment_crop": "[0, 4]", "augment_flip": "[false, true]",
	}
	for _, h := range hypers() {
		list, ok := values[h.name]
		if !ok {
			t.Errorf("%s is not tested", h.name)
			continue
		}
		src := "name: a\naxes:\n  " + h.name + ": " + list + "\n"
		if w := with[h.name]; w != "" {
			src += "  " + w + "\n"
		}
		if h.name != "lr" {
			src += "  lr: [0.1]\n"
		}
		data := "data: {set: fmnist-mini, train: 50}\n"
		switch h.name {
		case "set":
			data = "data: {train: 50}\n"
		case "train":
			data = "data: {set: fmnist-mini}\n"
		}
		want := strings.Count(list, ",") + 1
		if nets := networks(t, src+data); len(nets) != want {
			t.Errorf("%s: %d networks, want %d", h.name, len(nets), want)
		}
	}
}

func BenchmarkNetworks(b *testing.B) {
	s, err := Find("quick")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Networks(); err != nil {
			b.Fatal(err)
		}
	}
}
