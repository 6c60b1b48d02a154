package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	gorunner "github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/genbench/genbench/harness/internal/pb"
	"github.com/genbench/genbench/harness/measure"
)

// session is one process of a plugin, from its handshake to its end.
type session struct {
	client   *plugin.Client
	runner   *runner // nil: attached to a process that somebody else started
	plugin   pb.MeasureClient
	host     *modelHost
	server   *grpc.Server // serves host
	broker   uint32       // stream on which the host is served,
	target   string       // or its address
	stderr   *tail
	dir      string // holds tmp
	tmp      string // where it may write
	view     *view
	network  string          // whose quantities the view holds,
	kept     map[string]bool // and the process has kept
	slow     map[string]bool // quantities that took too long to be given, when a network's were last read
	minor    uint32          // version that the plugin speaks
	sdk      string          // what the plugin was written with
	version  string          // of the plugin, in its own words
	held     Confinement     // what the kernel holds it to
	attached *attached

	busy     atomic.Bool   // it has been asked something
	resting  atomic.Bool   // the watch has gone to sleep over an idle process;
	asked    chan struct{} // wakes it
	familyMu sync.Mutex    // guards family
	family   *family

	mu     sync.Mutex
	excess string // why the watchdog ended it
	over   sync.Once
}

// StartError is a program that did not start.
type StartError struct {
	Program Program
	Err     error
	Detail  string // the last 4 KiB of its standard error
}

func (e *StartError) Error() string {
	return fmt.Sprintf("starting plugin %s (%s): %v", e.Program.Name, e.Program.Path, e.Err)
}

func (e *StartError) Unwrap() error { return e.Err }

// start runs the program up to its description.
func start(ctx context.Context, p Program, o Options) (*session, []measure.Info, error) {
	if p.Attach != "" {
		return attach(ctx, p, o)
	}
	s, err := prepare(p, o)
	if err != nil {
		return nil, nil, &StartError{Program: p, Err: err}
	}
	o.Trace(p.Name, hclog.Info, "starting "+p.Path)
	s.client = plugin.NewClient(s.config(o))
	ctx, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	unhook := context.AfterFunc(ctx, s.runner.end) // go-plugin's start does not listen to a context
	infos, err := s.connect(ctx)
	if err == nil {
		err = ctx.Err() // the hook may have ended it by now
	}
	unhook()
	s.busy.Store(false)
	if err != nil {
		err = s.explain(ctx, err, o)
		s.kill()
		return nil, nil, &StartError{Program: p, Err: err, Detail: s.stderr.text()}
	}
	o.Trace(p.Name, hclog.Info, fmt.Sprintf("process %d serves %d measures; confined: %v", s.pid(), len(infos), s.held))
	return s, infos, nil
}

// prepare makes all that a process needs, but starts nothing.
func prepare(p Program, o Options) (_ *session, err error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	log := func(line string) { o.Log(p.Name, line) }
	s := &session{stderr: &tail{log: log}, host: &modelHost{log: log}, asked: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			s.remove()
		}
	}()
	if s.dir, err = makeFolder(o.RunDir); err != nil {
		return nil, err
	}
	s.tmp = filepath.Join(s.dir, "t")
	if err := os.Mkdir(s.tmp, 0o700); err != nil {
		return nil, err
	}
	if err := s.openView(o); err != nil {
		return nil, err
	}
	s.runner = newRunner(exec.Command(p.Path, p.Args...), s.stderr, func(r *runner) error { return s.launch(p, o) })
	s.runner.after = func() {
		s.familyMu.Lock()
		defer s.familyMu.Unlock()
		s.family.end()
	}
	return s, nil
}

// openView makes the folder of the quantities that the process is given.
func (s *session) openView(o Options) (err error) {
	s.view, err = newView(cmp.Or(o.Views, s.dir))
	s.host.view = s.view
	return err
}

// launch starts the process, and the watch on it.
func (s *session) launch(p Program, o Options) error {
	var g grants
	if o.Sandbox != SandboxOff {
		g = readable(p, o, visible(s.tmp, o.Getenv))
		g.view, g.write = s.view.dir, s.tmp
	}
	held, err := startConfined(s.runner.cmd, g, o.Sandbox, s.runner.exited)
	if err != nil {
		return err
	}
	s.held, s.family = held, newFamily(s.runner.cmd.Process.Pid, s.tmp)
	s.busy.Store(true)
	go s.watch(o.MemoryLimit, o.Processes)
	return nil
}

// config is what go-plugin has to know. Its logger is silent by default: what it has to
// say of a failed plugin, explain says better.
func (s *session) config(o Options) *plugin.ClientConfig {
	return &plugin.ClientConfig{
		HandshakeConfig:  pb.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{pb.ProtocolVersion: {pb.PluginName: &hostSide{}}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (gorunner.Runner, error) {
			s.runner.cmd.Env = append(environment(s.tmp, o.Getenv), cmd.Env...)
			s.runner.cmd.Dir = s.tmp
			return s.runner, nil
		},
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: s.tmp},
		SkipHostEnv:      true,
		GRPCDialOptions:  pb.DialOptions(),
		StartTimeout:     o.StartTimeout,
		Stderr:           s.stderr,
		SyncStdout:       s.stderr, // a plugin of another SDK may use go-plugin's streams
		SyncStderr:       s.stderr,
		Logger:           o.Logger,
	}
}

// passed are the host's variables that a plugin sees.
var passed = []string{
	"PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX",
	"CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS",
	"GOMAXPROCS", "GOMEMLIMIT", "GOGC", "GODEBUG", "GOTRACEBACK", "GORACE", "GOCOVERDIR",
}

// environment is what a plugin sees of the host's variables, and what tells it
// where it may write.
func environment(dir string, getenv func(string) string) []string {
	env := []string{
		"TMPDIR=" + dir, "XDG_CACHE_HOME=" + dir,
		pb.HostPIDVariable + "=" + strconv.Itoa(os.Getpid()),
	}
	for _, name := range passed {
		if v := getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	if getenv("GOMAXPROCS") == "" {
		// A worker's plugin has a processor's worth of work, since the other workers have
		// the others; with more, Go's idle threads look for some: a quarter of all of a plugin's switches.
		env = append(env, "GOMAXPROCS=1")
	}
	return env
}

// visible looks up what a plugin's own environment says.
func visible(dir string, getenv func(string) string) func(name string) string {
	env := environment(dir, getenv)
	return func(name string) string {
		for _, e := range env {
			if v, ok := strings.CutPrefix(e, name+"="); ok {
				return v
			}
		}
		return ""
	}
}

// connect shakes hands, serves the model host and asks what the plugin
// measures.
func (s *session) connect(ctx context.Context) ([]measure.Info, error) {
	rpc, err := s.client.Client()
	if err != nil {
		return nil, err
	}
	raw, err := rpc.Dispense(pb.PluginName)
	if err != nil {
		return nil, err
	}
	conn := raw.(*connection)
	s.plugin = conn.client
	s.broker = conn.broker.NextId()
	listener, err := conn.broker.Accept(s.broker) // not AcceptAndServe, which writes its errors to the standard logger
	if err != nil {
		return nil, err
	}
	s.serve(listener)
	return s.describe(ctx)
}

// serve offers the model host, until stop.
func (s *session) serve(listener net.Listener) {
	s.server = grpc.NewServer(append(pb.ServerOptions(), grpc.UnaryInterceptor(recoverUnary), grpc.StreamInterceptor(recoverStream))...)
	pb.RegisterModelHostServer(s.server, s.host)
	go func() { _ = s.server.Serve(listener) }()
}

// describe asks what the plugin measures.
func (s *session) describe(ctx context.Context) ([]measure.Info, error) {
	r, err := s.plugin.Describe(ctx, &pb.DescribeRequest{Minor: pb.Minor, BrokerId: s.broker})
	if err != nil {
		return nil, fmt.Errorf("asking what it measures: %s", status.Convert(err).Message())
	}
	s.sdk, s.version, s.minor = clip(r.Sdk, 100), clip(r.Version, 100), r.Minor
	return infosOf(r)
}

func infosOf(r *pb.DescribeResponse) ([]measure.Info, error) {
	if len(r.Measures) == 0 {
		return nil, errors.New("it serves no measures")
	}
	seen := map[string]bool{}
	infos := make([]measure.Info, len(r.Measures))
	for k, m := range r.Measures {
		i := measure.Info{
			Name: m.Name, Version: m.Version, Doc: m.Doc, Family: m.Family, Citation: m.Citation,
			Larger: measure.Direction(m.Direction), Scale: measure.Scale(m.Scale), Stochastic: m.Stochastic,
			Aliases: m.Aliases, Formula: m.Formula, Deviations: m.Deviations,
		}
		for _, n := range m.Needs {
			i.Needs = append(i.Needs, measure.Need(n))
		}
		for _, o := range m.Options {
			i.Options = append(i.Options, measure.Option{Name: o.Name, Default: o.Default, Doc: o.Doc, Values: o.Values})
		}
		if err := i.Validate(); err != nil {
			return nil, fmt.Errorf("it describes itself wrongly: %w", err)
		}
		if seen[i.Name] {
			return nil, fmt.Errorf("it serves two measures named %s", i.Name)
		}
		seen[i.Name] = true
		infos[k] = i
	}
	return infos, nil
}

func (s *session) pid() int {
	if s.attached != nil {
		return s.attached.pid
	}
	return s.runner.cmd.Process.Pid
}

// status says how the process ended, "" while it runs.
func (s *session) status() string {
	if s.runner == nil {
		return "" // gRPC will tell
	}
	return s.runner.status()
}

// stop ends the process: by asking, and by force after grace.
func (s *session) stop(grace time.Duration) {
	s.over.Do(func() {
		if s.attached != nil {
			s.attached.close()
		} else {
			s.end(grace)
		}
		if s.server != nil {
			s.server.Stop()
		}
		s.remove()
	})
}

func (s *session) end(grace time.Duration) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.client.Kill()
	}()
	select {
	case <-done:
	case <-time.After(grace):
	}
	s.runner.end()
	select { // go-plugin waits for the readers of the pipes, which end with the process
	case <-done:
	case <-time.After(2 * time.Second):
	}
}

// remove removes the session's folders.
func (s *session) remove() {
	s.view.remove()
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
}

// kill ends the process and what it started, at once.
func (s *session) kill() {
	if s.runner != nil {
		s.runner.end()
	}
	s.stop(time.Second)
}

// excessive says why the watchdog ended the process, or "".
func (s *session) excessive() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.excess
}

// hostSide is the host's end of go-plugin's connection.
type hostSide struct{ plugin.NetRPCUnsupportedPlugin }

type connection struct {
	client pb.MeasureClient
	broker *plugin.GRPCBroker
}

func (*hostSide) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("this is the host's side")
}

func (*hostSide) GRPCClient(_ context.Context, b *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return &connection{client: pb.NewMeasureClient(c), broker: b}, nil
}

var _ gorunner.Runner = (*runner)(nil)
var _ io.Writer = (*tail)(nil)
