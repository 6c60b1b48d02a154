package plugin

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// self is a path to this program that stays good when its file is replaced or
// removed, as `go run` does.
func self() string { return "/proc/self/exe" }

// startConfined starts the process in a group of its own, without new
// privileges, and, unless the sandbox is off, allowed to write beneath dir alone.
//
// Both restrictions belong to a thread and are inherited by what it starts, and
// the kernel kills the process when the thread that started it ends: whatever
// ends genbench, its plugins end too. So a thread is spent on it: it restricts itself,
// starts the process, waits for the end of that and ends, because a goroutine that
// returns locked takes its thread along.
func startConfined(cmd *exec.Cmd, dir string, sandbox Sandbox, exited <-chan struct{}) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := func() error {
			if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
				return fmt.Errorf("setting no new privileges: %w", err)
			}
			if sandbox != SandboxOff {
				if err := restrict(dir); err != nil && sandbox == SandboxRequire {
					return fmt.Errorf("the kernel cannot confine it (%w); start with the sandbox off, or in a container", err)
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
		return err
	}
	// No core dumps: a crash of a plugin that holds gigabytes would fill the disk.
	_ = unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	// Where memory runs out in spite of the watchdog, a plugin goes before genbench.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", cmd.Process.Pid), []byte("800"), 0)
	return nil
}

// awaitEnd waits for the process to end and leaves it unreaped, so that its
// number, which is its group's too, is nobody else's yet.
func awaitEnd(pid int) {
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}

// restrict confines this thread and what it starts by Landlock: files are
// written beneath dir and in /dev only, TCP is closed. Reading is free.
func restrict(dir string) error {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return fmt.Errorf("no landlock: %w", errno)
	}
	rules := unix.LandlockRulesetAttr{Access_fs: writes(int(abi))}
	size := unsafe.Sizeof(rules.Access_fs) // an older kernel knows this field alone
	if abi >= 4 {
		rules.Access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		size += unsafe.Sizeof(rules.Access_net)
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&rules)), size, 0)
	if errno != 0 {
		return fmt.Errorf("creating landlock rules: %w", errno)
	}
	defer unix.Close(int(fd))
	if err := allow(int(fd), dir, rules.Access_fs); err != nil {
		return err
	}
	if err := allow(int(fd), "/dev", unix.LANDLOCK_ACCESS_FS_WRITE_FILE); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("applying landlock rules: %w", errno)
	}
	return nil
}

// writes are the rights to change files that this version of Landlock knows.
func writes(abi int) uint64 {
	rights := uint64(unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK | unix.LANDLOCK_ACCESS_FS_MAKE_SYM)
	if abi >= 2 {
		rights |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		rights |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	return rights
}

func allow(rules int, path string, rights uint64) error {
	parent, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(parent)
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(parent)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(rules), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("allowing %s: %w", path, errno)
	}
	return nil
}

// endGroup kills a process and all that it started in its group.
func endGroup(pid int) {
	if pid > 1 {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
}

// gone reports whether there is no such process.
func gone(pid int) bool { return syscall.Kill(pid, 0) == syscall.ESRCH }
