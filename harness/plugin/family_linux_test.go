package plugin

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// strays starts two processes in sessions of their own, whose parents end.
const strays = `setsid sleep 86399 >/dev/null 2>&1 & echo stray $! >&2; (setsid sh -c 'echo stray $$ >&2; exec sleep 86398 >/dev/null 2>&1' &) ; sleep 0.2`

func leaveStrays() error {
	c := exec.Command("sh", "-c", strays)
	out, err := c.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		fmt.Fprint(os.Stderr, line)
	}
	return err
}

// TestStrays: processes that left the plugin's group, and lost their parent, end with it.
func TestStrays(t *testing.T) {
	var mu sync.Mutex
	var pids []int
	o := testOptions(t)
	o.Getenv = os.Getenv // PATH
	o.Log = func(_, line string) {
		if rest, ok := strings.CutPrefix(line, "stray "); ok {
			pid, err := strconv.Atoi(rest)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			pids = append(pids, pid)
			mu.Unlock()
		}
	}
	p := startOdd(t, "odd", o)
	if out := query(p, "leaves-strays", "net", nil); out.Status != OK {
		t.Fatalf("%+v", out)
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		mu.Lock()
		n := len(pids)
		mu.Unlock()
		if n == 2 || time.Now().After(end) {
			break
		}
	}
	if len(pids) != 2 {
		t.Fatalf("%d strays, want 2", len(pids))
	}
	for _, pid := range pids {
		if ended(pid) {
			t.Fatalf("%d ended by itself", pid)
		}
	}
	p.Stop()
	for _, pid := range pids {
		waitGone(t, pid, time.Second)
	}
}

// TestExcess: memory of a plugin's children counts as its own, and so do they.
func TestExcess(t *testing.T) {
	self := []int{1, 2, 3}
	if got, want := excess(1, self, -1, 3), "exceeded its limit of processes: it ran 4, the limit is 3"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := excess(1, self, -1, 4); got != "" {
		t.Errorf("%q within the limit", got)
	}
	if got := excess(1, self, -1, -1); got != "" {
		t.Errorf("%q without limits", got)
	}
}
