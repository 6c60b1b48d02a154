// Package importer takes networks that were trained elsewhere into a store, so
// that everything works on them as on those that genbench trained.
//
// A network is a folder with
//
//	final.safetensors   its tensors
//	init.safetensors    the tensors before training; may be missing, and measures that need them are then skipped
//	record.json         what it is, by corpora/record.schema.json
//
// Of the record these fields are needed, and all others may be left out:
//
//	data_set, transform         what the examples are made of
//	config, seed                its place among the others
//	train.accuracy, test.accuracy   what it is claimed to do
//	architecture, or family     what it is; the sizes of an mlp, a nin, a vgg or a resnet18, 34, 50 or 101 are read from the tensors, and its stem from stem
//
// A network trained on labels that no transform makes (shuffled elsewhere) says them in train_labels: a
// class for every training example, in the order of the set. They are what its accuracy in training is held against.
//
// Nothing is taken on trust: the examples are rebuilt, the network is
// evaluated, and one whose claimed accuracy does not hold is refused. The usual causes
// are other pixels (normalisation, order of axes), another subset, and layers that the
// architecture does not mention.
package importer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/models"
)

// Names of a network's files.
const (
	recordName = "record.json"
	finalName  = "final.safetensors"
	initName   = "init.safetensors"
)

// Refusal is a network that was not taken, and why.
type Refusal struct {
	Path string // its folder
	Err  error
}

// Error names the folder and the reason.
func (r Refusal) Error() string {
	switch {
	case r.Err == nil:
		return r.Path + ": refused"
	case strings.HasPrefix(r.Err.Error(), r.Path):
		return r.Err.Error() // it names the file
	}
	return r.Path + ": " + r.Err.Error()
}

// Unwrap gives the reason.
func (r Refusal) Unwrap() error { return r.Err }

// Import takes the network in dir, or all networks in its subfolders, into the
// store, and answers how many it holds now that came from here: those that were
// already there count. A network that cannot be taken is refused and costs only itself; err is about the run:
// nothing to import, a store that cannot be written or is in use, ctx cancelled. The
// store's lock is held meanwhile.
func Import(ctx context.Context, dir string, s *corpora.Store, e models.Engine, dataDir string) (n int, refused []Refusal, err error) {
	folders, err := networksIn(dir)
	if err != nil {
		return 0, nil, fmt.Errorf("importing: %w", err)
	}
	release, err := s.Lock()
	if err != nil {
		return 0, nil, err
	}
	defer release()
	im := &importing{store: s, engine: e, data: corpora.NewDataCache(dataDir)}
	if err := im.survey(ctx); err != nil {
		return 0, nil, err
	}
	for _, folder := range folders {
		if ctx.Err() != nil {
			return n, refused, context.Cause(ctx)
		}
		c, err := im.read(folder)
		if err == nil {
			err = im.place(c)
		}
		var fatal *storeFailure
		switch {
		case errors.As(err, &fatal):
			return n, refused, fatal.err
		case err != nil:
			refused = append(refused, Refusal{Path: folder, Err: err})
		default:
			n++
		}
	}
	return n, refused, nil
}

// networksIn lists the folders to import: dir itself, or its subfolders that hold a network's files.
func networksIn(dir string) ([]string, error) {
	if holdsNetwork(dir) {
		return []string{dir}, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var folders []string
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); holdsNetwork(path) {
			folders = append(folders, path)
		}
	}
	if len(folders) == 0 {
		return nil, fmt.Errorf("%s holds no network: neither it nor a folder in it has %s or %s", dir, recordName, finalName)
	}
	return folders, nil
}

func holdsNetwork(dir string) bool {
	for _, name := range []string{recordName, finalName} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// importing is one call of Import.
type importing struct {
	store  *corpora.Store
	engine models.Engine
	data   *corpora.DataCache
	places map[string]string // settings and seed -> the network of the corpus that has them; see [place]
}

// place is what must tell a network from all others of its corpus. Values are compared as statistics
// group them, as texts.
func place(config []corpora.Setting, seed int64) string { return fmt.Sprintf("%q %d", config, seed) }

// survey notes the places of the corpus that are taken, those of the grid included: a point of it that is not trained yet will be.
func (im *importing) survey(ctx context.Context) error {
	nets, err := im.store.NetworksContext(ctx)
	if err != nil {
		return err
	}
	im.places = make(map[string]string, len(nets))
	for i := range nets {
		if n := &nets[i]; len(n.Arch.Layers) > 0 { // else its record cannot be read
			im.places[place(n.Config, n.Seed)] = n.ID
		}
	}
	return nil
}

// storeFailure ends the run.
type storeFailure struct{ err error }

func (f *storeFailure) Error() string { return f.err.Error() }

// place writes a network into the store, unless it is there.
func (im *importing) place(c *corpora.Contents) error {
	ids, err := im.store.IDs()
	if err != nil {
		return &storeFailure{err}
	}
	final := c.Final.Hash()
	for _, id := range ids {
		r, err := im.store.Record(id)
		if err != nil {
			continue // damaged: importing it again replaces it, if it is this one
		}
		switch {
		case r.Tensors.FinalSHA256 != final || r.DataHash != c.Record.DataHash:
		case r.ID != c.Record.ID:
			return fmt.Errorf("its tensors and data are those of network %s, which is in the store with other settings (%s); a network counts once", id, name(r))
		case sound(im.store, r):
			return nil
		}
	}
	at := place(c.Record.Config, c.Record.Seed)
	if id, taken := im.places[at]; taken && id != c.Record.ID {
		return fmt.Errorf("network %s of the corpus has the same settings and the same seed (%s); "+
			"give networks that differ in chance alone different seeds, and others a setting that tells them apart", id, name(c.Record))
	}
	if err := im.store.NoteData(c.Record.DataSet, c.Record.DataChecksum); err != nil {
		if errors.As(err, new(*corpora.DataError)) {
			return err
		}
		return &storeFailure{err}
	}
	if err := im.store.Put(*c); err != nil {
		return &storeFailure{err}
	}
	im.places[at] = c.Record.ID
	// After every network, so that a kill leaves a corpus that knows its axes.
	if err := im.store.UpdateImported(); err != nil {
		return &storeFailure{err}
	}
	return nil
}

func name(r *corpora.Record) string {
	n := r.Network()
	return n.String()
}

func sound(s *corpora.Store, r *corpora.Record) bool {
	if _, _, err := s.LoadNetwork(r); err != nil {
		return false
	}
	_, err := s.TestCorrect(r.ID)
	return err == nil
}

// readFile reads a file of a bounded size.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s is missing: %w", path, err)
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder, not a file; put the file there", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	case info.Size() == 0:
		return nil, fmt.Errorf("%s is empty; write it again", path)
	case info.Size() > limit:
		return nil, fmt.Errorf("%s has %d bytes, more than the %d that are sensible", path, info.Size(), limit)
	}
	return os.ReadFile(path)
}
