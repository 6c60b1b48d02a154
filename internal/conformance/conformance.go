// Package conformance holds a plugin's program to the protocol, and its measures
// to their contract: what `genbench measures check` prints.
//
// It starts the program as a run does, twice, and asks it about small networks
// that it trains itself, about broken ones, about some of which a quantity is
// withheld, and about one whose quantities never come.
package conformance

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/models"
)

// Outcome is how a check ended.
type Outcome string

// The outcomes. A warning is something to look at; a failure breaks the contract.
const (
	Pass    Outcome = "ok"
	Note    Outcome = "note"
	Warn    Outcome = "warning"
	Fail    Outcome = "FAIL"
	Skipped Outcome = "skipped"
)

// Check is one line of the report.
type Check struct {
	Name    string  `json:"check"`
	Measure string  `json:"measure,omitempty"` // "": the program
	Outcome Outcome `json:"outcome"`
	Found   string  `json:"found"`
	Remedy  string  `json:"remedy,omitempty"`
}

// Options say what to check, and how.
type Options struct {
	Program  plugin.Program
	Plugin   plugin.Options
	Engine   models.Engine
	Dir      string        // an empty folder for quantities
	Patience time.Duration // deadline of the check of deadlines; 0: 500 ms
	Tell     func(Check)   // is told each check as it is there; nil: nobody
}

// slowStart is when a start is worth a warning: a run starts every plugin once a worker.
const slowStart = 2 * time.Second

// Run checks the program. The error is of the checking itself; what is wrong with the program is in the checks.
func Run(ctx context.Context, o Options) ([]Check, error) {
	return run(ctx, o, func() (networks, error) { return train(ctx, o.Engine) })
}

func run(ctx context.Context, o Options, train func() (networks, error)) ([]Check, error) {
	if o.Patience <= 0 {
		o.Patience = 500 * time.Millisecond
	}
	o.Plugin.Once = true // a second time-out says nothing new
	c := &checker{o: o, host: quantity.NewHost(o.Engine, filepath.Join(o.Dir, "cache"))}
	defer c.host.Close()
	log := o.Plugin.Log
	c.o.Plugin.Log = func(name, line string) {
		c.heard(line)
		if log != nil {
			log(name, line)
		}
	}
	if !c.start(ctx) {
		return c.checks, ctx.Err()
	}
	var err error
	if c.nets, err = train(); err != nil {
		return nil, fmt.Errorf("training the networks to check with: %w", err)
	}
	for _, info := range c.first.Measures() {
		if err := c.measure(ctx, info); err != nil {
			return nil, err
		}
	}
	c.output()
	c.stop()
	return c.checks, ctx.Err()
}

// checker is one run.
type checker struct {
	o      Options
	host   *quantity.Host
	nets   networks
	checks []Check

	first, second *plugin.Process
	asked         int

	mu    sync.Mutex
	lines []string // what the program wrote
}

func (c *checker) add(name, of string, outcome Outcome, found, remedy string) {
	if outcome == Pass || outcome == Skipped {
		remedy = ""
	}
	check := Check{Name: name, Measure: of, Outcome: outcome, Found: found, Remedy: remedy}
	c.checks = append(c.checks, check)
	if c.o.Tell != nil {
		c.o.Tell(check)
	}
}

func (c *checker) heard(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, line)
}

// start starts two processes; false: there is nothing to ask.
func (c *checker) start(ctx context.Context) bool {
	begin := time.Now()
	var err error
	if c.first, err = plugin.Start(ctx, c.o.Program, c.o.Plugin); err != nil {
		c.add("start", "", Fail, tidy(err.Error()), startRemedy(err))
		return false
	}
	took := time.Since(begin)
	found := fmt.Sprintf("it shook hands and described itself in %.0f ms (%s)", took.Seconds()*1000, c.first.SDK())
	outcome := Pass
	if took > slowStart {
		outcome = Warn
	}
	c.add("start", "", outcome, found, "load what is large in the measure, when it is first asked, and not when the program starts")
	if c.second, err = plugin.Start(ctx, c.o.Program, c.o.Plugin); err != nil {
		c.add("second process", "", Fail, tidy(err.Error()), "every worker starts the program: it must not hold a lock, a port or a device for itself alone")
		c.first.Stop()
		return false
	}
	if c.describe() {
		return true
	}
	c.stop()
	return false
}

func startRemedy(err error) string {
	if strings.Contains(err.Error(), "No module named 'genbench'") {
		return "install the Python package where the program's python3 finds it (pip install FOLDER/python, FOLDER being genbench's source), or name its folder by an absolute path in PYTHONPATH"
	}
	if strings.Contains(err.Error(), "No module named") {
		return "the first python3 of the PATH lacks it: pip install it there (grpcio, protobuf and numpy are needed), or put another python3 first; Debian's packages are in /usr/bin/python3"
	}
	return "the program's last statement is measure.Serve (Go) or genbench.serve (Python), and nothing prints before it"
}

// describe compares the descriptions; false: a run would refuse the program.
func (c *checker) describe() bool {
	if a, b := c.first.Measures(), c.second.Measures(); !reflect.DeepEqual(a, b) {
		c.add("description", "", Fail, fmt.Sprintf("two processes describe themselves differently: %s", difference(a, b)), "Info, or the arguments of @measure, are constants")
		return false
	}
	var names, lacking []string
	for _, i := range c.first.Measures() {
		names = append(names, i.Name)
		for what, text := range map[string]string{"a doc": i.Doc, "a citation": i.Citation} {
			if text == "" {
				lacking = append(lacking, i.Name+" has not "+what)
			}
		}
		if i.Larger == measure.Unknown {
			lacking = append(lacking, i.Name+" does not say what a larger value predicts")
		}
	}
	found, outcome := "the same in two processes: "+strings.Join(names, ", "), Pass
	if len(lacking) > 0 {
		found, outcome = found+"; "+strings.Join(lacking, "; "), Note
	}
	c.add("description", "", outcome, found, "a reader of the leaderboard wants to know what a measure is and whose")
	return true
}

func difference(a, b []measure.Info) string {
	if len(a) != len(b) {
		return fmt.Sprintf("%d measures, then %d", len(a), len(b))
	}
	for i := range a {
		if !reflect.DeepEqual(a[i], b[i]) {
			return fmt.Sprintf("%+v, then %+v", a[i], b[i])
		}
	}
	return "in nothing"
}

// output reports what the program wrote meanwhile.
func (c *checker) output() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lines) == 0 {
		c.add("output", "", Pass, "it wrote nothing", "")
		return
	}
	c.add("output", "", Note, fmt.Sprintf("it wrote %d lines, the %s", len(c.lines), telling(c.lines)), "harmless: genbench shows it when something fails; a measure that writes for every network is slow")
}

// telling is the line that says the most: the first, or of a Python traceback the last, which names the exception.
func telling(lines []string) string {
	for i, line := range lines {
		if !strings.HasPrefix(line, "Traceback (most recent call last)") {
			continue
		}
		end := i + 1
		for end < len(lines)-1 && (lines[end] == "" || strings.HasPrefix(lines[end], " ")) {
			end++
		}
		if end < len(lines) {
			return "last of a traceback: " + tidy(lines[end])
		}
	}
	return "first: " + tidy(lines[0])
}

// stop ends the processes, which should need no force.
func (c *checker) stop() {
	const slow = time.Second
	begin := time.Now()
	c.first.Stop()
	took := time.Since(begin)
	c.second.Stop()
	outcome := Pass
	if took > slow {
		outcome = Warn
	}
	c.add("end", "", outcome, fmt.Sprintf("it ended %.0f ms after it was asked to", took.Seconds()*1000), "serve plugin.GRPCController/Shutdown, and end the process there")
}

// tidy is a message in one line of bounded length.
func tidy(s string) string {
	const most = 300
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

// Failed counts the checks that failed.
func Failed(checks []Check) int {
	n := 0
	for _, c := range checks {
		if c.Outcome == Fail {
			n++
		}
	}
	return n
}

// Folder makes an empty folder for [Options].Dir.
func Folder() (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp("", "genbench-check-")
	return dir, func() { os.RemoveAll(dir) }, err
}
