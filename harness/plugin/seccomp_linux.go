package plugin

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// arches are how the kernel calls the machines that the filter is written for: little-endian, of 64 bits.
var arches = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64, "riscv64": unix.AUDIT_ARCH_RISCV64}

// closeNetwork takes from this thread, and what it starts, all sockets but local ones. Landlock closes TCP
// alone: neither UDP nor multipath TCP, which Go's net.Listen prefers.
func closeNetwork() error {
	arch, ok := arches[runtime.GOARCH]
	if !ok {
		return unix.ENOSYS
	}
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		least = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		give  = unix.BPF_RET | unix.BPF_K

		allowed = 0x7fff0000 // SECCOMP_RET_ALLOW
		refused = 0x00050000 // SECCOMP_RET_ERRNO, with the number in the low bits
		x32     = 0x40000000 // the other numbering of amd64
	)
	filter := []unix.SockFilter{ // struct seccomp_data: nr at 0, arch at 4, the first argument at 16
		{Code: load, K: 4},
		{Code: equal, K: arch, Jf: 8}, // calls of another machine, as of 32 bits
		{Code: load, K: 0},
		{Code: least, K: x32, Jt: 6},
		{Code: equal, K: unix.SYS_IO_URING_SETUP, Jt: 5}, // its queue makes sockets without a call
		{Code: equal, K: unix.SYS_SOCKET, Jf: 3},
		{Code: load, K: 16},
		{Code: equal, K: unix.AF_UNIX, Jt: 1},
		{Code: equal, K: unix.AF_NETLINK, Jf: 2}, // lists the machine's interfaces
		{Code: give, K: allowed},
		{Code: give, K: refused | uint32(unix.ENOSYS)},
		{Code: give, K: refused | uint32(unix.EACCES)},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	const specAllow = 1 << 2 // SECCOMP_FILTER_FLAG_SPEC_ALLOW: a plugin is not slowed down for it
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, specAllow, uintptr(unsafe.Pointer(&program))); errno != 0 {
		return errno
	}
	return nil
}
