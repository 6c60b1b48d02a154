package quantity

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/genbench/genbench/models"
)

// counting is an engine that counts the sessions made and can hold them up.
type counting struct {
	models.Engine
	sessions atomic.Int64
	gate     chan struct{} // nil: open
}

func (c *counting) NewSession(a models.Architecture, n int) (models.Session, error) {
	c.sessions.Add(1)
	if c.gate != nil {
		<-c.gate
	}
	return c.Engine.NewSession(a, n)
}

// only answers the one quantity file in dir.
func only(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v: want one", files, err)
	}
	return files[0]
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	s := normed(t, readExpected(t))
	s.Key = "0123456789abcdef"
	p := openSubject(t, testHost(t, dir), s)
	b, err := p.Get(context.Background(), "weights", nil)
	if err != nil {
		t.Fatal(err)
	}
	path := only(t, dir)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o400 {
		t.Errorf("mode %v, want 0400", info.Mode())
	}
	if !filepath.IsAbs(b.Arrays[0].Path) {
		t.Errorf("path %s is not absolute", b.Arrays[0].Path)
	}
	for _, a := range b.Arrays {
		if a.Offset%alignment != 0 {
			t.Errorf("%s begins at %d", a.Name, a.Offset)
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{s.Key, s.Data.Hash, "weights\""} {
		if strings.Contains(string(raw), word) || strings.Contains(path, word) {
			t.Errorf("the file or its name tells %q", word)
		}
	}
}

// TestReuse: another host finds the file, computes nothing and reports the cost
// of the first; a damaged file is noticed and made anew.
func TestReuse(t *testing.T) {
	dir := t.TempDir()
	args := map[string]string{"layers": "paper"}
	e := &counting{Engine: testEngine(t)}
	read := func() ([]float64, float64) {
		h := NewHost(e, dir)
		defer h.Close()
		p := openSubject(t, h, normed(t, readExpected(t)))
		defer p.Close()
		b, err := p.Get(context.Background(), "layer-sums", args)
		if err != nil {
			t.Fatal(err)
		}
		return values(t, b.Arrays[0]), b.Seconds
	}
	first, seconds := read()
	if !(seconds > 0) {
		t.Errorf("%v seconds", seconds)
	}
	second, again := read()
	if e.sessions.Load() != 1 || !slices.Equal(first, second) || seconds != again {
		t.Errorf("%d sessions, %v s then %v s", e.sessions.Load(), seconds, again)
	}
	whole, err := os.ReadFile(only(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{
		"empty":     {},
		"truncated": whole[:len(whole)-1],
		"short":     whole[:40],
		"longer":    append(slices.Clone(whole), 0),
		"value":     flipped(whole, 3),
		"trailer":   flipped(whole, len(whole)-footerBytes-3),
		"footer":    flipped(whole, len(whole)-footerBytes+9),
		"checksum":  flipped(whole, len(whole)-footerBytes+30),
	} {
		path := only(t, dir)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, damaged, 0o400); err != nil {
			t.Fatal(err)
		}
		before := e.sessions.Load()
		if got, _ := read(); !slices.Equal(got, first) {
			t.Errorf("%s: %v, want %v", name, got, first)
		}
		if e.sessions.Load() != before+1 {
			t.Errorf("%s: the damaged file was used", name)
		}
	}
	// A whole file under another key's name is not that key's.
	c := cache{dir: dir}
	other := hashKey("another key")
	if err := os.Rename(only(t, dir), c.path(other)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.load(other); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file of another key: %v", err)
	}
}

func flipped(b []byte, i int) []byte {
	b = slices.Clone(b)
	b[i] ^= 1
	return b
}

// TestKeys: what determines a quantity determines its file, and nothing else does.
func TestKeys(t *testing.T) {
	h := testHost(t, t.TempDir())
	key := func(name string, args map[string]string, change func(*Subject)) string {
		s := normed(t, readExpected(t))
		s.Init = s.Final
		if change != nil {
			change(s)
		}
		k, a, err := find(name, args)
		if err != nil {
			t.Fatal(err)
		}
		return openSubject(t, h, s).key(k, a)
	}
	changes := map[string]func(*Subject){
		"tensors": func(s *Subject) { s.Key = "other" },
		"data":    func(s *Subject) { s.Data.Hash = "other" },
		"seed":    func(s *Subject) { s.Seed = 99 },
		"facts":   func(s *Subject) { s.Facts.Steps = 5 },
		"epsilon": func(s *Subject) { s.Arch.Layers[1].Epsilon = 1e-3 },
		"initial": func(s *Subject) { s.Init = s.Init.Clone(); s.Init[0].Data[0]++ },
	}
	for _, c := range []struct {
		name  string
		args  map[string]string
		moved string // changes that give another key, sorted
	}{
		{"weights", nil, "data epsilon tensors"},
		{"fused-init-weights", nil, "data epsilon initial tensors"},
		{"train-inputs", nil, "data"},
		{"complexity", nil, "data"},
		{"complexity", map[string]string{"examples": "3"}, "data seed"},
		{"layer-sums", nil, "data epsilon tensors"},
		{"layer-sums", map[string]string{"examples": "3"}, "data epsilon seed tensors"},
		{"pac-bayes", nil, "data epsilon seed tensors"},
		{"sharpness", nil, "data epsilon seed tensors"},
		{"history", nil, "data epsilon facts tensors"},
	} {
		plain := key(c.name, c.args, nil)
		var moved []string
		for name, change := range changes {
			if key(c.name, c.args, change) != plain {
				moved = append(moved, name)
			}
		}
		slices.Sort(moved)
		if got := strings.Join(moved, " "); got != c.moved {
			t.Errorf("%s %v depends on %q, want %q", c.name, c.args, got, c.moved)
		}
	}
	if key("layer-sums", nil, nil) != key("layer-sums", map[string]string{"layers": "released", "examples": "0"}, nil) {
		t.Error("defaults written out give another key")
	}
	if !strings.Contains(key("train-logits", nil, nil), h.engine.Name()) {
		t.Error("the engine is not in the key")
	}
}

// TestSingleFlight: who asks at once shares one computation; one caller's
// cancellation is its own.
func TestSingleFlight(t *testing.T) {
	e := &counting{Engine: testEngine(t), gate: make(chan struct{})}
	h := NewHost(e, t.TempDir())
	defer h.Close()
	p := openSubject(t, h, v10())
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { _, errs[i] = p.Get(context.Background(), "train-logits", nil) })
	}
	waiting, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	for e.sessions.Load() == 0 { // somebody computes
		time.Sleep(time.Millisecond)
	}
	if _, err := p.Get(waiting, "train-logits", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a caller whose time is up: %v", err)
	}
	close(e.gate)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if n := e.sessions.Load(); n != 1 {
		t.Errorf("%d computations", n)
	}
}

// TestCancelledComputation: the next caller computes what a cancelled one left.
func TestCancelledComputation(t *testing.T) {
	p := openSubject(t, testHost(t, t.TempDir()), v10())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Get(ctx, "train-logits", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := p.Get(context.Background(), "train-logits", nil); err != nil {
		t.Error(err)
	}
}

// TestUndefinedIsKept: a search that found nothing to search for is not made twice.
func TestUndefinedIsKept(t *testing.T) {
	dir := t.TempDir()
	e := &counting{Engine: testEngine(t)}
	for range 2 {
		h := NewHost(e, dir)
		s := v10()
		s.Data.Train.Y = []int32{1, 2, 0, 2} // all wrong
		p := openSubject(t, h, s)
		_, err := p.Get(context.Background(), "pac-bayes", nil)
		var u *Undefined
		if !errors.As(err, &u) || !strings.Contains(u.Reason, "above chance") {
			t.Fatalf("a network worse than chance: %v", err)
		}
		p.Close()
		h.Close()
	}
	if n := e.sessions.Load(); n != 1 {
		t.Errorf("%d computations", n)
	}
}

// TestEviction: a full cache loses what closed networks left, oldest first, and
// nothing that an open one may still be asked for.
func TestEviction(t *testing.T) {
	dir := t.TempDir()
	h := testHost(t, dir)
	h.LimitCache(1)
	make1 := func(key string) (*Provider, string) {
		s := v10()
		s.Key = key
		p := openSubject(t, h, s)
		b, err := p.Get(context.Background(), "weights", nil)
		if err != nil {
			t.Fatal(err)
		}
		return p, b.Arrays[0].Path
	}
	open1, keep := make1("open")
	closed, gone := make1("closed")
	held, err := os.Open(gone)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(keep); err != nil {
		t.Errorf("the open network's file: %v", err)
	}
	if _, err := os.Stat(gone); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the closed network's file: %v", err)
	}
	if n, err := held.Read(make([]byte, 10)); n != 10 || err != nil {
		t.Errorf("reading an evicted file that is open: %d, %v", n, err)
	}
	if err := open1.Close(); err != nil {
		t.Fatal(err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("%d files left", len(files))
	}
	if _, err := open1.Get(context.Background(), "weights", nil); err == nil {
		t.Error("a closed network answers")
	}
}

// TestEvictionTakesTheOldest and leaves what fits.
func TestEvictionTakesTheOldest(t *testing.T) {
	c := cache{dir: t.TempDir(), limit: 1 << 20}
	var paths []string
	for i := range 4 {
		e, err := c.store(hashKey(fmt.Sprint(i)), []payload{scalar("x", 1)}, 0, "")
		if err != nil {
			t.Fatal(err)
		}
		path := e.bundle.Arrays[0].Path
		e.close()
		at := time.Now().Add(time.Duration(i-10) * time.Minute)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		info, _ := os.Stat(path)
		c.limit = 2 * info.Size()
		paths = append(paths, path)
	}
	if err := c.evict(); err != nil {
		t.Fatal(err)
	}
	for i, path := range paths {
		if _, err := os.Stat(path); (err == nil) != (i >= 2) {
			t.Errorf("file %d: %v", i, err)
		}
	}
}

// TestTwoWriters: of two that computed the same, both get the same file.
func TestTwoWriters(t *testing.T) {
	c := cache{dir: t.TempDir(), limit: 1 << 20}
	a, err := c.store(hashKey("k"), []payload{scalar("x", 1)}, 0, "")
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	b, err := c.store(hashKey("k"), []payload{scalar("x", 1)}, 0, "")
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	one, _ := a.file.Stat()
	other, _ := b.file.Stat()
	if !os.SameFile(one, other) {
		t.Error("the first writer's file was replaced")
	}
	only(t, c.dir)
}
