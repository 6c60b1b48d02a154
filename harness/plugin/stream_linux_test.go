package plugin

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

// Where the plugin cannot open the host's file, the bytes come over the wire: the
// path is of a descriptor of the host's, which in the plugin names nothing.
func TestStreamedQuantity(t *testing.T) {
	p := begin(t, program(t, "well"), Options{})
	f := newFake(t)
	file, err := os.Open(f.margins)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const high = 900 // far above the descriptors that a plugin has open
	if err := syscall.Dup3(int(file.Fd()), high, syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(high)
	f.margins = fmt.Sprintf("/proc/self/fd/%d", high)
	for _, network := range []string{"asked for", "given"} {
		out := p.Compute(t.Context(), Request{Measure: "margin-sum", Network: network, Provider: f})
		if out.Status != OK || out.Value != 7 {
			t.Errorf("%s: %+v; want 7", network, out)
		}
	}
}
