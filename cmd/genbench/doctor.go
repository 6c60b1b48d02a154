package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/models/cpu"
	"github.com/genbench/genbench/models/xla"
	"github.com/spf13/cobra"
)

func doctorCommand(env environment) *cobra.Command {
	f := &flags{env: env}
	c := &cobra.Command{
		Use: "doctor", Short: "Say what this machine offers and what is missing", Args: cobra.NoArgs,
		Long: "doctor prints what this program and this machine offer, then every data set: ready (every file verified), damaged\nand how, or missing, with its licence and where it is to be had. It reads all files of the sets that are there.",
		RunE: func(*cobra.Command, []string) error { return f.doctor() },
	}
	c.Flags().StringVar(&f.data, "data", env.getenv(envData), "folder with the data sets' official files ($"+envData+")")
	return c
}

func (f *flags) doctor() error {
	if err := f.checkData(); err != nil {
		return err
	}
	rows := [][]string{
		{"genbench", version() + ", " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH, ""},
		{"processors", fmt.Sprint(runtime.NumCPU()), ""},
		{"engine cpu", "kernels " + strings.Join(cpu.Kernels(), ", "), "choose with $" + envKernels},
		{"engine reference", "gorgonia, slow: for checks", ""},
	}
	rows = append(rows, xlaRows(f.env.getenv)...)
	rows = append(rows, sandboxRows(plugin.Probe())...)
	if err := plainTable(f.env.stdout, []string{"what", "found", "remedy"}, rows); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(f.env.stdout); err != nil {
		return err
	}
	return doctorData(f.env.stdout, dataset.Check(f.data))
}

// sandboxRows say what plugins are held to on this machine.
func sandboxRows(c plugin.Confinement) [][]string {
	row := func(what string, holds bool, found, without, remedy string) []string {
		if !holds {
			return []string{what, without, remedy}
		}
		return []string{what, found, ""}
	}
	return [][]string{
		{"plugins: always", "own process group, chosen environment, no new privileges, no core dumps; memory and number of processes watched", "no boundary against malice: run code you do not trust in a container"},
		row("plugins: files", c.Files, fmt.Sprintf("Landlock %d: they read the system, their own folder and their quantities, and write a temporary folder of their own", c.Landlock),
			"NOT confined: "+c.Why, "Linux 5.13 or later with Landlock"),
		row("plugins: network", c.Network || c.TCP, closed(c), "open", "Linux 4.17 or later with seccomp"),
		row("plugins: signals", c.Signals, "none to other processes", "to your own processes", "Linux 6.12 or later with Landlock"),
	}
}

func closed(c plugin.Confinement) string {
	if c.Network {
		return "closed"
	}
	return "TCP is closed, UDP is not"
}

// xlaRows say of every plugin for XLA that is found what it offers.
func xlaRows(getenv func(string) string) [][]string {
	if !xla.Supported {
		return [][]string{{"engine xla", "not in this build", "on Linux, amd64 or arm64: go build -tags xla ./cmd/genbench"}}
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
