package measure

import (
	"strings"
	"testing"
)

// TestShared: what one measure has read of a network serves the next one of the
// same program that declares it, and nobody else; it is let go with the network.
func TestShared(t *testing.T) {
	src := &fixed{arrays: []Array{{Name: "margins", DType: "f64", Shape: []int{2}, Path: file(t), Offset: 4160}}}
	s := &server{}
	read := func(network string, needs ...Need) (*Network, *shared) {
		n := NewNetwork(Meta{}, src)
		n.needs, n.shared = needs, s.sharedOf(network)
		m, err := n.TrainMargins(t.Context())
		if err != nil || m[0] != 1.5 || m[1] != -2 {
			t.Fatalf("margins %v, %v; want [1.5 -2]", m, err)
		}
		n.Release()
		return n, n.shared
	}
	asked := func(want int, when string) {
		t.Helper()
		if src.calls != want {
			t.Errorf("%s: the source was asked %d times, want %d", when, src.calls, want)
		}
	}
	_, first := read("a", TrainMargins)
	first.leave()
	asked(1, "the first measure")
	n, second := read("a", TrainMargins)
	asked(1, "the second measure")
	if len(n.reused) != 1 || n.reused[0].name != "train-margins" {
		t.Errorf("reused %v, want train-margins, for the host to charge", n.reused)
	}
	_, third := read("a", Weights) // the host would refuse it: it has to be asked
	asked(2, "a measure that does not declare the need")
	third.leave()

	_, other := read("b", TrainMargins)
	asked(3, "another network")
	if !second.stale || len(second.release) == 0 {
		t.Error("what is read by a Compute under way was let go")
	}
	second.leave()
	if len(second.release) != 0 {
		t.Error("what nobody reads any more was kept")
	}
	other.leave()
	if s.sharedOf("") != nil {
		t.Error("a network without a name is shared")
	}
}

// TestSharedStreams: arrays that are not mapped can be written to by a measure,
// so another must not be given them.
func TestSharedStreams(t *testing.T) {
	src := &fixed{arrays: []Array{{Name: "margins", DType: "f64", Shape: []int{1}, Data: []byte(strings.Repeat("\x00", 8))}}}
	s := &server{}
	for want := range 2 {
		n := NewNetwork(Meta{}, src)
		n.needs, n.shared = Needs{TrainMargins}, s.sharedOf("a")
		if _, err := n.TrainMargins(t.Context()); err != nil {
			t.Fatal(err)
		}
		if src.calls != want+1 {
			t.Errorf("the source was asked %d times, want %d", src.calls, want+1)
		}
		n.Release()
		n.shared.leave()
	}
}
