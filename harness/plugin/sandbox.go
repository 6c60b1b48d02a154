package plugin

import (
	"fmt"
	"strings"
)

// Sandbox says whether the kernel confines plugins. See [Confinement] for to what.
type Sandbox string

// The sandboxes.
const (
	SandboxBestEffort Sandbox = "best-effort" // confined as far as the kernel can
	SandboxOff        Sandbox = "off"
	SandboxRequire    Sandbox = "require" // a plugin does not start where the kernel cannot close files and TCP
)

// Confinement is what the kernel holds a plugin's process to, beyond what genbench does
// on every machine: an environment of a few variables, a process group, no new privileges, no core dumps, a
// watch on memory and processes.
type Confinement struct {
	Landlock int    // version of the kernel's Landlock; 0: none
	Files    bool   // reads the system, the program's folder and its own quantities; writes its own temporary folder
	TCP      bool   // neither listens nor connects by TCP
	Network  bool   // opens no sockets but local ones
	Signals  bool   // reaches no process but its own with signals and abstract sockets
	Why      string // something is missing
}

// String is what results record.
func (c Confinement) String() string {
	var held []string
	for _, h := range []struct {
		holds bool
		name  string
	}{{c.Files, "files"}, {c.TCP && !c.Network, "tcp"}, {c.Network, "network"}, {c.Signals, "signals"}} {
		if h.holds {
			held = append(held, h.name)
		}
	}
	if len(held) == 0 {
		return "none: " + c.Why
	}
	return fmt.Sprintf("%s (landlock %d)", strings.Join(held, ", "), c.Landlock)
}

// enough reports what [SandboxRequire] asks for.
func (c Confinement) enough() error {
	switch {
	case !c.Files:
		return fmt.Errorf("the kernel cannot confine it (%s); start with --sandbox best-effort or off, or in a container", c.Why)
	case !c.TCP && !c.Network:
		return fmt.Errorf("the kernel cannot close the network to it (Landlock %d; 4 can, or seccomp); start with --sandbox best-effort, or in a container", c.Landlock)
	}
	return nil
}
