package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/genbench/genbench/harness/internal/pb"
)

// Serve makes the program a plugin that offers these measures. It is the last
// statement of main and does not return.
//
// Serve takes standard output away, for it carries the handshake: what is
// printed after it goes to standard error, which genbench shows when something
// fails. What is printed before it breaks the handshake. The process ends when
// genbench does, however that ends.
//
// With GENBENCH_DEBUG=1 in its environment the program waits for genbench instead, and says how
// genbench finds it: so it can be started under a debugger.
func Serve(ms ...Measure) {
	if err := validate(ms); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(1)
	}
	if where := os.Getenv(pb.DebugVariable); where != "" {
		if err := serveAttached(ms, where); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	cookie := pb.Handshake()
	if os.Getenv(cookie.MagicCookieKey) != cookie.MagicCookieValue {
		fmt.Fprint(os.Stderr, byHand(os.Args[0], ms))
		os.Exit(1)
	}
	signal.Ignore(os.Interrupt) // ^C is for the host, which then ends this process in its own way
	go watchHost()
	// The files that os.Stdout and os.Stderr name now must stay reachable: the
	// collector closes a file that nobody holds, and descriptors 1 and 2 with it.
	stdio := &stdio{out: os.Stdout, err: os.Stderr}
	if err := stdio.take(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: taking standard output: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(1)
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  cookie,
		VersionedPlugins: map[int]plugin.PluginSet{pb.ProtocolVersion: {pb.PluginName: &service{measures: ms, stdio: stdio}}},
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(slices.Concat(o, pb.ServerOptions(), []grpc.ServerOption{grpc.ChainStreamInterceptor(endWithHost)})...)
		},
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: os.Stderr, JSONFormat: true}),
	})
	os.Exit(0)
}

// heapFloor bytes are allocated and never touched, so they take no memory; but the
// collector counts them as live and runs only when as much again has become
// garbage. A measure's own heap is a few megabytes: without this the collector ran
// 300 times over 16 networks and took half of the plugin's time. It runs once when they are allocated, which therefore
// waits for the first Compute.
const heapFloor = 64 << 20

func validate(ms []Measure) error {
	if len(ms) == 0 {
		return errors.New("no measures to serve")
	}
	seen := map[string]bool{}
	for _, m := range ms {
		info := m.Info()
		if err := info.Validate(); err != nil {
			return err
		}
		if seen[info.Name] {
			return fmt.Errorf("two measures are named %s", info.Name)
		}
		seen[info.Name] = true
	}
	return nil
}

// byHand is what somebody reads who runs a plugin from a shell.
func byHand(program string, ms []Measure) string {
	s := fmt.Sprintf("%s is a measure plugin: genbench runs it, not you.\n\nTry\n\n    genbench run --plugin %s=%s\n\nIt measures\n\n",
		filepath.Base(program), ms[0].Info().Name, program)
	for _, m := range ms {
		i := m.Info()
		s += fmt.Sprintf("    %s (version %s)  %s\n", i.Name, i.Version, i.Doc)
	}
	return s
}

// stdio holds the standard files as they were when Serve was called.
type stdio struct {
	out, err  *os.File
	handshake *os.File
	once      sync.Once
}

// direct undoes go-plugin's redirection of os.Stdout and os.Stderr into a stream
// of its own: that one lags, and loses the last words of a process that dies.
// Descriptor 2 is read by the host too, and at once.
func (s *stdio) direct() {
	s.once.Do(func() {
		os.Stderr = s.err
		os.Stdout = s.err
	})
}

// service plugs the gRPC server into go-plugin.
type service struct {
	plugin.NetRPCUnsupportedPlugin
	measures []Measure
	stdio    *stdio
}

func (s *service) GRPCServer(b *plugin.GRPCBroker, g *grpc.Server) error {
	pb.RegisterMeasureServer(g, newServer(s.measures, b, s.stdio))
	return nil
}

func (*service) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("this is the plugin's side")
}
