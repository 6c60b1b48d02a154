package quantity

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	alignment   = 64       // bytes; a cache line, and enough for every vector load
	suffix      = ".q"     // of finished files
	temporary   = ".new-*" // of files being written
	stale       = time.Hour
	footerBytes = 64
	magic       = "genbq\x00\x00\x01" // the last byte is the file format's version
)

// cache is a folder of quantity files. Several hosts and processes may share
// one: files are complete when they appear, and who uses one holds a shared lock
// on it, which eviction respects.
type cache struct {
	dir   string // absolute: plugins have working directories of their own
	limit int64  // bytes
}

// trailer follows the arrays in a file. It says nothing of the network but a hash.
type trailer struct {
	Key       string  `json:"key"` // sha256 of the quantity's key
	Arrays    []Array `json:"arrays"`
	Seconds   float64 `json:"seconds"`
	Undefined string  `json:"undefined,omitempty"`
}

// entry is a file in use. Close lets it be evicted.
type entry struct {
	file      *os.File
	bundle    *Bundle
	undefined string
}

func (e *entry) close() {
	if e.file != nil {
		e.file.Close() // gives the lock back
	}
}

func hashKey(key string) string {
	h := sha256.Sum256([]byte(key))
	return hex.EncodeToString(h[:])
}

func (c *cache) path(hash string) string { return filepath.Join(c.dir, hash[:40]+suffix) }

// load opens the file of a key and checks it: fs.ErrNotExist if there is none;
// a damaged one is removed and counts as none.
func (c *cache) load(hash string) (*entry, error) {
	path := c.path(hash)
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	lockShared(f)
	e, err := readEntry(f, hash, path)
	if err == nil {
		now := time.Now()
		os.Chtimes(path, now, now) // eviction begins with the oldest; a failure only makes it a worse guess
		return e, nil
	}
	f.Close()
	var damaged *damagedError
	if errors.As(err, &damaged) {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("removing a damaged file of the cache: %w", err)
		}
		return nil, fs.ErrNotExist
	}
	return nil, err
}

// damagedError says what is wrong with a file's content.
type damagedError struct{ what string }

func (e *damagedError) Error() string { return "damaged: " + e.what }

// readEntry reads and checks a whole file. The footer is
//
//	magic [8] | length of arrays [8] | length of trailer [8] | sha256 of all before the footer and of the two lengths [32] | 0 [8]
func readEntry(f *os.File, hash, path string) (*entry, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	// Evicted between opening and locking: what we hold is no longer in the cache.
	if at, err := os.Stat(path); err != nil || !os.SameFile(at, info) {
		return nil, fs.ErrNotExist
	}
	size := info.Size() - footerBytes
	if size < 0 {
		return nil, &damagedError{"shorter than its footer"}
	}
	var footer [footerBytes]byte
	if _, err := f.ReadAt(footer[:], size); err != nil {
		return nil, err
	}
	body, rest := int64(binary.LittleEndian.Uint64(footer[8:])), int64(binary.LittleEndian.Uint64(footer[16:]))
	if string(footer[:8]) != magic || body < 0 || rest < 0 || body > size || rest != size-body {
		return nil, &damagedError{"its footer does not describe it"}
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, size)); err != nil {
		return nil, err
	}
	h.Write(footer[8:24])
	if !bytes.Equal(h.Sum(nil), footer[24:56]) {
		return nil, &damagedError{"its checksum is off"}
	}
	raw := make([]byte, rest)
	if _, err := f.ReadAt(raw, body); err != nil {
		return nil, err
	}
	var t trailer
	if err := json.Unmarshal(raw, &t); err != nil {
		return nil, &damagedError{err.Error()}
	}
	if t.Key != hash {
		return nil, &damagedError{"it belongs to another key"}
	}
	for i := range t.Arrays {
		t.Arrays[i].Path = path
	}
	return &entry{file: f, bundle: &Bundle{Arrays: t.Arrays, Seconds: t.Seconds}, undefined: t.Undefined}, nil
}

// store writes a quantity and opens it. It does not wait for the disk: a file
// torn by a power cut fails its checksum and is computed again.
func (c *cache) store(hash string, ps []payload, seconds float64, undefined string) (*entry, error) {
	t := trailer{Key: hash, Seconds: seconds, Undefined: undefined, Arrays: []Array{}}
	total := 0
	for _, p := range ps {
		if err := p.check(); err != nil {
			return nil, err
		}
		total += p.size() + alignment
	}
	b := make([]byte, 0, total+4096)
	for _, p := range ps {
		b = append(b, make([]byte, -len(b)&(alignment-1))...)
		t.Arrays = append(t.Arrays, Array{Name: p.name, DType: p.dtype(), Shape: p.shape, Offset: int64(len(b))})
		b = p.encode(b)
	}
	body := len(b)
	raw, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	b = append(b, raw...)
	var footer [footerBytes]byte
	copy(footer[:], magic)
	binary.LittleEndian.PutUint64(footer[8:], uint64(body))
	binary.LittleEndian.PutUint64(footer[16:], uint64(len(raw)))
	h := sha256.New()
	h.Write(b)
	h.Write(footer[8:24])
	copy(footer[24:], h.Sum(nil))
	return c.put(hash, append(b, footer[:]...), t)
}

// put makes the file appear, complete and read-only, and opens it.
func (c *cache) put(hash string, content []byte, t trailer) (_ *entry, err error) {
	f, err := os.CreateTemp(c.dir, temporary)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(content); err != nil {
		return nil, err
	}
	if err := f.Chmod(0o400); err != nil {
		return nil, err
	}
	lockShared(f) // before it has its name: eviction never meets it unlocked
	path := c.path(hash)
	// A link never replaces: of two workers that computed the same, the second takes the first's file.
	if os.Link(f.Name(), path) == nil {
		err = os.Remove(f.Name())
	} else if e, there := c.load(hash); there == nil {
		f.Close()
		os.Remove(f.Name())
		return e, nil
	} else { // a file system without links
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return nil, err
	}
	for i := range t.Arrays {
		t.Arrays[i].Path = path
	}
	return &entry{file: f, bundle: &Bundle{Arrays: t.Arrays, Seconds: t.Seconds}, undefined: t.Undefined}, nil
}

// evict removes files that nobody uses, the longest unused first, until the rest fits the limit.
func (c *cache) evict() error {
	list, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	type file struct {
		path string
		size int64
		used time.Time
	}
	var files []file
	var total int64
	for _, d := range list {
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue // gone meanwhile, or not ours
		}
		path := filepath.Join(c.dir, d.Name())
		switch {
		case strings.HasSuffix(d.Name(), suffix):
			files = append(files, file{path, info.Size(), info.ModTime()})
			total += info.Size()
		case strings.HasPrefix(d.Name(), ".new-") && time.Since(info.ModTime()) > stale:
			os.Remove(path) // left by a run that was killed
		}
	}
	slices.SortFunc(files, func(a, b file) int { return a.used.Compare(b.used) })
	for _, f := range files {
		if total <= c.limit {
			return nil
		}
		if removeUnused(f.path) {
			total -= f.size
		}
	}
	return nil
}

// removeUnused removes the file unless somebody holds a lock on it. Removing a
// file that is still mapped somewhere is harmless; removing one that a plugin
// is about to open is not, and the lock is held as long as its network is open.
func removeUnused(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return lockAlone(f) && os.Remove(path) == nil
}
