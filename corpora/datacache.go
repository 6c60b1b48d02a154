package corpora

import (
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/genbench/genbench/corpora/dataset"
)

// defaultCacheBytes bounds what a DataCache keeps when nobody uses it.
const defaultCacheBytes = 2 << 30

// DataCache opens data sets and builds examples once for all who ask at the
// same time, and keeps what was used last within a bound. It is safe for concurrent use.
type DataCache struct {
	dir   string
	limit int64

	mu    sync.Mutex
	clock int64
	sets  map[string]*once[*dataset.Set]
	built map[dataKey]*once[*dataset.Data]
}

type dataKey struct {
	set       string
	transform dataset.Transform
}

// once is a value that one caller makes and others wait for.
type once[T any] struct {
	ready chan struct{}
	value T
	err   error
	used  int64 // on the cache's clock
	bytes int64 // 0 until ready
}

// NewDataCache makes a cache of data sets found in dir ([dataset.Open]).
func NewDataCache(dir string) *DataCache {
	return &DataCache{dir: dir, limit: defaultCacheBytes, sets: map[string]*once[*dataset.Set]{}, built: map[dataKey]*once[*dataset.Data]{}}
}

// Set opens a data set.
func (c *DataCache) Set(name string) (*dataset.Set, error) {
	return single(c, c.sets, name, func(*dataset.Set) int64 { return 0 }, func() (*dataset.Set, error) {
		return dataset.Open(name, c.dir)
	})
}

// Get builds the examples that the transform makes of the set. They are read-only. Examples that differ
// in how labels are shuffled share their inputs, and only those without shuffling are kept.
func (c *DataCache) Get(set string, t dataset.Transform) (*dataset.Data, error) {
	if t.LabelShuffle > 0 && t.Validate() == nil {
		base, err := c.Get(set, t.Unshuffled())
		if err != nil {
			return nil, err
		}
		s, err := c.Set(set)
		if err != nil {
			return nil, err
		}
		return dataset.Relabel(base, s, t)
	}
	return single(c, c.built, dataKey{set, t.Canonical()}, dataBytes, func() (*dataset.Data, error) {
		s, err := c.Set(set)
		if err != nil {
			return nil, err
		}
		return dataset.Build(s, t)
	})
}

// Labelled is [DataCache.Get] with other labels to train on (labels [N], in [0, K), in the order of the
// training examples), for networks whose labels no transform makes; nil labels are the
// transform's own. The clean labels, the inputs and the test examples stay. The hash
// is then the SHA-256 of "genbench/train-labels/HASH/" and the labels in decimal, a comma after each.
func (c *DataCache) Labelled(set string, t dataset.Transform, labels []int32) (*dataset.Data, error) {
	d, err := c.Get(set, t)
	if err != nil || labels == nil {
		return d, err
	}
	switch {
	case t.LabelShuffle != 0:
		return nil, fmt.Errorf("train_labels: transform.label_shuffle is %v beside them; set it to 0: the labels say it all", t.LabelShuffle)
	case len(labels) != d.Train.Len():
		return nil, fmt.Errorf("train_labels: %d labels for %d training examples; give one for each, in their order", len(labels), d.Train.Len())
	}
	text := []byte("genbench/train-labels/" + d.Hash + "/")
	var changed []int
	for i, y := range labels {
		if y < 0 || int(y) >= d.Classes {
			return nil, fmt.Errorf("train_labels[%d]: %d is not a class; give one in [0, %d)", i, y, d.Classes)
		}
		if y != d.Train.Clean[i] {
			changed = append(changed, i)
		}
		text = append(strconv.AppendInt(text, int64(y), 10), ',')
	}
	if changed == nil {
		return d, nil // the labels are the set's: the same data has one hash
	}
	other := *d
	other.Train.Y, other.Train.Changed = slices.Clone(labels), changed
	other.ChangedFraction = float64(len(changed)) / float64(len(labels))
	other.Hash = fileSum(text)
	return &other, nil
}

// For builds the examples that a network was trained and tested on, and
// refuses others than those of its record ([DataError]).
func (c *DataCache) For(r *Record) (*dataset.Data, error) {
	d, err := c.Labelled(r.DataSet, r.Transform, r.TrainLabels)
	if err != nil {
		return nil, err
	}
	if d.Hash == r.DataHash {
		return d, nil
	}
	s, err := c.Set(r.DataSet)
	if err != nil {
		return nil, err
	}
	if s.Checksum != r.DataChecksum {
		return nil, &DataError{Set: r.DataSet, Has: r.DataChecksum, Found: s.Checksum}
	}
	return nil, fmt.Errorf("network %s: its examples cannot be rebuilt: they were made by another version of genbench (data hash %.12s, now %.12s); train into a new store", r.ID, r.DataHash, d.Hash)
}

// single answers the value of key, made once; failures are not kept, so that a
// later call tries again.
func single[K comparable, T any](c *DataCache, m map[K]*once[T], key K, size func(T) int64, build func() (T, error)) (T, error) {
	c.mu.Lock()
	c.clock++
	if o, ok := m[key]; ok {
		o.used = c.clock
		c.mu.Unlock()
		<-o.ready
		return o.value, o.err
	}
	o := &once[T]{ready: make(chan struct{}), used: c.clock}
	m[key] = o
	c.mu.Unlock()

	o.value, o.err = build()
	close(o.ready)

	c.mu.Lock()
	defer c.mu.Unlock()
	if o.err != nil {
		delete(m, key)
	} else {
		o.bytes = size(o.value)
		c.evict()
	}
	return o.value, o.err
}

// evict drops the examples used longest ago until the rest fit; whoever still
// uses them keeps them alive. The newest always stays.
func (c *DataCache) evict() {
	for {
		var total int64
		var oldest dataKey
		at, n := int64(-1), 0
		for key, o := range c.built {
			total += o.bytes
			if o.bytes == 0 {
				continue // still being built
			}
			n++
			if at < 0 || o.used < at {
				oldest, at = key, o.used
			}
		}
		if total <= c.limit || n < 2 {
			return
		}
		delete(c.built, oldest)
	}
}

// dataBytes is the memory of the examples, at least 1.
func dataBytes(d *dataset.Data) int64 {
	n := int64(1)
	for _, s := range []*dataset.Split{&d.Train, &d.Test} {
		n += int64(len(s.X))*4 + int64(len(s.Y))*8 + int64(len(s.Index)+len(s.Changed))*8 + int64(len(s.Native))
	}
	return n
}
