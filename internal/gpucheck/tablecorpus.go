package main

import (
	"fmt"
	"io"
)

// table is the corpus for people.
func (c *corpusReport) table(b io.Writer) {
	fmt.Fprintf(b, "\nCorpus of %d networks\n", c.Networks)
	aligned(b, func(w io.Writer) {
		fmt.Fprintln(w, "part\tengine\tnetworks\tfailed\tseconds\tGPU utilization")
		for _, name := range []string{trainDevice, measureDevice, trainCPU, measureSameCPU, measureOwnCPU} {
			p := c.Phases[name]
			if p == nil {
				continue
			}
			used := "-"
			if p.Utilization >= 0 {
				used = fmt.Sprintf("%.0f %%", p.Utilization)
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%.1f\t%s\n", name, p.Engine, p.Done, p.Failed, p.Seconds, used)
		}
	})
	if c.Agreement != nil {
		c.Agreement.table(b)
	}
}

func (a *agreement) table(b io.Writer) {
	verdict := "FAILED"
	if a.Passed {
		verdict = "ok"
	}
	fmt.Fprintf(b, "\nRank correlation of every measure's values on the device and on the cpu engine: %s\n", verdict)
	for _, line := range []struct {
		of string
		s  summary
	}{{"the same tensors", a.Same}, {"each engine's own trainings", a.Own}} {
		fmt.Fprintf(b, "%s: %d of %d measures at least %v, lowest %s (%s), largest relative difference %.2g (%s); boards: of Psi %s, of tau %s\n",
			line.of, line.s.Passed, line.s.Defined, passMark, score(line.s.Lowest), line.s.Of, line.s.Largest, line.s.By, score(line.s.Psi), score(line.s.Tau))
	}
	fmt.Fprintf(b, "gaps of each engine's own trainings: Spearman %s, tau-b %s\n\n", score(a.Gap.Spearman), score(a.Gap.TauB))
	aligned(b, func(w io.Writer) {
		fmt.Fprintln(w, "measure\tnetworks\tSpearman, same tensors\ttau-b\tlargest difference\tSpearman, own\ttau-b\tPsi: device\tits networks by cpu\tcpu's own\ttau: device\tits networks by cpu\tcpu's own\tnote")
		for _, m := range a.Measures {
			note := m.Same.Note
			if m.Same.OneOnly+m.Same.Failed > 0 {
				note += fmt.Sprintf(" %d defined on one side, %d missing", m.Same.OneOnly, m.Same.Failed)
			}
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%.1g\t%s\t%s", m.Measure, m.Same.N, score(m.Same.Spearman), score(m.Same.TauB), m.Same.Largest, score(m.Own.Spearman), score(m.Own.TauB))
			for i := range m.Psi {
				fmt.Fprintf(w, "\t%s", score(m.Psi[i]))
			}
			for i := range m.Tau {
				fmt.Fprintf(w, "\t%s", score(m.Tau[i]))
			}
			fmt.Fprintf(w, "\t%s\n", note)
		}
	})
}

func score(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.4f", *v)
}
