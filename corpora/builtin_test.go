package corpora

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestBuiltinCorpora: the sizes are the products of what the publications state. CNA: 75 networks with shuffled labels (alexgain/cna-icml2020);
// FGM: 3^7 configurations of five seeds; RGM: 1,000 of ten.
func TestBuiltinCorpora(t *testing.T) {
	for _, c := range []struct {
		name     string
		networks int
		axes     string
	}{
		{"seed-standard", 6 * 4, "set network"},
		{"seed-shuffled", 75, "set network label_shuffle"},
		{"seed-noise", 6 * 3 * 6, "set network input_noise"},
		{"seed-standard-mini", 3 * 4 * 3, "network train"},
		{"seed-shuffled-mini", 3 * 5 * 3, "network label_shuffle"},
		{"seed-noise-mini", 2 * 3 * 6 * 2, "set network input_noise"},
		{"fgm-nin", 2187 * 5, "batch dropout rate depth rule weight_decay width"},
		{"fgm-nin-mini", 128, "batch dropout rate depth rule weight_decay width"},
		{"rgm-nin", 1000 * 10, "set lr depth width train"},
	} {
		s, err := Find(c.name)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := strings.Join(s.Axes(), " "); got != c.axes {
			t.Errorf("%s: axes %s, want %s", c.name, got, c.axes)
		}
		nets, err := s.Networks()
		if err != nil || len(nets) != c.networks {
			t.Errorf("%s: %d networks, error %v; want %d", c.name, len(nets), err, c.networks)
		}
	}
}

// TestSeedTrainings: the training of each network is that of the code of the CNA work, as get_saved_models{,_shuffle,_noise}.py have it.
func TestSeedTrainings(t *testing.T) {
	for _, c := range []struct{ corpus, settings, want string }{
		{"seed-standard", "mnist mlp", "mlp sgd 0.02 0.9 512 100 +0 false"},
		{"seed-standard", "cifar-10 mlp", "mlp sgd 0.02 0.9 512 100 +4 true"},
		{"seed-standard", "imagenet-32 mlp", "mlp sgd 0.02 0.9 512 3000 +0 false"},
		{"seed-standard", "fashion-mnist vgg-18", "vgg sgd 0.02 0.9 512 40 +0 false"},
		{"seed-standard", "svhn resnet-18", "resnet18 sgd 0.02 0.9 512 40 +4 true"},
		{"seed-standard", "cifar-100 resnet-101", "resnet101 sgd 0.02 0.9 128 100 +4 true"},
		{"seed-standard", "imagenet-32 resnet-101", "resnet101 sgd 0.02 0.9 128 50 +0 false"},
		{"seed-shuffled", "svhn mlp 0.3", "mlp rmsprop 0.0002 0 128 150 +0 false"},
		{"seed-shuffled", "mnist vgg-18 0.1", "vgg sgd 0.02 0.9 128 40 +0 false"},
		{"seed-shuffled", "cifar-100 resnet-18 0.5", "resnet18 sgd 0.02 0.9 128 50 +0 false"},
		{"seed-noise", "cifar-10 vgg-18 1.6", "vgg sgd 0.02 0.9 128 50 +0 false"},
		{"seed-noise", "mnist mlp 0.1", "mlp sgd 0.02 0.9 128 100 +0 false"},
		{"seed-noise", "gaussian-noise resnet-18 0", "resnet18 sgd 0.01 0.9 128 40 +0 false"},
	} {
		s, err := Find(c.corpus)
		if err != nil {
			t.Fatal(err)
		}
		nets, err := s.Networks()
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(nets, func(n Network) bool {
			var values []string
			for _, v := range n.Config {
				values = append(values, v.Value.String())
			}
			return strings.Join(values, " ") == c.settings
		})
		if at < 0 {
			t.Errorf("%s has no network %s", c.corpus, c.settings)
			continue
		}
		n, tr := &nets[at], nets[at].Training
		got := fmt.Sprint(n.Arch.Family, " ", tr.Optimizer.Name, " ", tr.Optimizer.LearningRate, " ", tr.Optimizer.Momentum, " ", tr.BatchSize, " ", tr.MaxEpochs, " +", tr.Augment.Crop, " ", tr.Augment.Flip)
		if got != c.want || tr.TargetLoss != 0 || tr.Optimizer.WeightDecay != 0 || n.Transform.Normalize != tr.Augment.Flip {
			t.Errorf("%s %s: %s, want %s", c.corpus, c.settings, got, c.want)
		}
	}
}
