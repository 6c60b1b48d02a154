package main

import (
	"runtime"
	"strings"
	"testing"
)

// The tables are the same on one core and on many. What they say of the
// intervals is tested, for a few scenarios, in package rank.
func TestTablesDoNotDependOnCores(t *testing.T) {
	tables := func() string {
		var b strings.Builder
		if err := run(&b, 40, "^(2x2x2, two seeds|one seed, 2x2x2|equal measures, no axes|null, 2x2x2)$"); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	many := tables()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if one := tables(); one != many {
		t.Errorf("on one core\n%s\non all\n%s", one, many)
	}
	for _, want := range []string{"2x2x2, two seeds ", "one seed, 2x2x2 ", "equal measures, no axes ", "null, 2x2x2 "} {
		if strings.Count(many, want) != 1 {
			t.Errorf("%q is not in\n%s", want, many)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	var b strings.Builder
	if run(&b, 1, "") == nil || run(&b, 10, "(") == nil || b.Len() > 0 {
		t.Errorf("bad flags were accepted:\n%s", b.String())
	}
}
