package corpora

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/models"
)

// mixed has three families, each with a training of its own.
const mixed = `name: mixed
data: {set: fmnist-mini, pool: 2, train: 100, test: 100}
training: {lr: 0.02, momentum: 0.9, max_epochs: 40}
axes:
  network:
    mlp: {network: {family: mlp, width: 8, depth: 3}, training: {optimizer: rmsprop, lr: 0.0002, momentum: 0, max_epochs: 150}}
    vgg: {network: {family: vgg, width: 4, depth: 3}}
    resnet: {network: {family: resnet18, width: 4}, training: {batch: 64}}
  label_shuffle: [0.1, 0.5]
  seed: [1, 2]
overrides:
  - {when: {network: [vgg, resnet], label_shuffle: 0.5}, training: {max_epochs: 50}}
  - when: {network: vgg}
    training: {batch: 16}
`

func TestAlternatives(t *testing.T) {
	spec := parse(t, mixed)
	nets, err := spec.Networks()
	if err != nil || len(nets) != 12 {
		t.Fatalf("%d networks, error %v; want 12", len(nets), err)
	}
	if want := []string{"network", "label_shuffle"}; !slices.Equal(spec.Axes(), want) {
		t.Errorf("axes %v, want %v", spec.Axes(), want)
	}
	if want := []string{"mlp", "vgg", "resnet"}; !slices.Equal(spec.Levels()["network"], want) {
		t.Errorf("levels %v, want %v", spec.Levels(), want)
	}
	var got []string
	for _, n := range nets {
		if n.Seed == 1 {
			o := n.Training.Optimizer
			got = append(got, fmt.Sprint(n.Config[0].Value, " ", n.Config[1].Value, " ", n.Arch.Family, " ", o.Name, " ", o.LearningRate, " ", o.Momentum, " ", n.Training.BatchSize, " ", n.Training.MaxEpochs))
		}
	}
	want := []string{
		"mlp 0.1 mlp rmsprop 0.0002 0 32 150", "mlp 0.5 mlp rmsprop 0.0002 0 32 150",
		"vgg 0.1 vgg sgd 0.02 0.9 16 40", "vgg 0.5 vgg sgd 0.02 0.9 16 50",
		"resnet 0.1 resnet18 sgd 0.02 0.9 64 40", "resnet 0.5 resnet18 sgd 0.02 0.9 64 50",
	}
	if !slices.Equal(got, want) {
		t.Errorf("networks\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := len(nets[0].Arch.Layers); got != 7 { // three hidden layers with their ReLU, and the last
		t.Errorf("the mlp has %d layers", got)
	}
}

// TestAlternativesAreNoIdentity: the same network written without names has the same ID.
func TestAlternativesAreNoIdentity(t *testing.T) {
	plain := networks(t, `name: plain
data: {set: fmnist-mini, pool: 2, train: 100, test: 100}
network: {family: vgg, width: 4, depth: 3}
training: {lr: 0.02, momentum: 0.9, max_epochs: 50, batch: 16}
axes: {label_shuffle: [0.5], seed: [2]}
`)
	found := false
	for _, n := range networks(t, mixed) {
		found = found || n.ID == plain[0].ID
	}
	if !found {
		t.Errorf("%s is not in the other corpus", &plain[0])
	}
}

// TestResolvedSpecReadsBack: corpus.json makes the same networks.
func TestResolvedSpecReadsBack(t *testing.T) {
	for _, src := range []string{mixed, layered} {
		spec := parse(t, src)
		b, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		var again Spec
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		one, err := spec.Networks()
		if err != nil {
			t.Fatal(err)
		}
		two, err := again.Networks()
		if err != nil || !reflect.DeepEqual(one, two) {
			t.Errorf("read back, the spec makes other networks (error %v)", err)
		}
	}
	spec := parse(t, mixed)
	spec.overrides[0].Set[0].Value = Text("perceptron")
	b, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, new(Spec)); err == nil || !strings.Contains(err.Error(), "perceptron") {
		t.Errorf("an impossible value of an alternative: %v", err)
	}
}

// layered is a network from a list of layers.
const layered = `name: layered
data: {set: fmnist-mini, pool: 2, train: 100, test: 100}
network:
  family: custom
  layers:
    - conv2d: {channels: 4, kernel: 3, padding: 1, bias: false}
    - batchnorm
    - relu
    - maxpool: 2
    - conv2d: {channels: 4, kernel: 3, padding: 1, name: inner}
    - add: pool1
    - dropout: 0.25
    - avgpool: {kernel: 3, stride: 2}
    - {dense: 5}
    - relu
    - dense: classes
training: {lr: 0.1}
axes: {seed: [1]}
`

func TestListedLayers(t *testing.T) {
	a := networks(t, layered)[0].Arch
	var names []string
	for _, l := range a.Layers {
		names = append(names, l.Name)
	}
	if want := "conv1 bn1 relu1 pool1 inner add1 drop1 pool2 fc1 relu2 fc2"; strings.Join(names, " ") != want {
		t.Errorf("layers %v, want %s", names, want)
	}
	// 4·9 + 2·4 + (4·4·9 + 4) + (36·5 + 5) + (5·10 + 10): pool2 writes 4 x 3 x 3
	if got, want := a.NumParameters(), 36+8+148+185+60; got != want || a.Family != "custom" || a.Has(models.Flatten) {
		t.Errorf("%s with %d parameters, want %d", a.Family, got, want)
	}
}

// TestSettingsErrors: lines and columns were counted by hand.
func TestSettingsErrors(t *testing.T) {
	for _, c := range []struct{ name, src, old, new, want string }{
		{"kind", layered, "- batchnorm", "- batchnrm", `c.yaml:7:7: network.layers[1]: "batchnrm" is no kind of layer; did you mean "batchnorm"?`},
		{"kind with values", layered, "conv2d: {channels: 4, kernel: 3, padding: 1, bias", "conv: {channels: 4, kernel: 3, padding: 1, bias", `c.yaml:6:7: network.layers[0].conv: unknown key; known: dense, conv2d,`},
		{"value", layered, "dropout: 0.25", "dropout: 1", `c.yaml:12:16: network.layers[6].dropout: 1 is impossible; give a number in [0, 1)`},
		{"missing", layered, "channels: 4, kernel: 3, padding: 1, bias", "channels: 4, padding: 1, bias", `c.yaml:6:7: network.layers[0].conv2d.kernel: is missing; give an integer in [1, 1048576]`},
		{"bare", layered, "- maxpool: 2", "- maxpool", `c.yaml:9:7: network.layers[3].kernel: is missing; give an integer in [1, 1048576]`},
		{"two in one", layered, "{dense: 5}", "{dense: 5, relu: {}}", `c.yaml:14:18: network.layers[8].relu: a second layer in one item; begin another item of the list with it`},
		{"window", layered, "maxpool: 2", "maxpool: 20", `c.yaml:9:7: network.layers[3]: seed=1: layer 3 (pool1): a window of 20 x 20 does not fit into 14 x 14 with padding 0; change the layer`},
		{"summand", layered, "add: pool1", "add: pool7", `c.yaml:11:7: network.layers[5]: seed=1: layer 5 (add1): adds "pool7", which is no earlier layer; change the layer`},
		{"logits", layered, "dense: classes", "dense: 11", `c.yaml:5:3: network.layers: seed=1: the last layer must write 10 logits`},
		{"no layers", layered, "family: custom\n  layers:", "family: custom\n  widths:", `c.yaml:6:7: network.widths[0]`},
		{"family without a list", "name: a\ndata: {set: fmnist-mini}\nnetwork: {family: custom}\ntraining: {lr: 1}\naxes: {seed: [1]}\n", "", "", `c.yaml:3:11: network.layers: is missing; list the layers`},
		{"list without its family", layered, "family: custom", "family: vgg", `c.yaml:5:3: network.layers: has no effect with family vgg; remove it, or choose family custom`},
		{"unread by the family", mixed, "family: resnet18, width: 4", "family: resnet18, depth: 4", `c.yaml:8:42: axes.network.resnet.network.depth: has no effect with family resnet18; remove it, or choose family mlp or nin or vgg`},
		{"unread axis", mixed, "label_shuffle: [0.1, 0.5]", "label_shuffle: [0.1, 0.5]\n  dropout: [0, 0.5]", `c.yaml:10:3: axes.dropout: has no effect with family resnet18; make it a corpus of its own, or remove that family`},
		{"axis and alternative", mixed, "label_shuffle: [0.1, 0.5]", "label_shuffle: [0.1, 0.5]\n  batch: [8, 9]", `c.yaml:8:64: axes.network.resnet.training.batch: is an axis, on line 10; remove one of the two`},
		{"unread by the optimizer", mixed, "optimizer: rmsprop, lr: 0.0002,", "optimizer: adam, lr: 0.0002,", `c.yaml:6:95: axes.network.mlp.training.momentum: has no effect with optimizer adam; remove it, or choose optimizer sgd or rmsprop`},
		{"alternative", mixed, "resnet: {network: {", "resnet: {netwrk: {", `c.yaml:8:14: axes.network.resnet.netwrk: unknown key; did you mean "network"?`},
		{"condition's axis", mixed, "when: {network: vgg}", "when: {netwrk: vgg}", `c.yaml:13:12: overrides[1].when.netwrk: is not an axis of this corpus; did you mean "network"?`},
		{"condition's value", mixed, "when: {network: vgg}", "when: {network: vg}", `c.yaml:13:12: overrides[1].when.network: the axis has no value "vg"; give values that the axis has`},
		{"no condition", mixed, "  - when: {network: vgg}\n    training", "  - training", `c.yaml:13:5: overrides[1]: has no condition; say when it holds, as when: {axis: value}, or fix it for all`},
		{"empty axis", mixed, "label_shuffle: [0.1, 0.5]", "kind: {}", `c.yaml:9:3: axes.kind: is empty; name the alternatives`},
		{"needed by one", mixed, "lr: 0.02, ", "", `c.yaml:3:1: training.lr: is missing; give a number in (0, 1000000], here or as an axis`},
		{"name", mixed, "    vgg: {network: {family: vgg, width", "    v/g: {network: {family: vgg, width", `c.yaml:7:5: axes.network.v/g: "v/g" is not a name; ` + nameRule},
	} {
		src := strings.Replace(c.src, c.old, c.new, 1)
		if c.old != "" && src == c.src {
			t.Fatalf("%s: the spec has no %q", c.name, c.old)
		}
		_, err := ParseSpec("c.yaml", []byte(src))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s:\ngot  %v\nwant %s", c.name, err, c.want)
		}
	}
}
