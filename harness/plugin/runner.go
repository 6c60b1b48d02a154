package plugin

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

// runner starts and ends one operating-system process for go-plugin. It replaces
// go-plugin's own, which hands the process the host's standard input, ends it but not
// what it started, and waits for ever on a pipe that a grandchild holds open.
type runner struct {
	cmd      *exec.Cmd
	start    func(*exec.Cmd) error
	out, err *os.File // read ends

	exited chan struct{} // closed when the process is reaped
	mu     sync.Mutex
	reaped bool
}

// Start starts the process.
func (r *runner) Start(context.Context) error {
	outR, outW, err := os.Pipe()
	if err != nil {
		return err
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		outR.Close()
		outW.Close()
		return err
	}
	r.out, r.err = outR, errR
	r.cmd.Stdout, r.cmd.Stderr = outW, errW
	err = r.start(r.cmd)
	outW.Close()
	errW.Close()
	if err != nil {
		outR.Close()
		errR.Close()
		return err
	}
	go r.reap()
	return nil
}

// reap waits for the process, ends what it left behind and frees the readers of
// its pipes.
func (r *runner) reap() {
	_ = r.cmd.Wait() // its error is in ProcessState
	r.mu.Lock()
	endGroup(r.cmd.Process.Pid)
	r.reaped = true
	r.mu.Unlock()
	deadline := time.Now().Add(500 * time.Millisecond) // for what is still in the pipes
	_ = r.out.SetReadDeadline(deadline)
	_ = r.err.SetReadDeadline(deadline)
	close(r.exited)
}

// end kills the process and all that it started, at once.
func (r *runner) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd.Process != nil && !r.reaped {
		endGroup(r.cmd.Process.Pid)
	}
}

// status says how the process ended: "exit status 2", "signal: killed"; "" while
// it runs.
func (r *runner) status() string {
	select {
	case <-r.exited:
		return r.cmd.ProcessState.String()
	default:
		return ""
	}
}

// Wait waits for the process to end.
func (r *runner) Wait(context.Context) error {
	<-r.exited
	return nil
}

// Kill ends the process.
func (r *runner) Kill(context.Context) error {
	r.end()
	return nil
}

// Stdout carries the handshake.
func (r *runner) Stdout() io.ReadCloser { return r.out }

// Stderr carries everything else.
func (r *runner) Stderr() io.ReadCloser { return r.err }

// Name is the program's path.
func (r *runner) Name() string { return r.cmd.Path }

// ID is the process's number, "" before it started.
func (r *runner) ID() string {
	if r.cmd.Process == nil {
		return ""
	}
	return strconv.Itoa(r.cmd.Process.Pid)
}

// Diagnose has nothing to add: session.explain does.
func (r *runner) Diagnose(context.Context) string { return "" }

// PluginToHost leaves addresses alone: both sides see the same files.
func (r *runner) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin leaves addresses alone.
func (r *runner) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
