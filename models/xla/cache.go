//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/genbench/genbench/models/xla/internal/pjrt"
)

// keptPrograms is how many compiled programs that nobody uses are kept. XLA's code on a processor takes tens of memory mappings a program, and Linux
// gives a process 65,530 of them.
const keptPrograms = 128

// cache is the programs compiled for one client, by device, options and text. Engines share them: measures make a session for every network, with the same programs.
type cache struct {
	mu       sync.Mutex
	clock    int64
	compiled map[[sha256.Size]byte]*program
}

// program is compiled once, by the first who asks; others wait.
type program struct {
	once sync.Once
	exe  *pjrt.Executable
	err  error

	// Under the cache's lock.
	users int
	used  int64 // on the cache's clock
}

func newCache() *cache { return &cache{compiled: map[[sha256.Size]byte]*program{}} }

// compile compiles a program, or answers the one compiled before. It is the caller's to release.
func (e *engine) compile(s source) (*program, error) {
	p := e.cache.acquire(sha256.Sum256(fmt.Append(nil, e.device.Index, e.debug, s.text))) // fmt prints maps in the order of their keys
	p.once.Do(func() { p.exe, p.err = e.device.Compile(s.text, s.results, e.debug) })
	if p.err != nil {
		e.cache.release(p)
		return nil, p.err
	}
	return p, nil
}

func (c *cache) acquire(key [sha256.Size]byte) *program {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.compiled[key]
	if p == nil {
		p = &program{}
		c.compiled[key] = p
	}
	p.users++
	return p
}

// release gives a program back, and frees the one that has not been used for longest where too many are kept.
func (c *cache) release(p *program) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock++
	p.users, p.used = p.users-1, c.clock
	unused := 0
	var oldest *program
	var at [sha256.Size]byte
	for key, other := range c.compiled {
		if other.users > 0 {
			continue
		}
		if unused++; oldest == nil || other.used < oldest.used {
			oldest, at = other, key
		}
	}
	if unused > keptPrograms {
		delete(c.compiled, at)
		oldest.exe.Free()
	}
}
