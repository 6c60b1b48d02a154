package corpora

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// small is a spec that is right; tests spoil it.
const small = `name: small
data: {set: fmnist-mini, pool: 2, train: 100, test: 100}
network: {family: mlp, width: 8}
training: {optimizer: sgd, lr: 0.1, max_epochs: 3}
axes:
  depth: [1, 2]
  seed: [1, 2]
`

func parse(t testing.TB, src string) *Spec {
	t.Helper()
	s, err := ParseSpec("small.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSpecErrors: lines and columns were counted by hand.
func TestSpecErrors(t *testing.T) {
	edit := func(old, new string) string {
		if !strings.Contains(small, old) {
			t.Fatalf("the spec has no %q", old)
		}
		return strings.Replace(small, old, new, 1)
	}
	for _, c := range []struct{ name, src, want string }{
		{"empty", "", `c.yaml:1:1: is empty; see the built-in spec quick for an example`},
		{"only a comment", "# nothing\n", `c.yaml:1:1: is empty; see the built-in spec quick for an example`},
		{"not a mapping", "- a\n", `c.yaml:1:1: is a list, keys and values are needed; write key: value, one a line`},
		{"a word", "hello\n", `c.yaml:1:1: is a text ("hello"), keys and values are needed; write key: value, one a line`},
		{"not UTF-8", "name: \xff\n", `c.yaml:1:1: is not UTF-8; save it as UTF-8 text`},
		{"tab", "name: a\n\tb: 1\n", `c.yaml:2:1: found character '	' that cannot start any token; correct the YAML`},
		{"open bracket", edit("depth: [1, 2]", "depth: [1, 2"), `c.yaml:7:3: ',' or ']' must be specified; correct the YAML`},
		{"two documents", small + "---\nname: b\n", `c.yaml:9:1: a second document begins here; put one corpus in each file`},
		{"misspelled section", edit("training:", "trainig:"), `c.yaml:4:1: trainig: unknown key; did you mean "training"?`},
		{"misspelled hyperparameter", edit("lr: 0.1", "lrr: 0.1"), `c.yaml:4:28: training.lrr: unknown key; did you mean "lr"?`},
		{"swapped letters", edit("width: 8", "widht: 8"), `c.yaml:3:24: network.widht: unknown key; did you mean "width"?`},
		{"wrong section", edit("width: 8", "momentum: 0.9"), `c.yaml:3:24: network.momentum: unknown key; it belongs under training, or under axes with a list of values`},
		{"unknown axis", edit("depth:", "height:"), `c.yaml:6:3: axes.height: unknown key; known: set, pool, train, test, normalize, label_shuffle, shuffle_mode, input_noise, clip_noise, subset_seed, family, init, width, depth, dense, dropout, batchnorm, stem, optimizer, lr, momentum, weight_decay, beta1, beta2, alpha, epsilon, batch, target_loss, max_epochs, augment_crop, augment_flip, seed`},
		{"key twice", edit("width: 8", "width: 8, width: 9"), `c.yaml:3:34: network.width: is already given on line 3; remove one of the two`},
		{"section twice", small + "network: {}\n", `c.yaml:8:1: network: is already given on line 3; remove one of the two`},
		{"number as text", edit("lr: 0.1", `lr: "0.1"`), `c.yaml:4:32: training.lr: "0.1" is a text; remove the quotes`},
		{"text as number", edit("lr: 0.1", "lr: fast"), `c.yaml:4:32: training.lr: "fast" is a text; give a number in (0, 1000000]`},
		{"number as name", edit("name: small", "name: 7"), `c.yaml:1:7: name: 7 is a number; put it in quotes if it is meant as a text`},
		{"hexadecimal", edit("width: 8", "width: 0x8"), `c.yaml:3:31: network.width: "0x8" is a text; write numbers in plain decimal, as 1000 or 1e-3`},
		{"underscore", edit("train: 100", "train: 1_000"), `c.yaml:2:42: data.train: "1_000" is a text; write numbers in plain decimal, as 1000 or 1e-3`},
		{"infinity", edit("lr: 0.1", "lr: .inf"), `c.yaml:4:32: training.lr: ".inf" is a text; give a number in (0, 1000000]`},
		{"not a number", edit("lr: 0.1", "lr: .nan"), `c.yaml:4:32: training.lr: ".nan" is a text; give a number in (0, 1000000]`},
		{"overflow", edit("lr: 0.1", "lr: 1e999"), `c.yaml:4:32: training.lr: "1e999" is a text; give a number in (0, 1000000]`},
		{"negative", edit("lr: 0.1", "lr: -0.1"), `c.yaml:4:32: training.lr: -0.1 is impossible; give a number in (0, 1000000]`},
		{"zero", edit("lr: 0.1", "lr: 0"), `c.yaml:4:32: training.lr: 0 is impossible; give a number in (0, 1000000]`},
		{"fraction of a unit", edit("width: 8", "width: 8.5"), `c.yaml:3:31: network.width: 8.5 is impossible; give an integer in [1, 65536]`},
		{"yes", edit("pool: 2", "normalize: yes"), `c.yaml:2:37: data.normalize: "yes" is a text; write true or false`},
		{"no value", edit("lr: 0.1", "lr:"), `c.yaml:4:28: training.lr: has no value; give it one, or remove the key`},
		{"list for a scalar", edit("lr: 0.1", "lr: [0.1, 0.2]"), `c.yaml:4:32: training.lr: is a list; give a number in (0, 1000000]`},
		{"unknown optimizer", edit("sgd", "adamw"), `c.yaml:4:23: training.optimizer: unknown value "adamw"; did you mean "adam"?`},
		{"unknown set", edit("fmnist-mini", "fmnist-mimi"), `c.yaml:2:13: data.set: unknown value "fmnist-mimi"; did you mean "fmnist-mini"?`},
		{"bad name", edit("name: small", "name: ../x"), `c.yaml:1:7: name: "../x" is not a name; ` + nameRule},
		{"no name", edit("name: small\n", ""), `c.yaml:1:1: name: is missing; add the key`},
		{"no axes", small[:strings.Index(small, "axes:")], `c.yaml:1:1: axes: is missing; add the key`},
		{"empty axes", small[:strings.Index(small, "axes:")] + "axes: {}\n", `c.yaml:5:7: axes: is empty; name at least one hyperparameter with a list of values`},
		{"axes without value", small[:strings.Index(small, "axes:")] + "axes:\n", `c.yaml:5:1: axes: has no value; give it one, or remove the key`},
		{"empty axis", edit("depth: [1, 2]", "depth: []"), `c.yaml:6:10: axes.depth: has no values; give at least one value, or remove the axis`},
		{"scalar axis", edit("depth: [1, 2]", "depth: 1"), `c.yaml:6:10: axes.depth: is a number (1), a list is needed; write a list: [a, b]`},
		{"value twice", edit("depth: [1, 2]", "depth: [1, 2, 1.0]"), `c.yaml:6:17: axes.depth[2]: 1 is already there, at [0]; remove it: every value trains its own networks`},
		{"seed twice", edit("seed: [1, 2]", "seed: [1, 1]"), `c.yaml:7:13: axes.seed[1]: 1 is already there, at [0]; remove it: every value trains its own networks`},
		{"negative seed", edit("seed: [1, 2]", "seed: [-1]"), `c.yaml:7:10: axes.seed[0]: -1 is impossible; give an integer in [0, 9007199254740992]`},
		{"seed fixed", edit("lr: 0.1", "lr: 0.1, seed: 1"), `c.yaml:4:37: training.seed: unknown key; known: optimizer, lr, momentum, weight_decay, beta1, beta2, alpha, epsilon, batch, target_loss, max_epochs, augment_crop, augment_flip`},
		{"fixed and axis", edit("depth: [1, 2]", "width: [1, 2]"), `c.yaml:6:3: axes.width: is also fixed, on line 3; remove one of the two`},
		{"no lr", edit("lr: 0.1, ", ""), `c.yaml:4:1: training.lr: is missing; give a number in (0, 1000000], here or as an axis`},
		{"no data", edit("data: {set: fmnist-mini, pool: 2, train: 100, test: 100}\n", ""), "c.yaml:1:1: data.set: is missing; give one of " + strings.Join(setNames(), ", ") + ", here or as an axis"},
		{"momentum of adam", edit("optimizer: sgd", "optimizer: adam, momentum: 0.9"), `c.yaml:4:29: training.momentum: has no effect with optimizer adam; remove it, or choose optimizer sgd or rmsprop`},
		{"beta of sgd", edit("depth: [1, 2]", "depth: [1, 2]\n  beta1: [0.8, 0.9]"), `c.yaml:7:3: axes.beta1: has no effect with optimizer sgd; make it a corpus of its own, or remove that optimizer`},
		{"widths and depth", edit("width: 8", "widths: [8, 4]"), `c.yaml:6:3: axes.depth: has no effect beside network.widths, on line 3; remove one of the two`},
		{"pool does not divide", edit("pool: 2", "pool: 3"), `c.yaml:5:1: axes: depth=1 seed=1: pool 3 does not divide the 28 x 28 images of fmnist-mini; change one of the values named`},
		{"more than there are", edit("train: 100", "train: 5000"), `c.yaml:5:1: axes: depth=1 seed=1: fmnist-mini has 4000 training and 2000 test examples, not 5000 and 100; change one of the values named`},
		{"batch norm of one", edit("width: 8", "width: 8, batchnorm: true") + "# \n", ""},
		{"anchor", edit("lr: 0.1", "lr: &x 0.1"), `c.yaml:4:32: training.lr: is an anchor (&), which specs do not have; give a number in (0, 1000000]`},
		{"alias", edit("lr: 0.1", "lr: *x"), `c.yaml:4:32: training.lr: is an alias (*), which specs do not have; give a number in (0, 1000000]`},
		{"tag", edit("lr: 0.1", "lr: !!str 0.1"), `c.yaml:4:32: training.lr: is a tag (!), which specs do not have; give a number in (0, 1000000]`},
		{"merge key", edit("lr: 0.1", "<<: {}"), `c.yaml:4:28: training: has a merge key (<<), which specs do not have, for a key; write keys as plain text`},
		{"snapshot twice", small + "keep: {snapshots: [1, 1]}\n", `c.yaml:8:23: keep.snapshots[1]: 1 is already there, at [0]; remove it`},
		{"snapshot when", small + "keep: {snapshots: [every]}\n", `c.yaml:8:20: keep.snapshots[0]: "every" does not say when; give a number or "every N", with "from A" and "to B" as needed`},
		{"snapshot backwards", small + "keep: {snapshots: [every 2 from 9 to 3]}\n", `c.yaml:8:20: keep.snapshots[0]: "every 2 from 9 to 3" does not say when; give a number or "every N", with "from A" and "to B" as needed`},
		{"snapshot every 0", small + "keep: {snapshots: [every 0]}\n", `c.yaml:8:20: keep.snapshots[0]: "every 0" does not say when; give a number or "every N", with "from A" and "to B" as needed`},
		{"snapshot of no step", small + "keep: {snapshot_steps: [0]}\n", `c.yaml:8:25: keep.snapshot_steps[0]: 0 is impossible; give an integer in [1, 1073741824]`},
		{"snapshots of no step", small + "keep: {snapshot_steps: [every 1 from 0]}\n", `c.yaml:8:25: keep.snapshot_steps[0]: "every 1 from 0" begins too early; begin at 1 or later; keep.snapshots: [0] is before training`},
		{"many snapshots", edit("max_epochs: 3", "max_epochs: 5000") + "keep: {snapshot_steps: [every 1]}\n", `c.yaml:5:1: axes: depth=1 seed=1: more than 10000 snapshots of one network; change one of the values named`},
		{"measures", small + "measures: cna\n", `c.yaml:8:11: measures: is a text ("cna"), a list is needed; write a list: [a, b]`},
		{"plugins", small + "plugins: {mine: 1}\n", `c.yaml:8:17: plugins.mine: 1 is a number; put it in quotes if it is meant as a text`},
		{"two mistakes", edit("lr: 0.1", "lr: -1, batch: 0"), "c.yaml:4:32: training.lr: -1 is impossible; give a number in (0, 1000000]\nc.yaml:4:43: training.batch: 0 is impossible; give an integer in [1, 1073741824]"},
		{"byte order mark", "\ufeff" + edit("lr: 0.1", "lr: -1"), `c.yaml:4:32: training.lr: -1 is impossible; give a number in (0, 1000000]`},
		{"accents before it", edit("name: small", "name: small\ndescription: é") + "x: é\n", `c.yaml:9:1: x: unknown key; known: name, description, data, network, training, axes, overrides, keep, measures, plugins, plugin_read`},
		{"deep", strings.Repeat("[", 200), `c.yaml:1:100: is nested 100 deep; a spec nests three deep at most`},
		{"many dashes", strings.Repeat("- ", 30000), `c.yaml:1:199: is nested 100 deep; a spec nests three deep at most`},
		{"large", strings.Repeat("#", maxSpecBytes+1), `c.yaml:1:1: is 65537 bytes, more than 65536; a spec is a page of text`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseSpec("c.yaml", []byte(c.src))
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("spec:\n%s\ngot  %s\nwant %s", clip(c.src), got, c.want)
			}
		})
	}
}

func TestHugeGrid(t *testing.T) {
	var list []string
	for i := range 110 {
		list = append(list, Number(float64(i+1)).String())
	}
	hundred := "[" + strings.Join(list, ", ") + "]"
	src := strings.Replace(small, "depth: [1, 2]", "depth: "+hundred+"\n  batch: "+hundred+"\n  dropout: [0, 0.5]", 1)
	src = strings.Replace(src, "seed: [1, 2]", "seed: "+hundred, 1)
	_, err := ParseSpec("c.yaml", []byte(src))
	if want := "c.yaml:5:1: axes: make more than 1000000 networks; take values away"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestLargeGridIsChecked: values that do not go together are found without
// building every network.
func TestLargeGridIsChecked(t *testing.T) {
	var list []string
	for i := range 1500 {
		list = append(list, Number(float64(i)).String())
	}
	src := strings.Replace(small, "pool: 2, ", "", 1)
	src = strings.Replace(src, "depth: [1, 2]", "depth: [1, 2]\n  pool: [1, 2, 3]", 1)
	src = strings.Replace(src, "seed: [1, 2]", "seed: ["+strings.Join(list, ", ")+"]", 1)
	_, err := ParseSpec("c.yaml", []byte(src))
	if err == nil || !strings.HasPrefix(err.Error(), "c.yaml:7:3: axes.pool: depth=1 pool=3 seed=0: pool 3 does not divide") {
		t.Errorf("got %v", err)
	}
}

func TestSpecValues(t *testing.T) {
	s := parse(t, `# everything that a spec may have
"name": 'full.spec-1'
description: |
  two lines
  of text
data: {set: fmnist-mini, pool: 4, train: 0, normalize: true, shuffle_mode: resample, clip_noise: false, subset_seed: 3}
network:
  family: mlp
  widths: [16, 8]
  dropout: 0.25
  batchnorm: true
training: {optimizer: rmsprop, momentum: 0.5, alpha: 0.9, epsilon: 1e-6, weight_decay: 5e-4, batch: 64, target_loss: 1.0e-1, max_epochs: 7}
axes:
  lr:
    - 1e-3   # a comment
    - .5
  label_shuffle: [0.25]
  init: [he, glorot]
keep: {init: false, snapshots: [5, 0, 9]}
measures: [cna, "l2norm"]
plugins: {mine: ./genbench-measure-mine}
`)
	if s.Name != "full.spec-1" || s.Description != "two lines\nof text\n" || s.Keep.Init || !slices.Equal(s.Keep.Snapshots, []Mark{At(5), At(0), At(9)}) ||
		!slices.Equal(s.Measures, []string{"cna", "l2norm"}) || s.Plugins["mine"] != "./genbench-measure-mine" {
		t.Errorf("read %+v", s)
	}
	if got := s.Axes(); !slices.Equal(got, []string{"lr", "init"}) {
		t.Errorf("axes %v", got)
	}
	if want := (map[string][]string{"lr": {"0.001", "0.5"}, "init": {"he", "glorot"}}); !reflect.DeepEqual(s.Levels(), want) {
		t.Errorf("levels %v, want %v", s.Levels(), want)
	}
	if !slices.Equal(s.Seeds(), []int64{1}) {
		t.Errorf("seeds %v; without the axis there is one", s.Seeds())
	}
	nets, err := s.Networks()
	if err != nil || len(nets) != 4 {
		t.Fatalf("%d networks, error %v", len(nets), err)
	}
	n := nets[2] // lr .5, init he
	tr := n.Training
	if tr.Optimizer.LearningRate != 0.5 || tr.Optimizer.Alpha != 0.9 || tr.Optimizer.Epsilon != 1e-6 || tr.Optimizer.Beta1 != 0 || tr.Optimizer.Momentum != 0.5 ||
		tr.Init != "he" || tr.BatchSize != 64 || tr.TargetLoss != 0.1 || tr.MaxEpochs != 7 || !slices.Equal(tr.Snapshots, []int{0, 5}) {
		t.Errorf("training %+v", tr)
	}
	if n.Transform.ShuffleMode != "resample" || n.Transform.LabelShuffle != 0.25 || !n.Transform.Normalize || n.Transform.Pool != 4 {
		t.Errorf("transform %+v", n.Transform)
	}
	// 7x7 -> 16 -> 8 -> 10 with batch norm: 49·16+16 + 32 + 16·8+8 + 16 + 8·10+10
	if got := n.Arch.NumParameters(); got != 1074 {
		t.Errorf("%d parameters, want 1074", got)
	}
	if n.KeepInit {
		t.Error("the initial tensors are not to be kept")
	}
}

// TestSpecJSON: what corpus.json holds gives the same networks.
func TestSpecJSON(t *testing.T) {
	for _, name := range Builtin() {
		s, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back Spec
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		want, _ := s.Networks()
		got, err := back.Networks()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: other networks after a round trip; error %v", name, err)
		}
	}
	for _, bad := range []string{
		`{"name":"a","axes":[],"seeds":[],"keep":{"init":true}}`,
		`{"name":"../a","axes":[],"seeds":[1],"keep":{"init":true}}`,
		`{"name":"a","axes":[{"axis":"depht","values":[1]}],"seeds":[1],"keep":{"init":true}}`,
		`{"name":"a","axes":[{"axis":"depth","values":["x"]}],"seeds":[1],"keep":{"init":true}}`,
		`{"name":"a","axes":[{"axis":"depth","values":[null]}],"seeds":[1],"keep":{"init":true}}`,
		`{"name":"a","axes":[],"seeds":[1],"keep":{"init":true},"more":1}`,
	} {
		if err := json.Unmarshal([]byte(bad), new(Spec)); err == nil {
			t.Errorf("read %s", bad)
		}
	}
}

func TestFind(t *testing.T) {
	if got := Builtin(); !slices.Equal(got, []string{"fgm-nin", "fgm-nin-mini", "quick", "rgm-nin", "seed-noise", "seed-noise-mini", "seed-shuffled", "seed-shuffled-mini", "seed-standard", "seed-standard-mini", "tiny"}) {
		t.Errorf("built in: %v", got)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "mine.yaml")
	if err := os.WriteFile(path, []byte(small), 0o644); err != nil {
		t.Fatal(err)
	}
	if s, err := Find(path); err != nil || s.Name != "small" {
		t.Errorf("file: %v", err)
	}
	for _, c := range []struct{ name, want string }{
		{"qiuck", `no corpus "qiuck"; did you mean "quick"?; or give the path of a YAML file`},
		{"imagenet", `no corpus "imagenet"; known: fgm-nin, fgm-nin-mini, quick, rgm-nin, seed-noise, seed-noise-mini, seed-shuffled, seed-shuffled-mini, seed-standard, seed-standard-mini, tiny; or give the path of a YAML file`},
		{dir + "/none.yaml", "no corpus file " + dir + "/none.yaml; built in are fgm-nin, fgm-nin-mini, quick, rgm-nin, seed-noise, seed-noise-mini, seed-shuffled, seed-shuffled-mini, seed-standard, seed-standard-mini, tiny"},
		{dir, dir + " is not a store"},
	} {
		if _, err := Find(c.name); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("Find(%q): %v, want %s", c.name, err, c.want)
		}
	}
}

func TestValue(t *testing.T) {
	for _, c := range []struct {
		v    Value
		text string
		json string
	}{
		{Number(0.1), "0.1", "0.1"}, {Number(128), "128", "128"}, {Number(1e6), "1000000", "1000000"}, {Number(1e-5), "1e-05", "0.00001"},
		{Number(1e20), "1e+20", "100000000000000000000"}, {Text("sgd"), "sgd", `"sgd"`}, {Truth(true), "true", "true"}, {Truth(false), "false", "false"}, {Value{}, "0", "0"},
	} {
		b, err := json.Marshal(c.v)
		if err != nil || c.v.String() != c.text || string(b) != c.json {
			t.Errorf("%v is %s and %s, want %s and %s", c.v, c.v, b, c.text, c.json)
		}
		var back Value
		if err := json.Unmarshal(b, &back); err != nil || back != c.v {
			t.Errorf("%s reads back as %#v, error %v", b, back, err)
		}
	}
}

func FuzzParseSpec(f *testing.F) {
	f.Add(small)
	for _, name := range Builtin() {
		b, err := Source(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add("a: &a [*a, *a]\nb: &b [*a, *a]\n<<: *b\n? [x]\n: !!set {}\n--- |\n %TAG\n")
	f.Add(strings.Repeat("- ", 3000))
	f.Add(strings.Repeat("a: {", 99))
	f.Fuzz(func(t *testing.T, src string) {
		s, err := ParseSpec("f.yaml", []byte(src))
		if (s == nil) == (err == nil) {
			t.Fatalf("spec %v with error %v", s, err)
		}
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !strings.HasPrefix(line, "f.yaml:") && !strings.HasPrefix(err.Error(), "f.yaml:") {
					t.Fatalf("error without a place: %s", line)
				}
			}
			return
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back Spec
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatalf("%s does not read back: %v", b, err)
		}
	})
}
