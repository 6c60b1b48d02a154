//go:build !linux

package plugin

import (
	"os"
	"os/exec"
)

func ownGroup(*exec.Cmd) {}

func killGroup(c *exec.Cmd) {
	if c.Process != nil {
		c.Process.Kill()
	}
}

func residentBytes(*exec.Cmd) int64 { return 0 }

func peakBytes(*exec.Cmd) int64 { return 0 }

func self() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}
