package measure

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"google.golang.org/grpc"

	"github.com/genbench/genbench/harness/internal/pb"
)

// serveAttached serves the measures to any genbench that comes, one after the other, in a process that
// was started by hand: under a debugger, at a breakpoint of which it may stop as long as it likes. where is the
// value of the variable that asks for it: a socket as unix:PATH, or anything else for one of its own.
func serveAttached(ms []Measure, where string) error {
	path, own := strings.CutPrefix(where, "unix:")
	if !own {
		dir, err := os.MkdirTemp("", "gbdebug-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		path = filepath.Join(dir, "plugin")
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("listening for genbench (a socket that an earlier process left has to be removed): %w", err)
	}
	g := grpc.NewServer(pb.ServerOptions()...)
	pb.RegisterMeasureServer(g, newServer(ms, nil, nil))
	fmt.Fprint(os.Stderr, attachBy(filepath.Base(os.Args[0]), ms[0].Info().Name, path))
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() { <-stop; g.Stop() }()
	return g.Serve(listener)
}

// attachBy tells how genbench finds the process. The plugin goes by the name of its program, or of
// its first measure.
func attachBy(program, first, path string) string {
	name, ok := strings.CutPrefix(program, "genbench-measure-")
	if !ok {
		name = first
	}
	return fmt.Sprintf("%s waits for genbench. In another shell:\n\n    %s='{%q:{\"addr\":\"unix:%s\",\"pid\":%d,\"protocol\":%d}}' genbench run tiny\n\n^C ends it.\n",
		program, pb.ReattachVariable, name, path, os.Getpid(), pb.ProtocolVersion)
}
