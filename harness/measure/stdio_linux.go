package measure

import (
	"os"

	"golang.org/x/sys/unix"
)

// take keeps the real standard output for the handshake alone: file
// descriptor 1 becomes standard error, for C libraries and children too, and
// descriptor 0 the null device.
func (s *stdio) take() error {
	out, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return err
	}
	if err := unix.Dup3(2, 1, 0); err != nil {
		return err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	if err := unix.Dup3(int(null.Fd()), 0, 0); err != nil {
		return err
	}
	s.handshake = os.NewFile(uintptr(out), "handshake")
	os.Stdout = s.handshake
	return nil
}
