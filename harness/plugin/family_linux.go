package plugin

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// family is a plugin's process with all that it started. Members are told by the process
// group, by a parent that is a member, or by the temporary folder in their environment: a daemon that left
// group and parent still has that, unless it took pains.
type family struct {
	leader int
	cookie []byte

	known    map[int]bool // other processes: are they members?
	forgot   time.Time    // when known was emptied last: numbers are used again
	lastPID  string       // the youngest process of the machine at the last look
	some     bool         // members were seen
	looked   time.Time
	duration time.Duration // of the last look
}

func newFamily(leader int, tmp string) *family {
	return &family{leader: leader, cookie: []byte("TMPDIR=" + tmp + "\x00"), known: map[int]bool{}, forgot: time.Now()}
}

// due reports whether it is time to look for new members: there are new processes on the
// machine, and looking takes no more than a fiftieth of the time, or a third once there were some.
func (f *family) due() bool {
	share := time.Duration(50)
	if f.some {
		share = 3
	}
	if time.Since(f.looked) < max(50*time.Millisecond, share*f.duration) {
		return false
	}
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return false
	}
	last := string(text[bytes.LastIndexByte(text, ' ')+1:])
	if last == f.lastPID && !f.some {
		return false
	}
	f.lastPID = last
	return true
}

// members are the processes of the family that run, less the leader.
func (f *family) members() []int {
	start := time.Now()
	defer func() { f.looked, f.duration = time.Now(), time.Since(start) }()
	if time.Since(f.forgot) > 5*time.Second {
		clear(f.known)
		f.forgot = start
	}
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var found []int
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == f.leader || pid == os.Getpid() || !f.some && pid < f.leader {
			continue
		}
		member, known := f.known[pid]
		if known && !member {
			continue
		}
		state, parent, group, ok := statOf(pid)
		if !ok || state == 'Z' {
			continue
		}
		if !known {
			member = group == f.leader || parent == f.leader || f.known[parent] || f.marked(pid)
			f.known[pid] = member
		}
		if member {
			found = append(found, pid)
		}
	}
	f.some = f.some || len(found) > 0
	return found
}

func (f *family) marked(pid int) bool {
	env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return err == nil && bytes.Contains(env, f.cookie)
}

// end kills all members, and those that they start meanwhile.
func (f *family) end() {
	for range 200 {
		pids := f.members()
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// statOf reads the state ('R', 'S', 'T' stopped, 'Z' ended ...), parent and group of a process.
func statOf(pid int) (state byte, parent, group int, ok bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
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

// halted reports whether a process is stopped, as by SIGSTOP.
func halted(pid int) bool {
	state, _, _, ok := statOf(pid)
	return ok && (state == 'T' || state == 't')
}
