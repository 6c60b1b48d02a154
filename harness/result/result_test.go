package result

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func value(v float64) *float64 { return &v }

func ok(key string, v float64) *Result {
	return &Result{Key: key, Network: "n", Measure: "m", Version: "1", Status: OK, Value: value(v)}
}

func TestRoundTripAndNewestWins(t *testing.T) {
	dir := t.TempDir()
	w, err := NewWriter(dir, "b-first", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(ok("k1", 1), ok("k2", 2)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	set, warnings, err := ReadDir(dir)
	if err != nil || len(warnings) != 0 {
		t.Fatal(err, warnings)
	}
	// The later file sorts first by name: sequence decides, not order of reading.
	w, err = NewWriter(dir, "a-second", set.LastSequence())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(ok("k1", 7)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	set, _, err = ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := *set.Get("k1").Value; got != 7 {
		t.Errorf("k1 = %v, want 7, the value of the highest sequence", got)
	}
	if got := *set.Get("k2").Value; got != 2 {
		t.Errorf("k2 = %v, want 2", got)
	}
	if set.LastSequence() != 3 {
		t.Errorf("last sequence %d, want 3", set.LastSequence())
	}
}

func TestFailedIsMissingAndOthersAreNot(t *testing.T) {
	s := NewSet()
	for i, st := range []Status{OK, Undefined, Skipped, Failed} {
		r := &Result{Key: string(st), Network: "n", Measure: "m", Status: st, Sequence: int64(i)}
		s.Add(r)
	}
	got := slices.DeleteFunc([]string{"ok", "undefined", "skipped", "failed", "never"}, s.Answered)
	if strings.Join(got, " ") != "failed never" {
		t.Errorf("missing %v, want [failed never]", got)
	}
}

func TestTornAndBrokenLinesCostOneCellEach(t *testing.T) {
	dir := t.TempDir()
	w, err := NewWriter(dir, "w", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(ok("k1", 1), ok("k2", 2), ok("k3", 3)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	path := filepath.Join(dir, "w.jsonl")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(b) - 1; cut > len(b)-60; cut-- { // torn anywhere in the last line
		if err := os.WriteFile(path, b[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		set, warnings, err := ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if set.Len() != 2 || len(warnings) != 1 || !strings.Contains(warnings[0].Error(), "w.jsonl:3: torn") {
			t.Fatalf("cut at %d: %d results, warnings %v; want 2 and one that names line 3", cut, set.Len(), warnings)
		}
	}
	broken := bytes.Replace(b, []byte(`"value":1,`), []byte(`"value":91,`), 1) // a digit more
	if err := os.WriteFile(path, broken, 0o644); err != nil {
		t.Fatal(err)
	}
	set, warnings, err := ReadDir(dir)
	if err != nil || set.Len() != 2 || len(warnings) != 1 || !strings.Contains(warnings[0].Error(), "w.jsonl:1: damaged: its checksum does not hold") {
		t.Fatalf("%d results, warnings %v, error %v", set.Len(), warnings, err)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	s := NewSet()
	_, err := s.Read("f.jsonl", strings.NewReader(`{"schema":2,"key":"k"}`+"\n"))
	if err == nil || !strings.Contains(err.Error(), "f.jsonl:1: schema 2: written by a newer version") {
		t.Fatalf("error %v", err)
	}
}

// TestSum checks what is summed. The Castagnoli polynomial's check value, of the digits 1 to 9, is e3069283 (RFC 3720, B.4).
func TestSum(t *testing.T) {
	line := []byte(`{"a":1,"sum":"00000000"}`)
	got, ok := sum(line)
	want := fmt.Sprintf("%08x", crc32.Checksum([]byte(`{"a":1,"sum":""}`), crc32.MakeTable(0x82f63b78)))
	if !ok || got != want {
		t.Errorf("sum %q, %v; want %q", got, ok, want)
	}
	if crc := crc32.Checksum([]byte("123456789"), castagnoli); crc != 0xe3069283 {
		t.Errorf("check value %08x", crc)
	}
	for _, bad := range []string{"", "{}", `{"sum":"0000"}`, `{"a":1}`} {
		if _, ok := sum([]byte(bad)); ok {
			t.Errorf("%q has a sum", bad)
		}
	}
}

func TestWriterRefusesWhatReadersWould(t *testing.T) {
	w, err := NewWriter(t.TempDir(), "w", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, r := range []*Result{ok("k", math.NaN()), ok("k", math.Inf(1)), {Key: "k", Network: "n", Measure: "m", Status: OK}, {Status: Undefined}} {
		if err := w.Append(r); err == nil {
			t.Errorf("%+v was written", r)
		}
	}
}

func FuzzRead(f *testing.F) {
	whole, err := ok("k", 0.5).marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(whole, '\n'))
	f.Add([]byte(`{"schema":1,"sequence":1,"key":"k","network":"n","measure":"m","version":"1","status":"ok","value":0.5,"seconds":0,"host_seconds":0,"engine":"cpu/go","seed":1,"plugin":{"name":"x"}}` + "\n"))
	f.Add([]byte(`{"schema":1,"key":"k","network":"n","measure":"m","status":"ok","value":1e999}` + "\n"))
	f.Add([]byte("{\n\n}\x00"))
	f.Add([]byte(`{"schema":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := NewSet()
		if _, err := s.Read("f", bytes.NewReader(b)); err != nil {
			return
		}
		for k, r := range s.byKey { // whatever was accepted must be writable again
			if r.Key != k {
				t.Fatalf("result of key %q stored under %q", r.Key, k)
			}
			if err := r.check(); err != nil {
				t.Fatalf("accepted a bad result: %v", err)
			}
		}
	})
}
