package corpora

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
)

// StoreSchemaVersion is raised when an older program could not use a store.
const StoreSchemaVersion = 1

// Store is the folder that holds a corpus; design section "the corpus on disk"
// names its files. A network's folder appears whole or not at all. Methods are safe for
// concurrent use within a process; across processes [Store.Lock] keeps a
// second writer out.
type Store struct {
	dir  string
	disk disk

	mu     sync.Mutex
	meta   corpusFile
	held   int    // times that this Store holds the lock
	unlock func() // gives it up; nil when held is 0
}

// corpusFile is corpus.json.
type corpusFile struct {
	Schema          int               `json:"schema"`
	GenbenchVersion string            `json:"genbench_version"` // that wrote it last
	Spec            *Spec             `json:"spec"`
	Data            map[string]string `json:"data,omitempty"` // set -> checksum, once seen
}

const (
	corpusName  = "corpus.json"
	modelsName  = "models"
	damagedName = "damaged"
	lockName    = "lock"
)

// OpenStore opens the store in dir for the corpus, and creates it if there is
// none. A store of another corpus is refused ([OtherCorpusError]), and so is
// one that a newer program wrote ([NewerError]). A corpus that has grown (new
// values, a fixed hyperparameter that became an axis) is the same corpus, and
// the store notes the new spec; networks outside the spec stay and are not scored.
func OpenStore(dir string, spec *Spec) (*Store, error) {
	return openStore(dir, spec, disk{})
}

func openStore(dir string, spec *Spec, d disk) (*Store, error) {
	s := &Store{dir: dir, disk: d}
	meta, err := readCorpusFile(dir)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err != nil && !fresh {
		return nil, err
	}
	if fresh {
		if err := s.create(); err != nil {
			return nil, err
		}
		meta = corpusFile{Schema: StoreSchemaVersion}
	} else if err := sameCorpus(dir, meta.Spec, spec); err != nil {
		return nil, err
	}
	s.meta = meta
	if meta.Spec != nil && meta.Spec.Imported {
		return s, nil // its axes are those of its networks
	}
	before, _ := json.Marshal(meta.Spec)
	after, err := json.Marshal(spec)
	if err != nil {
		return nil, storeError(dir, err)
	}
	if fresh || string(before) != string(after) {
		s.meta.Spec = spec
		if err := s.writeCorpusFile(); err != nil {
			return nil, err
		}
	}
	s.meta.Spec = spec
	return s, nil
}

// LoadStore opens an existing store with the corpus that it holds.
func LoadStore(dir string) (*Store, error) {
	meta, err := readCorpusFile(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not a store: it has no %s: %w", dir, corpusName, err)
	}
	if err != nil {
		return nil, err
	}
	return &Store{dir: dir, meta: meta}, nil
}

// create makes the folders of a new store. A folder that holds something else
// is refused, so that a mistyped --store does not litter it.
func (s *Store) create() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return storeError(s.dir, err)
	}
	ours := []string{lockName, modelsName, damagedName, "values", "cache", "report"} // a store that lost its corpus.json
	for _, e := range entries {
		if name := e.Name(); !slices.Contains(ours, name) && !strings.HasPrefix(name, ".") {
			return fmt.Errorf("%s is not a store and holds other files (%s, ...); give a new or empty folder with --store", s.dir, name)
		}
	}
	if err := s.disk.mkdirAll(filepath.Join(s.dir, modelsName)); err != nil {
		return storeError(s.dir, err)
	}
	return nil
}

func readCorpusFile(dir string) (corpusFile, error) {
	path := filepath.Join(dir, corpusName)
	b, err := os.ReadFile(path)
	if err != nil {
		return corpusFile{}, fmt.Errorf("opening the store: %w", err)
	}
	var head struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(b, &head); err == nil && head.Schema > StoreSchemaVersion {
		return corpusFile{}, &NewerError{What: "store " + dir, Schema: head.Schema, Known: StoreSchemaVersion}
	}
	var c corpusFile
	if err := decodeStrict(b, &c); err != nil {
		return corpusFile{}, fmt.Errorf("%s is damaged: %w; remove it, and the next run writes it anew beside the networks", path, err)
	}
	if c.Schema < 1 || c.Spec == nil {
		return corpusFile{}, fmt.Errorf("%s is damaged: it holds no corpus; remove it, and the next run writes it anew beside the networks", path)
	}
	return c, nil
}

func (s *Store) writeCorpusFile() error {
	s.meta.Schema, s.meta.GenbenchVersion = StoreSchemaVersion, version()
	b, err := json.MarshalIndent(s.meta, "", " ")
	if err != nil {
		return storeError(s.dir, err)
	}
	if err := s.disk.replaceFile(filepath.Join(s.dir, corpusName), append(b, '\n')); err != nil {
		return storeError(s.dir, err)
	}
	return nil
}

// NoteData remembers the content of a data set, and refuses another ([DataError]).
func (s *Store) NoteData(set, checksum string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch had := s.meta.Data[set]; had {
	case checksum:
		return nil
	case "":
	default:
		return &DataError{Set: set, Has: had, Found: checksum}
	}
	if s.meta.Data == nil {
		s.meta.Data = map[string]string{}
	}
	s.meta.Data[set] = checksum
	return s.writeCorpusFile()
}

// sameCorpus reports why b is not the corpus a, grown or shrunk: every
// hyperparameter must keep at least one value.
func sameCorpus(dir string, a, b *Spec) error {
	e := &OtherCorpusError{Dir: dir, Has: a.Name, Asked: b.Name}
	if a.Name != b.Name {
		return e
	}
	if a.Imported != b.Imported {
		e.Mismatch = "one of the two has no grid, its networks are imported"
		return e
	}
	if a.Imported {
		return nil
	}
	if !slices.Equal(a.widths, b.widths) {
		e.Mismatch = fmt.Sprintf("network.widths is %v there and %v here", a.widths, b.widths)
		return e
	}
	for _, h := range hypers() {
		old, now := a.values(h.name), b.values(h.name)
		shared := slices.ContainsFunc(old, func(v Value) bool { return slices.Contains(now, v) })
		if len(old)+len(now) > 0 && !shared {
			e.Mismatch = fmt.Sprintf("%s is %v there and %v here", h.name, listed(old), listed(now))
			return e
		}
	}
	if !slices.ContainsFunc(a.seeds, func(v int64) bool { return slices.Contains(b.seeds, v) }) {
		e.Mismatch = fmt.Sprintf("seed is %v there and %v here", a.seeds, b.seeds)
		return e
	}
	return nil
}

func listed(vs []Value) string {
	var parts []string
	for _, v := range vs {
		parts = append(parts, v.String())
	}
	return strings.Join(parts, ", ")
}

// Dir is the store's folder.
func (s *Store) Dir() string { return s.dir }

// Spec is the corpus that the store was opened for.
func (s *Store) Spec() *Spec {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.meta.Spec
}

// Networks are the networks of the corpus: those of the spec's grid, and those
// in the store that were imported, by rising ID. They are what is to be trained and scored.
func (s *Store) Networks() ([]Network, error) {
	nets, err := s.Spec().Networks()
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(nets))
	for i := range nets {
		known[nets[i].ID] = true
	}
	ids, err := s.IDs()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if known[id] {
			continue
		}
		r, err := s.Record(id)
		var damaged *ErrDamaged
		if errors.As(err, &damaged) {
			continue // Damaged lists it
		}
		if err != nil {
			return nil, err
		}
		if r.Imported() {
			nets = append(nets, r.Network())
		}
	}
	return nets, nil
}

// Damaged lists networks whose record cannot be read, by rising ID. [Train] sets those of the
// grid aside; the others were imported, or belong to a spec of another day.
func (s *Store) Damaged() ([]*ErrDamaged, error) {
	ids, err := s.IDs()
	if err != nil {
		return nil, err
	}
	var all []*ErrDamaged
	for _, id := range ids {
		_, err := s.Record(id)
		var damaged *ErrDamaged
		if errors.As(err, &damaged) {
			all = append(all, damaged)
		}
	}
	return all, nil
}

// IDs lists the networks in the store, of the spec or not, by rising ID.
func (s *Store) IDs() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, modelsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, storeError(s.dir, err)
	}
	var ids []string
	for _, e := range entries {
		if isID(e.Name()) {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

func isID(s string) bool {
	return len(s) == 16 && strings.Trim(s, "0123456789abcdef") == ""
}

// version is the program's version, from the build.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
