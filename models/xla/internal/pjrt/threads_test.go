//go:build linux && (amd64 || arm64) && xla

package pjrt

import (
	"runtime"
	"sync"
	"testing"
)

// TestThreadsEnd ends threads that have called the plugin, as those do that start plugins of measures. purego before v0.11 wrote the address of a call's arguments into its
// caller's frame, where in builds with cgo the way back from the thread's end is: the process died.
func TestThreadsEnd(t *testing.T) {
	p, err := Open(plugins(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.NewClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 20 {
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
				a, err := Put(c.Devices()[0], []float32{1, 2, 3}, 3)
				if err != nil {
					t.Error(err)
					return
				}
				a.Free()
			})
		}
		wg.Wait()
	}
}
