package corpora

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/genbench/genbench/models"
)

// Names of a network's files, below models/ID.
const (
	recordName   = "record.json"
	finalName    = "final.safetensors"
	initName     = "init.safetensors"
	historyName  = "history.jsonl"
	correctName  = "test-correct.bin"
	snapshotsDir = "snapshots"
)

// Prefixes of folders under models/ that a kill can leave behind.
const (
	newPrefix = ".new-"
	oldPrefix = ".old-"
)

// Contents is everything that the store keeps of a network.
type Contents struct {
	Record      *Record // Schema, Tensors, GenbenchVersion and Checksum are filled in by [Store.Put]
	Final, Init models.State
	Snapshots   []models.Snapshot
	History     []models.Epoch
	TestCorrect []bool
}

// Put writes a network. Its folder appears at once and whole, in place of an
// older one of the same ID.
func (s *Store) Put(c Contents) error {
	if !isID(c.Record.ID) {
		return fmt.Errorf("storing a network: %q is not an ID", clip(c.Record.ID))
	}
	if err := s.ready(); err != nil {
		return err
	}
	files, err := c.files()
	if err != nil {
		return fmt.Errorf("storing network %s: %w", c.Record.ID, err)
	}
	if err := s.place(c.Record.ID, files); err != nil {
		return storeError(s.dir, fmt.Errorf("writing network %s: %w", c.Record.ID, err))
	}
	return nil
}

// ready is writable for those who do not hold s.mu.
func (s *Store) ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writable()
}

type namedFile struct {
	name string
	data []byte
}

// files encodes a network and completes its record.
func (c *Contents) files() ([]namedFile, error) {
	r := c.Record
	r.Schema, r.GenbenchVersion = RecordSchemaVersion, version()
	r.Tensors = TensorFiles{FinalSHA256: c.Final.Hash()}
	var files []namedFile
	add := func(name string, b []byte) string {
		files = append(files, namedFile{name, b})
		return fileSum(b)
	}
	tensors := func(name, what string, s models.State) (string, error) {
		var b bytes.Buffer
		if err := models.WriteTensors(&b, s, map[string]string{"format": "pt", "genbench.network": r.ID, "genbench.state": what}); err != nil {
			return "", err
		}
		return add(name, b.Bytes()), nil
	}
	var err error
	if r.Tensors.FinalFileSHA256, err = tensors(finalName, "final", c.Final); err != nil {
		return nil, err
	}
	if c.Init != nil {
		r.Tensors.InitSHA256 = c.Init.Hash()
		if r.Tensors.InitFileSHA256, err = tensors(initName, "init", c.Init); err != nil {
			return nil, err
		}
	}
	for _, snap := range c.Snapshots {
		f := SnapshotFile{Epoch: snap.Epoch, Step: snap.Step}
		if f.FileSHA256, err = tensors(f.name(), f.what(), snap.State); err != nil {
			return nil, err
		}
		r.Tensors.Snapshots = append(r.Tensors.Snapshots, f)
	}
	if c.History != nil {
		var b bytes.Buffer
		for _, e := range c.History {
			if err := json.NewEncoder(&b).Encode(e); err != nil {
				return nil, err
			}
		}
		r.Tensors.HistorySHA256 = add(historyName, b.Bytes())
	}
	r.Tensors.TestCorrectSHA256 = add(correctName, packBits(c.TestCorrect))
	b, err := r.encode()
	if err != nil {
		return nil, err
	}
	add(recordName, b)
	return files, nil
}

// place writes the files into a folder of a temporary name and renames it last.
func (s *Store) place(id string, files []namedFile) error {
	parent := filepath.Join(s.dir, modelsName)
	final := filepath.Join(parent, id)
	suffix := id + "." + strconv.Itoa(os.Getpid())
	temp, old := filepath.Join(parent, newPrefix+suffix), filepath.Join(parent, oldPrefix+suffix)
	if err := s.fill(temp, files); err != nil {
		_ = s.disk.removeAll(temp) // gives the space back; a sweep would do it later
		return err
	}
	_, err := os.Stat(final)
	replaces := err == nil
	if replaces {
		if err := s.disk.rename(final, old); err != nil {
			return err
		}
	}
	if err := s.disk.rename(temp, final); err != nil {
		return err
	}
	if replaces {
		return s.disk.removeAll(old)
	}
	return nil
}

func (s *Store) fill(dir string, files []namedFile) error {
	if err := s.disk.mkdirAll(dir); err != nil {
		return err
	}
	inner := false
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.name))
		if strings.Contains(f.name, "/") && !inner {
			inner = true
			if err := s.disk.mkdirAll(filepath.Dir(path)); err != nil {
				return err
			}
		}
		if err := s.disk.writeFile(path, f.data); err != nil {
			return err
		}
	}
	if inner {
		if err := s.disk.syncDir(filepath.Join(dir, snapshotsDir)); err != nil {
			return err
		}
	}
	return s.disk.syncDir(dir)
}

// sweep removes what a killed run left behind. Only the holder of the lock may
// call it. A folder that was moved away for a new one that never came is put back.
func (s *Store) sweep() error {
	parent := filepath.Join(s.dir, modelsName)
	entries, err := os.ReadDir(parent)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return storeError(s.dir, err)
	}
	for _, e := range entries {
		name, path := e.Name(), filepath.Join(parent, e.Name())
		if rest, ok := strings.CutPrefix(name, oldPrefix); ok {
			id, _, _ := strings.Cut(rest, ".")
			if _, err := os.Stat(filepath.Join(parent, id)); errors.Is(err, fs.ErrNotExist) && isID(id) {
				if err := s.disk.rename(path, filepath.Join(parent, id)); err != nil {
					return storeError(s.dir, err)
				}
				continue
			}
		} else if !strings.HasPrefix(name, newPrefix) {
			continue
		}
		if err := s.disk.removeAll(path); err != nil {
			return storeError(s.dir, err)
		}
	}
	temps, _ := filepath.Glob(filepath.Join(escapeGlob(s.dir), ".*.tmp")) // the pattern is right
	for _, t := range temps {
		if err := s.disk.removeAll(t); err != nil {
			return storeError(s.dir, err)
		}
	}
	return nil
}

func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// path is the place of a network's file.
func (s *Store) path(id, name string) string {
	return filepath.Join(s.dir, modelsName, id, filepath.FromSlash(name))
}

// Record reads a network's record. The error is fs.ErrNotExist when the network is not
// in the store, and [*ErrDamaged] when its record cannot be trusted.
func (s *Store) Record(id string) (*Record, error) {
	if !isID(id) {
		return nil, fmt.Errorf("network %q: %w", clip(id), fs.ErrNotExist)
	}
	path := s.path(id, recordName)
	b, err := os.ReadFile(path)
	if reason := notAFile(path, err); reason != "" {
		return nil, &ErrDamaged{ID: id, Path: path, Reason: reason}
	}
	if errors.Is(err, fs.ErrNotExist) {
		// Folders appear whole: one without its record has lost it.
		if _, err := os.Stat(filepath.Dir(path)); err == nil {
			return nil, &ErrDamaged{ID: id, Path: path, Reason: "is missing"}
		}
		return nil, fmt.Errorf("network %s: %w", id, fs.ErrNotExist)
	}
	if err != nil {
		return nil, storeError(s.dir, err)
	}
	r, err := decodeRecord(b, id)
	var newer *NewerError
	switch {
	case errors.As(err, &newer):
		return nil, newer
	case err != nil:
		return nil, &ErrDamaged{ID: id, Path: path, Reason: err.Error()}
	}
	return r, nil
}

// notAFile says what is in a file's place, after the error of reading it; "" where that is no folder and no
// parent that is a file.
func notAFile(path string, err error) string {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return "is a folder, not a file"
	}
	if info, err := os.Stat(filepath.Dir(path)); err == nil && !info.IsDir() {
		return "cannot be there: " + filepath.Dir(path) + " is a file, not a folder"
	}
	return ""
}

// read reads a file of a network and checks its sum.
func (s *Store) read(id, name, sum string) ([]byte, error) {
	path := s.path(id, name)
	b, err := os.ReadFile(path)
	reason := notAFile(path, err)
	switch {
	case reason != "":
		return nil, &ErrDamaged{ID: id, Path: path, Reason: reason}
	case errors.Is(err, fs.ErrNotExist):
		return nil, &ErrDamaged{ID: id, Path: path, Reason: "is missing"}
	case err != nil:
		return nil, storeError(s.dir, err)
	case fileSum(b) != sum:
		return nil, &ErrDamaged{ID: id, Path: path, Reason: "its SHA-256 is not the recorded one"}
	}
	return b, nil
}

// tensors reads a tensor file of a network and checks sums, names and shapes;
// sum "" leaves the tensors' own sum unchecked.
func (s *Store) tensors(r *Record, name, fileSHA256, sum string) (models.State, error) {
	b, err := s.read(r.ID, name, fileSHA256)
	if err != nil {
		return nil, err
	}
	damaged := func(err error) error {
		return &ErrDamaged{ID: r.ID, Path: s.path(r.ID, name), Reason: err.Error()}
	}
	state, _, err := models.ReadTensors(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, damaged(err)
	}
	if err := state.Fits(r.Architecture); err != nil {
		return nil, damaged(err)
	}
	if sum != "" && state.Hash() != sum {
		return nil, damaged(errors.New("the tensors' SHA-256 is not the recorded one"))
	}
	return state, nil
}

// LoadNetwork reads a network's tensors and verifies their sums; init is nil
// where it was not kept. A mismatch is [*ErrDamaged].
func (s *Store) LoadNetwork(r *Record) (final, init models.State, err error) {
	if final, err = s.tensors(r, finalName, r.Tensors.FinalFileSHA256, r.Tensors.FinalSHA256); err != nil {
		return nil, nil, err
	}
	if r.Tensors.InitSHA256 != "" {
		if init, err = s.tensors(r, initName, r.Tensors.InitFileSHA256, r.Tensors.InitSHA256); err != nil {
			return nil, nil, err
		}
	}
	return final, init, nil
}

// History reads the lines of a network's training; nil where there are none (imported networks).
func (s *Store) History(r *Record) ([]models.Epoch, error) {
	if r.Tensors.HistorySHA256 == "" {
		return nil, nil
	}
	b, err := s.read(r.ID, historyName, r.Tensors.HistorySHA256)
	if err != nil {
		return nil, err
	}
	var lines []models.Epoch
	for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
		var e models.Epoch
		if err := decodeStrict(sc.Bytes(), &e); err != nil {
			return nil, &ErrDamaged{ID: r.ID, Path: s.path(r.ID, historyName), Reason: err.Error()}
		}
		lines = append(lines, e)
	}
	return lines, nil
}

// TestCorrect says of each test example whether the network classifies it
// right. For the statistics only: it is never handed to a measure.
func (s *Store) TestCorrect(id string) ([]bool, error) {
	r, err := s.Record(id)
	if err != nil {
		return nil, err
	}
	b, err := s.read(id, correctName, r.Tensors.TestCorrectSHA256)
	if err != nil {
		return nil, err
	}
	bits, err := unpackBits(b, r.Test.N)
	if err != nil {
		return nil, &ErrDamaged{ID: id, Path: s.path(id, correctName), Reason: err.Error()}
	}
	return bits, nil
}

// check reads every file of a network and verifies every sum.
func (s *Store) check(r *Record) error {
	if _, _, err := s.LoadNetwork(r); err != nil {
		return err
	}
	for _, f := range r.Tensors.Snapshots {
		if _, err := s.tensors(r, f.name(), f.FileSHA256, ""); err != nil {
			return err
		}
	}
	if _, err := s.History(r); err != nil {
		return err
	}
	_, err := s.TestCorrect(r.ID)
	return err
}

// SetAside moves a network's folder to damaged/, where nothing reads it, and answers where to.
func (s *Store) SetAside(id string) (string, error) {
	if !isID(id) {
		return "", fmt.Errorf("setting aside: %q is not an ID", clip(id))
	}
	if err := s.ready(); err != nil {
		return "", err
	}
	dir := filepath.Join(s.dir, damagedName)
	if err := s.disk.mkdirAll(dir); err != nil {
		return "", storeError(s.dir, err)
	}
	stamp := id + "-" + time.Now().UTC().Format("20060102T150405")
	to := filepath.Join(dir, stamp)
	for i := 1; ; i++ {
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		}
		to = filepath.Join(dir, fmt.Sprintf("%s-%d", stamp, i))
	}
	if err := s.disk.rename(filepath.Join(s.dir, modelsName, id), to); err != nil {
		return "", storeError(s.dir, fmt.Errorf("setting network %s aside: %w", id, err))
	}
	return to, nil
}

// packBits stores example i as bit i%8, counted from the lowest, of byte i/8.
func packBits(bits []bool) []byte {
	b := make([]byte, (len(bits)+7)/8)
	for i, v := range bits {
		if v {
			b[i/8] |= 1 << (i % 8)
		}
	}
	return b
}

func unpackBits(b []byte, n int) ([]bool, error) {
	if n < 0 || len(b) != (n+7)/8 {
		return nil, fmt.Errorf("%d bytes for %d test examples", len(b), n)
	}
	bits := make([]bool, n)
	for i := range bits {
		bits[i] = b[i/8]>>(i%8)&1 == 1
	}
	return bits, nil
}
