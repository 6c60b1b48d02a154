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
	timer := time.NewTimer(watchBusy)
	defer timer.Stop()
	var others []int
	for {
		select {
		case <-s.runner.exited:
			return
		case <-s.asked: // it was idle, and is busy now
			timer.Reset(watchBusy)
			continue
		case <-timer.C:
		}
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
		timer.Reset(s.pause())
	}
}

// pause is the time until the next look.
func (s *session) pause() time.Duration {
	s.resting.Store(true) // before busy is read: from now on, work tells
	if s.busy.Load() {
		s.resting.Store(false)
		return watchBusy
	}
	return watchIdle
}

// work notes that the process is asked something, until done is called. The watch looks watchBusy later at the latest.
func (s *session) work() (done func()) {
	s.busy.Store(true)
	if s.resting.CompareAndSwap(true, false) {
		select {
		case s.asked <- struct{}{}:
		default: // it knows
		}
	}
	return func() { s.busy.Store(false) }
}

// excess says which limit a process and others that it started exceed together, or "".
func excess(pid int, others []int, limit int64, processes int) string {
	if n := 1 + len(others); processes > 0 && n > processes {
		return fmt.Sprintf("exceeded its limit of processes: it ran %d, the limit is %d", n, processes)
	}
	if limit <= 0 {
		return ""
	}
	all := append([]int{pid}, others...)
	var most int64
	for _, p := range all {
		most += residentBytes(p)
	}
	if most <= limit {
		return ""
	}
	var held int64
	for _, p := range all {
		held += statusBytes(p, "RssAnon:", "RssShmem:")
	}
	if held > limit {
		return fmt.Sprintf("exceeded its memory limit: it held %d MiB, the limit is %d MiB; raise --plugin-memory if it needs more", held>>20, limit>>20)
	}
	return ""
}

// residentBytes is a process's memory with the mapped files, which are the host's cache and do not count: no less
// than what counts, and told by the kernel for a fifth of the work.
func residentBytes(pid int) int64 {
	var buf [128]byte
	text, ok := readProc("/proc/"+strconv.Itoa(pid)+"/statm", buf[:])
	fields := bytes.Fields(text)
	if !ok || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}

// statusBytes adds fields of a process's status; 0 when it is gone, or where
// there is no /proc.
func statusBytes(pid int, fields ...string) int64 {
	var buf [4096]byte
	text, ok := readProc("/proc/"+strconv.Itoa(pid)+"/status", buf[:])
	if !ok {
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
