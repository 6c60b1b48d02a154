package harness_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/genbench/genbench/harness/internal/pb"
	"github.com/genbench/genbench/harness/measure"
)

// asHostile makes the test binary a hostile plugin: hostile KIND STORE LISTENER.
func asHostile(args []string) {
	kind, store, listener := args[0], args[1], args[2]
	serve := func(info measure.Info, does func(context.Context, *measure.Network) error) {
		measure.Serve(hostile{info, does}, hostile{measure.Info{Name: "bystander", Version: "1", Needs: measure.Needs{measure.TrainMargins}}, func(ctx context.Context, net *measure.Network) error {
			_, err := net.TrainMargins(ctx)
			return err
		}})
	}
	plain := measure.Info{Name: "hostile", Version: "1", Needs: measure.Needs{measure.TrainMargins}}
	switch kind {
	case "protocol-0", "protocol-99":
		fmt.Printf("1|%s|unix|/nowhere|grpc|\n", strings.TrimPrefix(kind, "protocol-"))
		time.Sleep(time.Minute)
	case "takes-name":
		plain.Name = "l2norm"
	case "twins":
		plain.Name = "bystander"
	case "shifts", "unsteady":
		plain.Version = strconv.Itoa(os.Getpid())
	case "another":
		serveOther()
	}
	if kind == "starts-large" {
		allocate()
	}
	serve(plain, func(ctx context.Context, net *measure.Network) error {
		return misbehave(ctx, net, kind, store, listener)
	})
}

type hostile struct {
	info measure.Info
	does func(context.Context, *measure.Network) error
}

func (h hostile) Info() measure.Info { return h.info }

func (h hostile) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	return 1, h.does(ctx, net)
}

// misbehave is what hostile measures do in Compute.
func misbehave(ctx context.Context, net *measure.Network, kind, store, listener string) error {
	switch kind {
	case "forks":
		return bomb(ctx)
	case "allocates":
		allocate()
	case "child-allocates":
		return exec.CommandContext(ctx, "sh", "-c", "head -c 20G /dev/zero | tail").Run() // tail keeps a line until its end
	case "loops":
		//lint:ignore SA5002 a measure that loops is what is tested
		for {
		}
	case "stops":
		if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
			return err
		}
		select {} // this thread runs on for a moment
	case "ends-host":
		return syscall.Kill(os.Getppid(), syscall.SIGTERM)
	case "unsteady":
		time.Sleep(3 * time.Second) // the other worker takes the other network
	case "closes":
		for fd := range 1024 {
			syscall.Close(fd)
		}
		select {}
	case "closes-standard":
		for fd := range 3 {
			syscall.Close(fd)
		}
	case "scribbles":
		m, err := net.TrainMargins(ctx)
		if err == nil {
			m[0] = 0
		}
		return err
	case "removes":
		return errors.Join(os.RemoveAll(filepath.Join(store, "models")), os.WriteFile(filepath.Join(store, "corpus.json"), nil, 0o600))
	case "reads":
		_, models := os.ReadDir(filepath.Join(store, "models"))
		_, corpus := os.ReadFile(filepath.Join(store, "corpus.json"))
		return errors.Join(models, corpus)
	case "connects":
		return connect(listener)
	case "prints":
		line := append(bytes.Repeat([]byte("x"), 1023), '\n')
		chunk := bytes.Repeat(line, 64)
		for range 1 << 14 { // 1 GiB
			if _, err := os.Stderr.Write(chunk); err != nil {
				return err
			}
		}
	case "dies", "shifts":
		os.Exit(7)
	}
	return nil
}

// marker is a duration that no other process sleeps for.
const marker = "97531"

// bomb starts processes that start processes, up to 600, each in a session of its own.
func bomb(ctx context.Context) error {
	for range 20 {
		c := exec.Command("sh", "-c", "for i in $(seq 30); do setsid sleep "+marker+" & done; wait")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := c.Start(); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

// allocate takes 20 GB and touches it.
func allocate() {
	b := make([]byte, 20<<30)
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
}

func connect(address string) error {
	tcp, err := net.Dial("tcp", address)
	if err == nil {
		tcp.Close()
		return errors.New("connected by TCP")
	}
	udp, other := net.Dial("udp", address)
	if other == nil {
		udp.Close()
		return errors.New("connected by UDP")
	}
	return err
}

// other answers every Compute as another's.
type other struct {
	goplugin.NetRPCUnsupportedPlugin
	pb.UnimplementedMeasureServer
}

func serveOther() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  pb.Handshake(),
		VersionedPlugins: map[int]goplugin.PluginSet{pb.ProtocolVersion: {pb.PluginName: &other{}}},
		GRPCServer:       goplugin.DefaultGRPCServer,
	})
	os.Exit(0)
}

func (o *other) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterMeasureServer(s, o)
	return nil
}

func (*other) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("not the host's side")
}

func (*other) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	return &pb.DescribeResponse{Sdk: "foreign", Measures: []*pb.MeasureInfo{{Name: "hostile", Version: "1"}}}, nil
}

func (*other) Compute(q *pb.ComputeRequest, stream grpc.ServerStreamingServer[pb.ComputeEvent]) error {
	r := &pb.Result{Outcome: &pb.Result_Value{Value: 1}, Compute: q.Compute + 1}
	return stream.Send(&pb.ComputeEvent{Event: &pb.ComputeEvent_Result{Result: r}})
}
