package harness

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness/measure"
)

// Column is one measure with its options fixed: a column of cells, a row of the
// leaderboard.
type Column struct {
	Name    string            // "cna", or "cna[layers=paper]" where options differ from their defaults
	Info    measure.Info      // as the plugin described it
	Options map[string]string // every option of the measure, defaults filled in
	Program int               // index of the program that serves it
}

// SplitList splits a list of measures at its commas; commas inside brackets do not split.
func SplitList(list string) []string {
	var out []string
	depth, start := 0, 0
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	for i, c := range list {
		switch c {
		case '[':
			depth++
		case ']':
			depth--
		case ',':
			if depth <= 0 {
				add(list[start:i])
				start = i + 1
			}
		}
	}
	add(list[start:])
	return out
}

// PatternError is a pattern of measures that cannot be meant.
type PatternError struct{ err error }

func (e *PatternError) Error() string { return e.err.Error() }
func (e *PatternError) Unwrap() error { return e.err }

func patternErrorf(format string, args ...any) error {
	return &PatternError{fmt.Errorf(format, args...)}
}

// offered is one measure that a program serves.
type offered struct {
	info    measure.Info
	program int
}

// named is a name that selects a measure: its own, or an alias.
type named struct {
	offered
	alias string // "": its own name
}

// say names the measure, and the alias where there is one.
func (n named) say() string {
	if n.alias == "" {
		return fmt.Sprintf("measure %q", n.info.Name)
	}
	return fmt.Sprintf("the alias %q of measure %q", n.alias, n.info.Name)
}

// checkNames refuses two measures that one name would select, since a silent
// choice would change published numbers: names and aliases count, in any case
// of letters. programs are the names of the programs, by index; a reserved
// name is that of a control row.
func checkNames(on []offered, programs, reserved []string) error {
	owner := map[string]named{}
	for _, aliases := range []bool{false, true} { // a name is told from an alias whatever their order
		for _, o := range on {
			ns := []named{{o, ""}}
			if aliases {
				ns = ns[:0]
				for _, a := range o.info.Aliases {
					ns = append(ns, named{o, a})
				}
			}
			for _, n := range ns {
				key := strings.ToLower(cmp.Or(n.alias, o.info.Name))
				if slices.Contains(reserved, key) {
					return fmt.Errorf("plugin %s: %s is the name of a control row of the leaderboard; rename it", programs[o.program], n.say())
				}
				other, taken := owner[key]
				if taken && (other.info.Name != o.info.Name || !aliases) {
					return fmt.Errorf("plugin %s: %s is taken by %s of plugin %s; rename one of them", programs[o.program], n.say(), other.say(), programs[other.program])
				}
				owner[key] = n
			}
		}
	}
	return nil
}

// choose resolves patterns (names, * and ?, or one name with options in
// brackets) against the names and aliases of the measures on offer, in the order of the offer; no
// patterns means all of them. Aliases match in any case of letters. A pattern
// that matches nothing is an error that names the nearest measure.
func choose(on []offered, patterns []string) ([]Column, error) {
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	var columns []Column
	add := func(c Column) {
		if !slices.ContainsFunc(columns, func(o Column) bool { return o.Name == c.Name }) {
			columns = append(columns, c)
		}
	}
	for _, p := range patterns {
		name, options, err := parsePattern(p)
		if err != nil {
			return nil, err
		}
		found := false
		for _, o := range on {
			if !selects(name, o.info) {
				continue
			}
			found = true
			c, err := column(o, options)
			if err != nil {
				return nil, err
			}
			add(c)
		}
		if !found {
			return nil, unknownMeasure(name, on)
		}
	}
	return columns, nil
}

// ParseVariant splits "cna[layers=paper,reduce=mean]" into its name and options; the error is a [*PatternError].
func ParseVariant(p string) (name string, options map[string]string, err error) {
	return parsePattern(p)
}

// parsePattern splits "cna[layers=paper,reduce=mean]" into its name and options.
func parsePattern(p string) (string, map[string]string, error) {
	name, rest, bracket := strings.Cut(p, "[")
	if !bracket {
		return name, nil, nil
	}
	body, ok := strings.CutSuffix(rest, "]")
	if !ok || strings.ContainsAny(body, "[]") {
		return "", nil, patternErrorf("measure %q: options are written NAME[option=value,...]", p)
	}
	options := map[string]string{}
	for _, kv := range strings.Split(body, ",") {
		k, v, ok := strings.Cut(strings.TrimSpace(kv), "=")
		if !ok || k == "" || v == "" {
			return "", nil, patternErrorf("measure %q: %q is not option=value", p, kv)
		}
		if _, twice := options[k]; twice {
			return "", nil, patternErrorf("measure %q: option %q is given twice", p, k)
		}
		options[k] = v
	}
	return name, options, nil
}

// column fixes a measure's options. Its name lists, in the order of their
// declaration, those that differ from their defaults, so that equal choices have equal names.
func column(o offered, given map[string]string) (Column, error) {
	options, err := o.info.Resolve(given)
	if err != nil {
		return Column{}, &PatternError{err}
	}
	var differ []string
	for _, opt := range o.info.Options {
		if v := options[opt.Name]; v != opt.Default {
			differ = append(differ, opt.Name+"="+v)
		}
	}
	name := o.info.Name
	if len(differ) > 0 {
		name += "[" + strings.Join(differ, ",") + "]"
	}
	return Column{Name: name, Info: o.info, Options: options, Program: o.program}, nil
}

// selects reports whether a pattern matches the measure's name or one of its aliases.
func selects(pattern string, info measure.Info) bool {
	return match(pattern, info.Name) || slices.ContainsFunc(info.Aliases, func(a string) bool {
		return match(strings.ToLower(pattern), strings.ToLower(a))
	})
}

func match(pattern, name string) bool {
	if strings.ContainsAny(pattern, `\`) {
		return false
	}
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}

func unknownMeasure(name string, on []offered) error {
	var names []string
	for _, o := range on {
		names = append(append(names, o.info.Name), o.info.Aliases...)
	}
	if near, ok := corpora.Nearest(name, names); ok {
		return patternErrorf("no measure matches %q; did you mean %q? `genbench measures ls` lists them all", name, near)
	}
	return patternErrorf("no measure matches %q; `genbench measures ls` lists them all", name)
}
