package plugin

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// How often a plugin's memory is looked at. A program can touch some 4 GB a second: while it computes, it
// overshoots by less than 100 MB. Most plugins of a run wait, and looking costs the host 30 µs.
const (
	watchBusy = 20 * time.Millisecond
	watchIdle = 500 * time.Millisecond
)

// watch ends the process with what it started when they hold more than limit bytes, or are
// more than so many processes. Negative limits are none.
func (s *session) watch(limit int64, processes int) {
	looked := time.Now()
	timer := time.NewTimer(watchBusy)
	defer timer.Stop()
	var others []int
	for {
		pause := watchIdle
		if s.busy.Load() {
			pause = watchBusy
		}
		timer.Reset(pause - time.Since(looked))
		select {
		case <-s.runner.exited:
			return
		case <-s.asked: // it is busy now
			continue
		case <-timer.C:
		}
		looked = time.Now()
		s.familyMu.Lock()
		if s.family.due() {
			others = s.family.members()
		}
		s.familyMu.Unlock()
		if why := excess(s.pid(), others, limit, processes); why != "" {
			s.mu.Lock()
			s.excess = why
			s.mu.Unlock()
			s.runner.end()
			return
		}
	}
}

// work notes that the process is asked something, until done is called.
func (s *session) work() (done func()) {
	s.busy.Store(true)
	select {
	case s.asked <- struct{}{}:
	default: // it knows
	}
	return func() { s.busy.Store(false) }
}

// excess says which limit a process and others that it started exceed together, or "".
func excess(pid int, others []int, limit int64, processes int) string {
	if n := 1 + len(others); processes > 0 && n > processes {
		return fmt.Sprintf("exceeded its limit of processes: it ran %d, the limit is %d", n, processes)
	}
	held := held(pid)
	for _, other := range others {
		held += statusBytes(other, "RssAnon:", "RssShmem:")
	}
	if limit > 0 && held > limit {
		return fmt.Sprintf("exceeded its memory limit: it held %d MiB, the limit is %d MiB; raise --plugin-memory if it needs more", held>>20, limit>>20)
	}
	return ""
}

// held is a process's memory less the mapped files, which are the host's cache.
func held(pid int) int64 { return statusBytes(pid, "RssAnon:", "RssShmem:") }

// statusBytes adds fields of a process's status; 0 when it is gone, or where
// there is no /proc.
func statusBytes(pid int, fields ...string) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	var sum int64
	for line := range bytes.Lines(text) {
		for _, field := range fields {
			rest, ok := bytes.CutPrefix(line, []byte(field))
			if !ok {
				continue
			}
			kib, err := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 64)
			if err == nil {
				sum += kib << 10
			}
		}
	}
	return sum
}
