package plugin

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// watchMemory ends the process when it holds more than limit bytes.
func (s *session) watchMemory(limit int64) {
	// A program can touch some 4 GB a second: this often, it overshoots by less than 100 MB.
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.runner.exited:
			return
		case <-tick.C:
		}
		held := statusBytes(s.pid(), "RssAnon:", "RssShmem:") // VmRSS less the mapped files, which are the host's cache
		if held <= limit {
			continue
		}
		s.mu.Lock()
		s.excess = fmt.Sprintf("exceeded its memory limit: it held %d MiB, the limit is %d MiB", held>>20, limit>>20)
		s.mu.Unlock()
		s.runner.end()
		return
	}
}

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
