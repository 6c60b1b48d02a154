package pb_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/genbench/genbench/harness/internal/pb"
)

// TestPythonSpeaksTheSameProtocol: the Python package's generated code describes the same messages as Go's.
func TestPythonSpeaksTheSameProtocol(t *testing.T) {
	text, err := os.ReadFile("../../../python/genbench/plugin_pb2.py")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`AddSerializedFile\(b'(.*)'\)`).FindStringSubmatch(string(text))
	if m == nil {
		t.Fatal("no descriptor in python/genbench/plugin_pb2.py")
	}
	raw, err := strconv.Unquote(`"` + strings.ReplaceAll(m[1], `\'`, `'`) + `"`)
	if err != nil {
		t.Fatal(err)
	}
	var python descriptorpb.FileDescriptorProto
	if err := proto.Unmarshal([]byte(raw), &python); err != nil {
		t.Fatal(err)
	}
	ours := protodesc.ToFileDescriptorProto(pb.File_harness_internal_pb_plugin_proto)
	for _, f := range []*descriptorpb.FileDescriptorProto{&python, ours} {
		f.Name, f.Options = nil, nil
		for _, message := range f.MessageType {
			clearJSON(message)
		}
	}
	if !proto.Equal(&python, ours) {
		t.Error("python/genbench/plugin_pb2.py is not made from plugin.proto as it stands: go generate ./harness/internal/pb")
	}
}

// clearJSON removes the names that fields have in JSON, which only Go's descriptor holds.
func clearJSON(m *descriptorpb.DescriptorProto) {
	for _, f := range m.Field {
		f.JsonName = nil
	}
	for _, n := range m.NestedType {
		clearJSON(n)
	}
}
