package plugin

import (
	"strings"
	"testing"
)

// TestConfinement: what a kernel offers is told as it is, and is enough for [SandboxRequire] or not.
func TestConfinement(t *testing.T) {
	for _, c := range []struct {
		held       Confinement
		said, lack string
	}{
		{Confinement{Landlock: 7, Files: true, TCP: true, Network: true, Signals: true}, "files, network, signals (landlock 7)", ""},
		{Confinement{Landlock: 4, Files: true, TCP: true}, "files, tcp (landlock 4)", ""},
		{Confinement{Landlock: 3, Files: true, Network: true}, "files, network (landlock 3)", ""},
		{Confinement{Landlock: 3, Files: true}, "files (landlock 3)", "cannot close the network to it (Landlock 3"},
		{Confinement{Network: true, Why: "no landlock: function not implemented"}, "network (landlock 0)", "cannot confine it (no landlock: function not implemented)"},
		{Confinement{Why: "no landlock: operation not permitted"}, "none: no landlock: operation not permitted", "cannot confine it"},
	} {
		if got := c.held.String(); got != c.said {
			t.Errorf("%q, want %q", got, c.said)
		}
		if err := c.held.enough(); (err == nil) != (c.lack == "") || err != nil && !strings.Contains(err.Error(), c.lack) {
			t.Errorf("%s: %v, want %q", c.said, err, c.lack)
		}
	}
}

// TestConfinedBy: a refusal names the flags where a plugin is confined, and nowhere else.
func TestConfinedBy(t *testing.T) {
	files := Confinement{Files: true}
	for _, c := range []struct {
		held   Confinement
		reason string
		said   bool
	}{
		{files, "PermissionError: [Errno 13] Permission denied: '/root/x', at measure.py:3 in f: open(p)", true},
		{files, "open /root/x: permission denied", true},
		{Confinement{Network: true}, "URLError: <urlopen error [Errno 13] Permission denied>", true},
		{files, "ZeroDivisionError: division by zero", false},
		{Confinement{}, "open /root/x: permission denied", false},
	} {
		if got := confinedBy(c.held, c.reason); (got != "") != c.said {
			t.Errorf("%+v, %s: %q", c.held, c.reason, got)
		}
	}
}
