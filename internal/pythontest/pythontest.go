// Package pythontest finds the Python of tests that run it.
package pythontest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Path is the Python that $GENBENCH_TEST_PYTHON names, or the system's.
func Path() string {
	if program := os.Getenv("GENBENCH_TEST_PYTHON"); program != "" {
		return program
	}
	return "/usr/bin/python3"
}

// Program is Path where it imports the modules ("numpy, scipy.stats"); where it does not the test is
// skipped, or fails with $GENBENCH_TEST_ALL=1.
func Program(t testing.TB, modules string) string {
	t.Helper()
	program := Path()
	out, err := exec.Command(program, "-c", "import "+modules).CombinedOutput()
	if err == nil {
		return program
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	const format = "%s with %s is missing (GENBENCH_TEST_PYTHON names another): %v %s"
	if os.Getenv("GENBENCH_TEST_ALL") == "1" {
		t.Fatalf(format, program, modules, err, lines[len(lines)-1])
	}
	t.Skipf(format, program, modules, err, lines[len(lines)-1])
	return ""
}
