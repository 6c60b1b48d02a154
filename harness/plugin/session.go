package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/genbench/genbench/harness/internal/pb"
	"github.com/genbench/genbench/harness/measure"
)

// session is one plugin process, from its handshake to its end.
type session struct {
	client *plugin.Client
	cmd    *exec.Cmd
	plugin pb.MeasureClient
	host   *modelHost
	broker uint32 // stream on which the host is served
	stderr *tail
	dir    string

	mu      sync.Mutex
	stopped bool
	limit   string
	done    chan struct{} // closed by stop
}

// environment is what a plugin sees of the host's variables.
func environment(dir string) []string {
	env := []string{
		"PLUGIN_UNIX_SOCKET_DIR=" + dir, "TMPDIR=" + dir,
		pb.HostPIDVariable + "=" + strconv.Itoa(os.Getpid()),
	}
	for _, name := range []string{
		"PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV",
		"CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK",
	} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// start runs the program up to its description.
func start(ctx context.Context, p Program, o Options) (*session, []measure.Info, error) {
	dir, err := os.MkdirTemp(o.RunDir, "gb")
	if err != nil {
		return nil, nil, fmt.Errorf("plugin %s: making a folder for its sockets: %w", p.Name, err)
	}
	s := &session{stderr: &tail{}, dir: dir, done: make(chan struct{})}
	s.cmd = exec.Command(p.Path, p.Args...)
	s.cmd.Dir = dir
	s.cmd.Env = environment(dir)
	ownGroup(s.cmd)
	s.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  pb.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{pb.ProtocolVersion: {pb.PluginName: &hostSide{}}},
		Cmd:              s.cmd,
		SkipHostEnv:      true,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		StartTimeout:     o.StartTimeout,
		Stderr:           s.stderr,
		SyncStdout:       io.Discard,
		SyncStderr:       io.Discard,
		Logger:           hclog.NewNullLogger(),
		Managed:          true,
	})
	infos, err := s.describe(ctx, o)
	if err != nil {
		s.stop()
		return nil, nil, fmt.Errorf("plugin %s (%s): %w", p.Name, p.Path, s.explain(err, o))
	}
	go s.watchMemory(o.MemoryLimit)
	return s, infos, nil
}

// describe connects and asks what the plugin measures.
func (s *session) describe(ctx context.Context, o Options) ([]measure.Info, error) {
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
	s.host = &modelHost{}
	s.broker = conn.broker.NextId()
	go conn.broker.AcceptAndServe(s.broker, func(opts []grpc.ServerOption) *grpc.Server {
		g := grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(pb.MaxMessage))...)
		pb.RegisterModelHostServer(g, s.host)
		return g
	})
	ctx, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	r, err := s.plugin.Describe(ctx, &pb.DescribeRequest{Minor: pb.Minor, BrokerId: s.broker})
	if err != nil {
		return nil, fmt.Errorf("asking what it measures: %w", err)
	}
	if len(r.Measures) == 0 {
		return nil, errors.New("it serves no measures")
	}
	infos := make([]measure.Info, len(r.Measures))
	for i, m := range r.Measures {
		infos[i] = infoOf(m)
		if err := infos[i].Validate(); err != nil {
			return nil, err
		}
	}
	return infos, nil
}

func infoOf(m *pb.MeasureInfo) measure.Info {
	i := measure.Info{
		Name: m.Name, Version: m.Version, Doc: m.Doc, Family: m.Family, Citation: m.Citation,
		Larger: measure.Direction(m.Direction), Scale: measure.Scale(m.Scale), Stochastic: m.Stochastic,
	}
	for _, n := range m.Needs {
		i.Needs = append(i.Needs, measure.Need(n))
	}
	for _, o := range m.Options {
		i.Options = append(i.Options, measure.Option{Name: o.Name, Default: o.Default, Doc: o.Doc, Values: o.Values})
	}
	return i
}

// explain turns go-plugin's messages into what the user can do about them.
func (s *session) explain(err error, o Options) error {
	text := err.Error()
	last := s.stderr.String()
	if last != "" {
		last = "; its last words: " + last
	}
	switch {
	case strings.Contains(text, "Unrecognized remote plugin message"):
		said, _, _ := strings.Cut(strings.TrimPrefix(text[strings.Index(text, "message"):], "message: "), "\n")
		if strings.TrimSpace(said) == "" {
			return fmt.Errorf("it ended before its handshake; is it a measure plugin, whose main calls measure.Serve?%s", last)
		}
		return fmt.Errorf("it printed %q to standard output before its handshake; print to standard error, and call measure.Serve first%s", said, last)
	case strings.Contains(text, "timeout while waiting for plugin to start"):
		return fmt.Errorf("it did not answer within %v; raise --plugin-start-timeout if it needs longer%s", o.StartTimeout, last)
	case strings.Contains(text, "exited before we could connect"):
		return fmt.Errorf("it exited before its handshake%s", last)
	}
	return fmt.Errorf("%w%s", err, last)
}

// stop ends the process: by asking where it listens, by force where it does not.
func (s *session) stop() {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return
	}
	s.stopped = true
	close(s.done)
	s.mu.Unlock()
	s.client.Kill()
	killGroup(s.cmd)
	os.RemoveAll(s.dir)
}

// kill ends the process and what it started, at once.
func (s *session) kill() {
	killGroup(s.cmd)
	s.stop()
}

// watchMemory ends the process when it holds more than limit resident bytes.
func (s *session) watchMemory(limit int64) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		if rss := residentBytes(s.cmd); rss > limit {
			s.mu.Lock()
			s.limit = fmt.Sprintf("it held %d MiB of memory, over the limit of %d MiB; raise --plugin-memory if it needs more", rss>>20, limit>>20)
			s.mu.Unlock()
			killGroup(s.cmd)
			return
		}
	}
}

// over says why the watchdog ended the process, or "".
func (s *session) over() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limit
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

// tail keeps the last of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

// tailBytes is how much of a plugin's standard error a message shows.
const tailBytes = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if over := len(t.b) - tailBytes; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(strings.ToValidUTF8(string(t.b), "?"))
}
