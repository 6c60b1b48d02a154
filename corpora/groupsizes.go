package corpora

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/genbench/genbench/models"
)

// GroupSizes say how many networks an engine that trains many of one shape at once takes together. Bits may depend on it, so all but the engine's own choice is part of the engine's
// name in records, "xla/cuda-g16" or "xla/cuda-gm", and [Train] does not mix them in one store.
type GroupSizes struct {
	Fixed    int  // 0: the engine's choice
	Measured bool // by the clock, at a shape's first group; kept in the store, from which later runs take it
}

// suffix is what sizes add to the engine's name.
func (g GroupSizes) suffix() string {
	switch {
	case g.Measured:
		return "-gm"
	case g.Fixed > 0:
		return fmt.Sprintf("-g%d", g.Fixed)
	}
	return ""
}

// check reports sizes that cannot be.
func (g GroupSizes) check(e models.Engine) error {
	if g == (GroupSizes{}) {
		return nil
	}
	if _, ok := e.(models.Grouping); !ok {
		return fmt.Errorf("engine %s trains each network by itself: it has no groups whose size could be chosen", e.Name())
	}
	if g.Fixed < 0 || g.Fixed > 0 && g.Measured {
		return fmt.Errorf("groups of %d networks, measured: %t; give one of the two", g.Fixed, g.Measured)
	}
	return nil
}

// sessionEngine is the engine by whose sessions a record's engine evaluates: its name without the size of groups.
func sessionEngine(name string) string {
	if i := strings.LastIndex(name, "-g"); i >= 0 {
		if _, err := strconv.Atoi(name[i+2:]); err == nil || name[i+2:] == "m" {
			return name[:i]
		}
	}
	return name
}

// GroupSize is a measured size of groups, an entry of groups.json.
type GroupSize struct {
	Shape    models.GroupShape `json:"shape"` // with the optimizer of its first network
	Engine   string            `json:"engine"`
	Device   string            `json:"device"`
	Compiler string            `json:"compiler"` // the plugin, with its version
	models.GroupTiming
}

// groupsFile is groups.json. A corpus keeps the sizes on whatever device it is trained further: they are part of its networks' bits.
type groupsFile struct {
	Schema          int         `json:"schema"`
	GenbenchVersion string      `json:"genbench_version"` // that wrote it last
	Sizes           []GroupSize `json:"sizes"`
}

const (
	groupsName          = "groups.json"
	groupsSchemaVersion = 1
)

// GroupSizes are the measured sizes of groups that the store has.
func (s *Store) GroupSizes() ([]GroupSize, error) {
	path := filepath.Join(s.dir, groupsName)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, storeError(s.dir, err)
	}
	if err := checkSchema(b, path, groupsSchemaVersion); err != nil {
		return nil, err
	}
	damaged := func(err error) error {
		return fmt.Errorf("%s is damaged: %w; remove it, and the sizes of groups are taken from the networks in the store, or measured anew", path, err)
	}
	var f groupsFile
	if err := decodeStrict(b, &f); err != nil {
		return nil, damaged(err)
	}
	for i, g := range f.Sizes {
		if err := g.Shape.Arch.Validate(); err != nil || g.Slots < 1 {
			return nil, damaged(fmt.Errorf("sizes[%d]: %d networks, %v", i, g.Slots, err))
		}
	}
	return f.Sizes, nil
}

// noteGroupSize adds a measured size.
func (s *Store) noteGroupSize(sizes []GroupSize, g GroupSize) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	b, err := json.MarshalIndent(groupsFile{groupsSchemaVersion, version(), append(sizes, g)}, "", " ")
	if err != nil {
		return storeError(s.dir, err)
	}
	if err := s.disk.replaceFile(filepath.Join(s.dir, groupsName), append(b, '\n')); err != nil {
		return storeError(s.dir, err)
	}
	return nil
}

// slots is how many networks of a shape to train together, 0 for the engine's choice; of so many that are to be trained now. What is wrong with the store stops the run.
func (t *training) slots(ctx context.Context, g models.Grouping, shape models.GroupShape, networks int, stop context.CancelCauseFunc) (int, error) {
	if !t.options.Groups.Measured {
		return t.options.Groups.Fixed, nil
	}
	sizes, slots, err := t.slotsKept(g, shape)
	if err != nil {
		stop(err)
	}
	if err != nil || slots > 0 {
		return slots, err
	}
	size := GroupSize{Shape: shape, Engine: g.Name()}
	size.Device, size.Compiler = g.Device()
	if size.GroupTiming, err = models.TimeGroups(ctx, g, shape, networks); err != nil {
		return 0, err
	}
	if err := t.store.noteGroupSize(sizes, size); err != nil {
		stop(err)
		return 0, err
	}
	t.event(TrainEvent{Kind: EventGroupSize, GroupSize: &size})
	return size.Slots, nil
}

// slotsKept is the size that groups of a shape had in this store, 0 where there were none: by groups.json, or where that was lost by the records.
func (t *training) slotsKept(g models.Grouping, shape models.GroupShape) (sizes []GroupSize, slots int, err error) {
	key, err := shapeKey(shape)
	if err != nil {
		return nil, 0, err
	}
	same := func(s models.GroupShape) bool {
		other, err := shapeKey(s)
		return err == nil && other == key
	}
	if sizes, err = t.store.GroupSizes(); err != nil {
		return nil, 0, err
	}
	for _, had := range sizes {
		if had.Engine == g.Name() && same(had.Shape) {
			return sizes, had.Slots, nil
		}
	}
	ids, err := t.store.IDs()
	if err != nil {
		return nil, 0, err
	}
	for _, id := range ids {
		r, err := t.store.Record(id)
		if err == nil && r.GroupSize > 0 && r.Engine == t.options.engineName() && same(models.ShapeOf(r.Architecture, r.Training, r.Train.N)) {
			return sizes, r.GroupSize, nil
		}
	}
	return sizes, 0, nil
}
