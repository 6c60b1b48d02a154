package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/genbench/genbench/harness/internal/pb"
	"github.com/genbench/genbench/harness/measure"
)

// attached is a process that somebody started by hand, under a debugger: it is asked, but not
// confined, watched or ended, and has all the time that it wants.
type attached struct {
	conn *grpc.ClientConn
	pid  int
}

func (a *attached) close() { a.conn.Close() }

// ReattachVariable is the environment variable that names such processes, for [Attachments].
const ReattachVariable = pb.ReattachVariable

// patience is the deadline of an attached process: somebody looks at it meanwhile.
const patience = 30 * 24 * time.Hour

// Attachments reads what plugins print that are started with GENBENCH_DEBUG: a JSON object of name ->
// {addr, pid, protocol}. The programs are those to start in their place.
func Attachments(text string) ([]Program, error) {
	if text == "" {
		return nil, nil
	}
	var found map[string]struct {
		Addr     string `json:"addr"`
		PID      int    `json:"pid"`
		Protocol int    `json:"protocol"`
	}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return nil, fmt.Errorf("%q is not what a plugin prints under GENBENCH_DEBUG=1: %w", clip(text, 100), err)
	}
	var programs []Program
	for name, f := range found {
		switch {
		case !nameFormat.MatchString(name):
			return nil, fmt.Errorf("%q is no plugin's name", name)
		case f.Addr == "":
			return nil, fmt.Errorf("plugin %s has no addr", name)
		case f.Protocol != pb.ProtocolVersion:
			return nil, fmt.Errorf("plugin %s speaks version %d of the protocol, this genbench version %d: rebuild it", name, f.Protocol, pb.ProtocolVersion)
		}
		programs = append(programs, Program{Name: name, Path: f.Addr, Attach: f.Addr, pid: f.PID})
	}
	return programs, nil
}

// attach connects to a plugin that waits under its debugger.
func attach(ctx context.Context, p Program, o Options) (*session, []measure.Info, error) {
	log := func(line string) { o.Log(p.Name, line) }
	s := &session{stderr: &tail{log: log}, host: &modelHost{log: log}}
	infos, err := s.attach(ctx, p, o)
	if err != nil {
		s.stop(time.Second)
		return nil, nil, &StartError{Program: p, Err: err}
	}
	o.Trace(p.Name, hclog.Info, fmt.Sprintf("attached to process %d at %s, which serves %d measures", p.pid, p.Attach, len(infos)))
	return s, infos, nil
}

func (s *session) attach(ctx context.Context, p Program, o Options) ([]measure.Info, error) {
	conn, err := grpc.NewClient(p.Attach, append(pb.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(pb.MaxMessage)))...)
	if err != nil {
		return nil, err
	}
	s.attached = &attached{conn: conn, pid: p.pid}
	s.held = Confinement{Why: "attached to a debugger"}
	s.plugin = pb.NewMeasureClient(conn)
	if s.dir, err = makeFolder(o.RunDir); err != nil {
		return nil, err
	}
	if err := s.openView(o); err != nil {
		return nil, err
	}
	socket := filepath.Join(s.dir, "host")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	s.serve(listener)
	s.target = "unix:" + socket
	ctx, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	infos, err := s.describe(ctx)
	if err != nil {
		return nil, fmt.Errorf("attaching: %w; does the plugin wait there? Start it with GENBENCH_DEBUG=1 and take the address that it prints", err)
	}
	return infos, nil
}
