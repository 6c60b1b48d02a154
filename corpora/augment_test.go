package corpora

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/corpora/dataset"
)

// augmented varies the size of the training set, on normalised and augmented images.
const augmented = `name: augmented
data: {set: fmnist-mini, pool: 2, test: 100, normalize: true}
network: {width: 8}
training: {lr: 0.1, max_epochs: 2, augment_crop: 2, augment_flip: true}
axes:
  train: [50, 100]
  seed: [1, 2]
`

// TestAugmentedTraining: the same bytes with one worker and with two; each size of the training set is balanced, contains the smaller
// one and has statistics of its own, which are recorded.
func TestAugmentedTraining(t *testing.T) {
	set, err := dataset.Open("fmnist-mini", "")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	for _, jobs := range []int{1, 2} {
		s, nets := open(t, t.TempDir(), augmented)
		if jobs == 2 {
			slices.Reverse(nets)
		}
		if r, err := Train(t.Context(), s, nets, TrainOptions{Engine: engine(t), Jobs: jobs}); err != nil || r.Trained != 4 {
			t.Fatalf("%+v, %v", r, err)
		}
		got := contents(t, s)
		if want == nil {
			want = got
		} else if !reflect.DeepEqual(got, want) {
			t.Error("two workers made other networks than one")
		}
		for i := range nets {
			n := &nets[i]
			r, err := s.Record(n.ID)
			if err != nil {
				t.Fatal(err)
			}
			checkAugmented(t, set, n, r)
			b, err := os.ReadFile(s.path(n.ID, recordName))
			if err != nil {
				t.Fatal(err)
			}
			if err := satisfies(decodeJSON(t, RecordSchema()), decodeJSON(t, b), n.ID); err != nil {
				t.Error(err)
			}
		}
	}
}

func checkAugmented(t *testing.T, set *dataset.Set, n *Network, r *Record) {
	t.Helper()
	size := n.TrainSize()
	if !r.Training.Augment.On() || r.Seeds.Augment != DeriveSeed("augment", n.Seed) || r.Train.N != size {
		t.Errorf("%s: record %+v, seeds %+v, %d examples", n, r.Training, r.Seeds, r.Train.N)
	}
	// By hand: mean and standard deviation of the subset's pixels, which SplitIndices name.
	var sum, squares, pixels float64
	classes := make([]int, 10)
	for _, i := range r.SplitIndices {
		classes[set.Train.Labels[i]]++
		image := set.Train.Pixels[i*784 : (i+1)*784]
		for y := 0; y < 28; y += 2 {
			for x := 0; x < 28; x += 2 {
				v := (float64(image[y*28+x]) + float64(image[y*28+x+1]) + float64(image[y*28+28+x]) + float64(image[y*28+29+x])) / 1020
				sum, squares, pixels = sum+v, squares+v*v, pixels+1
			}
		}
	}
	mean := sum / pixels
	if len(r.InputMean) != 1 || len(r.InputStd) != 1 || !close6(r.InputMean[0], mean) || !close6(r.InputStd[0]*r.InputStd[0], squares/pixels-mean*mean) {
		t.Errorf("%s: normalised with %v and %v, the subset has mean %v and variance %v", n, r.InputMean, r.InputStd, mean, squares/pixels-mean*mean)
	}
	if slices.Max(classes) != size/10 || slices.Min(classes) != size/10 {
		t.Errorf("%s: classes %v", n, classes)
	}
}

func close6(a, b float64) bool { return a-b < 1e-6 && b-a < 1e-6 }

// TestAugmentationAndIdentity: a spec that names no augmentation, or none, has the networks that it always had.
func TestAugmentationAndIdentity(t *testing.T) {
	ids := func(src string) (ids []string) {
		for _, n := range networks(t, src) {
			ids = append(ids, n.ID)
			b, err := json.Marshal([]any{n.Training, n.Seeds})
			if err != nil || strings.Contains(string(b), "augment") != n.Training.Augment.On() {
				t.Errorf("%s: %s, %v", &n, b, err)
			}
		}
		return ids
	}
	plain := ids(small)
	if off := ids(strings.Replace(small, "lr: 0.1", "lr: 0.1, augment_crop: 0, augment_flip: false", 1)); !slices.Equal(off, plain) {
		t.Error("augmentation that is off changes identities")
	}
	for _, on := range []string{"augment_crop: 1", "augment_flip: true"} {
		if slices.Equal(ids(strings.Replace(small, "lr: 0.1", "lr: 0.1, "+on, 1)), plain) {
			t.Errorf("%s does not change identities", on)
		}
	}
	_, err := ParseSpec("c.yaml", []byte(strings.Replace(small, "lr: 0.1", "lr: 0.1, augment_crop: 14", 1)))
	if err == nil || !strings.Contains(err.Error(), "can miss images of 14 x 14") {
		t.Errorf("a crop as large as the image: %v", err)
	}
}

// TestColourSets: their networks have three channels, and are refused sizes that they do not have, without their files.
func TestColourSets(t *testing.T) {
	for name, want := range map[string][4]int{"cifar-10": {3, 32, 10, 50000}, "cifar-100": {3, 32, 100, 50000}, "svhn": {3, 32, 10, 73257}, "imagenet-32": {3, 32, 1000, 1281167}, "digits": {1, 8, 10, 1000}} {
		src := strings.NewReplacer("fmnist-mini", name, "pool: 2, train: 100, test: 100", "pool: 2").Replace(small)
		n := networks(t, src)[0]
		if n.Arch.Input.C != want[0] || n.Arch.Input.H != want[1]/2 || n.Arch.Classes != want[2] || n.TrainSize() != want[3] {
			t.Errorf("%s: input %v, %d classes, %d examples", name, n.Arch.Input, n.Arch.Classes, n.TrainSize())
		}
		if _, err := ParseSpec("c.yaml", []byte(strings.Replace(src, "pool: 2", "pool: 2, train: 2000000", 1))); err == nil || !strings.Contains(err.Error(), "training and") {
			t.Errorf("%s: more examples than there are: %v", name, err)
		}
	}
}

// TestShufflesShareInputs: a corpus of shuffled labels holds its images once.
func TestShufflesShareInputs(t *testing.T) {
	c := NewDataCache("")
	clean := dataset.Transform{Pool: 2, Train: 100, Test: 50}
	base, err := c.Get("fmnist-mini", clean)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(3) {
		shuffled := clean
		shuffled.LabelShuffle, shuffled.ShuffleSeed = 0.5, seed
		d, err := c.Get("fmnist-mini", shuffled)
		if err != nil || &d.Train.X[0] != &base.Train.X[0] || d.Hash == base.Hash || d.ChangedFraction == 0 {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
	if len(c.built) != 1 {
		t.Errorf("%d entries are kept, want 1", len(c.built))
	}
}
