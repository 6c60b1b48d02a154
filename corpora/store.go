package corpora

import (
	"context"
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

	readOnly bool

	mu      sync.Mutex
	meta    corpusFile
	pending bool   // the folder and its corpus.json are yet to be made
	held    int    // times that this Store holds the lock
	unlock  func() // gives it up; nil when held is 0
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

// OpenStore opens the store in dir for the corpus; where there is none, the first [Store.Lock] or
// write makes it, so that a run that comes to nothing leaves nothing. A store of another corpus is refused
// ([OtherCorpusError]), and so is one that a newer program wrote ([NewerError]). A corpus that has grown (new
// values, a fixed hyperparameter that became an axis) is the same corpus, and
// the store notes the new spec; networks outside the spec stay and are not scored.
func OpenStore(dir string, spec *Spec) (*Store, error) {
	return openStore(dir, spec, disk{})
}

func openStore(dir string, spec *Spec, d disk) (*Store, error) {
	s, before, err := openAs(dir, spec)
	if errors.Is(err, fs.ErrNotExist) {
		s = &Store{dir: dir, disk: d, pending: true, meta: corpusFile{Schema: StoreSchemaVersion, Spec: spec}}
		return s, s.mayCreate()
	}
	if err != nil {
		return nil, err
	}
	s.disk = d
	was, _ := json.Marshal(before)
	is, err := json.Marshal(s.meta.Spec)
	if err != nil {
		return nil, storeError(dir, err)
	}
	if string(was) != string(is) {
		if err := s.writeCorpusFile(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// OpenExisting opens the store in dir for the corpus as [OpenStore] does, with the same refusals, but
// only to read: a store that is not there is an error (fs.ErrNotExist), a spec that has grown is used and
// not noted, and whatever would write ([Store.Lock], [Store.Put], ...) answers [ErrReadOnly].
func OpenExisting(dir string, spec *Spec) (*Store, error) {
	s, _, err := openAs(dir, spec)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notAStore(dir, err)
	}
	if err != nil {
		return nil, err
	}
	s.readOnly = true
	return s, nil
}

// openAs reads the store in dir, which must be of that corpus, and takes over the spec; before is the one that it has.
func openAs(dir string, spec *Spec) (s *Store, before *Spec, err error) {
	meta, err := readCorpusFile(dir)
	if err != nil {
		return nil, nil, err
	}
	before = meta.Spec
	if err := sameCorpus(dir, before, spec); err != nil {
		return nil, nil, err
	}
	if !before.Imported { // the axes of an imported corpus are those of its networks
		meta.Spec = spec
	}
	return &Store{dir: dir, meta: meta}, before, nil
}

func notAStore(dir string, err error) error {
	return fmt.Errorf("%s is not a store: it has no %s: %w", dir, corpusName, err)
}

// LoadStore opens an existing store with the corpus that it holds.
func LoadStore(dir string) (*Store, error) {
	meta, err := readCorpusFile(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notAStore(dir, err)
	}
	if err != nil {
		return nil, err
	}
	return &Store{dir: dir, meta: meta}, nil
}

// mayCreate refuses a folder that holds something else, so that a mistyped --store does not litter it.
func (s *Store) mayCreate() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return storeError(s.dir, err)
	}
	ours := []string{lockName, groupsName, modelsName, damagedName, "values", "cache", "report"} // a store that lost its corpus.json
	for _, e := range entries {
		if name := e.Name(); !slices.Contains(ours, name) && !strings.HasPrefix(name, ".") {
			return fmt.Errorf("%s is not a store and holds other files (%s, ...); give a new or empty folder with --store", s.dir, name)
		}
	}
	return nil
}

// ErrReadOnly is answered by what would write to a store of [OpenExisting].
var ErrReadOnly = errors.New("the store was opened to be read only")

// writable makes a store that is yet to be made; whoever writes calls it first. s.mu must be held.
func (s *Store) writable() error {
	if s.readOnly {
		return fmt.Errorf("store %s: %w", s.dir, ErrReadOnly)
	}
	if !s.pending {
		return nil
	}
	if err := s.disk.mkdirAll(filepath.Join(s.dir, modelsName)); err != nil {
		return storeError(s.dir, err)
	}
	// Another process may have made the store meanwhile, for another corpus.
	meta, err := readCorpusFile(s.dir)
	switch {
	case err == nil:
		if err := sameCorpus(s.dir, meta.Spec, s.meta.Spec); err != nil {
			return err
		}
		s.meta.Data = meta.Data
		if meta.Spec.Imported {
			s.meta.Spec = meta.Spec
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := s.writeCorpusFile(); err != nil {
		return err
	}
	s.pending = false
	return nil
}

func readCorpusFile(dir string) (corpusFile, error) {
	path := filepath.Join(dir, corpusName)
	b, err := os.ReadFile(path)
	if reason := notAFile(path, err); reason != "" {
		return corpusFile{}, fmt.Errorf("%s %s; move it away, and the next run writes it anew beside the networks", path, reason)
	}
	if err != nil {
		return corpusFile{}, fmt.Errorf("opening the store: %w", err)
	}
	if err := checkSchema(b, "store "+dir, StoreSchemaVersion); err != nil {
		return corpusFile{}, err
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
	if err := s.writable(); err != nil {
		return err
	}
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
// Of an imported network whose record cannot be read only the ID is known; it is
// among them, so that it is reported and not passed over.
func (s *Store) Networks() ([]Network, error) { return s.NetworksContext(context.Background()) }

// NetworksContext is [Store.Networks] that ends with the cause when ctx is cancelled.
func (s *Store) NetworksContext(ctx context.Context) ([]Network, error) {
	spec := s.Spec()
	nets, err := spec.NetworksContext(ctx)
	if err != nil {
		return nil, err
	}
	ids, err := s.outside(nets)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		r, err := s.Record(id)
		var damaged *ErrDamaged
		switch {
		case errors.As(err, &damaged):
			if spec.Imported || s.looksImported(id) {
				nets = append(nets, Network{ID: id, Imported: true})
			}
		case err != nil:
			return nil, err
		case r.Imported():
			nets = append(nets, r.Network())
		}
	}
	return nets, nil
}

// outside lists the networks in the store that are not among nets, by rising ID.
func (s *Store) outside(nets []Network) ([]string, error) {
	ids, err := s.IDs()
	if err != nil {
		return nil, err
	}
	inside := make(map[string]bool, len(ids))
	for _, id := range ids {
		inside[id] = false
	}
	for i := range nets {
		if _, there := inside[nets[i].ID]; there {
			inside[nets[i].ID] = true
		}
	}
	return slices.DeleteFunc(ids, func(id string) bool { return inside[id] }), nil
}

// looksImported guesses whether a network whose record cannot be read was imported: what genbench
// trains has a history, what is imported has none.
func (s *Store) looksImported(id string) bool {
	_, err := os.Lstat(s.path(id, historyName))
	return errors.Is(err, fs.ErrNotExist)
}

// present is the set of the store's networks: one look at the folder instead of one a network.
// A nil Store has none.
func (s *Store) present() (map[string]bool, error) {
	if s == nil {
		return nil, nil
	}
	ids, err := s.IDs()
	if err != nil {
		return nil, err
	}
	there := make(map[string]bool, len(ids))
	for _, id := range ids {
		there[id] = true
	}
	return there, nil
}

// Damaged lists networks whose record cannot be read, by rising ID. [Train] sets those of the
// grid aside, and imported ones; the others belong to a spec of another day.
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
