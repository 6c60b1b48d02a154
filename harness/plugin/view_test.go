package plugin

import (
	"os"
	"path/filepath"
	"testing"
)

// TestView: a view shows what it was given under numbers that are not used again, the same pages under one; what it
// cannot link it shows not at all.
func TestView(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "quantity.q")
	if err := os.WriteFile(file, []byte("values"), 0o400); err != nil {
		t.Fatal(err)
	}
	v, err := newView(filepath.Join(dir, "cache"))
	if err != nil {
		t.Fatal(err)
	}
	first := v.show(file)
	if again := v.show(file); first == "" || again != first || filepath.Dir(first) != v.dir {
		t.Fatalf("%q, then %q", first, again)
	}
	a, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.Stat(first); err != nil || !os.SameFile(a, b) {
		t.Errorf("it shows another file: %v", err)
	}
	v.clear()
	if _, err := os.Stat(first); !os.IsNotExist(err) {
		t.Errorf("cleared, it still shows: %v", err)
	}
	if next := v.show(file); next == "" || next == first {
		t.Errorf("the number of %q is used again: %q", first, next)
	}
	if shown := v.show(filepath.Join(dir, "none")); shown != "" {
		t.Errorf("it shows what is not there: %q", shown)
	}
	v.remove()
	if left, err := os.ReadDir(filepath.Join(dir, "cache")); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the file itself is gone: %v", err)
	}
}

// TestViewIsOfOneNetwork: what a process was given of one network it cannot open once it is asked about another.
func TestViewIsOfOneNetwork(t *testing.T) {
	p := begin(t, program(t, "well"), Options{})
	names := func() int {
		entries, err := os.ReadDir(p.session.view.dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	ask(t, p, "margin-sum", "a")
	if n := names(); n != 1 {
		t.Errorf("%d files shown of a, want 1", n)
	}
	ask(t, p, "pid", "b")
	if n := names(); n != 0 {
		t.Errorf("%d files shown of b, which asked for none", n)
	}
}
