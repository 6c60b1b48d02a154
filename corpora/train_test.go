package corpora

import (
	"context"
	"errors"

	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

func engine(t testing.TB) models.Engine {
	t.Helper()
	e, err := cpu.New("")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func open(t testing.TB, dir, src string) (*Store, []Network) {
	t.Helper()
	s, err := OpenStore(dir, parse(t, src))
	if err != nil {
		t.Fatal(err)
	}
	nets, err := s.Networks()
	if err != nil {
		t.Fatal(err)
	}
	return s, nets
}

// trainedStore is a store of the four networks of small.
func trainedStore(t testing.TB) (*Store, []Network) {
	t.Helper()
	s, nets := open(t, t.TempDir(), small)
	train(t, s, nets, len(nets), 0)
	return s, nets
}

func train(t testing.TB, s *Store, nets []Network, trained, reused int) *TrainReport {
	t.Helper()
	r, err := Train(context.Background(), s, nets, TrainOptions{Engine: engine(t)})
	if err != nil {
		t.Fatal(err)
	}
	if r.Trained != trained || r.Reused != reused || r.Failed != 0 {
		t.Fatalf("%+v; want %d trained, %d reused", r, trained, reused)
	}
	return r
}

// contents are the files below models/, seconds left out.
func contents(t *testing.T, s *Store) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(filepath.Join(s.Dir(), modelsName), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(s.Dir(), path)
		if strings.HasSuffix(path, recordName) || strings.HasSuffix(path, historyName) {
			return nil
		}
		b, err := os.ReadFile(path)
		files[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestJobsDoNotMatter: the same bytes with one worker, with three, and with
// the networks in another order.
func TestJobsDoNotMatter(t *testing.T) {
	src := strings.Replace(small, "depth: [1, 2]", "depth: [1, 2]\n  label_shuffle: [0, 0.5]", 1) + "keep: {snapshots: [0, 2]}\n"
	var want map[string]string
	var records []*Record
	for _, jobs := range []int{1, 3} {
		s, nets := open(t, t.TempDir(), src)
		if jobs > 1 {
			slices.Reverse(nets)
		}
		r, err := Train(t.Context(), s, nets, TrainOptions{Engine: engine(t), Jobs: jobs})
		if err != nil || r.Trained != 8 {
			t.Fatalf("%+v, %v", r, err)
		}
		got := contents(t, s)
		if len(got) != 8*5 { // final, init, two snapshots, test-correct
			t.Errorf("%d files, want 40", len(got))
		}
		slices.SortFunc(nets, func(a, b Network) int { return strings.Compare(a.ID, b.ID) })
		for i, n := range nets {
			r, err := s.Record(n.ID)
			if err != nil {
				t.Fatal(err)
			}
			r.Seconds, r.Checksum, r.Tensors.HistorySHA256 = 0, "", "" // they hold times
			if want == nil {
				records = append(records, r)
			} else if !reflect.DeepEqual(r, records[i]) {
				t.Errorf("%s: records differ:\n%+v\n%+v", n.ID, r, records[i])
			}
		}
		if want == nil {
			want = got
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%d jobs give other bytes than 1", jobs)
		}
	}
}

// TestTiny: the built-in tiny reaches its target everywhere and has a gap that
// shuffled labels widen.
func TestTiny(t *testing.T) {
	spec, err := Find("tiny")
	if err != nil {
		t.Fatal(err)
	}
	s, err := OpenStore(t.TempDir(), spec)
	if err != nil {
		t.Fatal(err)
	}
	nets, err := s.Networks()
	if err != nil {
		t.Fatal(err)
	}
	r := train(t, s, nets, 8, 0)
	if len(r.Unconverged) != 0 {
		t.Errorf("unconverged: %v", r.Unconverged)
	}
	for _, n := range nets {
		r, err := s.Record(n.ID)
		if err != nil {
			t.Fatal(err)
		}
		shuffled := n.Config[0].Value == Number(0.5)
		if r.Stop != models.StopTarget || r.Train.Loss > 0.01 || r.Train.N != 200 || r.Test.N != 500 || (r.Gap() > 0.4) != shuffled {
			t.Errorf("%s: stop %s, train %+v, test %+v", &n, r.Stop, r.Train, r.Test)
		}
		// Permuting half of the labels changes about 0.45 of them (ten classes).
		if changed := r.ChangedFraction; shuffled != (changed > 0.35) || len(r.ChangedIndices) != int(changed*200+0.5) {
			t.Errorf("%s: %v of the labels changed, %d listed", &n, changed, len(r.ChangedIndices))
		}
		if want := 1 - r.ChangedFraction; r.TrainClean.Accuracy < want-0.02 || r.TrainClean.Accuracy > want+0.02 {
			t.Errorf("%s: accuracy against clean labels %v, want about %v", &n, r.TrainClean.Accuracy, want)
		}
		if len(r.SplitIndices) != 200 || r.StepsTo01 <= 0 || r.StepsTo001 < r.StepsTo01 || r.StepsTo001 > r.Steps || r.GradientNoiseFinal == nil {
			t.Errorf("%s: %d indices, steps %d %d %d", &n, len(r.SplitIndices), r.StepsTo01, r.StepsTo001, r.Steps)
		}
		checkKept(t, s, r)
	}
}

func checkKept(t *testing.T, s *Store, r *Record) {
	t.Helper()
	final, init, err := s.LoadNetwork(r)
	if err != nil || init == nil || final.Hash() == init.Hash() {
		t.Errorf("%s: tensors: %v", r.ID, err)
	}
	correct, err := s.TestCorrect(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for _, ok := range correct {
		if ok {
			right++
		}
	}
	if got := float64(right) / float64(r.Test.N); got != r.Test.Accuracy {
		t.Errorf("%s: %d bits of %d are set, the accuracy is %v", r.ID, right, r.Test.N, r.Test.Accuracy)
	}
	lines, err := s.History(r)
	if err != nil || len(lines) != r.Epochs || lines[len(lines)-1].Steps != r.Steps {
		t.Errorf("%s: %d lines of history for %d epochs, error %v", r.ID, len(lines), r.Epochs, err)
	}
}

func TestRerunTrainsNothing(t *testing.T) {
	s, nets := trainedStore(t)
	before := contents(t, s)
	train(t, s, nets, 0, 4)
	if !reflect.DeepEqual(contents(t, s), before) {
		t.Error("files changed")
	}
}

// TestWhatIsKeptMayGrow: a spec that asks for more than the store has gets it,
// with the same weights.
func TestWhatIsKeptMayGrow(t *testing.T) {
	dir := t.TempDir()
	s, nets := open(t, dir, small+"keep: {init: false}\n")
	train(t, s, nets, 4, 0)
	r, err := s.Record(nets[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, init, err := s.LoadNetwork(r); init != nil || err != nil {
		t.Fatalf("initial tensors were kept, or %v", err)
	}
	s, nets = open(t, dir, small+"keep: {init: true, snapshots: [0, 1, 9, every 3 from 1], snapshot_steps: [2, every 4 to 9]}\n") // 9 is never reached
	train(t, s, nets, 4, 0)
	again, err := s.Record(nets[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if again.Tensors.FinalSHA256 != r.Tensors.FinalSHA256 {
		t.Error("training again gave other weights")
	}
	_, init, err := s.LoadNetwork(again)
	if err != nil {
		t.Fatal(err)
	}
	zero, err := s.LoadSnapshot(again, 0)
	if err != nil || zero.Hash() != init.Hash() {
		t.Errorf("snapshot 0 is not the initial state; error %v", err)
	}
	for name, load := range map[string]func(*Record, int) (models.State, error){"snapshot": s.LoadSnapshot, "step": s.LoadStep} {
		if _, err := load(again, 3); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s 3: %v", name, err)
		}
	}
	one, err := s.LoadSnapshot(again, 1) // 100 examples in batches of 32: four steps
	if err != nil {
		t.Fatal(err)
	}
	four, err := s.LoadStep(again, 4)
	if err != nil || four.Hash() != one.Hash() || one.Hash() == again.Tensors.FinalSHA256 {
		t.Errorf("the fourth step does not end the first epoch; error %v", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "models", again.ID, "snapshots", "*"))
	if err != nil || len(files) != 5 {
		t.Errorf("%v, %v: want epochs 0 and 1, steps 2, 4 and 8", files, err)
	}
	if held, bad, missing, err := Verify(t.Context(), s, nets, engine(t), "", nil); held != 4 || bad+missing > 0 || err != nil {
		t.Errorf("%d hold, %d do not, %d missing, %v", held, bad, missing, err)
	}
	if err := os.WriteFile(files[4], []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, bad, _, err := Verify(t.Context(), s, nets, engine(t), "", nil); bad != 1 || err != nil {
		t.Errorf("with a damaged step %d do not hold, %v", bad, err)
	}
	train(t, s, nets, 1, 3)
	train(t, s, nets, 0, 4)
}

// broken is an engine that fails, or panics, on networks of one width.
type broken struct {
	models.Engine
	width int
	panic bool
}

func (b broken) NewSession(a models.Architecture, batch int) (models.Session, error) {
	if len(a.Layers) == b.width {
		if b.panic {
			var none []int
			_ = none[len(a.Layers)]
		}
		return nil, errors.New("out of memory")
	}
	return b.Engine.NewSession(a, batch)
}

func TestOneFailureCostsOneNetwork(t *testing.T) {
	for _, panics := range []bool{false, true} {
		s, nets := open(t, t.TempDir(), small)
		failed := 0
		e := broken{engine(t), len(nets[0].Arch.Layers), panics}
		r, err := Train(t.Context(), s, nets, TrainOptions{Engine: e, Jobs: 2, Progress: func(e TrainEvent) {
			if e.Kind == EventFailed {
				failed++
			}
		}})
		if err != nil || r.Trained != 2 || r.Failed != 2 || failed != 2 || len(r.Failures) != 2 {
			t.Fatalf("%+v, %d events, error %v; want 2 trained and 2 failed", r, failed, err)
		}
		if !strings.Contains(r.Failures[0].Name, "depth=1") || r.Failures[0].Err == nil {
			t.Errorf("failure %+v", r.Failures[0])
		}
		train(t, s, nets, 2, 2) // the next run retries
	}
}

func TestCancel(t *testing.T) {
	s, nets := open(t, t.TempDir(), strings.Replace(small, "max_epochs: 3", "max_epochs: 1000000, target_loss: 0", 1))
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	var once sync.Once
	start := time.Now()
	r, err := Train(ctx, s, nets, TrainOptions{Engine: engine(t), Jobs: 2, Progress: func(e TrainEvent) {
		if e.Kind == EventEpoch {
			once.Do(func() { cancel(enough) })
		}
	}})
	if !errors.Is(err, enough) || r.Trained != 0 || r.Failed != 0 {
		t.Errorf("%+v, %v after %v", r, err, time.Since(start))
	}
	if ids, _ := s.IDs(); len(ids) != 0 {
		t.Errorf("the store holds %v", ids)
	}
	entries, err := os.ReadDir(filepath.Join(s.Dir(), modelsName))
	if err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestProgress(t *testing.T) {
	s, nets := open(t, t.TempDir(), small)
	var kinds []string
	work := 0.0
	_, err := Train(t.Context(), s, nets[:2], TrainOptions{Engine: engine(t), Progress: func(e TrainEvent) {
		kinds = append(kinds, string(e.Kind))
		if e.Work < work || e.Work > 1+1e-12 || e.Total != 2 {
			t.Errorf("%s: work %v after %v, total %d", e.Kind, e.Work, work, e.Total)
		}
		work = e.Work
	}})
	if err != nil {
		t.Fatal(err)
	}
	one := "started epoch epoch epoch finished"
	if got, want := strings.Join(kinds, " "), "plan "+one+" "+one; got != want || work < 1-1e-9 {
		t.Errorf("%s, work %v; want %s", got, work, want)
	}
}

// renamed is an engine under another name.
type renamed struct{ models.Engine }

func (renamed) Name() string { return "cpu/other" }

func TestEnginesAreNotMixed(t *testing.T) {
	s, nets := open(t, t.TempDir(), small)
	train(t, s, nets[:3], 3, 0)
	_, err := Train(t.Context(), s, nets, TrainOptions{Engine: renamed{engine(t)}})
	var mixed *EngineError
	if !errors.As(err, &mixed) || mixed.Count != 3 || !strings.Contains(err.Error(), "--engine") {
		t.Fatalf("%v", err)
	}
	if _, err := Train(t.Context(), s, nets[:3], TrainOptions{Engine: renamed{engine(t)}}); err != nil {
		t.Errorf("nothing is missing, so nothing is mixed: %v", err)
	}
	train(t, s, nets, 1, 3)
}

func TestChangedDataSet(t *testing.T) {
	s, nets := open(t, t.TempDir(), small)
	train(t, s, nets[:1], 1, 0)
	s.meta.Data["fmnist-mini"] = strings.Repeat("0", 64)
	_, err := Train(t.Context(), s, nets, TrainOptions{Engine: engine(t)})
	if !errors.As(err, new(*DataError)) {
		t.Errorf("%v", err)
	}
}

func TestDiverged(t *testing.T) {
	s, nets := open(t, t.TempDir(), strings.Replace(small, "lr: 0.1", "lr: 1e5, weight_decay: 1e3", 1))
	r := train(t, s, nets, 4, 0)
	if len(r.Unconverged) != 4 || !slices.Equal(r.Diverged, r.Unconverged) {
		t.Fatalf("%+v; want 4 unconverged, all of which diverged", r)
	}
	rec, err := s.Record(nets[0].ID)
	if err != nil || rec.Converged || rec.Stop != models.StopDiverged {
		t.Fatalf("%+v, %v", rec, err)
	}
	if r := train(t, s, nets, 0, 4); len(r.Unconverged) != 4 {
		t.Errorf("a diverged network is an answer, and is not trained again: %+v", r)
	}
	if _, bad, _, err := Verify(t.Context(), s, nets, engine(t), "", nil); bad != 0 || err != nil {
		t.Errorf("verify: %d bad, %v", bad, err)
	}
}

func TestVerify(t *testing.T) {
	s, nets := trainedStore(t)
	verify := func(e models.Engine) map[string]string {
		messages := map[string]string{}
		held, bad, missing, err := Verify(t.Context(), s, nets, e, "", func(id string, err error) {
			if err != nil {
				messages[id] = err.Error()
			}
		})
		if err != nil || bad != len(messages) || held != len(nets)-bad || missing != 0 {
			t.Fatalf("%d hold, %d bad, %d missing, %v, error %v", held, bad, missing, messages, err)
		}
		return messages
	}
	if m := verify(engine(t)); len(m) != 0 {
		t.Fatalf("%v", m)
	}
	plain, err := cpu.New("go")
	if err != nil {
		t.Fatal(err)
	}
	if m := verify(plain); len(m) != 0 {
		t.Fatalf("on other kernels: %v", m)
	}
	// A record that claims another accuracy, sealed again: only evaluating finds it out.
	rewrite(t, s, nets[0].ID, func(r *Record) { r.Test.Accuracy += 0.01 })
	rewrite(t, s, nets[1].ID, func(r *Record) { r.Train.Loss *= 1.01 })
	rewrite(t, s, nets[2].ID, func(r *Record) { r.DataHash = strings.Repeat("0", 64); r.DataChecksum = r.DataHash })
	flip(t, s.path(nets[3].ID, finalName), -1)
	m := verify(engine(t))
	for i, want := range []string{"test: accuracy", "train: loss", "fmnist-mini has changed", finalName + ": its SHA-256"} {
		if !strings.Contains(m[nets[i].ID], want) {
			t.Errorf("network %d: %q, want %q", i, m[nets[i].ID], want)
		}
	}
}

// rewrite changes a record and seals it again.
func rewrite(t *testing.T, s *Store, id string, edit func(*Record)) {
	t.Helper()
	r, err := s.Record(id)
	if err != nil {
		t.Fatal(err)
	}
	edit(r)
	b, err := r.encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path(id, recordName), b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// flip flips a bit of a file; at < 0 counts from the end.
func flip(t *testing.T, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 1
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPlan(t *testing.T) {
	s, nets := open(t, t.TempDir(), small)
	p, err := MakePlan(t.Context(), nil, nets, engine(t), "")
	if err != nil {
		t.Fatal(err)
	}
	// depth 1: 196·8+8 + 8·10+10 = 1666; depth 2: 72 more; two seeds each
	if p.Networks != 4 || p.Missing != 4 || p.Parameters != 2*1666+2*1738 || !(p.Seconds > 0 && p.Seconds <= p.SecondsMax) || p.Epochs <= 0 || p.Epochs > 3 {
		t.Errorf("%+v", p)
	}
	train(t, s, nets, 4, 0)
	var disk int64
	err = filepath.WalkDir(filepath.Join(s.Dir(), modelsName), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			info, _ := d.Info()
			disk += info.Size()
		}
		return err
	})
	if err != nil || p.Bytes < disk || p.Bytes > 3*disk {
		t.Errorf("planned %d bytes, they took %d; error %v", p.Bytes, disk, err)
	}
	if p, err = MakePlan(t.Context(), s, nets, engine(t), ""); err != nil || p.Missing != 0 || p.Seconds != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := MakePlan(ctx, nil, nets, engine(t), ""); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestDataCache(t *testing.T) {
	c := NewDataCache("")
	_, nets := open(t, t.TempDir(), strings.Replace(small, "depth: [1, 2]", "label_shuffle: [0, 0.25, 0.5]", 1))
	var wait sync.WaitGroup
	got := make([]any, 12)
	for i := range got {
		wait.Go(func() {
			d, err := c.Get(nets[0].Set, nets[0].Transform)
			if err != nil {
				t.Error(err)
			}
			got[i] = d
		})
	}
	wait.Wait()
	for i := range got {
		if got[i] != got[0] {
			t.Error("built more than once")
		}
	}
	c.limit = 1
	for i := range nets {
		if _, err := c.Get(nets[i].Set, nets[i].Transform); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.built) != 1 {
		t.Errorf("%d kept beyond the limit", len(c.built))
	}
	if _, err := c.Get("nothing", nets[0].Transform); err == nil || len(c.built) != 1 {
		t.Errorf("unknown set: %v, %d kept", err, len(c.built))
	}
}
