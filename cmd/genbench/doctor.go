package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/models/cpu"
	"github.com/genbench/genbench/models/xla"
	"github.com/spf13/cobra"
)

func doctorCommand(env environment) *cobra.Command {
	f := &flags{env: env}
	c := &cobra.Command{
		Use: "doctor", Short: "Say what this machine offers and what is missing", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return f.doctor() },
	}
	c.Flags().StringVar(&f.data, "data", env.getenv(envData), "folder with the data sets' official files ($"+envData+")")
	return c
}

func (f *flags) doctor() error {
	rows := [][]string{
		{"genbench", version() + ", " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH, ""},
		{"processors", fmt.Sprint(runtime.NumCPU()), ""},
		{"engine cpu", "kernels " + strings.Join(cpu.Kernels(), ", "), "choose with $" + envKernels},
		{"engine reference", "gorgonia, slow: for checks", ""},
	}
	rows = append(rows, xlaRows(f.env.getenv)...)
	rows = append(rows, [][]string{
		{"sandbox for plugins", "own process group, chosen environment, memory watchdog; Landlock where the kernel has it", "run code you do not trust in a container"},
	}...)
	var notes []string
	for _, s := range dataset.Check(f.data) {
		remedy := ""
		if s.Err != nil {
			notes = append(notes, s.Err.Error())
			remedy = fmt.Sprintf("see [%d] below", len(notes))
		}
		rows = append(rows, []string{"data " + s.Info.Name, string(s.State), remedy})
	}
	if err := plainTable(f.env.stdout, []string{"what", "found", "remedy"}, rows); err != nil {
		return err
	}
	for i, n := range notes {
		fmt.Fprintf(f.env.stdout, "\n[%d] %s\n", i+1, n)
	}
	return nil
}

// xlaRows say of every plugin for XLA that is found what it offers.
func xlaRows(getenv func(string) string) [][]string {
	if !xla.Supported {
		return [][]string{{"engine xla", "not in this build", "it is for Linux on amd64 and arm64, without the build tag noxla"}}
	}
	found := xla.Describe(getenv)
	if len(found) == 0 {
		return [][]string{{"engine xla", "no PJRT plugin", xla.Remedy()}}
	}
	var rows [][]string
	for _, d := range found {
		row := []string{"engine xla", d.Path + " (" + d.From + "): ", ""}
		if d.Problem != "" {
			row[1] += "unusable"
			row[2] = d.Problem
		} else {
			row[1] += strings.Join(d.Devices, "; ") + ", PJRT " + d.Interface
			row[2] = "--engine xla --device " + d.Platform
		}
		rows = append(rows, row)
	}
	return rows
}
