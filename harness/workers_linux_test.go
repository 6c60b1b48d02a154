package harness_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/harness/result"
)

// TestWorkersHaveTheSamePlugin: a program that describes itself otherwise to the second worker is not asked by it;
// the first worker's answers stand, and both say with what they were had.
func TestWorkersHaveTheSamePlugin(t *testing.T) {
	if testing.Short() {
		t.Skip("short tests: this one trains networks")
	}
	run := newHostileRun(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := run.options
	o.Plugin.Sandbox, o.Plugin.ComputeTimeout, o.Jobs = plugin.SandboxOff, time.Minute, 2
	o.Programs = []plugin.Program{{Name: "hostile", Path: exe, SHA256: "", Args: []string{"hostile", "unsteady", o.Store.Dir(), run.listener}}}
	said := map[string]int{}
	if err := measureAll(t, o, run.records, func(r *result.Result) {
		switch {
		case r.Status == result.OK && r.Plugin.Sandbox == "none: the sandbox is off" && r.Plugin.SDK == "go 1" && r.Plugin.Protocol == 1 && r.Plugin.Path == exe:
			said["ok"]++
		case strings.Contains(r.Reason, "starting plugin hostile again: hostile: the version was ") && strings.Contains(r.Reason, "has to answer what it measures alike every time"):
			said["refused"]++
		default:
			t.Errorf("%+v", r)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if said["ok"] != 2 || said["refused"] != 2 {
		t.Errorf("%v of two networks and two measures, want 2 and 2", said)
	}
}
