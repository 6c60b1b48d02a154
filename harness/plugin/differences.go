package plugin

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/genbench/genbench/harness/measure"
)

// differences says what two descriptions of one program differ in: what a value or its rank may depend
// on first.
func differences(old, now []measure.Info) string {
	find := func(infos []measure.Info, name string) *measure.Info {
		if i := slices.IndexFunc(infos, func(i measure.Info) bool { return i.Name == name }); i >= 0 {
			return &infos[i]
		}
		return nil
	}
	var said []string
	for _, o := range old {
		n := find(now, o.Name)
		if n == nil {
			said = append(said, fmt.Sprintf("it no longer serves %s", o.Name))
			continue
		}
		said = append(said, changes(contractOf(o), contractOf(*n))...)
	}
	for _, n := range now {
		if find(old, n.Name) == nil {
			said = append(said, fmt.Sprintf("it serves %s, which is new", n.Name))
		}
	}
	if len(said) == 0 {
		return "it describes itself in other words"
	}
	return strings.Join(said, "; ")
}

// SameAs says what differs from what another process of the program said that it measures, or nil.
func (p *Process) SameAs(infos []measure.Info) error {
	if reflect.DeepEqual(infos, p.infos) {
		return nil
	}
	return fmt.Errorf("starting plugin %s again: %s; a program has to answer what it measures alike every time", p.program.Name, differences(infos, p.infos))
}
