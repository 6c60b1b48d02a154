package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/models/cpu"
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
	rows := [][]string{
		{"genbench", version() + ", " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH, ""},
		{"processors", fmt.Sprint(runtime.NumCPU()), ""},
		{"engine cpu", "kernels " + strings.Join(cpu.Kernels(), ", "), "choose with $" + envKernels},
		{"engine reference", "gorgonia, slow: for checks", ""},
		{"engine xla", "not in this build", ""},
		{"sandbox for plugins", "own process group, chosen environment, memory watchdog; Landlock where the kernel has it", "run code you do not trust in a container"},
	}
	if err := plainTable(f.env.stdout, []string{"what", "found", "remedy"}, rows); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(f.env.stdout); err != nil {
		return err
	}
	return doctorData(f.env.stdout, dataset.Check(f.data))
}
