package plugin

import (
	"bytes"
	"strings"
	"sync"
)

// tailBytes is how much of a plugin's standard error is kept.
const tailBytes = 4 << 10

// tail keeps the last of what a plugin writes to standard error, and the line
// that tells why it died: a Go panic begins with that line and may go on for
// much longer than the tail.
type tail struct {
	log func(line string)

	mu   sync.Mutex
	line []byte // being written
	kept []byte
	why  string
}

// Write takes a piece of standard error.
func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	t.mu.Lock()
	var lines []string
	for {
		end := bytes.IndexByte(p, '\n')
		piece := p
		if end >= 0 {
			piece = p[:end]
		}
		t.line = append(t.line, piece[:min(len(piece), tailBytes-len(t.line))]...)
		if end < 0 {
			break
		}
		p = p[end+1:]
		line := strings.ToValidUTF8(string(t.line), "?")
		t.line = t.line[:0]
		if t.why == "" && (strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")) {
			t.why = line
		}
		t.kept = append(append(t.kept, line...), '\n')
		lines = append(lines, line)
	}
	if over := len(t.kept) - tailBytes; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	t.mu.Unlock()
	for _, line := range lines {
		t.log(line)
	}
	return n, nil
}

// forget drops the reason of an earlier Compute: a panic that the SDK caught.
func (t *tail) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.why = ""
	t.kept = t.kept[:0]
}

// text is all that is kept.
func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(strings.ToValidUTF8(string(t.kept)+string(t.line), "?"))
}

// isProtocol reports whether a line is go-plugin's: a log entry, or a handshake
// that came too late.
func isProtocol(line string) bool {
	return strings.HasPrefix(line, `{"@level":"`) && !strings.HasPrefix(line, `{"@level":"error"`) ||
		strings.HasPrefix(line, "1|") && strings.Contains(line, "|grpc|")
}

// reason is the line that says the most: the panic's, or else the last one that is
// not go-plugin's.
func (t *tail) reason() string {
	text := t.text()
	t.mu.Lock()
	defer t.mu.Unlock()
	why := t.why
	for rest := text; why == "" && rest != ""; {
		i := strings.LastIndexByte(rest, '\n') + 1
		if line := rest[i:]; !isProtocol(line) {
			why = line
		}
		rest = strings.TrimSpace(rest[:i])
	}
	if len(why) > 300 {
		why = strings.ToValidUTF8(why[:300], "") + "..."
	}
	return why
}
