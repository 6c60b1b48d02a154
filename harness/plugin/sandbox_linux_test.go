package plugin

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Confined, a plugin writes in its own folder and nowhere else.
func TestSandbox(t *testing.T) {
	elsewhere := t.TempDir()
	p, err := Start(t.Context(), program(t, "well", elsewhere), Options{Sandbox: SandboxRequire})
	if err != nil && strings.Contains(err.Error(), "the kernel cannot confine it") {
		if os.Getenv("GENBENCH_TEST_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip("needs a kernel with landlock: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	if out := ask(t, p, "writes-files", "n"); !strings.HasPrefix(out.Reason, "private: <nil>; elsewhere: open ") || !strings.HasSuffix(out.Reason, "permission denied") {
		t.Errorf("%+v; want its own folder writable and others not", out)
	}
	// The host itself must not be confined by what it did to its children.
	if err := os.WriteFile(elsewhere+"/host", nil, 0o600); err != nil {
		t.Errorf("the host cannot write any more: %v", err)
	}
	var core unix.Rlimit
	if err := unix.Prlimit(p.session.pid(), unix.RLIMIT_CORE, nil, &core); err != nil || core.Cur != 0 {
		t.Errorf("core limit %d, %v; want 0", core.Cur, err)
	}
	status, err := os.ReadFile("/proc/" + p.session.runner.ID() + "/status")
	if err != nil || !strings.Contains(string(status), "NoNewPrivs:\t1") {
		t.Errorf("the process may gain privileges: %v", err)
	}
}

func TestSandboxOffAndUnknown(t *testing.T) {
	elsewhere := t.TempDir()
	p := begin(t, program(t, "well", elsewhere), Options{Sandbox: SandboxOff})
	if out := ask(t, p, "writes-files", "n"); out.Reason != "private: <nil>; elsewhere: <nil>" {
		t.Errorf("%+v; want both writable", out)
	}
	if _, err := Start(t.Context(), program(t, "well"), Options{Sandbox: "strict"}); err == nil || !strings.Contains(err.Error(), "best-effort") {
		t.Errorf("an unknown sandbox: %v", err)
	}
}
