package xla

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/models"
)

// TestFind lays out a Python environment, go-xla's folder and a named one, and asks for the order.
func TestFind(t *testing.T) {
	root := t.TempDir()
	file := func(parts ...string) string {
		path := filepath.Join(append([]string{root}, parts...)...)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cuda := file("env", "lib/python3.12/site-packages/jax_plugins/xla_cuda13/xla_cuda_plugin.so")
	file("env", "lib/python3.12/site-packages/nvidia/cu13/bin/ptxas")
	processor := file("env", "lib/python3.12/site-packages/lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so")
	installed := file("home", ".local/lib/go-xla/pjrt_c_api_cpu_v0.83.4_plugin.so")
	named := file("named", "pjrt_mine.so")
	file("named", "notes.txt")
	env := map[string]string{
		"VIRTUAL_ENV": filepath.Join(root, "env"), "HOME": filepath.Join(root, "home"),
		PathVariable: filepath.Join(root, "named") + ":" + filepath.Join(root, "missing.so"),
	}
	getenv := func(name string) string { return env[name] }
	var paths []string
	for _, p := range Find(getenv) {
		if strings.HasPrefix(p.Path, root) { // this machine may have plugins, too
			paths = append(paths, p.Path)
		}
	}
	if want := []string{named, cuda, processor, installed}; !slices.Equal(paths, want) {
		t.Errorf("found %v, want %v", paths, want)
	}
	for device, want := range map[string]string{"": cuda, "cuda:1": cuda, "cpu": named} { // a name that tells nothing may be either, and comes behind a GPU's
		o := Options{Device: device, Getenv: getenv}
		platform, _, err := o.device()
		if err != nil {
			t.Fatal(err)
		}
		found, err := o.candidates(platform)
		if err != nil || found[0].Path != want {
			t.Fatalf("device %q: %v, %v; want %s", device, found, err, want)
		}
		p := found[0]
		if p.Path == cuda && p.CUDA != filepath.Join(root, "env/lib/python3.12/site-packages/nvidia/cu13") {
			t.Errorf("CUDA's tools in %q", p.CUDA)
		}
	}
}

func TestOptionsRefuse(t *testing.T) {
	for _, o := range []Options{{Device: "gpu"}, {Device: "cuda:x"}, {Device: "cuda:-1"}, {Device: "cpu:"}} {
		if _, _, err := o.device(); err == nil {
			t.Errorf("%+v is not refused", o)
		}
	}
	for _, o := range []Options{{Precision: "half"}, {Convolutions: "fft"}, {Together: -1}} {
		if err := o.validate(); err == nil {
			t.Errorf("%+v is not refused", o)
		}
	}
	o := Options{Device: "cuda:0", Getenv: func(string) string { return "" }}
	if p, err := o.candidates("cuda"); err == nil {
		t.Logf("this machine has %v", p)
	} else if !strings.Contains(err.Error(), "pip install") || !strings.Contains(err.Error(), PathVariable) {
		t.Errorf("no plugin: %v: no remedy", err)
	}
}

// TestGroupSizes: powers of two, by the rules of groupsize.go worked out by hand.
func TestGroupSizes(t *testing.T) {
	mlp, err := models.MLP(models.Shape{C: 1, H: 28, W: 28}, 10, models.MLPOptions{Widths: []int{256, 256}})
	if err != nil {
		t.Fatal(err)
	}
	// 268,800 multiply-adds x 6 x 128 = 2.1e8 a step: 2^36 would hold 332, 128 is the most.
	if k := GroupSizeOn("cuda", mlp, 128); k != 128 {
		t.Errorf("%d MLPs", k)
	}
	if k := GroupSizeOn("cpu", mlp, 128); k != 8 {
		t.Errorf("%d MLPs on the processor", k)
	}
	resnet, err := models.ResNet(models.Shape{C: 3, H: 32, W: 32}, 10, models.ResNetOptions{Layers: 18, Width: 64})
	if err != nil {
		t.Fatal(err)
	}
	// 5.6e8 multiply-adds x 6 x 64 = 2.1e11: one step is more than 2^36 = 6.9e10.
	if k := GroupSizeOn("cuda", resnet, 64); k != 1 {
		t.Errorf("%d ResNets", k)
	}
	// What memory holds: of each MLP 12 bytes for 128 times its inputs and outputs, 4 bytes for 269,322 values (784·256 + 256 + 256·256 + 256 + 2,560 + 10), their gradients and
	// momenta, the new ones too, and 8 for 1,000 labels and places; 4 for 1,000 inputs of 784.
	shape := models.ShapeOf(mlp, models.Training{Optimizer: models.Optimizer{Name: "sgd", Momentum: 0.9}, BatchSize: 128}, 1000)
	outputs := int64(784)
	for _, l := range mlp.Layers {
		outputs += int64(l.Out)
	}
	each := 12*128*outputs + 4*269_322*5 + 8*1000
	for _, c := range []struct {
		bytes int64
		want  int
	}{{3_136_000 + 7*each, 7}, {3_136_000 + 8*each - 1, 7}, {0, 1}, {1 << 60, LargestGroup}} {
		if k := slotsWithin(c.bytes, shape); k != c.want {
			t.Errorf("%d bytes hold %d MLPs, want %d", c.bytes, k, c.want)
		}
	}
}

// TestMostAugmented: pixels of a batch are counted by 32 bits. 2,730 networks' batches of 256 images of 3·32·32 have 2,146,959,360 values, 2,731 have 2,147,745,792; 2^31 are 2,147,483,648.
func TestMostAugmented(t *testing.T) {
	cnn, err := models.Build("free", models.Shape{C: 3, H: 32, W: 32}, 2, []models.Layer{{Kind: models.GlobalAvgPool}, {Kind: models.Dense}})
	if err != nil {
		t.Fatal(err)
	}
	shape := models.ShapeOf(cnn, models.Training{Optimizer: models.Optimizer{Name: "sgd"}, BatchSize: 256, Augment: models.Augmentation{Flip: true}}, 1000)
	if k := slotsWithin(1<<60, shape); k != 2730 {
		t.Errorf("%d networks at most", k)
	}
	program := func(k int, augmented bool) error {
		_, err := epochProgram(groupShape{a: cnn, k: k, examples: 1000, sets: 1, augmented: augmented}, epochPart{256, 3, 0})
		return err
	}
	if err := program(2730, true); err != nil {
		t.Error(err)
	}
	if err := program(2731, true); err == nil || !strings.Contains(err.Error(), "at most 2730") {
		t.Errorf("a group too large: %v", err)
	}
	if err := program(2731, false); err != nil {
		t.Error(err)
	}
}

// TestWeightless: programs of several networks without weights are written as those of one are.
func TestWeightless(t *testing.T) {
	a, err := models.Build("free", models.Shape{C: 3, H: 2, W: 2}, 3, []models.Layer{{Kind: models.GlobalAvgPool}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []call{callOutputs, callGradient, callFrom, callBackward, callNorms, callDots, callMoments} {
		one, err := programOf(c, a, 8, 1, choices{}, rule{})
		if err != nil {
			t.Fatalf("%s: %v", c, err)
		}
		if several, err := programOf(c, a, 8, 4, choices{}, rule{}); err != nil || several.results != one.results {
			t.Errorf("%s of 4 networks answers %d arrays, %v; of one %d", c, several.results, err, one.results)
		}
	}
}
