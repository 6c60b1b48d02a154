package importer

import (
	"bytes"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/models"
)

// rotated is w8 with its outputs moved on by one class. Against labels moved on by one it has the loss
// and accuracy that PyTorch found for w8 against the clean ones: the sums are the same numbers in another order.
func rotated(t *testing.T) string {
	t.Helper()
	dir := copyNetwork(t, "w8")
	editFile(t, filepath.Join(dir, finalName), func(b []byte) []byte {
		s, meta, err := models.ReadTensors(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		moved := 0
		for i := range s {
			if s[i].Shape[0] == 10 { // of the last layer: [10, 8] and [10]
				row := len(s[i].Data) / 10
				s[i].Data = slices.Concat(s[i].Data[9*row:], s[i].Data[:9*row])
				moved++
			}
		}
		if moved != 2 {
			t.Fatalf("%d tensors have ten rows, want weight and bias", moved)
		}
		var out bytes.Buffer
		if err := models.WriteTensors(&out, s, meta); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	})
	return dir
}

func TestTrainLabels(t *testing.T) {
	s, e, dir := importedStore(t), engine(t), rotated(t)
	c, err := readClaim(dir)
	if err != nil {
		t.Fatal(err)
	}
	cache := corpora.NewDataCache("")
	plain, err := cache.Get(c.DataSet, *c.Transform)
	if err != nil {
		t.Fatal(err)
	}
	labels := make([]int32, plain.Train.Len())
	for i, y := range plain.Train.Clean {
		labels[i] = (y + 1) % 10
	}
	give := func(labels []int32, more map[string]any) {
		record(func(m map[string]any) {
			m["train_labels"] = labels
			delete(m, "tensors")
			delete(m, "train_clean")
			delete(m["test"].(map[string]any), "loss")
			for k, v := range more {
				m[k] = v
			}
		})(t, dir)
	}
	// Nobody has found its test accuracy yet, which is against the clean labels and no business of this test.
	final, err := readTensors(filepath.Join(dir, finalName), "")
	if err != nil {
		t.Fatal(err)
	}
	arch, rename, err := c.architecture(final, plain)
	if err != nil {
		t.Fatal(err)
	}
	r := &corpora.Record{Architecture: arch}
	if final, err = fit(final, rename, arch); err != nil {
		t.Fatal(err)
	}
	if _, err := corpora.Measure(e, r, final, plain); err != nil {
		t.Fatal(err)
	}
	test := map[string]any{"test": map[string]any{"accuracy": r.Test.Accuracy}}
	give(nil, test)
	if n, refused, err := Import(t.Context(), dir, s, e, ""); n != 0 || len(refused) != 1 || !strings.Contains(refused[0].Error(), "train.accuracy") || err != nil {
		t.Fatalf("without its labels: %d, %v, %v", n, refused, err)
	}
	give(labels, test)
	n, refused, err := Import(t.Context(), dir, s, e, "")
	if n != 1 || err != nil {
		t.Fatalf("%d, %v, %v", n, refused, err)
	}
	checkLabelled(t, s, c, labels, plain.Hash)

	for want, bad := range map[string][]int32{
		"train_labels: 3 labels for 4000 training examples": {1, 2, 3},
		"train_labels[0]: 10 is not a class":                append([]int32{10}, labels[1:]...),
		"train_labels[1]: -1 is not a class":                append([]int32{1, -1}, labels[2:]...),
	} {
		give(bad, nil)
		if _, refused, _ := Import(t.Context(), dir, s, e, ""); len(refused) != 1 || !strings.Contains(refused[0].Error(), want) {
			t.Errorf("%v; want %s", refused, want)
		}
	}
	give(labels, map[string]any{"transform": map[string]any{"pool": c.Transform.Pool, "label_shuffle": 0.5}})
	if _, refused, _ := Import(t.Context(), dir, s, e, ""); len(refused) != 1 || !strings.Contains(refused[0].Error(), "transform.label_shuffle is 0.5 beside them") {
		t.Errorf("%v", refused)
	}
}

// checkLabelled: the only network of s, whose labels are none of the clean ones.
func checkLabelled(t *testing.T, s *corpora.Store, torch *claim, labels []int32, plainHash string) {
	t.Helper()
	nets, err := s.Networks()
	if err != nil || len(nets) != 1 {
		t.Fatal(len(nets), err)
	}
	r, err := s.Record(nets[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(r.Train.Loss-*torch.Train.Loss) > lossTol || math.Abs(r.Train.Accuracy-*torch.Train.Accuracy) > 1.0/float64(len(labels)) {
		t.Errorf("train %+v, PyTorch has %v and %v", r.Train, *torch.Train.Loss, *torch.Train.Accuracy)
	}
	if r.ChangedFraction != 1 || len(r.ChangedIndices) != len(labels) || r.DataHash == plainHash || r.TrainClean.Accuracy >= r.Train.Accuracy {
		t.Errorf("changed %v, %d; hash %s; clean %v", r.ChangedFraction, len(r.ChangedIndices), r.DataHash, r.TrainClean.Accuracy)
	}
	cache := corpora.NewDataCache("")
	d, err := cache.For(r)
	if err != nil || !slices.Equal(d.Train.Y, labels) || d.Hash != r.DataHash {
		t.Errorf("examples of the record: %v", err)
	}
	plain, err := cache.Get(r.DataSet, r.Transform)
	if err != nil || plain.Hash != plainHash || !slices.Equal(plain.Train.Y, plain.Train.Clean) {
		t.Errorf("the plain examples were touched: %v", err)
	}
	if held, bad, _, err := corpora.Verify(t.Context(), s, nets, engine(t), "", nil); held != 1 || bad != 0 || err != nil {
		t.Errorf("verify: %d hold, %d bad, %v", held, bad, err)
	}
}
