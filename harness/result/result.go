// Package result is the record of a cell on disk: what one measure answered
// for one network.
//
// Results are lines of JSON in append-only files, one file a worker start, so
// a crash tears at most the last line of one file. Every result carries the
// key of what determined it; where a key occurs twice the highest sequence
// wins. The package knows nothing of networks, corpora or statistics.
package result

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Schema is the version of the line format. A reader refuses newer ones.
const Schema = 1

// Status is how a cell ended.
type Status string

// The four ends of a cell. All but Failed are complete answers.
const (
	OK        Status = "ok"        // Value is set and finite
	Undefined Status = "undefined" // the measure has no value for this network; Reason says why
	Skipped   Status = "skipped"   // a need of the measure is missing; Reason names it
	Failed    Status = "failed"    // the plugin failed; retried by the next run
)

// Result is what one measure answered for one network.
type Result struct {
	Schema      int                `json:"schema"`
	Sequence    int64              `json:"sequence"` // the highest wins
	Key         string             `json:"key"`      // hash of all that determines the value
	Network     string             `json:"network"`  // id in the store
	Measure     string             `json:"measure"`  // row name, options in brackets where they differ from the defaults
	Version     string             `json:"version"`  // of the measure
	Status      Status             `json:"status"`
	Value       *float64           `json:"value,omitempty"` // nil unless ok: JSON has no NaN
	Reason      string             `json:"reason,omitempty"`
	Detail      string             `json:"detail,omitempty"` // of a failure: stack trace, or the last words of the process
	Seconds     float64            `json:"seconds"`          // in the plugin, without waiting for the host
	HostSeconds float64            `json:"host_seconds"`     // cost of the quantities it asked for, whoever asked first
	PeakRSS     int64              `json:"peak_rss_bytes,omitempty"`
	Engine      string             `json:"engine"`
	Seed        uint64             `json:"seed"` // run seed
	Plugin      Plugin             `json:"plugin"`
	Diagnostics map[string]float64 `json:"diagnostics,omitempty"`
	Warnings    []string           `json:"warnings,omitempty"`

	// Sum is the CRC-32C, in hex, of the line with an empty sum: a digit that
	// rots on disk is noticed.
	Sum string `json:"sum"`
}

// sum is the checksum of a line whose own is cut out. The sum is the last field, of fixed width.
func sum(line []byte) (string, bool) {
	const head, width = `"sum":"`, 8
	at := len(line) - len(head) - width - len(`"}`)
	if at < 0 || string(line[at:at+len(head)]) != head || string(line[len(line)-2:]) != `"}` {
		return "", false
	}
	crc := crc32.Update(crc32.Checksum(line[:at+len(head)], castagnoli), castagnoli, line[len(line)-2:])
	return fmt.Sprintf("%08x", crc), true
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// marshal is the line of a result, without its newline.
func (r *Result) marshal() ([]byte, error) {
	r.Sum = "00000000"
	line, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	r.Sum, _ = sum(line)
	return json.Marshal(r)
}

// Plugin says which program answered.
type Plugin struct {
	Name     string `json:"name"`
	Builtin  bool   `json:"builtin,omitempty"`
	Path     string `json:"path,omitempty"`
	SHA256   string `json:"sha256,omitempty"`  // of the file, of a script that of its folder
	Version  string `json:"version,omitempty"` // in its own words
	SDK      string `json:"sdk,omitempty"`
	Protocol int    `json:"protocol,omitempty"`
	Sandbox  string `json:"sandbox,omitempty"` // what the kernel held it to: "files, network, signals (landlock 7)"
}

func (r *Result) check() error {
	switch r.Status {
	case OK:
		if r.Value == nil {
			return errors.New(`status "ok" without a value`)
		}
		if math.IsNaN(*r.Value) || math.IsInf(*r.Value, 0) {
			return errors.New("value is not finite")
		}
	case Undefined, Skipped, Failed:
		if r.Value != nil {
			return fmt.Errorf("status %q with a value", r.Status)
		}
	default:
		return fmt.Errorf("unknown status %q", r.Status)
	}
	if r.Key == "" || r.Network == "" || r.Measure == "" {
		return errors.New("key, network or measure is empty")
	}
	return nil
}

// Set holds the newest result of every key.
type Set struct {
	byKey map[string]*Result
	last  int64
}

// NewSet returns an empty set.
func NewSet() *Set { return &Set{byKey: map[string]*Result{}} }

// Get returns the newest result of the key, or nil.
func (s *Set) Get(key string) *Result { return s.byKey[key] }

// Answered reports whether the key has a complete answer: any but a failure.
func (s *Set) Answered(key string) bool {
	r := s.byKey[key]
	return r != nil && r.Status != Failed
}

// All are the newest results of all keys, in no order.
func (s *Set) All() iter.Seq[*Result] { return maps.Values(s.byKey) }

// Len is the number of keys.
func (s *Set) Len() int { return len(s.byKey) }

// LastSequence is the highest sequence seen.
func (s *Set) LastSequence() int64 { return s.last }

// Add puts r into the set unless a result of the same key with a higher
// sequence is there. Results of equal sequence are told apart by status and
// value, so that the outcome does not depend on the order of files.
func (s *Set) Add(r *Result) {
	s.last = max(s.last, r.Sequence)
	old := s.byKey[r.Key]
	if old == nil || newer(r, old) {
		s.byKey[r.Key] = r
	}
}

func newer(a, b *Result) bool {
	if a.Sequence != b.Sequence {
		return a.Sequence > b.Sequence
	}
	if (a.Status == Failed) != (b.Status == Failed) {
		return b.Status == Failed
	}
	return false
}

// SyntaxError is a line that could not be used. The cell it held counts as
// missing.
type SyntaxError struct {
	File string
	Line int
	Err  error
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d: %v; the line is left out and its cell will be measured again", e.File, e.Line, e.Err)
}

func (e *SyntaxError) Unwrap() error { return e.Err }

// maxLine bounds a line; a result is a few hundred bytes.
const maxLine = 1 << 20

// Read adds the results in r to the set. Lines that cannot be used, a torn
// last line among them, come back as warnings; a line of a newer schema is an error,
// since leaving it out would measure again what a newer program knows.
func (s *Set) Read(file string, r io.Reader) (warnings []error, err error) {
	br := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		line, tooLong, err := readLine(br)
		if err != nil && err != io.EOF {
			return warnings, fmt.Errorf("reading %s: %w", file, err)
		}
		torn := err == io.EOF
		if torn && len(line) == 0 && !tooLong {
			return warnings, nil
		}
		warn := func(err error) { warnings = append(warnings, &SyntaxError{File: file, Line: n, Err: err}) }
		switch res, perr := parse(line); {
		case tooLong:
			warn(fmt.Errorf("longer than %d bytes", maxLine))
		case torn:
			warn(errors.New("torn: no newline at its end, the writer was stopped in mid-write"))
		case errors.Is(perr, errNewer):
			return warnings, fmt.Errorf("%s:%d: %w", file, n, perr)
		case perr != nil:
			warn(perr)
		default:
			s.Add(res)
		}
		if torn {
			return warnings, nil
		}
	}
}

// readLine returns the next line without its newline; err is io.EOF when none ended it.
func readLine(br *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := br.ReadSlice('\n')
		if len(line)+len(part) > maxLine {
			tooLong, line = true, nil
		}
		if !tooLong {
			line = append(line, part...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		return bytes.TrimSuffix(line, []byte("\n")), tooLong, err
	}
}

var errNewer = errors.New("written by a newer version of genbench; use that version, or another store")

func parse(line []byte) (*Result, error) {
	var head struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return nil, fmt.Errorf("not a result: %w", err)
	}
	if head.Schema > Schema {
		return nil, fmt.Errorf("schema %d: %w", head.Schema, errNewer)
	}
	if head.Schema < 1 {
		return nil, fmt.Errorf("schema %d is not a version", head.Schema)
	}
	r := new(Result)
	if err := json.Unmarshal(line, r); err != nil {
		return nil, fmt.Errorf("not a result: %w", err)
	}
	if want, ok := sum(line); !ok || r.Sum != want {
		return nil, errors.New("damaged: its checksum does not hold")
	}
	return r, r.check()
}

// ReadDir reads every .jsonl file of the folder, in the order of names. A
// folder that does not exist is empty.
func ReadDir(dir string) (*Set, []error, error) {
	set := NewSet()
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return set, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading results: %w", err)
	}
	var warnings []error
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".jsonl") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		f, err := os.Open(path)
		if err != nil {
			return nil, warnings, fmt.Errorf("reading results: %w", err)
		}
		w, err := set.Read(path, f)
		f.Close()
		warnings = append(warnings, w...)
		if err != nil {
			return nil, warnings, err
		}
	}
	return set, warnings, nil
}

// Writer appends results to a file of its own. It is safe for concurrent use.
type Writer struct {
	mu   sync.Mutex
	f    *os.File
	path string
	seq  int64
	torn bool
}

// NewWriter creates DIR/NAME.jsonl, which must not exist; its sequences start
// above after.
func NewWriter(dir, name string, after int64) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("creating results: %w", err)
	}
	path := filepath.Join(dir, name+".jsonl")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("creating results: %w", err)
	}
	return &Writer{f: f, path: path, seq: after}, nil
}

// Append writes the results with one write and one fsync, and gives them their
// sequence. After an error nothing of them counts: the file is cut back to where
// it was, and where even that fails the next Append starts on a new line.
func (w *Writer) Append(rs ...*Result) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var buf bytes.Buffer
	if w.torn {
		buf.WriteByte('\n')
	}
	seq := w.seq
	for _, r := range rs {
		seq++
		r.Schema, r.Sequence = Schema, seq
		if err := r.check(); err != nil {
			return fmt.Errorf("writing result of %s for %s: %w", r.Measure, r.Network, err)
		}
		line, err := r.marshal()
		if err != nil {
			return fmt.Errorf("writing result of %s for %s: %w", r.Measure, r.Network, err)
		}
		buf.Write(line)
		buf.WriteByte('\n')
	}
	at, err := w.f.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = w.f.Write(buf.Bytes())
	}
	if err == nil {
		err = w.f.Sync()
	}
	if err != nil {
		w.torn = w.f.Truncate(at) != nil
		return fmt.Errorf("writing results to %s: %w", w.path, err)
	}
	w.seq, w.torn = seq, false
	return nil
}

// Close closes the file, and removes it when nothing was written.
func (w *Writer) Close() error {
	info, err := w.f.Stat()
	if err == nil && info.Size() == 0 {
		os.Remove(w.path)
	}
	return w.f.Close()
}
