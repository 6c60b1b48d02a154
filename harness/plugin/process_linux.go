package plugin

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// ownGroup puts the process into a group of its own: ^C is the host's alone, and
// what the plugin starts can be ended with it.
func ownGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(c *exec.Cmd) {
	if c.Process != nil && c.Process.Pid > 1 {
		syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
	}
}

// residentBytes is the process's resident memory; 0 when it is gone.
func residentBytes(c *exec.Cmd) int64 {
	if c.Process == nil {
		return 0
	}
	return statusBytes(c.Process.Pid, "VmRSS:")
}

// peakBytes is the most that the process ever had resident: an upper bound of what one Compute held.
func peakBytes(c *exec.Cmd) int64 {
	if c.Process == nil {
		return 0
	}
	return statusBytes(c.Process.Pid, "VmHWM:")
}

func statusBytes(pid int, field string) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(b) {
		rest, ok := bytes.CutPrefix(line, []byte(field))
		if !ok {
			continue
		}
		f := bytes.Fields(rest)
		if len(f) == 0 {
			return 0
		}
		kib, err := strconv.ParseInt(string(f[0]), 10, 64)
		if err != nil {
			return 0
		}
		return kib << 10
	}
	return 0
}

// self is a path to this program that stays good when its file is replaced or removed, as `go run` does.
func self() string { return "/proc/self/exe" }
