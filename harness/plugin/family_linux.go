package plugin

import (
	"os"
	"syscall"
	"time"
)

// family is a plugin's process with all that it started. Members are told by the process
// group, by a parent that is a member, or by the temporary folder in their environment: a daemon that left
// group and parent still has that, unless it took pains.
type family struct {
	leader int
	dir    string // the temporary folder

	known    map[int]bool // other processes: are they members?
	forgot   time.Time    // when known was emptied last: numbers are used again
	some     bool         // members were seen
	looked   time.Time
	duration time.Duration // of the last look
	round    uint64        // of the census then
}

func newFamily(leader int, tmp string) *family {
	return &family{leader: leader, dir: tmp, known: map[int]bool{}, forgot: time.Now()}
}

// due reports whether it is time to look for members. Looking at those that there are takes no more than a third of the time.
func (f *family) due() bool {
	return !f.some || time.Since(f.looked) >= max(50*time.Millisecond, 3*f.duration)
}

// members are the processes of the family that run, less the leader, as far as the last census knows them.
func (f *family) members() []int {
	pids, round := machine.recent(f.some)
	if round == f.round && !f.some {
		return nil
	}
	return f.among(pids, round)
}

// among tells the members among the processes.
func (f *family) among(pids []int, round uint64) []int {
	f.round = round
	start := time.Now()
	defer func() { f.looked, f.duration = time.Now(), time.Since(start) }()
	if start.Sub(f.forgot) > 5*time.Second {
		clear(f.known)
		f.forgot = start
	}
	var found []int
	for _, pid := range pids {
		if pid == f.leader || pid == own || !f.some && pid < f.leader {
			continue
		}
		member, known := f.known[pid]
		if !known {
			s := machine.sight(pid)
			if s == nil {
				continue
			}
			member = s.group == f.leader || s.parent == f.leader || f.known[s.parent] || machine.folder(pid, s) == f.dir
			f.known[pid] = member
		}
		if !member {
			continue
		}
		if state, _, _, ok := statOf(pid); ok && state != 'Z' {
			found = append(found, pid)
		}
	}
	f.some = f.some || len(found) > 0
	return found
}

var own = os.Getpid()

// end kills all members, and those that they start meanwhile.
func (f *family) end() {
	for range 200 {
		pids := f.among(machine.now())
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// halted reports whether a process is stopped, as by SIGSTOP.
func halted(pid int) bool {
	state, _, _, ok := statOf(pid)
	return ok && (state == 'T' || state == 't')
}
