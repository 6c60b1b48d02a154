package plugin

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// self is a path to this program that stays good when its file is replaced or
// removed, as `go run` does.
func self() string { return "/proc/self/exe" }

// timerSlack is by how much a plugin's timers may be late; Linux has 50 µs. Go's monitor of its threads sleeps 20 µs and this
// at a time while anything runs, and looking so often cost as much as the calls.
const timerSlack = 500 * time.Microsecond

// startConfined starts the process in a group of its own, without new
// privileges, and, unless the sandbox is off, confined to the grants.
//
// Both restrictions belong to a thread and are inherited by what it starts, and
// the kernel kills the process when the thread that started it ends: whatever
// ends genbench, its plugins end too. So a thread is spent on it: it restricts itself,
// starts the process, waits for the end of that and ends, because a goroutine that
// returns locked takes its thread along.
func startConfined(cmd *exec.Cmd, g grants, sandbox Sandbox, exited <-chan struct{}) (Confinement, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	held := Confinement{Why: "the sandbox is off"}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := func() error {
			if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
				return fmt.Errorf("setting no new privileges: %w", err)
			}
			_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(timerSlack), 0, 0, 0) // without it, all is as well but dearer
			if sandbox != SandboxOff {
				held = confine(g)
			}
			if sandbox == SandboxRequire {
				if err := held.enough(); err != nil {
					return err
				}
			}
			return cmd.Start()
		}()
		done <- err
		if err == nil {
			<-exited
		}
	}()
	if err := <-done; err != nil {
		return held, err
	}
	// No core dumps: a crash of a plugin that holds gigabytes would fill the disk.
	_ = unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	// Where memory runs out in spite of the watchdog, a plugin goes before genbench.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", cmd.Process.Pid), []byte("800"), 0)
	return held, nil
}

// Probe tells what the kernel would confine a plugin to.
func Probe() Confinement {
	c := make(chan Confinement)
	go func() { // tried on a thread that ends with it
		runtime.LockOSThread()
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			c <- Confinement{Why: "setting no new privileges: " + err.Error()}
			return
		}
		c <- confine(grants{})
	}()
	return <-c
}

// confine holds this thread, and what it starts, to all that the kernel offers.
func confine(g grants) Confinement {
	held, _ := restrict(g) // Why says what went wrong
	held.Network = closeNetwork() == nil
	return held
}

// awaitEnd waits for the process to end and leaves it unreaped, so that its
// number, which is its group's too, is nobody else's yet.
func awaitEnd(pid int) {
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}

// endGroup kills a process and all that it started in its group.
func endGroup(pid int) {
	if pid > 1 {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
}

// gone reports whether there is no such process.
func gone(pid int) bool { return syscall.Kill(pid, 0) == syscall.ESRCH }
