package plugin

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/genbench/genbench/harness/internal/pb"
)

// foreign is a plugin that was not written with the package measure and keeps
// none of its promises.
type foreign struct {
	plugin.NetRPCUnsupportedPlugin
	pb.UnimplementedMeasureServer
	kind string
}

func serveForeign(kind string) {
	f := &foreign{kind: kind}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  pb.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{pb.ProtocolVersion: {pb.PluginName: f}},
		GRPCServer:       plugin.DefaultGRPCServer,
	})
}

func (f *foreign) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterMeasureServer(s, f)
	return nil
}

func (*foreign) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("not the host's side")
}

func (f *foreign) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	one := func(i *pb.MeasureInfo) (*pb.DescribeResponse, error) {
		return &pb.DescribeResponse{Sdk: "foreign 7", Measures: []*pb.MeasureInfo{i}}, nil
	}
	switch f.kind {
	case "describe-hangs":
		select {}
	case "describe-dies":
		os.Stderr.WriteString("no such device\n")
		time.Sleep(100 * time.Millisecond) // go-plugin's server forwards standard error by and by
		os.Exit(9)
	case "describe-fails":
		return nil, status.Error(codes.Internal, "no weights for this accelerator")
	case "nothing":
		return &pb.DescribeResponse{}, nil
	case "twins":
		m := &pb.MeasureInfo{Name: "twin", Version: "1"}
		return &pb.DescribeResponse{Measures: []*pb.MeasureInfo{m, m}}, nil
	case "bad-name":
		return one(&pb.MeasureInfo{Name: "../../etc/passwd", Version: "1"})
	case "bad-need":
		return one(&pb.MeasureInfo{Name: "m", Version: "1", Needs: []string{"test-labels"}})
	case "bad-direction":
		return one(&pb.MeasureInfo{Name: "m", Version: "1", Direction: 17})
	}
	return one(&pb.MeasureInfo{Name: "m", Version: "1"})
}

func (f *foreign) Compute(_ *pb.ComputeRequest, stream grpc.ServerStreamingServer[pb.ComputeEvent]) error {
	r := &pb.Result{Outcome: &pb.Result_Value{Value: 1}}
	switch f.kind {
	case "nan":
		r.Outcome = &pb.Result_Value{Value: math.NaN()}
	case "infinite":
		r.Outcome = &pb.Result_Value{Value: math.Inf(-1)}
	case "no-outcome":
		r.Outcome = nil
	case "no-result":
		return nil
	case "no-reason":
		r.Outcome = &pb.Result_Undefined{Undefined: &pb.Undefined{}}
	case "refuses":
		return status.Error(codes.ResourceExhausted, "the accelerator is in use")
	case "odd-numbers":
		r.Seconds = math.NaN()
		r.Diagnostics = map[string]float64{"good": 2, "bad": math.Inf(1)}
		r.Warnings = []string{string(bytes.Repeat([]byte("w"), 10_000))}
	case "babbles": // past go-plugin's stream and past every buffer, in one line
		b := bytes.Repeat([]byte("x"), 1<<16)
		for range 64 {
			if _, err := syscall.Write(1, b); err != nil {
				return err
			}
		}
	}
	return stream.Send(&pb.ComputeEvent{Event: &pb.ComputeEvent_Result{Result: r}})
}
