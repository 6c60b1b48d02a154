package measure

import "sync"

// shared keeps the mapped quantities of one network from one Compute to the
// next: several measures of a program read the same, and asking and mapping
// again cost more than most of them compute. A measure is given what it
// declared only, and the host is told of it, which checks that again.
type shared struct {
	mu      sync.Mutex
	network string
	users   int
	stale   bool // another network has come
	arrays  map[string][]array
	release []func()
}

// sharedOf returns what is kept of the network, which the host names by a number
// drawn for it; what is kept of another is let go when nobody reads it any more.
func (s *server) sharedOf(network string) *shared {
	if network == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil || s.kept.network != network {
		if s.kept != nil {
			s.kept.retire()
		}
		s.kept = &shared{network: network, arrays: map[string][]array{}}
	}
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	s.kept.users++
	return s.kept
}

func (k *shared) find(key string) ([]array, bool) {
	if k == nil {
		return nil, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	a, ok := k.arrays[key]
	return a, ok
}

// keep takes over the mapped files of a quantity. It answers false, and takes
// nothing, for one that is there already.
func (k *shared) keep(key string, a []array, release func()) bool {
	if k == nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.arrays[key]; ok {
		return false
	}
	k.arrays[key] = a
	k.release = append(k.release, release)
	return true
}

func (k *shared) retire() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stale = true
	k.close()
}

// leave ends one Compute's use.
func (k *shared) leave() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.users--
	k.close()
}

func (k *shared) close() {
	if !k.stale || k.users > 0 {
		return
	}
	for _, f := range k.release {
		f()
	}
	k.release = nil
}
