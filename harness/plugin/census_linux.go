package plugin

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// census is the list of the machine's processes. All plugins of this process share one: listing them takes the
// kernel half a millisecond, and a run has a dozen plugins for every worker.
type census struct {
	mu       sync.Mutex
	asked    time.Time     // when the youngest process was asked for last
	youngest string        // its number at the last listing
	duration time.Duration // of the last listing
	round    uint64        // number of that listing
	pids     []int         // running then, ascending; replaced, never changed
	first    map[int]*sight
	forgot   time.Time // when first was emptied last: numbers are used again
}

// sight is what a process was when it was first seen.
type sight struct {
	parent, group int
	dir           string // its temporary folder, once looked is true
	looked        bool
}

var machine = &census{first: map[int]*sight{}}

// recent lists the processes, and numbers the listing. It lists anew when there are new ones on the machine; but that
// takes no more than a fiftieth of the time, or a third for a plugin that starts some.
func (c *census) recent(starts bool) ([]int, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	share := time.Duration(50)
	if starts {
		share = 3
	}
	if time.Since(c.asked) < max(50*time.Millisecond, share*c.duration) {
		return c.pids, c.round
	}
	c.asked = time.Now()
	var buf [128]byte
	text, ok := readProc("/proc/loadavg", buf[:])
	if last := string(text[bytes.LastIndexByte(text, ' ')+1:]); ok && last != c.youngest {
		c.youngest = last // before it is listed: who comes meanwhile is younger
		c.list()
	}
	return c.pids, c.round
}

// now lists the processes anew.
func (c *census) now() ([]int, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list()
	return c.pids, c.round
}

func (c *census) list() {
	start := time.Now()
	defer func() { c.duration = time.Since(start) }()
	dir, err := os.Open("/proc")
	if err != nil {
		return
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	c.pids, c.round = pids, c.round+1
	if start.Sub(c.forgot) > 5*time.Second {
		clear(c.first)
		c.forgot = start
	}
	for pid := range c.first {
		if _, runs := slices.BinarySearch(pids, pid); !runs {
			delete(c.first, pid)
		}
	}
}

// sight is what the process was when somebody asked for it first; nil: it is gone.
func (c *census) sight(pid int) *sight {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.first[pid]; s != nil {
		return s
	}
	_, parent, group, ok := statOf(pid)
	if !ok {
		return nil
	}
	s := &sight{parent: parent, group: group}
	c.first[pid] = s
	return s
}

// folder is the temporary folder in the process's environment.
func (c *census) folder(pid int, s *sight) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !s.looked {
		s.looked = true
		env, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
		for v := range bytes.SplitSeq(env, []byte{0}) {
			if dir, ok := bytes.CutPrefix(v, []byte("TMPDIR=")); ok {
				s.dir = string(dir)
			}
		}
	}
	return s.dir
}

// statOf reads the state ('R', 'S', 'T' stopped, 'Z' ended ...), parent and group of a process.
func statOf(pid int) (state byte, parent, group int, ok bool) {
	var buf [1024]byte
	text, ok := readProc("/proc/"+strconv.Itoa(pid)+"/stat", buf[:])
	if !ok {
		return 0, 0, 0, false
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // the name before may hold anything
	if len(fields) < 3 {
		return 0, 0, 0, false
	}
	parent, _ = strconv.Atoi(fields[1])
	group, _ = strconv.Atoi(fields[2])
	return fields[0][0], parent, group, true
}

// readProc reads a file of /proc, into buf where that is large enough. It makes three system calls; [os.ReadFile] makes a
// dozen, since it would rather wait for such a file with epoll, and a watch reads a hundred a second.
func readProc(path string, buf []byte) ([]byte, bool) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, false
	}
	defer syscall.Close(fd)
	n := 0
	for {
		k, err := syscall.Read(fd, buf[n:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return nil, false
		}
		if n += k; k == 0 || n < len(buf) { // these files come in one piece, if there is room
			return buf[:n], true
		}
		buf = append(buf, make([]byte, len(buf))...)
	}
}
