package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
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
	client *plugin.Client
	runner *runner
	plugin pb.MeasureClient
	host   *modelHost
	server *grpc.Server // serves host
	broker uint32       // stream on which the host is served
	stderr *tail
	dir    string // its own folder
	sdk    string // what the plugin was written with

	mu     sync.Mutex
	excess string // why the memory watchdog ended it
	over   sync.Once
}

// start runs the program up to its description.
func start(ctx context.Context, p Program, o Options) (*session, []measure.Info, error) {
	fail := func(err error) (*session, []measure.Info, error) {
		return nil, nil, fmt.Errorf("starting plugin %s (%s): %w", p.Name, p.Path, err)
	}
	if p.SHA256 != "" {
		if sum, err := fileHash(p.Path); err != nil {
			return fail(err)
		} else if sum != p.SHA256 {
			return fail(errors.New("the program has changed since this run began; run again"))
		}
	}
	dir, err := makeFolder(o.RunDir)
	if err != nil {
		return fail(err)
	}
	log := func(line string) { o.Log(p.Name, line) }
	s := &session{dir: dir, stderr: &tail{log: log}, host: &modelHost{log: log}}
	s.runner = newRunner(exec.Command(p.Path, p.Args...), s.stderr, func(r *runner) error {
		return startConfined(r.cmd, dir, o.Sandbox, r.exited)
	})
	s.client = plugin.NewClient(s.config(o))
	ctx, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	unhook := context.AfterFunc(ctx, s.runner.end) // go-plugin's start does not listen to a context
	infos, err := s.connect(ctx)
	if err == nil {
		err = ctx.Err() // the hook may have ended it by now
	}
	unhook()
	if err != nil {
		err = s.explain(ctx, err, o)
		s.kill()
		return fail(err)
	}
	if o.MemoryLimit > 0 {
		go s.watchMemory(o.MemoryLimit)
	}
	return s, infos, nil
}

// config is what go-plugin has to know. Its logger is silent: what it has to
// say of a failed plugin, explain says better.
func (s *session) config(o Options) *plugin.ClientConfig {
	return &plugin.ClientConfig{
		HandshakeConfig:  pb.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{pb.ProtocolVersion: {pb.PluginName: &hostSide{}}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (gorunner.Runner, error) {
			s.runner.cmd.Env = append(environment(s.dir, o.Getenv), cmd.Env...)
			s.runner.cmd.Dir = s.dir
			return s.runner, nil
		},
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: s.dir},
		SkipHostEnv:      true,
		StartTimeout:     o.StartTimeout,
		Stderr:           s.stderr,
		SyncStdout:       s.stderr, // a plugin of another SDK may use go-plugin's streams
		SyncStderr:       s.stderr,
		Logger:           hclog.NewNullLogger(),
	}
}

// environment is what a plugin sees of the host's variables, and what tells it
// where it may write.
func environment(dir string, getenv func(string) string) []string {
	env := []string{
		"TMPDIR=" + dir, "XDG_CACHE_HOME=" + dir,
		pb.HostPIDVariable + "=" + strconv.Itoa(os.Getpid()),
	}
	for _, name := range []string{
		"PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX",
		"CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS",
		"GOMAXPROCS", "GOMEMLIMIT", "GOGC", "GODEBUG", "GOTRACEBACK", "GORACE", "GOCOVERDIR",
	} {
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
	s.server = grpc.NewServer(grpc.MaxRecvMsgSize(pb.MaxMessage), grpc.UnaryInterceptor(recoverUnary), grpc.StreamInterceptor(recoverStream))
	pb.RegisterModelHostServer(s.server, s.host)
	go func() { _ = s.server.Serve(listener) }() // until stop
	r, err := s.plugin.Describe(ctx, &pb.DescribeRequest{Minor: pb.Minor, BrokerId: s.broker})
	if err != nil {
		return nil, fmt.Errorf("asking what it measures: %s", status.Convert(err).Message())
	}
	s.sdk = clip(r.Sdk, 100)
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

func (s *session) pid() int { return s.runner.cmd.Process.Pid }

// stop ends the process: by asking, and by force after grace.
func (s *session) stop(grace time.Duration) {
	s.over.Do(func() {
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
		if s.server != nil {
			s.server.Stop()
		}
		os.RemoveAll(s.dir)
	})
}

// kill ends the process and what it started, at once.
func (s *session) kill() {
	s.runner.end()
	s.stop(time.Second)
}

// excessive says why the memory watchdog ended the process, or "".
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
