package harness

import (
	"errors"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/measure"
)

func offer() []offered {
	return []offered{
		{info: measure.Info{Name: "cna", Version: "1", Options: []measure.Option{
			{Name: "layers", Default: "released", Values: []string{"released", "paper"}},
			{Name: "bins", Default: "256"},
		}}},
		{info: measure.Info{Name: "cna-margin", Version: "1", Aliases: []string{"CNA_MARGIN", "CNA-M"}, Options: []measure.Option{{Name: "power", Default: "1"}}}},
		{info: measure.Info{Name: "l2norm", Version: "1"}, program: 1},
	}
}

func TestSplitList(t *testing.T) {
	for list, want := range map[string]string{
		"":                               "",
		"a,b":                            "a|b",
		" a , b ,":                       "a|b",
		"cna[layers=paper,bins=10],l2*":  "cna[layers=paper,bins=10]|l2*",
		"cna[layers=paper],cna[bins=10]": "cna[layers=paper]|cna[bins=10]",
	} {
		if got := strings.Join(SplitList(list), "|"); got != want {
			t.Errorf("SplitList(%q) = %q, want %q", list, got, want)
		}
	}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct{ patterns, want string }{
		{"", "cna cna-margin l2norm"},
		{"c*", "cna cna-margin"},
		{"l?norm", "l2norm"},
		{"l2norm,cna,cna", "l2norm cna"},
		{"cna[layers=paper]", "cna[layers=paper]"},
		{"cna[bins=256]", "cna"}, // the default by another way: one row
		{"CNA_MARGIN", "cna-margin"},
		{"cna_margin,CNA-M,cna-margin", "cna-margin"}, // whatever it is called: one row
		{"CNA_M*", "cna-margin"},
		{"CNA-M[power=2]", "cna-margin[power=2]"},
		{"cna[bins=9,layers=paper],cna[layers=paper,bins=9]", "cna[layers=paper,bins=9]"},
	} {
		columns, err := choose(offer(), SplitList(c.patterns))
		if err != nil {
			t.Errorf("%q: %v", c.patterns, err)
			continue
		}
		var names []string
		for _, col := range columns {
			names = append(names, col.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%q chose %q, want %q", c.patterns, got, c.want)
		}
	}
	columns, err := choose(offer(), []string{"cna[layers=paper]"})
	if err != nil || columns[0].Options["bins"] != "256" || columns[0].Options["layers"] != "paper" {
		t.Errorf("options %v, error %v; want the default of bins filled in", columns, err)
	}
}

func TestChooseRefuses(t *testing.T) {
	for pattern, says := range map[string]string{
		"CNA_MARGN":                      `did you mean "CNA_MARGIN"`,
		"CNA-M[pwoer=2]":                 "power",
		"L2NORM":                         "no measure matches", // a name is no alias: it has one spelling
		"l2nrom":                         `did you mean "l2norm"`,
		"zzzzzzzzzz":                     "measures ls",
		"cna[layer=paper]":               "layers",
		"cna[layers=papre]":              "paper",
		"cna[layers]":                    "option=value",
		"cna[layers=paper":               "NAME[option=value,...]",
		"cna[layers=paper][bins=1]":      "NAME[option=value,...]",
		"cna[layers=paper,layers=paper]": "twice",
		`cna\*`:                          "no measure matches",
	} {
		_, err := choose(offer(), []string{pattern})
		var p *PatternError
		if !errors.As(err, &p) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: error %v; want a PatternError that says %q", pattern, err, says)
		}
	}
}

// TestNames: one name selects one measure, and an error says which two programs disagree.
func TestNames(t *testing.T) {
	of := func(program int, name string, aliases ...string) offered {
		return offered{info: measure.Info{Name: name, Version: "1", Aliases: aliases}, program: program}
	}
	programs := []string{"built-in", "mine", "theirs"}
	reserved := []string{"random"}
	if err := checkNames(offer(), programs, reserved); err != nil {
		t.Error(err)
	}
	if err := checkNames([]offered{of(0, "l2", "L2", "L2_NORM"), of(1, "l3", "L3")}, programs, reserved); err != nil {
		t.Errorf("an alias like the measure's own name: %v", err)
	}
	for _, c := range []struct {
		on   []offered
		says []string
	}{
		{[]offered{of(0, "a"), of(1, "a")}, []string{"plugin mine", `measure "a"`, "plugin built-in"}},
		{[]offered{of(1, "a"), of(1, "a")}, []string{"plugin mine"}},
		{[]offered{of(1, "a", "X_Y"), of(2, "b", "X_Y")}, []string{"plugin theirs", `alias "X_Y" of measure "b"`, `alias "X_Y" of measure "a"`, "plugin mine"}},
		{[]offered{of(1, "a", "X_Y"), of(2, "b", "x_y")}, []string{"plugin theirs", "plugin mine"}},
		{[]offered{of(0, "a"), of(1, "b", "A")}, []string{"plugin mine", `alias "A"`, `measure "a"`, "plugin built-in"}},
		{[]offered{of(1, "b", "a"), of(2, "a")}, []string{"plugin mine", `alias "a"`, `measure "a"`, "plugin theirs"}},
		{[]offered{of(1, "random")}, []string{"plugin mine", "control"}},
		{[]offered{of(1, "a", "RANDOM")}, []string{"plugin mine", `alias "RANDOM"`, "control"}},
	} {
		err := checkNames(c.on, programs, reserved)
		for _, s := range c.says {
			if err == nil || !strings.Contains(err.Error(), s) {
				t.Errorf("%+v: error %v, want one that says %q", c.on, err, s)
			}
		}
	}
}
