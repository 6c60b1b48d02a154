package corpora

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrDamaged reports that files of a network are not what was written. The
// network is to be set aside ([Store.SetAside]) and trained or imported again, never used; [Train] does the former.
type ErrDamaged struct {
	ID, Path string
	Reason   string
}

func (e *ErrDamaged) Error() string {
	return fmt.Sprintf("network %s is damaged: %s: %s", e.ID, e.Path, e.Reason)
}

// NewerError reports a file that a newer genbench wrote.
type NewerError struct {
	What          string
	Schema, Known int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s has schema %d, this genbench knows up to %d; use the newer genbench that wrote it, or another store", e.What, e.Schema, e.Known)
}

// OtherCorpusError reports a store that holds another corpus.
type OtherCorpusError struct {
	Dir      string
	Has      string // name of the corpus in the store
	Asked    string
	Mismatch string // what differs, of corpora of the same name
}

func (e *OtherCorpusError) Error() string {
	if e.Has != e.Asked {
		return fmt.Sprintf("store %s holds the corpus %q, not %q; give another folder with --store", e.Dir, e.Has, e.Asked)
	}
	return fmt.Sprintf("store %s holds another corpus named %q: %s; give another folder with --store, or make it an axis that has both values", e.Dir, e.Has, e.Mismatch)
}

// EngineError reports that training would put networks of two engines into one store.
type EngineError struct {
	Dir        string
	Has, Asked string // engines
	Count      int    // networks that Has trained
}

func (e *EngineError) Error() string {
	return fmt.Sprintf("store %s holds %d networks trained by %s, and this run trains with %s: their values agree within bounds, not in bits; "+
		"choose the same engine with --engine (and --group-size, where its name ends in -gm or -g and a number), or another folder with --store", e.Dir, e.Count, e.Has, e.Asked)
}

// DataError reports that a data set is not the one that networks of the store were trained on.
type DataError struct {
	Set        string
	Has, Found string // checksums
}

func (e *DataError) Error() string {
	return fmt.Sprintf("data set %s has changed: the store's networks saw the content %.12s, the files at hand are %.12s; "+
		"give the original files with --data, or another folder with --store", e.Set, e.Has, e.Found)
}

// LockedError reports that another run holds the store.
type LockedError struct {
	Dir    string
	Holder Holder
}

func (e *LockedError) Error() string {
	who := "another process"
	if h := e.Holder; h.PID != 0 {
		who = fmt.Sprintf("process %d on %s, since %s", h.PID, h.Host, h.Start.Format("2006-01-02 15:04:05 MST"))
	}
	return fmt.Sprintf("store %s is in use by %s; wait for it to end, or give another folder with --store", e.Dir, who)
}

// storeError says what to do about a store that cannot be written.
func storeError(dir string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("store %s: the disk is full; free space and run again, finished networks are kept: %w", dir, err)
	case errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return fmt.Errorf("store %s cannot be written; give another folder with --store: %w", dir, err)
	}
	return fmt.Errorf("store %s: %w", dir, err)
}
