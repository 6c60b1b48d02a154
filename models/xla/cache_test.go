//go:build linux && (amd64 || arm64) && xla

package xla

import "testing"

// TestCache: programs in use are never dropped, and of the others the ones used last stay.
func TestCache(t *testing.T) {
	c := newCache()
	key := func(i int) (k [32]byte) {
		k[0], k[1] = byte(i), byte(i>>8)
		return k
	}
	busy := c.acquire(key(1000))
	for i := range keptPrograms + 50 {
		c.release(c.acquire(key(i)))
	}
	if n := len(c.compiled); n != keptPrograms+1 {
		t.Errorf("%d programs are kept, want %d and the one in use", n, keptPrograms)
	}
	if c.compiled[key(1000)] != busy {
		t.Error("the program in use is gone")
	}
	if c.compiled[key(49)] != nil || c.compiled[key(50)] == nil {
		t.Error("not the programs used last are kept")
	}
	if again := c.acquire(key(1000)); again != busy || busy.users != 2 {
		t.Errorf("asked for again: %d users of the same", busy.users)
	}
}
