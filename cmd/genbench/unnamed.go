package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/harness/result"
)

// unnamed says of each third-party plugin that answered in earlier runs and is not among those of this one how to see its rows: a line each,
// in the order of their names. Answers on other engines or of other seeds count, too.
func (s *stages) unnamed() []string {
	named := map[string]bool{}
	s.harness.Started(func(p plugin.Program, _ *plugin.Process) { named[p.Name] = true })
	measures, last := map[string][]string{}, map[string]*result.Result{}
	for r := range s.set.All() {
		name := r.Plugin.Name
		if r.Plugin.Builtin || named[name] || r.Status == result.Failed {
			continue
		}
		if !slices.Contains(measures[name], r.Measure) {
			measures[name] = append(measures[name], r.Measure)
		}
		if l := last[name]; l == nil || r.Sequence > l.Sequence {
			last[name] = r
		}
	}
	var lines []string
	for name, ms := range measures {
		slices.Sort(ms)
		path := last[name].Plugin.Path
		if path == "" { // attached under a debugger
			path = "PATH"
		}
		lines = append(lines, fmt.Sprintf("the store has answers of plugin %s (%s), which is not named here: --plugin %s=%s shows them", name, strings.Join(ms, ", "), name, path))
	}
	slices.Sort(lines)
	return lines
}
