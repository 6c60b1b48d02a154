// Package plugin is the host of measure plugins: it starts their programs, asks
// what they measure, has them answer one network at a time, and outlives
// whatever they do meanwhile.
//
// A plugin that panics, hangs, prints, exits or eats memory costs the cell in
// hand, with a message that names plugin and reason; its process is started
// anew for the next. Every process has its own process group, an allow-listed
// environment, a private folder for its sockets and temporary files, no new
// privileges, a watch on its memory and on what it starts and, where the kernel has Landlock, no way
// to read more than programs and the quantities that it was given, to write elsewhere, to
// open TCP connections or to signal others. That stops accidents and the curious, not
// malice: a plugin runs as the user. Code that is
// not trusted belongs in a container.
//
// Control goes by gRPC; bulk data goes by files that the plugin maps. Each
// process is served by one gRPC server of the host for its whole life. The
// package knows nothing of corpora, results or statistics.
package plugin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/genbench/genbench/harness/internal/pb"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
)

// Program is what serves one measure or several.
type Program struct {
	Name    string
	Path    string
	Args    []string
	SHA256  string // of the file, of a script's folder, in hex, checked before every start; "" for the built-ins, whose versions say what they are
	Folder  string // of a script whose hash is that of its folder
	Builtin bool
	Attach  string // gRPC target of a process that waits under a debugger; the program is then not started

	pid   int               // of the process to attach to, 0: not known
	stamp string            // of the files when they were hashed
	files map[string]string // of Folder: a file's path beneath it, its SHA-256
}

// Protocol is the version of the wire that plugins and genbench speak.
const Protocol = pb.ProtocolVersion

// Builtin is the program of the built-in measures: this one, executed again. Its
// main must look for the argument "plugin" before it does anything else.
func Builtin(names []string) Program {
	return Program{Name: "built-in", Path: self(), Args: []string{"plugin", strings.Join(names, ",")}, Builtin: true}
}

// Options bound what a plugin may do. Zero values are the defaults.
type Options struct {
	StartTimeout   time.Duration // to start and to describe itself; 15 s
	ComputeTimeout time.Duration // for one network; 10 min
	Grace          time.Duration // between the deadline and the end of the process; 2 s
	MemoryLimit    int64         // bytes of memory of one process, mapped files apart; 8 GiB; negative: none
	RunDir         string        // short folder in which each process gets one of its own; "": the system's temporary folder
	Sandbox        Sandbox       // "": best effort
	Once           bool          // what ended or stalled its process is not asked again
	Processes      int           // of one plugin, itself and what it starts; 256; negative: any number

	// What a confined plugin may read beside the system, its own folder, its interpreter
	// and the quantities that it is given.
	Read  []string // more files and folders
	Hide  []string // stores; they stay closed where one of the other folders holds them
	Views string   // folder on the file system of the quantities' files, for links to them; "": beside the sockets

	// Getenv looks up the host's environment, of which a plugin sees the few
	// variables that programs need to run; nil: none.
	Getenv func(name string) string

	// Log receives what plugins write to standard error, line by line, and what
	// they log; nil: only the last of it is kept, for the message of a failure. It
	// is called from several goroutines.
	Log func(plugin, line string)

	// Trace receives what genbench does with plugins: starts and ends at Info, each Compute at Debug; nil: nothing.
	Trace func(plugin string, level hclog.Level, line string)

	// Logger receives what go-plugin has to say; nil: nothing.
	Logger hclog.Logger
}

func (o Options) withDefaults() (Options, error) {
	if o.StartTimeout <= 0 {
		o.StartTimeout = 15 * time.Second
	}
	if o.ComputeTimeout <= 0 {
		o.ComputeTimeout = 10 * time.Minute
	}
	if o.Grace <= 0 {
		o.Grace = 2 * time.Second
	}
	if o.MemoryLimit == 0 {
		o.MemoryLimit = 8 << 30
	}
	if o.Processes == 0 {
		o.Processes = 256
	}
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if o.Log == nil {
		o.Log = func(string, string) {}
	}
	if o.Trace == nil {
		o.Trace = func(string, hclog.Level, string) {}
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	switch o.Sandbox {
	case "":
		o.Sandbox = SandboxBestEffort
	case SandboxBestEffort, SandboxOff, SandboxRequire:
	default:
		return o, fmt.Errorf("unknown sandbox %q (known: %s, %s, %s)", o.Sandbox, SandboxBestEffort, SandboxOff, SandboxRequire)
	}
	return o, nil
}

// Quantities is what a plugin may ask of the network in hand;
// [*quantity.Provider] is one.
type Quantities interface {
	Get(ctx context.Context, name string, args map[string]string) (*quantity.Bundle, error)
	Evaluate(ctx context.Context, ps []quantity.Perturbation) ([]quantity.Evaluated, error)
}

// Request asks one measure about one network.
type Request struct {
	Measure  string
	Network  string // opaque; one name is one network for the life of the process
	Options  map[string]string
	Seed     uint64
	Meta     measure.Meta // ID, Seed and Options are taken from above
	Provider Quantities
}

// Status is how a Compute ended.
type Status = string

// The statuses.
const (
	OK        Status = "ok"
	Undefined Status = "undefined" // the value does not exist for this network
	Skipped   Status = "skipped"   // a need is missing
	Failed    Status = "failed"
)

// Outcome is what came of a Request.
type Outcome struct {
	Status      Status
	Value       float64 // finite; meaningful when Status is OK
	Reason      string  // one line; set when Status is not OK
	Detail      string  // of a failure: the stack, or the last 4 KiB of the plugin's standard error
	Seconds     float64 // wall clock in the measure, without waiting for the host
	HostSeconds float64 // what the quantities it asked for cost when they were computed, whoever asked first
	NotFinite   bool    // it is Undefined for being NaN or infinite, without a reason of the measure's own
	Late        bool    // it Failed for having no answer at the deadline
	PeakRSS     int64   // bytes, of the process so far: an upper bound for this Compute
	Diagnostics map[string]float64
	Warnings    []string
}

func failed(format string, args ...any) Outcome {
	return Outcome{Status: Failed, Reason: fmt.Sprintf(format, args...)}
}
