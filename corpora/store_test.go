package corpora

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/genbench/genbench/models"
)

// TestMain lets the tests run this binary as a second process.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "put-and-die":
			putAndDie(os.Args[2], os.Args[3])
			return
		case "hold-lock":
			holdLock(os.Args[2])
			return
		}
	}
	os.Exit(m.Run())
}

// fakeContents is a network that nobody trained: storing needs no engine.
func fakeContents(n Network, value float32) Contents {
	final, init := models.NewState(n.Arch), models.NewState(n.Arch)
	for _, t := range final {
		for i := range t.Data {
			t.Data[i] = value
		}
	}
	return Contents{
		Record: &Record{
			ID: n.ID, Source: SourceTrained, Engine: "fake", Config: n.Config, Seed: n.Seed, Architecture: n.Arch, Training: n.Training, Seeds: n.Seeds,
			DataSet: n.Set, Transform: n.Transform, Test: SplitMetrics{N: 10, Accuracy: 0.5}, Epochs: 1,
		},
		Final: final, Init: init,
		Snapshots:   []models.Snapshot{{Epoch: 0, State: init}, {Epoch: 1, State: final}},
		History:     []models.Epoch{{Epoch: 1, Steps: 4, MeanLoss: 2}},
		TestCorrect: []bool{true, false, true, false, true, false, true, false, true, false},
	}
}

// putAndDie stores the first network of small and kills itself, as kill -9
// does, before the given step of it.
func putAndDie(dir, step string) {
	spec, err := ParseSpec("small.yaml", []byte(small))
	if err != nil {
		panic(err)
	}
	left, err := strconv.Atoi(step)
	if err != nil {
		panic(err)
	}
	s, err := openStore(dir, spec, disk{before: func(string, string) error {
		if left--; left < 0 {
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				panic(err)
			}
			select {}
		}
		return nil
	}})
	if err != nil {
		panic(err)
	}
	release, err := s.Lock()
	if err != nil {
		panic(err)
	}
	defer release()
	nets, err := spec.Networks()
	if err != nil {
		panic(err)
	}
	if err := s.Put(fakeContents(nets[0], 2)); err != nil {
		panic(err)
	}
}

// TestKilledAtEveryStep kills a process before each step of storing a network,
// in a new store and over an older version of the network. What is there afterwards is whole: the
// old, the new or nothing.
func TestKilledAtEveryStep(t *testing.T) {
	for _, replace := range []bool{false, true} {
		killed := 0
		for step := 0; ; step++ {
			dir := filepath.Join(t.TempDir(), "store")
			if replace {
				s, nets := open(t, dir, small)
				if err := s.Put(fakeContents(nets[0], 1)); err != nil {
					t.Fatal(err)
				}
			}
			err := exec.Command(os.Args[0], "put-and-die", dir, strconv.Itoa(step)).Run()
			done := err == nil
			var exit *exec.ExitError
			if !done && (!errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL) {
				t.Fatalf("step %d: %v", step, err)
			}
			afterKill(t, dir, fmt.Sprintf("replace %v, step %d", replace, step), replace, done)
			if done {
				break
			}
			killed++
		}
		// mkdir, 6 or 7 files of 3 steps each, renames, syncs
		if killed < 25 {
			t.Errorf("killed %d times only", killed)
		}
	}
}

func afterKill(t *testing.T, dir, name string, replace, done bool) {
	t.Helper()
	s, nets := open(t, dir, small)
	// Before the sweep nobody reads a half either.
	if r, err := s.Record(nets[0].ID); err == nil {
		if err := s.check(r); err != nil {
			t.Errorf("%s: before the sweep: %v", name, err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: before the sweep: %v", name, err)
	}
	release, err := s.Lock()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer release()
	r, err := s.Record(nets[0].ID)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if replace || done {
			t.Errorf("%s: the network is lost", name)
		}
	case err != nil:
		t.Errorf("%s: %v", name, err)
	default:
		if err := s.check(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, modelsName))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !isID(e.Name()) {
			t.Errorf("%s: %s is left over", name, e.Name())
		}
	}
	if temps, _ := filepath.Glob(filepath.Join(dir, ".*.tmp")); len(temps) != 0 {
		t.Errorf("%s: %v are left over", name, temps)
	}
	if err := s.Put(fakeContents(nets[0], 3)); err != nil {
		t.Errorf("%s: storing afterwards: %v", name, err)
	}
}

// TestFailedStep: an error of the disk, at any step, is reported, leaves what was there, and the next try works.
func TestFailedStep(t *testing.T) {
	broken := errors.New("input/output error")
	for step := 0; ; step++ {
		dir := t.TempDir()
		s, nets := open(t, dir, small)
		if err := s.Put(fakeContents(nets[0], 1)); err != nil {
			t.Fatal(err)
		}
		left := step
		s.disk.before = func(op, _ string) error {
			if left--; left == -1 {
				return broken
			}
			return nil
		}
		err := s.Put(fakeContents(nets[0], 2))
		s.disk.before = nil
		if err != nil && (!errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "store "+dir+": writing network ")) {
			t.Errorf("step %d: %v", step, err)
		}
		afterKill(t, dir, fmt.Sprintf("failed step %d", step), true, true)
		if err == nil {
			break
		}
	}
}

// TestDamage: any byte that changes is noticed, the network is set aside and trained again to the same weights.
func TestDamage(t *testing.T) {
	src := small + "keep: {snapshots: [1]}\n"
	for _, c := range []struct {
		file string
		at   int
	}{
		{finalName, -1}, {finalName, 0}, {finalName, 20}, {initName, -1}, {recordName, 40}, {historyName, 5}, {correctName, 0}, {"snapshots/1.safetensors", -1},
	} {
		s, nets := open(t, t.TempDir(), src)
		train(t, s, nets, 4, 0)
		id := nets[1].ID
		want := contents(t, s)
		flip(t, s.path(id, c.file), c.at)
		r := train(t, s, nets, 1, 3)
		if !reflect.DeepEqual(r.Damaged, []string{id}) {
			t.Errorf("%s: damaged %v, want %s", c.file, r.Damaged, id)
		}
		if got := contents(t, s); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: training again gave other bytes", c.file)
		}
		if kept, _ := filepath.Glob(filepath.Join(s.Dir(), damagedName, id+"-*", recordName)); len(kept) != 1 {
			t.Errorf("%s: set aside: %v", c.file, kept)
		}
	}
}

func TestDamagedIsNeverUsed(t *testing.T) {
	s, nets := trainedStore(t)
	r, err := s.Record(nets[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	flip(t, s.path(r.ID, finalName), -1)
	var damaged *ErrDamaged
	if _, _, err := s.LoadNetwork(r); !errors.As(err, &damaged) || damaged.ID != r.ID || damaged.Path != s.path(r.ID, finalName) {
		t.Errorf("LoadNetwork: %v", err)
	}
	for name, spoil := range map[string]func(path string) error{
		"removed": os.Remove,
		"cut":     func(p string) error { return os.Truncate(p, 100) },
		"empty":   func(p string) error { return os.Truncate(p, 0) },
		"nonsense": func(p string) error {
			return os.WriteFile(p, []byte(`{"schema": 1, "id": "0000000000000000"}`), 0o644)
		},
	} {
		s, nets := trainedStore(t)
		if err := spoil(s.path(nets[0].ID, recordName)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Record(nets[0].ID); !errors.As(err, &damaged) {
			t.Errorf("%s: %v", name, err)
		}
		if list, err := s.Damaged(); err != nil || len(list) != 1 {
			t.Errorf("%s: Damaged lists %v, %v", name, list, err)
		}
		train(t, s, nets, 1, 3)
	}
}

func TestNotInStore(t *testing.T) {
	s, nets := open(t, t.TempDir(), small)
	for _, id := range []string{nets[0].ID, "", "../../etc", strings.Repeat("g", 16)} {
		if _, err := s.Record(id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if _, err := s.SetAside("../x"); err == nil {
		t.Error("set aside a path")
	}
}

// made makes the folder of a store that nobody has written to.
func made(t *testing.T, s *Store) {
	t.Helper()
	release, err := s.Lock()
	if err != nil {
		t.Fatal(err)
	}
	release()
}

func TestGrowthOfStore(t *testing.T) {
	dir := t.TempDir()
	s, nets := open(t, dir, small)
	train(t, s, nets, 4, 0)
	grown := strings.Replace(small, "depth: [1, 2]", "label_shuffle: [0, 0.5]\n  depth: [1, 2, 3]", 1)
	s, nets = open(t, dir, grown)
	train(t, s, nets, 8, 4)
	if loaded, err := LoadStore(dir); err != nil || len(loaded.Spec().Axes()) != 2 {
		t.Errorf("the store did not note the new spec: %v", err)
	}
	s, nets = open(t, dir, small) // and back: what is outside the spec stays
	train(t, s, nets, 0, 4)
	if ids, err := s.IDs(); err != nil || len(ids) != 12 {
		t.Errorf("%d networks, error %v; want 12", len(ids), err)
	}
}

func TestOtherCorpusIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, small)
	made(t, s)
	for _, c := range []struct{ old, new, want string }{
		{"name: small", "name: large", `holds the corpus "small", not "large"; give another folder with --store`},
		{"lr: 0.1", "lr: 0.2", "lr is 0.1 there and 0.2 here"},
		{"width: 8", "width: 9", "width is 8 there and 9 here"},
		{"depth: [1, 2]", "depth: [3, 4]", "depth is 1, 2 there and 3, 4 here"},
		{"seed: [1, 2]", "seed: [3]", "seed is [1 2] there and [3] here"},
		{"pool: 2", "pool: 4", "pool is 2 there and 4 here"},
		{"width: 8}", "widths: [8]}", "widths"},
	} {
		src := strings.Replace(small, c.old, c.new, 1)
		if strings.Contains(c.new, "widths") {
			src = strings.Replace(src, "depth: [1, 2]", "batch: [32]", 1)
		}
		_, err := OpenStore(dir, parse(t, src))
		if !errors.As(err, new(*OtherCorpusError)) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.new, err)
		}
	}
	if _, err := OpenStore(dir, parse(t, small+"keep: {init: false}\nmeasures: [cna]\n")); err != nil {
		t.Errorf("what is kept and measured may change: %v", err)
	}
}

func TestNewerSchemas(t *testing.T) {
	s, nets := trainedStore(t)
	edit := func(path, old, new string) {
		b, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(b), old) {
			t.Fatalf("%s: %v", path, err)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(b), old, new, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	edit(s.path(nets[0].ID, recordName), `"schema": 1`, `"schema": 2, "new": {}`)
	if _, err := s.Record(nets[0].ID); !errors.As(err, new(*NewerError)) || !strings.Contains(err.Error(), "schema 2") {
		t.Errorf("record: %v", err)
	}
	if _, err := Train(t.Context(), s, nets, TrainOptions{Engine: engine(t)}); !errors.As(err, new(*NewerError)) {
		t.Errorf("training over it: %v", err)
	}
	edit(filepath.Join(s.Dir(), corpusName), `"schema": 1`, `"schema": 7, "new": {}`)
	if _, err := OpenStore(s.Dir(), parse(t, small)); !errors.As(err, new(*NewerError)) || !strings.Contains(err.Error(), "schema 7, this genbench knows up to 1") {
		t.Errorf("store: %v", err)
	}
	edit(filepath.Join(s.Dir(), corpusName), `{`, `{{`)
	if _, err := OpenStore(s.Dir(), parse(t, small)); err == nil || !strings.Contains(err.Error(), "corpus.json is damaged") {
		t.Errorf("damaged corpus.json: %v", err)
	}
}

func TestForeignFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStore(dir, parse(t, small)); err == nil || !strings.Contains(err.Error(), "holds other files (thesis.tex") {
		t.Errorf("%v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("the folder was littered: %v", entries)
	}
}

// holdLock holds the lock until its standard input ends.
func holdLock(dir string) {
	s, err := LoadStore(dir)
	if err == nil {
		_, err = s.Lock()
	}
	fmt.Println("locked", err)
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
}

func TestTwoRuns(t *testing.T) {
	s, nets := open(t, t.TempDir(), small)
	made(t, s)
	cmd := exec.Command(os.Args[0], "hold-lock", s.Dir())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked <nil>\n" {
		t.Fatalf("the other process: %q, %v", line, err)
	}
	host, _ := os.Hostname()
	_, err = Train(t.Context(), s, nets, TrainOptions{Engine: engine(t)})
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Holder.PID != cmd.Process.Pid || locked.Holder.Host != host || locked.Holder.Start.IsZero() {
		t.Errorf("%v", err)
	} else if want := fmt.Sprintf("process %d on %s, since 20", cmd.Process.Pid, host); !strings.Contains(err.Error(), want) {
		t.Errorf("%q lacks %q", err, want)
	}
	// It dies as kill -9 kills, and the lock is free.
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as meant
	in.Close()
	train(t, s, nets, 4, 0)
}

func TestLockNests(t *testing.T) {
	s, nets := open(t, t.TempDir(), small)
	made(t, s)
	other, err := LoadStore(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	release, err := s.Lock()
	if err != nil {
		t.Fatal(err)
	}
	train(t, s, nets, 4, 0) // takes it too
	if _, err := other.Lock(); !errors.As(err, new(*LockedError)) {
		t.Errorf("a second holder: %v", err)
	}
	release()
	release() // does nothing
	free, err := other.Lock()
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	free()
}

func TestBits(t *testing.T) {
	for n := range 20 {
		bits := make([]bool, n)
		for i := range bits {
			bits[i] = i%3 == 0
		}
		got, err := unpackBits(packBits(bits), n)
		if err != nil || !reflect.DeepEqual(got, bits) {
			t.Errorf("%d bits: %v, %v", n, got, err)
		}
	}
	// Example 0 is the lowest bit: 1, 0, 0, 1, 0, 0, 1, 0 is 64 + 8 + 1.
	if b := packBits([]bool{true, false, false, true, false, false, true, false, false, true}); len(b) != 2 || b[0] != 73 || b[1] != 2 {
		t.Errorf("%v", b)
	}
	if _, err := unpackBits([]byte{1}, 9); err == nil {
		t.Error("nine examples in one byte")
	}
}

func TestRecordSums(t *testing.T) {
	r := &Record{ID: "x", Test: SplitMetrics{N: 3, Loss: 0.1, Accuracy: 0.5}, Train: SplitMetrics{N: 3, Loss: 0.25, Accuracy: 0.875}}
	if r.Gap() != 0.375 || r.LossGap() != -0.15 {
		t.Errorf("gaps %v and %v, want 0.375 and -0.15", r.Gap(), r.LossGap())
	}
	b, err := json.Marshal(SplitMetrics{N: 1, Loss: 0, Accuracy: 1})
	if err != nil || string(b) != `{"n":1,"loss":0,"accuracy":1}` {
		t.Errorf("%s, %v", b, err)
	}
}

func BenchmarkPut(b *testing.B) {
	s, nets := open(b, b.TempDir(), small)
	for b.Loop() {
		if err := s.Put(fakeContents(nets[0], 1)); err != nil {
			b.Fatal(err)
		}
	}
}
