//go:build !linux

package plugin

import (
	"errors"
	"os"
	"os/exec"
)

func self() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

// startConfined starts the process; there is nothing here to confine it with.
func startConfined(cmd *exec.Cmd, _ string, sandbox Sandbox, _ <-chan struct{}) error {
	if sandbox == SandboxRequire {
		return errors.New("this system cannot confine it; start with the sandbox off, or in a container")
	}
	return cmd.Start()
}

func awaitEnd(int) {}

func endGroup(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
	}
}

// gone cannot be told everywhere; folders of killed hosts then stay.
func gone(int) bool { return false }
