package main

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbench/genbench/harness/plugin"
	"github.com/spf13/cobra"
)

// confining are the flags that say what plugins may do, and what is told of them.
type confining struct {
	sandbox  string
	read     []string
	level    string
	frozen   bool // --locked
	lockFile string
}

func (o *confining) add(c *cobra.Command) {
	c.Flags().StringVar(&o.sandbox, "sandbox", string(plugin.SandboxBestEffort), "off, best-effort or require: whether plugins are confined to their own files and processes, without a network, as far as this system can; see genbench doctor")
	c.Flags().StringArrayVar(&o.read, "plugin-read", nil, "a file or folder that confined plugins may read too; may be repeated")
	c.Flags().StringVar(&o.level, "log-level", "warn", "error, warn, info, debug or trace: what is told of plugins; all of it but trace is in STORE/logs")
	c.Flags().BoolVar(&o.frozen, "locked", false, "run no plugin that differs from "+plugin.LockName+"; genbench measures lock writes it")
	c.Flags().StringVar(&o.lockFile, "lock-file", plugin.LockName, "another name of that file")
}

func (o *confining) check() error {
	if !slices.Contains([]plugin.Sandbox{"", plugin.SandboxOff, plugin.SandboxBestEffort, plugin.SandboxRequire}, plugin.Sandbox(o.sandbox)) {
		return usagef("--sandbox %q: known are off, best-effort and require", o.sandbox)
	}
	if _, ok := logLevels[cmp.Or(o.level, "warn")]; !ok {
		return usagef("--log-level %q: known are error, warn, info, debug and trace", o.level)
	}
	for _, path := range o.read {
		if _, err := os.Stat(path); err != nil {
			return usagef("--plugin-read: %v", err)
		}
	}
	return nil
}

// pluginOptions are what the flags, the spec and the store say of plugins.
func (s *stages) pluginOptions(logs *pluginLogs) (plugin.Options, error) {
	o := s.unboundOptions()
	o.Log, o.Trace, o.Logger = logs.said, logs.trace, logs.library()
	if s.store == nil {
		return o, nil
	}
	store, err := filepath.Abs(s.store.Dir())
	if err != nil {
		return o, err
	}
	o.Hide = []string{store}
	if s.writes {
		o.Views = filepath.Join(store, "cache") // of the quantities
	}
	for _, path := range o.Read {
		if abs, err := filepath.Abs(path); err == nil && (abs == store || strings.HasPrefix(abs, store+string(filepath.Separator))) {
			return o, usagef("--plugin-read %s: it is in the store, whose answers plugins must not see", path)
		}
	}
	return o, nil
}

// unboundOptions are those that need no store.
func (s *stages) unboundOptions() plugin.Options {
	memory := s.memory << 20
	if memory == 0 {
		memory = -1 // no limit
	}
	return plugin.Options{
		StartTimeout: s.start, ComputeTimeout: s.deadline, MemoryLimit: memory, RunDir: socketBase(), Getenv: s.env.getenv, Sandbox: plugin.Sandbox(s.sandbox),
		Read: slices.Concat(s.read, s.spec.Read),
	}
}

// attachments puts plugins that wait under a debugger in the place of their programs. What they
// answer is kept under a name of chance: nobody can say later what the program was.
func (s *stages) attachments(programs []plugin.Program) ([]plugin.Program, error) {
	found, err := plugin.Attachments(s.env.getenv(plugin.ReattachVariable))
	if err != nil {
		return nil, usagef("$%s: %v", plugin.ReattachVariable, err)
	}
	for _, p := range found {
		var id [8]byte
		rand.Read(id[:]) // never fails, crypto/rand
		p.SHA256 = "debugged-" + hex.EncodeToString(id[:])
		fmt.Fprintf(s.env.stderr, "plugins: %s is attached at %s; one worker, no deadline, no sandbox; its answers are not used again\n", p.Name, p.Attach)
		s.jobs = 1
		at := slices.IndexFunc(programs, func(q plugin.Program) bool { return q.Name == p.Name })
		if at < 0 {
			programs = append(programs, p)
			continue
		}
		programs[at] = p
	}
	return programs, nil
}

// lock is the lock that plugins are held against, nil where there is none. A missing one is an error
// under --locked only.
func (s *stages) lock() (*plugin.Lock, error) {
	l, err := plugin.ReadLock(s.lockFile)
	if errors.Is(err, fs.ErrNotExist) && !s.frozen {
		return nil, nil
	}
	return l, err
}

// holdToLock says what differs from the lock: an error under --locked, otherwise a warning.
func (s *stages) holdToLock(l *plugin.Lock, p plugin.Program, differs error) error {
	switch {
	case l == nil || differs == nil:
		return nil
	case s.frozen:
		return fmt.Errorf("%s: %w; if that is meant, accept it by `%s`", s.lockFile, differs, s.lockCommand(p))
	case l.Has(p.Name) && !p.Builtin:
		s.warn(fmt.Errorf("%s: %w; --locked would refuse it", s.lockFile, differs))
	}
	return nil
}

// lockCommand is the command that writes the lock anew.
func (s *stages) lockCommand(p plugin.Program) string {
	command := "genbench measures lock " + s.spec.Name
	if s.lockFile != plugin.LockName {
		command += " --lock-file " + s.lockFile
	}
	if _, ofSpec := s.spec.Plugins[p.Name]; !p.Builtin && !ofSpec {
		command += " --plugin " + p.Name + "=" + p.Path
	}
	return command
}
