package pb_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/genbench/genbench/harness/internal/pb"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/pythontest"
)

// TestMain lets the test binary be the plugins that are replayed.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "plugin" {
		if os.Args[2] == "today" {
			measure.Serve(recorder{})
		}
		serveRecorded()
		return
	}
	os.Exit(m.Run())
}

// recorder is what was asked when the host was recorded: the mean margin, and the loss of an evaluation.
type recorder struct{}

func (recorder) Info() measure.Info {
	return measure.Info{Name: "recorder", Version: "1", Needs: measure.Needs{measure.TrainMargins, measure.PerturbedLosses}}
}

func (recorder) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	margins, err := net.TrainMargins(ctx)
	if err != nil {
		return 0, err
	}
	es, err := net.Evaluate(ctx, []measure.Perturbation{{Kind: "gaussian"}})
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, m := range margins {
		sum += m
	}
	return sum + es[0].Loss, nil
}

const recorderInPython = `
import genbench

@genbench.measure(name="recorder", version="1", needs=["train-margins", "perturbed-losses"])
def recorder(net):
    total = 0.0
    for m in net.train_margins():
        total += m
    return total + net.evaluate([genbench.Perturbation(0, 0)])[0].loss

genbench.serve(recorder)
`

// raw sends bytes as they are, and messages as messages.
type raw struct{}

func (raw) Name() string { return "proto" }
func (raw) Marshal(v any) ([]byte, error) {
	if b, ok := v.(*[]byte); ok {
		return *b, nil
	}
	return proto.Marshal(v.(proto.Message))
}
func (raw) Unmarshal(data []byte, v any) error {
	if b, ok := v.(*[]byte); ok {
		*b = append([]byte(nil), data...)
		return nil
	}
	return proto.Unmarshal(data, v.(proto.Message))
}

// answer serves calls with the bytes recorded of a side.
func answer(said map[string][]byte, side string) grpc.StreamHandler {
	return func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		var asked []byte
		if err := stream.RecvMsg(&asked); err != nil {
			return err
		}
		b, ok := said[side+" "+method[strings.LastIndexByte(method, '/')+1:]]
		if !ok {
			return fmt.Errorf("nothing was recorded of %s", method)
		}
		return stream.SendMsg(&b)
	}
}

// TestRecordedHostWithTodaysPlugins replays the recorded host: today's plugins answer it as those of its day did.
func TestRecordedHostWithTodaysPlugins(t *testing.T) {
	said := transcript(t)
	want := decoded(t, said, "host Evaluate", &pb.EvaluateResponse{}).Evaluated[0].Loss
	sum := 0.0
	data := decoded(t, said, "host StreamQuantity", &pb.Chunk{}).Data
	for i := 0; i < len(data); i += 8 {
		sum += math.Float64frombits(binary.LittleEndian.Uint64(data[i:]))
	}
	want = sum + want
	t.Run("go", func(t *testing.T) {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		replayHost(t, said, want, exec.Command(exe, "plugin", "today"))
	})
	t.Run("python", func(t *testing.T) {
		program := pythontest.Program(t, "grpc, google.protobuf, numpy")
		script := filepath.Join(t.TempDir(), "recorder.py")
		if err := os.WriteFile(script, []byte(recorderInPython), 0o600); err != nil {
			t.Fatal(err)
		}
		pkg, err := filepath.Abs("../../../python")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, script)
		cmd.Env = []string{"PYTHONPATH=" + pkg, "PYTHONDONTWRITEBYTECODE=1"}
		replayHost(t, said, want, cmd)
	})
}

func replayHost(t *testing.T, said map[string][]byte, want float64, cmd *exec.Cmd) {
	dir, err := os.MkdirTemp("", "gbr")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cmd.Env = append(cmd.Env, "PATH="+os.Getenv("PATH"), "GENBENCH_PLUGIN=measure", "PLUGIN_PROTOCOL_VERSIONS=1", "PLUGIN_UNIX_SOCKET_DIR="+dir, "TMPDIR="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	parts := strings.Split(strings.TrimSpace(line), "|")
	if err != nil || len(parts) < 5 {
		t.Fatalf("handshake %q, %v", line, err)
	}
	server := grpc.NewServer(grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(answer(said, "host")))
	defer server.Stop()
	listener, err := net.Listen("unix", filepath.Join(dir, "host"))
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()

	conn, err := grpc.NewClient("unix:"+parts[3], grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	info := connInfo(1, filepath.Join(dir, "host"))
	both := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	broker, err := conn.NewStream(ctx, both, "/plugin.GRPCBroker/StartStream")
	if err != nil {
		t.Fatal(err)
	}
	if err := broker.SendMsg(&info); err != nil {
		t.Fatal(err)
	}
	asked, described := said["host Describe"], []byte(nil)
	if err := conn.Invoke(ctx, "/genbench.plugin.v1.Measure/Describe", &asked, &described); err != nil {
		t.Fatal(err)
	}
	compute, err := conn.NewStream(ctx, both, "/genbench.plugin.v1.Measure/Compute")
	if err != nil {
		t.Fatal(err)
	}
	asked = said["host Compute"]
	if err := errors.Join(compute.SendMsg(&asked), compute.CloseSend()); err != nil {
		t.Fatal(err)
	}
	var event pb.ComputeEvent
	if err := compute.RecvMsg(&event); err != nil {
		t.Fatal(err)
	}
	if r := event.GetResult(); r.GetValue() != want || want == 0 {
		t.Errorf("the plugin answers %v, want %v", r, want)
	}
}

// connInfo is ConnInfo{service_id = 1, network = 2, address = 3} of go-plugin's broker.
func connInfo(id byte, path string) []byte {
	b := append([]byte{0x08, id, 0x12, 4}, "unix"...)
	return append(append(b, 0x1a, byte(len(path))), path...)
}

// recorded is the plugin of the transcript.
type recorded struct {
	goplugin.NetRPCUnsupportedPlugin
	broker *goplugin.GRPCBroker
}

func (r *recorded) GRPCServer(b *goplugin.GRPCBroker, _ *grpc.Server) error { r.broker = b; return nil }
func (*recorded) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("this is the plugin's side")
}

// serveRecorded says what the recorded plugin said, byte by byte.
func serveRecorded() {
	said, err := read()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	p := &recorded{}
	var host *grpc.ClientConn
	handler := func(srv any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		if strings.HasSuffix(method, "/Describe") {
			var err error
			if host, err = p.broker.DialWithOptions(1, grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{}))); err != nil {
				return err
			}
		}
		if strings.HasSuffix(method, "/Compute") {
			asked, answered := said["plugin GetQuantity"], []byte(nil)
			if err := host.Invoke(stream.Context(), "/genbench.plugin.v1.ModelHost/GetQuantity", &asked, &answered); err != nil {
				return err
			}
			var a pb.QuantityResponse
			if err := proto.Unmarshal(answered, &a); err != nil || len(a.GetArrays().GetArrays()) != 1 {
				return fmt.Errorf("the host answers %v, %w", &a, err)
			}
		}
		return answer(said, "plugin")(srv, stream)
	}
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  pb.Handshake(),
		VersionedPlugins: map[int]goplugin.PluginSet{pb.ProtocolVersion: {pb.PluginName: p}},
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(o, grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(handler))...)
		},
	})
}

// margins are quantities of a network whose margins are 1, 2 and 4.
type margins struct{ path string }

func (m margins) Get(_ context.Context, name string, _ map[string]string) (*quantity.Bundle, error) {
	if name != "train-margins" {
		return nil, fmt.Errorf("no quantity %s", name)
	}
	return &quantity.Bundle{Arrays: []quantity.Array{{Name: "margins", DType: "f64", Shape: []int{3}, Path: m.path}}, Seconds: 0.25}, nil
}

func (margins) Evaluate(context.Context, []quantity.Perturbation) ([]quantity.Evaluated, error) {
	return nil, errors.New("not asked for")
}

// TestRecordedPluginWithTodaysHost replays the recorded plugin: today's host understands it.
func TestRecordedPluginWithTodaysHost(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := plugin.Start(t.Context(), plugin.Program{Name: "old", Path: exe, Args: []string{"plugin", "recorded"}}, plugin.Options{Getenv: os.Getenv})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if ms := p.Measures(); len(ms) != 1 || ms[0].Name != "margin-variance" || p.SDK() != "go 1" {
		t.Fatalf("it describes %+v, %s", ms, p.SDK())
	}
	path := filepath.Join(t.TempDir(), "margins")
	b, _ := binary.Append(nil, binary.LittleEndian, []float64{1, 2, 4})
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out := p.Compute(t.Context(), plugin.Request{Measure: "margin-variance", Network: "n", Provider: margins{path}})
	if out.Status != plugin.OK || math.Abs(out.Value-2./7) > 1e-15 || out.HostSeconds != 0.25 {
		t.Errorf("%+v; want 2/7", out)
	}
}
