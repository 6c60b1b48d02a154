package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

var logLevels = map[string]hclog.Level{"error": hclog.Error, "warn": hclog.Warn, "info": hclog.Info, "debug": hclog.Debug, "trace": hclog.Trace}

// logBytes bounds one log file; the one before it is kept as NAME.log.1.
const logBytes = 4 << 20

// pluginLogs keeps what plugins write to standard error, and what genbench does with them, in a file each, and
// shows of it what the level asks for: starts and ends at info, every line and answer at debug, go-plugin's
// own words at trace.
type pluginLogs struct {
	dir   string // "": no files
	level hclog.Level
	shown io.Writer

	mu    sync.Mutex
	files map[string]*pluginLog
	stop  chan struct{}
	done  sync.WaitGroup
}

// pluginLog is one file; nil where it cannot be written.
type pluginLog struct {
	path string
	file *os.File
	out  *bufio.Writer
	size int
}

func newPluginLogs(dir, level string, shown io.Writer) *pluginLogs {
	l := &pluginLogs{dir: dir, level: logLevels[level], shown: shown, files: map[string]*pluginLog{}, stop: make(chan struct{})}
	l.done.Go(func() {
		for tick := time.NewTicker(200 * time.Millisecond); ; {
			select {
			case <-l.stop:
				tick.Stop()
				return
			case <-tick.C:
				l.flush()
			}
		}
	})
	return l
}

// said takes a line that a plugin wrote.
func (l *pluginLogs) said(plugin, line string) { l.write(plugin, hclog.Debug, "  "+line) }

// trace takes a line about a plugin.
func (l *pluginLogs) trace(plugin string, level hclog.Level, line string) {
	l.write(plugin, level, line)
	if level <= hclog.Info {
		return
	}
	l.flush()
}

// library is go-plugin's logger.
func (l *pluginLogs) library() hclog.Logger {
	if l.level != hclog.Trace {
		return nil
	}
	return hclog.New(&hclog.LoggerOptions{Name: "go-plugin", Level: hclog.Trace, Output: l.shown})
}

func (l *pluginLogs) write(plugin string, level hclog.Level, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if level >= l.level && l.level != hclog.NoLevel {
		fmt.Fprintf(l.shown, "genbench: plugin %s: %s\n", plugin, strings.TrimSpace(line))
	}
	if l.dir == "" {
		return
	}
	f, ok := l.files[plugin]
	if !ok {
		f = openLog(filepath.Join(l.dir, plugin+".log"))
		l.files[plugin] = f
	}
	f.line(line)
}

// openLog opens a file to go on with; a log that cannot be written is none.
func openLog(path string) *pluginLog {
	if os.MkdirAll(filepath.Dir(path), 0o755) != nil {
		return nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil
	}
	f := &pluginLog{path: path, file: file, out: bufio.NewWriterSize(file, 64<<10)}
	if info, err := file.Stat(); err == nil {
		f.size = int(info.Size())
	}
	return f
}

func (f *pluginLog) line(text string) {
	if f == nil || f.out == nil {
		return
	}
	n, _ := fmt.Fprintf(f.out, "%s %s\n", time.Now().Format("2006-01-02T15:04:05.000"), text)
	if f.size += n; f.size < logBytes {
		return
	}
	f.close()
	_ = os.Rename(f.path, f.path+".1")
	if again := openLog(f.path); again != nil {
		*f = *again
	}
}

func (f *pluginLog) close() {
	if f != nil && f.out != nil {
		_ = f.out.Flush()
		_ = f.file.Close()
		f.out = nil
	}
}

func (l *pluginLogs) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		if f != nil && f.out != nil {
			_ = f.out.Flush()
		}
	}
}

// close writes what is left.
func (l *pluginLogs) close() {
	close(l.stop)
	l.done.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		f.close()
	}
}

// file is where the plugin's log lies, "" where there is none.
func (l *pluginLogs) file(plugin string) string {
	if l == nil || l.dir == "" {
		return ""
	}
	return filepath.Join(l.dir, plugin+".log")
}
