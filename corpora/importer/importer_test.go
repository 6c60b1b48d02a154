package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

func engine(t *testing.T) models.Engine {
	t.Helper()
	e, err := cpu.New("")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func importedStore(t *testing.T) *corpora.Store {
	t.Helper()
	s, err := corpora.OpenForImport(filepath.Join(t.TempDir(), "store"), "zoo")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The zoo was trained and evaluated by PyTorch (testdata/make_zoo.py). Sums of
// float32 differ in order between libraries: losses agree to about seven
// digits, and an accuracy can differ by an example on a tie.
const lossTol = 1e-5

func TestImportOnlyCorpus(t *testing.T) {
	s, e := importedStore(t), engine(t)
	for range 2 { // the second import finds all there
		n, refused, err := Import(t.Context(), "testdata/zoo", s, e, "")
		if n != 4 || refused != nil || err != nil {
			t.Fatalf("imported %d, refused %v, error %v; want 4 networks", n, refused, err)
		}
	}
	nets, err := s.Networks()
	if err != nil || len(nets) != 4 {
		t.Fatalf("%d networks, error %v; want 4", len(nets), err)
	}
	for i := range nets {
		checkAgainstTorch(t, s, nets[i].ID)
	}

	// Everything that works on trained networks works on these.
	report, err := corpora.Train(t.Context(), s, nets, corpora.TrainOptions{Engine: e, Jobs: 2})
	if err != nil || report.Reused != 4 || report.Trained+report.Failed != 0 {
		t.Fatalf("training found %+v, error %v; want 4 reused", report, err)
	}
	held, bad, missing, err := corpora.Verify(t.Context(), s, nets, e, "", func(id string, err error) {
		if err != nil {
			t.Error(err)
		}
	})
	if held != 4 || bad != 0 || missing != 0 || err != nil {
		t.Fatalf("verify: %d hold, %d bad, %d missing, error %v", held, bad, missing, err)
	}

	spec, err := corpora.Find(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if !spec.Imported || !slices.Equal(spec.Axes(), []string{"width", "batchnorm"}) {
		t.Fatalf("spec in the store: imported %v, axes %v", spec.Imported, spec.Axes())
	}
	want := map[string][]string{"width": {"8", "12"}, "batchnorm": {"false", "true"}}
	if got := spec.Levels(); !reflect.DeepEqual(got, want) {
		t.Fatalf("levels %v, want %v", got, want)
	}
	if again, err := corpora.OpenStore(s.Dir(), spec); err != nil || len(again.Spec().Axes()) != 2 {
		t.Fatalf("opening the store again: %v", err)
	}
}

func checkAgainstTorch(t *testing.T, s *corpora.Store, id string) {
	t.Helper()
	r, err := s.Record(id)
	if err != nil {
		t.Fatal(err)
	}
	folder := "w" + r.Config[0].Value.String()
	if r.Config[1].Value == corpora.Truth(true) {
		folder += "-bn"
	}
	c, err := readClaim(filepath.Join("testdata/zoo", folder))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []struct {
		torch claimedMetrics
		ours  corpora.SplitMetrics
	}{{c.Train, r.Train}, {c.Test, r.Test}} {
		if math.Abs(*m.torch.Loss-m.ours.Loss) > lossTol || math.Abs(*m.torch.Accuracy-m.ours.Accuracy) > 1/float64(m.ours.N) {
			t.Errorf("%s: loss %v accuracy %v, PyTorch has %v and %v", folder, m.ours.Loss, m.ours.Accuracy, *m.torch.Loss, *m.torch.Accuracy)
		}
	}
	if !strings.HasPrefix(r.Source, "import: make_zoo.py") || !r.Imported() || !r.Converged || r.Epochs != -1 || r.StepsTo01 != -1 {
		t.Errorf("%s: source %q, converged %v, epochs %d, steps to 0.1 %d", folder, r.Source, r.Converged, r.Epochs, r.StepsTo01)
	}
	final, init, err := s.LoadNetwork(r)
	if err != nil || init == nil {
		t.Fatalf("%s: initial tensors %v, error %v", folder, init != nil, err)
	}
	if final[0].Name != "fc1.weight" {
		t.Errorf("%s: first tensor is %q, want fc1.weight", folder, final[0].Name)
	}
}

// copyNetwork copies a network of the zoo, for a test to spoil.
func copyNetwork(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata/zoo", name))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func editFile(t *testing.T, path string, edit func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, edit(b), 0o644); err != nil {
		t.Fatal(err)
	}
}

// record spoils a field of the record.
func record(edit func(map[string]any)) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		editFile(t, filepath.Join(dir, recordName), func(b []byte) []byte {
			var m map[string]any
			if err := json.Unmarshal(b, &m); err != nil {
				t.Fatal(err)
			}
			edit(m)
			out, err := json.MarshalIndent(m, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			return out
		})
	}
}

func text(old, new string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		editFile(t, filepath.Join(dir, recordName), func(b []byte) []byte {
			if !bytes.Contains(b, []byte(old)) {
				t.Fatalf("the record has no %q", old)
			}
			return bytes.Replace(b, []byte(old), []byte(new), 1)
		})
	}
}

func final(edit func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, dir string) { editFile(t, filepath.Join(dir, finalName), edit) }
}

func metric(split, key string, v any) func(map[string]any) {
	return func(m map[string]any) { m[split].(map[string]any)[key] = v }
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*testing.T, string)
		want  []string // in the message
	}{
		{"accuracy two examples off", record(metric("test", "accuracy", 0.776)), []string{"test.accuracy: the record says 0.776", "the network has 0.775", "check data_set"}},
		{"accuracy in per cent", record(metric("train", "accuracy", 79.2)), []string{"record.json", "train.accuracy is 79.2", "fraction"}},
		{"loss summed", record(metric("train", "loss", 2353.4)), []string{"train.loss", "mean cross-entropy per example"}},
		{"number of examples", record(metric("test", "n", 1000)), []string{"test.n", "1000", "2000"}},
		{"normalised elsewhere", record(func(m map[string]any) { m["transform"].(map[string]any)["normalize"] = true }), []string{"train.accuracy"}},
		{"other pooling", record(func(m map[string]any) { m["transform"].(map[string]any)["pool"] = 2 }), []string{"final.safetensors", "do not fit", "fc1.weight"}},
		{"bad transform", record(func(m map[string]any) { m["transform"].(map[string]any)["label_shuffle"] = 2 }), []string{"transform.label_shuffle: 2"}},
		{"unknown set", record(func(m map[string]any) { m["data_set"] = "imagenet" }), []string{"imagenet", "fmnist-mini"}},
		{"other content", record(func(m map[string]any) { m["data_checksum"] = strings.Repeat("0", 64) }), []string{"fmnist-mini has changed"}},
		{"unknown field", text(`"seed": 1`, `"sede": 1`), []string{"record.json:14:", `"sede"`}},
		{"NaN", text(`"n": 4000`, `"n": NaN`), []string{"record.json:20:", "invalid character 'N'"}},
		{"wrong type", text(`"seed": 1`, `"seed": "one"`), []string{"record.json:14:", "seed is string"}},
		{"cut short", func(t *testing.T, dir string) {
			editFile(t, filepath.Join(dir, recordName), func(b []byte) []byte { return b[:200] })
		}, []string{"record.json:", "ends in the middle"}},
		{"no config", record(func(m map[string]any) { delete(m, "config") }), []string{"config is missing"}},
		{"no seed", record(func(m map[string]any) { delete(m, "seed") }), []string{"seed is missing"}},
		{"no accuracy", record(func(m map[string]any) { delete(m, "test") }), []string{"test.accuracy is missing"}},
		{"no family", record(func(m map[string]any) { delete(m, "family") }), []string{"architecture is missing"}},
		{"axis twice", record(func(m map[string]any) { m["config"] = append(m["config"].([]any), m["config"].([]any)[0]) }), []string{`config[2]: the axis "width" is there twice`}},
		{"axis of two words", record(func(m map[string]any) { m["config"].([]any)[0].(map[string]any)["axis"] = "hidden units" }), []string{`config[0]: "hidden units" is not the name of an axis`}},
		{"value of two lines", record(func(m map[string]any) { m["config"].([]any)[0].(map[string]any)["value"] = "a\nb" }), []string{`config[0]: width: "a\nb" is not a value`}},
		{"value null", record(func(m map[string]any) { m["config"].([]any)[0].(map[string]any)["value"] = nil }), []string{"must be a number, a text, true or false"}},
		{"negative steps", record(func(m map[string]any) { m["steps"] = -2 }), []string{"steps is -2"}},
		{"newer", record(func(m map[string]any) { m["schema"] = 99 }), []string{"schema 99"}},
		{"no record", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, recordName)) }, []string{"record.json is missing"}},
		{"no tensors", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, finalName)) }, []string{"final.safetensors is missing"}},
		{"cut tensors", final(func(b []byte) []byte { return b[:len(b)-4] }), []string{"final.safetensors", "reading tensors"}},
		{"NaN in tensors", final(func(b []byte) []byte {
			return append(b[:len(b)-4], 0, 0, 0xc0, 0x7f) // the last float32, NaN
		}), []string{"final.safetensors", "holds NaN"}},
		{"sum of the file", record(func(m map[string]any) {
			m["tensors"] = map[string]any{"final_file_sha256": strings.Repeat("0", 64)}
		}), []string{"final.safetensors", "SHA-256"}},
		{"init of another network", func(t *testing.T, dir string) {
			b, err := os.ReadFile("testdata/zoo/w12/init.safetensors")
			if err != nil {
				t.Fatal(err)
			}
			editFile(t, filepath.Join(dir, initName), func([]byte) []byte { return b })
		}, []string{"init.safetensors", "do not fit"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, dir := importedStore(t), copyNetwork(t, "w8-bn")
			c.spoil(t, dir)
			n, refused, err := Import(t.Context(), dir, s, engine(t), "")
			if n != 0 || len(refused) != 1 || err != nil {
				t.Fatalf("imported %d, refused %v, error %v; want a refusal", n, refused, err)
			}
			for _, w := range c.want {
				if msg := refused[0].Err.Error(); !strings.Contains(msg, w) {
					t.Errorf("message %q lacks %q", msg, w)
				}
			}
			if ids, _ := s.IDs(); len(ids) != 0 {
				t.Errorf("the store holds %v", ids)
			}
		})
	}
}

func TestImportWithoutInit(t *testing.T) {
	s, dir := importedStore(t), copyNetwork(t, "w8")
	if err := os.Remove(filepath.Join(dir, initName)); err != nil {
		t.Fatal(err)
	}
	if n, refused, err := Import(t.Context(), dir, s, engine(t), ""); n != 1 || err != nil {
		t.Fatalf("imported %d, refused %v, error %v", n, refused, err)
	}
	nets, err := s.Networks()
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Record(nets[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, init, err := s.LoadNetwork(r); init != nil || err != nil {
		t.Fatalf("initial tensors %v, error %v; want none", init != nil, err)
	}
}

// TestSameNetworkTwice: a network counts once, or n is not n.
func TestSameNetworkTwice(t *testing.T) {
	s, dir := importedStore(t), copyNetwork(t, "w8")
	if _, _, err := Import(t.Context(), dir, s, engine(t), ""); err != nil {
		t.Fatal(err)
	}
	text(`"seed": 1`, `"seed": 2`)(t, dir)
	n, refused, err := Import(t.Context(), dir, s, engine(t), "")
	if n != 0 || len(refused) != 1 || err != nil || !strings.Contains(refused[0].Err.Error(), "counts once") {
		t.Fatalf("imported %d, refused %v, error %v", n, refused, err)
	}
}

func TestDamagedImportIsReplaced(t *testing.T) {
	s := importedStore(t)
	if _, _, err := Import(t.Context(), "testdata/zoo/w8", s, engine(t), ""); err != nil {
		t.Fatal(err)
	}
	nets, err := s.Networks()
	if err != nil {
		t.Fatal(err)
	}
	editFile(t, filepath.Join(s.Dir(), "models", nets[0].ID, finalName), func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
	report, err := corpora.Train(t.Context(), s, nets, corpora.TrainOptions{Engine: engine(t)})
	if err != nil || report.Failed != 1 || !strings.Contains(report.Failures[0].Err.Error(), "import it again") {
		t.Fatalf("training a damaged import: %+v, %v", report, err)
	}
	if n, _, err := Import(t.Context(), "testdata/zoo/w8", s, engine(t), ""); n != 1 || err != nil {
		t.Fatalf("importing again: %d, %v", n, err)
	}
	if report, err = corpora.Train(t.Context(), s, nets, corpora.TrainOptions{Engine: engine(t)}); err != nil || report.Reused != 1 {
		t.Fatalf("after importing again: %+v, %v", report, err)
	}
}

// TestImportIntoGrid puts a network beside those of a grid, and one that
// genbench trained into a store of its own.
func TestImportIntoGrid(t *testing.T) {
	spec, err := corpora.Find("tiny")
	if err != nil {
		t.Fatal(err)
	}
	s, err := corpora.OpenStore(t.TempDir(), spec)
	if err != nil {
		t.Fatal(err)
	}
	_, refused, err := Import(t.Context(), "testdata/zoo/w8", s, engine(t), "")
	if err != nil || len(refused) != 1 || !strings.Contains(refused[0].Err.Error(), `axis "label_shuffle" of the corpus is missing`) {
		t.Fatalf("refused %v, error %v", refused, err)
	}
	dir := copyNetwork(t, "w8")
	record(func(m map[string]any) {
		m["config"] = []any{map[string]any{"axis": "width", "value": 8}, map[string]any{"axis": "label_shuffle", "value": 0}}
	})(t, dir)
	if n, refused, err := Import(t.Context(), dir, s, engine(t), ""); n != 1 || err != nil {
		t.Fatalf("imported %d, refused %v, error %v", n, refused, err)
	}
	nets, err := s.Networks()
	if err != nil || len(nets) != 9 {
		t.Fatalf("%d networks, error %v; want 8 of the grid and the import", len(nets), err)
	}
	if axes := corpora.Varying(s.Spec(), nets); len(axes) != 2 || axes[1].Name != "width" || len(axes[1].Values) != 3 {
		t.Fatalf("axes %v; want the width 8 beside 32 and 64", axes)
	}

	report, err := corpora.Train(t.Context(), s, nets[:1], corpora.TrainOptions{Engine: engine(t)})
	if err != nil || report.Trained != 1 {
		t.Fatalf("training beside an import: %+v, %v", report, err)
	}
	zoo := importedStore(t)
	trained := filepath.Join(s.Dir(), "models", nets[0].ID)
	if n, refused, err := Import(t.Context(), trained, zoo, engine(t), ""); n != 1 || err != nil {
		t.Fatalf("importing what genbench trained: %d, refused %v, error %v", n, refused, err)
	}
}

// TestClaimKnowsEveryField: a record of a store is a record to import.
func TestClaimKnowsEveryField(t *testing.T) {
	tags := func(v any) map[string]bool {
		m := map[string]bool{}
		for i := range reflect.TypeOf(v).NumField() {
			tag, _, _ := strings.Cut(reflect.TypeOf(v).Field(i).Tag.Get("json"), ",")
			m[tag] = true
		}
		return m
	}
	known := tags(claim{})
	for tag := range tags(corpora.Record{}) {
		if !known[tag] {
			t.Errorf("a record to import cannot have %q", tag)
		}
	}
}

func TestEmptyFolderAndCancel(t *testing.T) {
	if _, _, err := Import(t.Context(), t.TempDir(), importedStore(t), engine(t), ""); err == nil || !strings.Contains(err.Error(), "holds no network") {
		t.Errorf("empty folder: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, _, err := Import(ctx, "testdata/zoo", importedStore(t), engine(t), ""); n != 0 || err != context.Canceled {
		t.Errorf("cancelled: %d, %v", n, err)
	}
}

// TestInferMLP reads MLPs off names as other libraries give them. The order of
// layers must come out of it: widths 49 -> 8 -> 8 -> 10.
func TestInferMLP(t *testing.T) {
	dense := func(name string, out, in int) models.State {
		return models.State{
			{Name: name + ".bias", Shape: []int{out}, Data: make([]float32, out)},
			{Name: name + ".weight", Shape: []int{out, in}, Data: make([]float32, out*in)},
		}
	}
	norm := func(name string, n int) (s models.State) {
		for _, suffix := range []string{"bias", "running_mean", "running_var", "weight"} {
			s = append(s, models.Tensor{Name: name + "." + suffix, Shape: []int{n}, Data: make([]float32, n)})
		}
		return s
	}
	for _, c := range []struct {
		name  string
		state models.State
		want  string // names of the layers with tensors in order, as the file has them; "" is an error
	}{
		{"Sequential, sorted as text", slices.Concat(dense("0", 8, 49), dense("10", 10, 8), dense("2", 8, 8)), "0 2 10"},
		{"Sequential with batch norm", slices.Concat(dense("n.0", 8, 49), norm("n.1", 8), dense("n.3", 8, 8), norm("n.4", 8), dense("n.6", 10, 8)), "n.0 n.1 n.3 n.4 n.6"},
		{"words and numbers", slices.Concat(norm("bn1", 8), norm("bn2", 8), dense("fc1", 8, 49), dense("fc2", 8, 8), dense("fc3", 10, 8)), "fc1 bn1 fc2 bn2 fc3"},
		{"order of the file", slices.Concat(dense("features.0", 8, 49), dense("features.2", 8, 8), dense("classifier", 10, 8)), "features.0 features.2 classifier"},
		{"no chain", slices.Concat(dense("a", 8, 49), dense("b", 7, 6), dense("c", 10, 8)), ""},
		{"wrong classes", slices.Concat(dense("a", 8, 49), dense("b", 11, 8)), ""},
		{"other tensors", models.State{{Name: "a.alpha", Shape: []int{1}, Data: []float32{1}}}, ""},
		{"convolution", models.State{{Name: "a.weight", Shape: []int{1, 1, 1, 1}, Data: []float32{1}}}, ""},
		{"nothing", nil, ""},
	} {
		a, rename, err := inferMLP(c.state, models.Shape{C: 1, H: 7, W: 7}, 10)
		if (err != nil) != (c.want == "") {
			t.Errorf("%s: error %v", c.name, err)
			continue
		}
		if err != nil {
			continue
		}
		back := map[string]string{}
		for from, to := range rename {
			back[to] = strings.TrimSuffix(from, ".weight")
		}
		var got []string
		for _, l := range a.Layers {
			if l.Kind == models.Dense || l.Kind == models.BatchNorm {
				got = append(got, back[l.Name+".weight"])
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: layers %v, want %s", c.name, got, c.want)
		}
	}
}

func TestNaturalOrder(t *testing.T) {
	names := []string{"net.10", "net.2", "net.0", "head"}
	slices.SortFunc(names, naturalOrder)
	if want := []string{"head", "net.0", "net.2", "net.10"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
}
