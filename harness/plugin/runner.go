package plugin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// runner starts and ends one operating-system process for go-plugin. It replaces
// go-plugin's own, which hands the process the host's standard input, ends it but not
// what it started, and waits for ever on a pipe that a grandchild holds open.
type runner struct {
	cmd      *exec.Cmd
	start    func(*runner) error
	after    func()    // ends what left the process's group, once that has ended
	words    io.Writer // takes what the process writes to standard output after its first line
	out, err *os.File  // read ends

	ending atomic.Bool   // standard output has ended without a line
	exited chan struct{} // closed when the process is reaped
	mu     sync.Mutex    // guards cmd.Process too
	ended  bool          // end was called
	reaped bool
}

func newRunner(cmd *exec.Cmd, words io.Writer, start func(*runner) error) *runner {
	return &runner{cmd: cmd, words: words, start: start, exited: make(chan struct{})}
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
	if err = r.launch(); err == nil {
		go r.reap()
	}
	outW.Close()
	errW.Close()
	if err != nil {
		outR.Close()
		errR.Close()
	}
	return err
}

func (r *runner) launch() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return errors.New("ended before it was started")
	}
	return r.start(r)
}

// reap waits for the process, ends what it left behind and frees the readers of
// its pipes.
func (r *runner) reap() {
	awaitEnd(r.cmd.Process.Pid)
	r.mu.Lock()
	endGroup(r.cmd.Process.Pid)
	r.reaped = true
	r.mu.Unlock()
	if r.after != nil {
		r.after()
	}
	_ = r.cmd.Wait() // its error is in ProcessState
	close(r.exited)
	// Time for what is still in the pipes; one who left the group may hold them open for ever.
	time.AfterFunc(500*time.Millisecond, func() {
		r.out.Close()
		r.err.Close()
	})
}

// end kills the process and all that it started, at once.
func (r *runner) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
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

// Kill ends the process; one that is ending by itself is given the time to say with which status.
func (r *runner) Kill(context.Context) error {
	if r.ending.Load() {
		select {
		case <-r.exited:
		case <-time.After(300 * time.Millisecond):
		}
	}
	r.end()
	return nil
}

// Stdout carries the handshake, and ends with it: go-plugin would stop reading
// at an overlong line, and the process would block at its next.
func (r *runner) Stdout() io.ReadCloser {
	return &firstLine{file: r.out, rest: r.words, ending: &r.ending}
}

// Stderr carries everything else.
func (r *runner) Stderr() io.ReadCloser { return r.err }

// Name is the program's path.
func (r *runner) Name() string { return r.cmd.Path }

// ID is the process's number, "" before it started.
func (r *runner) ID() string {
	r.mu.Lock()
	defer r.mu.Unlock()
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

// firstLine reads the first line of a file; what follows goes elsewhere.
type firstLine struct {
	file *os.File
	rest io.Writer
	n    int
	done bool

	ending *atomic.Bool
}

// longestLine bounds the first line: a handshake is below 200 bytes.
const longestLine = 8 << 10

// Read returns bytes of the first line, then io.EOF.
func (l *firstLine) Read(p []byte) (int, error) {
	if l.done {
		return 0, io.EOF
	}
	n, err := l.file.Read(p)
	end := bytes.IndexByte(p[:n], '\n') + 1
	if l.n += n; end == 0 && l.n < longestLine {
		if err != nil {
			l.ending.Store(true)
		}
		return n, err
	}
	l.done = true
	if end == 0 {
		end = n
	}
	_, _ = l.rest.Write(p[end:n])
	go func() { _, _ = io.Copy(l.rest, l.file) }()
	return end, nil
}

// Close leaves the file to the runner.
func (l *firstLine) Close() error { return nil }
