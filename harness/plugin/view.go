package plugin

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// view is the folder in which a plugin's process finds the quantities that it was
// given, and no others: hard links to the files of the cache, so that all processes still
// map the same pages. The names are numbers, and none is used twice.
type view struct {
	dir string

	mu    sync.Mutex
	next  int
	links map[string]string // by the path of the file
}

// newView makes the folder beneath parent, which has to be on the file system of the cache.
func newView(parent string) (*view, error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of its quantities: %w", err)
	}
	sweep(parent)
	dir, err := os.MkdirTemp(parent, folderPattern())
	if err != nil {
		return nil, fmt.Errorf("making the folder of its quantities: %w", err)
	}
	return &view{dir: dir, links: map[string]string{}}, nil
}

// show links a file into the view and returns its name there. It is "" where that cannot
// be done, as on another file system: the plugin is then sent the bytes.
func (v *view) show(path string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if link, ok := v.links[path]; ok {
		return link
	}
	v.next++
	link := filepath.Join(v.dir, strconv.Itoa(v.next))
	if os.Link(path, link) != nil {
		return ""
	}
	v.links[path] = link
	return link
}

// clear takes the files away again. What is mapped stays readable.
func (v *view) clear() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for path, link := range v.links {
		os.Remove(link)
		delete(v.links, path)
	}
}

func (v *view) remove() {
	if v != nil {
		os.RemoveAll(v.dir)
	}
}
