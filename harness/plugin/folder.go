package plugin

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// longestFolder is how long a session's folder may be: a socket's whole path has
// at most 107 bytes, of which go-plugin's names take up to 38.
const longestFolder = 107 - 38

// folderPattern is the name of a folder that sweep finds again.
func folderPattern() string { return fmt.Sprintf("gb%d-*", os.Getpid()) }

// makeFolder makes a private folder for one process, beneath parent or, where
// that is too long a path for sockets, beneath /tmp.
func makeFolder(parent string) (string, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	parent, err := filepath.Abs(parent)
	if err != nil {
		return "", err
	}
	pattern := folderPattern()
	if len(parent)+len(pattern)+10 > longestFolder {
		parent = "/tmp"
	}
	sweep(parent)
	dir, err := os.MkdirTemp(parent, pattern)
	if err != nil {
		return "", fmt.Errorf("making a folder for its sockets (TMPDIR may name another place): %w", err)
	}
	return dir, nil
}

var folderName = regexp.MustCompile(`^gb([0-9]+)-[0-9]+$`)

// swept are the folders that this process has looked through: a temporary folder may hold thousands of files.
var swept sync.Map

// sweep removes the folders of hosts that were killed. Only after a day: where
// containers share the parent, a process of another one seems to be gone. It does so once.
func sweep(parent string) {
	if _, already := swept.LoadOrStore(parent, true); already {
		return
	}
	entries, err := os.ReadDir(parent)
	if err != nil {
		return // makeFolder will say what is wrong
	}
	for _, e := range entries {
		m := folderName.FindStringSubmatch(e.Name())
		if m == nil || !e.IsDir() {
			continue
		}
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < 24*time.Hour {
			continue
		}
		if pid, err := strconv.Atoi(m[1]); err == nil && gone(pid) {
			_ = os.RemoveAll(filepath.Join(parent, e.Name())) // another user's stays
		}
	}
}
