//go:build !linux

package plugin

import (
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
func startConfined(cmd *exec.Cmd, _ grants, sandbox Sandbox, _ <-chan struct{}) (Confinement, error) {
	held := Probe()
	if sandbox == SandboxRequire {
		return held, held.enough()
	}
	return held, cmd.Start()
}

// Probe tells what the kernel would confine a plugin to.
func Probe() Confinement { return Confinement{Why: "this system has no landlock"} }

func awaitEnd(int) {}

func endGroup(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
	}
}

// gone cannot be told everywhere; folders of killed hosts then stay.
func gone(int) bool { return false }
