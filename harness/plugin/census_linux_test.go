package plugin

import (
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"
)

// sleeper starts a process in a session of its own, told by its temporary folder alone.
func sleeper(t *testing.T, dir string) int {
	t.Helper()
	c := exec.Command("sleep", "60")
	c.Env = []string{"PATH=/usr/bin:/bin", "TMPDIR=" + dir}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	return c.Process.Pid
}

// TestCensusIsShared: families tell their members from one list, in which those come that start later.
func TestCensusIsShared(t *testing.T) {
	one, other := newFamily(sleeper(t, "/one"), "/one"), newFamily(sleeper(t, "/other"), "/other")
	if got := one.members(); len(got) != 0 {
		t.Errorf("members %v, want none yet", got)
	}
	pid := sleeper(t, "/one")
	found := func(f *family) bool { return f.due() && slices.Contains(f.members(), pid) }
	for end := time.Now().Add(5 * time.Second); !found(one); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d is not found", pid)
		}
	}
	if got := other.members(); len(got) != 0 {
		t.Errorf("members %v of the other family, want none", got)
	}
	if got := other.among(machine.now()); len(got) != 0 {
		t.Errorf("members %v of the other family in a new list, want none", got)
	}
}

// TestWatchWakes: a watch that rests over an idle process is told of the next question, once.
func TestWatchWakes(t *testing.T) {
	s := &session{asked: make(chan struct{}, 1)}
	if got := s.pause(); got != watchIdle {
		t.Errorf("pause %v of an idle process, want %v", got, watchIdle)
	}
	done := s.work()
	if len(s.asked) != 1 {
		t.Error("the watch sleeps on")
	}
	<-s.asked
	if got := s.pause(); got != watchBusy {
		t.Errorf("pause %v of a busy process, want %v", got, watchBusy)
	}
	done()
	s.work()
	if len(s.asked) != 0 {
		t.Error("the watch is told what it knows")
	}
}

// TestResidentIsNoLess: what the watch looks at first is no less than what counts.
func TestResidentIsNoLess(t *testing.T) {
	held := make([]byte, 64<<20)
	for i := 0; i < len(held); i += 4096 {
		held[i] = 1
	}
	resident, counted := residentBytes(own), statusBytes(own, "RssAnon:", "RssShmem:")
	if counted < int64(len(held)) || resident < counted-1<<20 { // they are read one after the other
		t.Errorf("resident %d bytes, %d count, at least %d are held", resident, counted, len(held))
	}
	held[0] = 2
}
