package models_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/genbench/genbench/models"
)

func read(b []byte) (models.State, map[string]string, error) {
	return models.ReadTensors(bytes.NewReader(b), int64(len(b)))
}

// TestReadTensors reads files written by testdata/make_tensors.py and compares
// bits with the values that NumPy had there.
func TestReadTensors(t *testing.T) {
	raw, err := os.ReadFile("testdata/tensors.json")
	if err != nil {
		t.Fatal(err)
	}
	var files map[string]struct {
		Meta    map[string]string
		Tensors [][3]json.RawMessage
	}
	if err := json.Unmarshal(raw, &files); err != nil {
		t.Fatal(err)
	}
	if len(files) != 3 {
		t.Fatalf("tensors.json has %d files, want 3", len(files))
	}
	for name, want := range files {
		b, err := os.ReadFile("testdata/" + name + ".safetensors")
		if err != nil {
			t.Fatal(err)
		}
		s, meta, err := read(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want.Meta, meta); diff != "" {
			t.Errorf("%s: metadata (-want +got):\n%s", name, diff)
		}
		if len(s) != len(want.Tensors) {
			t.Fatalf("%s: %d tensors, want %d", name, len(s), len(want.Tensors))
		}
		for i, tensor := range s {
			var wantName string
			var shape []int
			var data []float64
			for j, into := range []any{&wantName, &shape, &data} {
				if err := json.Unmarshal(want.Tensors[i][j], into); err != nil {
					t.Fatal(err)
				}
			}
			if tensor.Name != wantName || !slices.Equal(tensor.Shape, shape) || len(tensor.Data) != len(data) {
				t.Fatalf("%s: tensor %d is %q %v, want %q %v", name, i, tensor.Name, tensor.Shape, wantName, shape)
			}
			for j, v := range data {
				if math.Float32bits(tensor.Data[j]) != math.Float32bits(float32(v)) {
					t.Errorf("%s: %s[%d] = %v, want %v", name, wantName, j, tensor.Data[j], v)
				}
			}
		}
	}
}

// TestWriteTensors writes what make_tensors.py wrote and must give its bytes.
func TestWriteTensors(t *testing.T) {
	want, err := os.ReadFile("testdata/aligned.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	s, meta, err := read(want)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := models.WriteTensors(&got, s, meta); err != nil {
		t.Fatal(err)
	}
	// JSON has two ways to write ü and the file of Python has the plain one, as encoding/json does.
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("wrote\n%q\nwant\n%q", got.Bytes(), want)
	}
}

// TestTensorsRoundTrip keeps every bit, of NaN and of sizes around the chunk.
func TestTensorsRoundTrip(t *testing.T) {
	odd := []float32{0, float32(math.Copysign(0, -1)), math.Float32frombits(0x7fc12345), math.Float32frombits(0xffa00001), float32(math.Inf(-1)), math.SmallestNonzeroFloat32, math.MaxFloat32}
	for _, n := range []int{0, 1, 16383, 16384, 16385, 50000} {
		data := make([]float32, n)
		for i := range data {
			data[i] = float32(i) * 0.1
		}
		s := models.State{
			{Name: "odd", Shape: []int{7}, Data: odd},
			{Name: "\"quoted\"\t<ü>", Shape: []int{n, 1}, Data: data},
			{Name: "scalar", Shape: []int{}, Data: []float32{3}},
		}
		var b bytes.Buffer
		if err := models.WriteTensors(&b, s, nil); err != nil {
			t.Fatal(err)
		}
		if length := binary.LittleEndian.Uint64(b.Bytes()); length%8 != 0 {
			t.Errorf("a header of %d bytes: data is not at a multiple of 8", length)
		}
		got, meta, err := read(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if meta != nil {
			t.Errorf("metadata %v of a file without", meta)
		}
		if got.Hash() != s.Hash() {
			t.Errorf("%d values: what was read is not what was written", n)
		}
	}
}

func TestWriteTensorsRefuses(t *testing.T) {
	one := models.Tensor{Name: "w", Shape: []int{2}, Data: make([]float32, 2)}
	short, negative, meta := one, one, one
	short.Data = short.Data[:1]
	negative.Shape = []int{-1, -2}
	meta.Name = "__metadata__"
	latin := one
	latin.Name = "gr\xf6\xdfe"
	for what, s := range map[string]models.State{"a name twice": {one, one}, "a short tensor": {short}, "negative dimensions": {negative}, "the name __metadata__": {meta}, "a name that is not UTF-8": {latin}} {
		if err := models.WriteTensors(&bytes.Buffer{}, s, nil); err == nil {
			t.Errorf("%s is not an error", what)
		}
	}
	if err := models.WriteTensors(&bytes.Buffer{}, models.State{one}, map[string]string{"k": "\xff"}); err == nil {
		t.Error("metadata that is not UTF-8 is not an error")
	}
	if err := models.WriteTensors(full{}, models.State{one}, nil); !errors.Is(err, errFull) {
		t.Errorf("a full disk: %v", err)
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// file is a safetensors file of that header and so many bytes of data.
func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

// entry is a tensor in a header.
func entry(name, dtype, shape string, begin, end int) string {
	return fmt.Sprintf(`"%s":{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}`, name, dtype, shape, begin, end)
}

func TestReadTensorsRefuses(t *testing.T) {
	w := entry("w", "F32", "[2]", 0, 8)
	big := file("{"+w+"}", 8)
	big[4] = 1 // a header of 4 GiB
	beyond := file("{"+entry("d", "F64", "[1]", 0, 8)+"}", 8)
	binary.LittleEndian.PutUint64(beyond[len(beyond)-8:], math.Float64bits(1e39))
	for what, c := range map[string]struct {
		file []byte
		says string // part of the message
	}{
		"nothing":                    {nil, "too few"},
		"seven bytes":                {make([]byte, 7), "too few"},
		"no header":                  {file("", 0), "begin with {"},
		"a header longer than all":   {big, "cut off"},
		"a header that is no JSON":   {file("{abc}", 0), "header"},
		"a header that is a list":    {file("[]", 0), "begin with {"},
		"a header cut off":           {file(`{"w":{"dtype":"F32"`, 0), "early"},
		"a space before the header":  {file(" {}", 0), "begin with {"},
		"text after the header":      {file("{} x", 0), "follow"},
		"not UTF-8":                  {file("{\"\xff\":1}", 0), "UTF-8"},
		"a name twice":               {file("{"+w+","+w+"}", 8), "twice"},
		"a field twice":              {file(`{"w":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8), "twice"},
		"a field missing":            {file(`{"w":{"dtype":"F32","shape":[2]}}`, 8), "needed"},
		"a field too many":           {file(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":0}}`, 8), "unknown field"},
		"a field in capitals":        {file(`{"w":{"Dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8), "unknown field"},
		"a shape of strings":         {file("{"+entry("w", "F32", `["2"]`, 0, 8)+"}", 8), "integer"},
		"a negative shape":           {file("{"+entry("w", "F32", "[-2]", 0, 8)+"}", 8), "integer"},
		"a fractional shape":         {file("{"+entry("w", "F32", "[2.0]", 0, 8)+"}", 8), "integer"},
		"a shape beyond all memory":  {file("{"+entry("w", "F32", "[4294967296,4294967296]", 0, 8)+"}", 8), "more values"},
		"a shape of many ones":       {file("{"+entry("w", "F32", "["+strings.Repeat("1,", 40)+"2]", 0, 8)+"}", 8), "more than"},
		"three offsets":              {file(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}`, 8), "more than 2"},
		"offsets reversed":           {file("{"+entry("w", "F32", "[2]", 8, 0)+"}", 8), "hole"},
		"data beyond the end":        {file("{"+entry("w", "F32", "[4]", 0, 16)+"}", 8), "does not hold"},
		"a shape too small":          {file("{"+entry("w", "F32", "[1]", 0, 8)+"}", 8), "does not hold"},
		"bytes after the last":       {file("{"+w+"}", 9), "end at byte 8"},
		"a hole":                     {file("{"+w+","+entry("v", "F32", "[1]", 12, 16)+"}", 16), "hole"},
		"an overlap":                 {file("{"+w+","+entry("v", "F32", "[1]", 4, 8)+"}", 8), "overlap"},
		"an unknown dtype":           {file("{"+entry("w", "F31", "[2]", 0, 8)+"}", 8), "F31"},
		"integers":                   {file("{"+entry("w", "I32", "[2]", 0, 8)+"}", 8), "save it as F32"},
		"a batch count with a shape": {file("{"+entry("bn.num_batches_tracked", "I64", "[1]", 0, 8)+"}", 8), "save it as F32"},
		"a double beyond float32":    {beyond, "beyond float32"},
		"metadata that is no map":    {file(`{"__metadata__":1}`, 0), "__metadata__"},
		"metadata of numbers":        {file(`{"__metadata__":{"a":1}}`, 0), "__metadata__"},
		"metadata twice":             {file(`{"__metadata__":{"a":"1","a":"2"}}`, 0), "twice"},
	} {
		s, _, err := read(c.file)
		if err == nil {
			t.Errorf("%s is not an error: %v", what, s)
		} else if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: the message %q does not say %q", what, err, c.says)
		}
	}
}

// TestReadTensorsShortFile announces more bytes than there are.
func TestReadTensorsShortFile(t *testing.T) {
	b := file("{"+entry("w", "F32", "[1000000000]", 0, 4000000000)+"}", 8)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := models.ReadTensors(bytes.NewReader(b), int64(len(b))-8+4000000000)
	runtime.ReadMemStats(&after)
	if err == nil {
		t.Error("a file shorter than announced is not an error")
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes were allocated for a file of %d", n, len(b))
	}
}

// FuzzReadTensors checks that no bytes make the reader panic or allocate beyond
// a small multiple of them, and that what is read can be written and read again.
func FuzzReadTensors(f *testing.F) {
	for _, name := range []string{"aligned", "odd", "dtypes"} {
		b, err := os.ReadFile("testdata/" + name + ".safetensors")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(file("{"+entry("w", "F32", "[2]", 0, 8)+"}", 8))
	f.Add(file("{"+entry("w", "F16", "[0,9]", 0, 0)+"}", 0))
	f.Add(file(`{"__metadata__":{"a":"b"}}`, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s, meta, err := read(b)
		runtime.ReadMemStats(&after)
		// JSON costs most: a token of two bytes may become a value of 16.
		if n, most := after.TotalAlloc-before.TotalAlloc, uint64(len(b))*64+1<<20; n > most {
			t.Errorf("%d bytes were allocated for a file of %d", n, len(b))
		}
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := models.WriteTensors(&again, s, meta); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		s2, _, err := read(again.Bytes())
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if s.Hash() != s2.Hash() {
			t.Error("reading, writing and reading changed the tensors")
		}
	})
}

// TestHash compares with sums by hashlib (testdata/make_tensors.py).
func TestHash(t *testing.T) {
	raw, err := os.ReadFile("testdata/hash.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("testdata/aligned.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	aligned, _, err := read(b)
	if err != nil {
		t.Fatal(err)
	}
	big := models.State{{Name: "w", Shape: []int{100, 400}, Data: make([]float32, 40000)}}
	for i := range big[0].Data {
		big[0].Data[i] = float32(i)
	}
	for name, s := range map[string]models.State{"empty": nil, "aligned": aligned, "big": big} {
		if got := s.Hash(); got != want[name] {
			t.Errorf("hash of %s is %s, hashlib has %s", name, got, want[name])
		}
	}
	// Everything counts: names, shapes, the sign of 0, order.
	zero := models.State{{Name: "a", Shape: []int{1, 2}, Data: []float32{0, 1}}, {Name: "b", Shape: []int{1}, Data: []float32{2}}}
	seen := map[string]string{zero.Hash(): "itself"}
	for what, change := range map[string]func(models.State){
		"name":  func(s models.State) { s[0].Name = "c" },
		"shape": func(s models.State) { s[0].Shape = []int{2, 1} },
		"sign":  func(s models.State) { s[0].Data[0] = float32(math.Copysign(0, -1)) },
		"order": func(s models.State) { s[0], s[1] = s[1], s[0] },
	} {
		s := zero.Clone()
		change(s)
		if other, taken := seen[s.Hash()]; taken {
			t.Errorf("changing the %s gives the hash of %s", what, other)
		}
		seen[s.Hash()] = what
	}
}
