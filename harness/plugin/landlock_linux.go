package plugin

import (
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Rights of Landlock. Reading covers executing: what cannot be read is not executed either.
const (
	readFile = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_EXECUTE
	readAll  = readFile | unix.LANDLOCK_ACCESS_FS_READ_DIR
)

// system are the files that programs of all kinds read: no user's own are among them. Of /proc only what
// tells of the machine: a process's own folder there cannot be told from another's before it starts.
var system = struct{ read, look, devices []string }{
	read: []string{"/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/etc", "/opt", "/nix/store", "/gnu/store", "/snap", "/run/current-system", "/run/opengl-driver"},
	look: []string{
		"/sys", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/loadavg", "/proc/version", "/proc/uptime", "/proc/filesystems",
		"/proc/devices", "/proc/modules", "/proc/sys", "/proc/driver",
	},
	devices: []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/nvidia*", "/dev/dri", "/dev/kfd"},
}

// probe asks the kernel what it can confine.
func probe() Confinement {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return Confinement{Why: "no landlock: " + errno.Error()}
	}
	// Scoped signals were wrong at first: a thread that had confined itself could not signal the
	// others of its process, as Go's scheduler does. The kernel tells when it has the correction.
	const errata, scopedSignal = 1 << 1, 1 << 1
	fixed, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, errata)
	return Confinement{Landlock: int(abi), Files: true, TCP: abi >= 4, Signals: abi >= 6 && errno == 0 && fixed&scopedSignal != 0}
}

// restrict confines this thread and what it starts to the grants.
func restrict(g grants) (Confinement, error) {
	c := probe()
	if !c.Files {
		return c, nil
	}
	none := func(err error) (Confinement, error) { return Confinement{Why: err.Error()}, err }
	rules := unix.LandlockRulesetAttr{Access_fs: readAll | writes(c.Landlock)}
	size := unsafe.Sizeof(rules.Access_fs) // an older kernel knows the first fields alone
	if c.TCP {
		rules.Access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		size += unsafe.Sizeof(rules.Access_net)
	}
	if c.Signals {
		rules.Scoped = unix.LANDLOCK_SCOPE_SIGNAL | unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
		size += unsafe.Sizeof(rules.Scoped)
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&rules)), size, 0)
	if errno != 0 {
		return none(fmt.Errorf("creating landlock rules: %w", errno))
	}
	defer unix.Close(int(fd))
	if err := allowAll(int(fd), g, rules.Access_fs); err != nil {
		return none(err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return none(fmt.Errorf("applying landlock rules: %w", errno))
	}
	return c, nil
}

// allowAll adds the rules. What does not exist needs none.
func allowAll(rules int, g grants, all uint64) error {
	for _, r := range []struct {
		paths  []string
		rights uint64
	}{
		{system.read, readAll},
		{system.look, unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR},
		{system.devices, unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR},
		{g.read, readAll},
		{g.list, unix.LANDLOCK_ACCESS_FS_READ_DIR},
		{[]string{g.view}, unix.LANDLOCK_ACCESS_FS_READ_FILE},
		{[]string{g.write}, all},
	} {
		for _, pattern := range r.paths {
			if pattern == "" {
				continue
			}
			paths := []string{pattern}
			if filepath.Base(pattern) == "nvidia*" {
				paths, _ = filepath.Glob(pattern)
			}
			for _, path := range paths {
				if err := allow(rules, path, r.rights); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// allow gives rights beneath a folder, or those of them that a file can have.
func allow(rules int, path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil // not there, or not for us: not for the plugin either
	}
	defer unix.Close(fd)
	var info unix.Stat_t
	if err := unix.Fstat(fd, &info); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if info.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= readFile | unix.LANDLOCK_ACCESS_FS_WRITE_FILE
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(rules), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("allowing %s: %w", path, errno)
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
