package pb_test

import (
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/genbench/genbench/harness/internal/pb"
)

// recordedText is what the first version of genbench and a plugin of it said to each other; testdata/record.py
// says how it was recorded. It is never recorded anew.
//
//go:embed testdata/transcript-1.jsonl
var recordedText string

// read is the transcript, by "FROM CALL".
func read() (map[string][]byte, error) {
	said := map[string][]byte{}
	for line := range strings.Lines(recordedText) {
		var l struct{ From, Call, Bytes string }
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			return nil, err
		}
		var err error
		if said[l.From+" "+l.Call], err = base64.StdEncoding.DecodeString(l.Bytes); err != nil {
			return nil, err
		}
	}
	return said, nil
}

func transcript(t *testing.T) map[string][]byte {
	t.Helper()
	said, err := read()
	if err != nil {
		t.Fatal(err)
	}
	return said
}

func decoded[M proto.Message](t *testing.T, said map[string][]byte, what string, m M) M {
	if len(said[what]) == 0 {
		t.Fatalf("nothing was recorded of %s", what)
	}
	if err := proto.Unmarshal(said[what], m); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	unknown(t, what, m.ProtoReflect())
	return m
}

// unknown fails the test for fields that the message of today does not know.
func unknown(t *testing.T, what string, m protoreflect.Message) {
	if u := m.GetUnknown(); len(u) > 0 {
		t.Errorf("%s: %s does not know %d bytes that were recorded: a field was removed or its number changed", what, m.Descriptor().FullName(), len(u))
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() || f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				unknown(t, what, v.List().Get(i).Message())
			}
		default:
			unknown(t, what, v.Message())
		}
		return true
	})
}

// TestRecordedMessagesKeepTheirMeaning: fields have the numbers, types and names that they had.
func TestRecordedMessagesKeepTheirMeaning(t *testing.T) {
	said := transcript(t)
	if got := string(said["plugin handshake"]); got != "1|1|unix|PATH|grpc|" {
		t.Errorf("handshake %q", got)
	}
	if q := decoded(t, said, "host Describe", &pb.DescribeRequest{}); q.BrokerId != 1 || q.Minor != 0 {
		t.Errorf("DescribeRequest %v", q)
	}
	q := decoded(t, said, "host Compute", &pb.ComputeRequest{})
	if q.Compute != 1 || q.Measure != "recorder" || len(q.Network) != 16 || q.BrokerId != 1 || q.TimeoutSeconds != 600 || q.Threads != 1 || q.Seed == 0 {
		t.Errorf("ComputeRequest %v", q)
	}
	if i := q.Info; i.Classes != 10 || i.TrainSize != 200 || len(i.InputShape) != 3 || len(i.Layers) < 3 || i.Layers[0].Name != "fc1" ||
		i.Layers[0].Kind != "dense" || i.Layers[0].In != 196 || i.Layers[0].Out != 32 {
		t.Errorf("NetworkInfo %v", i)
	}
	a := decoded(t, said, "host GetQuantity", &pb.QuantityResponse{}).GetArrays().GetArrays()
	if len(a) != 1 || a[0].Name != "margins" || a[0].Dtype != "f64" || len(a[0].Shape) != 1 || a[0].Shape[0] != 200 || a[0].Offset != 0 || !strings.HasPrefix(a[0].Path, "/nowhere/tiny/cache/") {
		t.Errorf("QuantityResponse %v", a)
	}
	if c := decoded(t, said, "host StreamQuantity", &pb.Chunk{}); len(c.Data) != 200*8 {
		t.Errorf("a chunk of %d bytes", len(c.Data))
	}
	if e := decoded(t, said, "host Evaluate", &pb.EvaluateResponse{}).Evaluated; len(e) != 1 || !(e[0].Loss > 0) || e[0].Accuracy != 1 {
		t.Errorf("EvaluateResponse %v", e)
	}
	d := decoded(t, said, "plugin Describe", &pb.DescribeResponse{})
	if d.Sdk != "go 1" || d.MaxConcurrency != 1 || len(d.Measures) != 1 {
		t.Fatalf("DescribeResponse %v", d)
	}
	if m := d.Measures[0]; m.Name != "margin-variance" || m.Version != "1" || m.Family != "margin" || m.Direction != pb.Direction_DIRECTION_LARGER_GAP ||
		len(m.Needs) != 1 || m.Needs[0] != "train-margins" || m.Doc == "" || m.Citation == "" {
		t.Errorf("MeasureInfo %v", m)
	}
	if g := decoded(t, said, "plugin GetQuantity", &pb.QuantityRequest{}); g.Compute != 1 || g.Name != "train-margins" {
		t.Errorf("QuantityRequest %v", g)
	}
	r := decoded(t, said, "plugin Compute", &pb.ComputeEvent{}).GetResult()
	if math.Abs(r.GetValue()-2./7) > 1e-15 || !(r.Seconds > 0 && r.HostSeconds > 0) {
		t.Errorf("Result %v", r)
	}
}
