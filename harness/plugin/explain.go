package plugin

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// explain turns go-plugin's messages about a start that failed into what the
// user can do about them.
func (s *session) explain(ctx context.Context, err error, o Options) error {
	text := err.Error()
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.DeadlineExceeded) || cause == nil && isDue(ctx) || strings.Contains(text, "timeout while waiting for plugin to start"):
		return fmt.Errorf("it did not answer within %v; raise --plugin-start-timeout if it needs longer%s", o.StartTimeout, s.said())
	case cause != nil:
		return cause
	case s.excessive() != "":
		return fmt.Errorf("it %s", s.excessive())
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("%w; is it built for this machine, or a script without a first line #!?", err)
	case errors.Is(err, exec.ErrNotFound):
		return err
	}
	if _, rest, ok := strings.Cut(text, "Unrecognized remote plugin message: "); ok {
		s.settle()
		line, _, _ := strings.Cut(rest, "\n")
		if strings.TrimSpace(line) == "" {
			return fmt.Errorf("it ended%s before its handshake; is it a measure plugin, whose main calls measure.Serve, or genbench.serve in Python?%s", s.how(), s.said())
		}
		return fmt.Errorf("it wrote %q to standard output before its handshake; have it write to standard error, and call measure.Serve, or genbench.serve in Python, first%s", clip(line, 200), s.said())
	}
	if strings.Contains(text, "exited before we could connect") {
		s.settle()
		return fmt.Errorf("it ended%s before its handshake%s", s.how(), s.said())
	}
	if strings.Contains(strings.ToLower(text), "incompatible") || strings.Contains(text, "unsupported plugin protocol") {
		return fmt.Errorf("it speaks another version of the protocol: rebuild it for this genbench (%s)", clip(text, 200))
	}
	s.settle()
	if st := s.status(); st != "" && s.plugin != nil {
		return fmt.Errorf("it ended%s when it was asked what it measures%s", s.how(), s.said())
	}
	return fmt.Errorf("%w%s", err, s.said())
}

// atOnce is how far ahead of the host's clock a plugin may see their common
// deadline: it ends the call then, before the host does.
const atOnce = 100 * time.Millisecond

// isDue reports whether the deadline of a context is reached.
func isDue(ctx context.Context) bool {
	due, ok := ctx.Deadline()
	return ok && time.Until(due) < atOnce
}

// settle waits a little for a process that is ending, and for its last words.
func (s *session) settle() {
	if s.runner == nil {
		return
	}
	select {
	case <-s.runner.exited:
		time.Sleep(20 * time.Millisecond) // they are read by another goroutine
	case <-time.After(300 * time.Millisecond):
	}
}

// how is how the process ended, in brackets.
func (s *session) how() string {
	if st := s.status(); st != "" {
		return " (" + st + ")"
	}
	return ""
}

// said is what the plugin wrote to standard error that says the most.
func (s *session) said() string {
	why := s.stderr.reason()
	if why == "" {
		return ""
	}
	why = "; it said: " + why
	if text := s.stderr.text(); s.held.Files && (strings.Contains(text, "ermission denied") || strings.Contains(text, "ModuleNotFoundError")) {
		why += "; confined, it reads the system, its own folder and its interpreter: if it needs more, allow it with --plugin-read PATH"
	}
	return why
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}
