package corpora

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Holder is who holds a store.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Start time.Time `json:"start"`
}

var errLocked = errors.New("locked")

// Lock keeps other processes from writing to the store until release is
// called; the system does so if the process dies. A store that another process
// holds is a [*LockedError]. The caller that gets the lock also gets a store
// swept of what killed runs left. Locks of one Store nest.
func (s *Store) Lock() (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readOnly {
		return nil, s.writable()
	}
	if s.held == 0 {
		if s.pending {
			if err := s.disk.mkdirAll(s.dir); err != nil {
				return nil, storeError(s.dir, err)
			}
		}
		unlock, err := s.lockFile()
		if err != nil {
			return nil, err
		}
		if err = s.sweep(); err == nil {
			err = s.writable()
		}
		if err != nil {
			unlock()
			return nil, err
		}
		s.unlock = unlock
	}
	s.held++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.held--; s.held == 0 {
			s.unlock()
		}
	}), nil
}

func (s *Store) lockFile() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(s.dir, lockName), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, storeError(s.dir, err)
	}
	if err := lockFile(f); err != nil {
		defer f.Close()
		if !errors.Is(err, errLocked) {
			return nil, storeError(s.dir, err)
		}
		e := &LockedError{Dir: s.dir}
		// A holder that has not yet written its name is "another process".
		if b, err := io.ReadAll(io.LimitReader(f, 1<<12)); err == nil {
			_ = json.Unmarshal(b, &e.Holder)
		}
		return nil, e
	}
	host, _ := os.Hostname() // "" is as good as nothing
	b, err := json.Marshal(Holder{PID: os.Getpid(), Host: host, Start: time.Now().Truncate(time.Second)})
	if err == nil {
		if err = f.Truncate(0); err == nil {
			_, err = f.WriteAt(append(b, '\n'), 0)
		}
	}
	if err != nil {
		f.Close()
		return nil, storeError(s.dir, err)
	}
	return func() {
		// The file stays: removing it would let two processes lock two files of one name.
		_ = f.Truncate(0)
		f.Close()
	}, nil
}
