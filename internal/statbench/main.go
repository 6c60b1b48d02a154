// Command statbench measures, in one run on one machine, what the statistics
// cost, and prints one table.
//
//	go run ./internal/statbench [-networks 10935] [-measures 50] [-replicates 1000] [-only board|tau|pgdl]
//	    [-python /usr/bin/python3] [-pgdl-kit DIR] [-rounds 7] [-jobs 0] [-repeats mean] [-examples 0]
//
// board: report.Build on a synthetic corpus of 3^7 configurations x 5 seeds and
// on one of 200 x 5, each in a process of its own, so that its peak of resident
// memory is its own: the point statistics alone (no bootstrap, 1 permutation),
// and with -replicates bootstraps and as many permutations. -networks 10000
// leaves out whole configurations and single networks, so that the grid has gaps.
// Growth is from the small corpus to the large. Linux alone tells the memory.
//
// tau: Kendall's τ-b at n = 10,000 beside scipy.stats.kendalltau, in turns.
//
// pgdl: K over all |S| <= 2, and the PGDL score, on the complete grid of 96
// networks of the PGDL competition's first task (2 x 2 x 2 x 2 x 2 x 3), beside
// conditional_mutual_information of the competition's scoring program, in turns;
// -pgdl-kit is the folder of its mutual_information.py. Left out without.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
)

// options are the flags.
type options struct {
	networks, measures, replicates, rounds, jobs, examples int
	repeats, python, script, kit, only                     string
}

func main() {
	log.SetFlags(0)
	var o options
	flag.IntVar(&o.networks, "networks", 10935, "networks of the large corpus, at most 10935")
	flag.IntVar(&o.measures, "measures", 50, "measures")
	flag.IntVar(&o.replicates, "replicates", 1000, "bootstraps, and permutations; 0: point statistics only")
	flag.IntVar(&o.rounds, "rounds", 7, "rounds of what is measured in turns; an entry is the best")
	flag.IntVar(&o.jobs, "jobs", 0, "rows of a board computed at once; 0: as many as cores")
	flag.IntVar(&o.examples, "examples", 0, "test examples whose correctness is known of each network; 0: none")
	flag.StringVar(&o.repeats, "repeats", "mean", "what networks of one configuration count as: mean, pooled or per-seed")
	flag.StringVar(&o.python, "python", "/usr/bin/python3", "a Python that has SciPy")
	flag.StringVar(&o.script, "script", "internal/statbench/bench.py", "the Python side")
	flag.StringVar(&o.kit, "pgdl-kit", "", "folder of the PGDL scoring program's mutual_information.py")
	flag.StringVar(&o.only, "only", "", "one part: board, tau or pgdl")
	child := flag.Bool("one-board", false, "build one board, with the flags as they are, and print what it took (statbench calls itself so)")
	flag.Parse()
	if *child {
		if err := oneBoard(o); err != nil {
			log.Fatalf("statbench: %v", err)
		}
		return
	}
	if err := bench(o, os.Stdout); err != nil {
		log.Fatalf("statbench: %v", err)
	}
}

func bench(o options, w io.Writer) error {
	wanted := func(part string) bool { return o.only == "" || o.only == part }
	fmt.Fprintf(w, "%s, %d CPUs, GOMAXPROCS %d; repeats %s\n\n", runtime.Version(), runtime.NumCPU(), runtime.GOMAXPROCS(0), o.repeats)
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if wanted("tau") || wanted("pgdl") {
		fmt.Fprintf(out, "best of %d\tgenbench\tother\tother / genbench\n", o.rounds)
		other, err := startPython(o)
		if err != nil {
			return err
		}
		defer other.stop()
		if wanted("tau") {
			if err := benchTau(o, out, other); err != nil {
				return err
			}
		}
		if wanted("pgdl") {
			if err := benchPGDL(o, out, other); err != nil {
				return err
			}
		}
	}
	if !wanted("board") {
		return out.Flush()
	}
	if o.only == "" {
		fmt.Fprintln(out) // the boards have columns of their own
	}
	fmt.Fprintf(out, "board of %d measures\tnetworks\tconfigurations\tseconds\tgrowth\tpeak memory\tgrowth\n", o.measures)
	if err := benchBoards(o, out); err != nil {
		return err
	}
	return out.Flush()
}

// benchBoards builds each board in a process of its own.
func benchBoards(o options, w io.Writer) error {
	kinds := []int{0}
	if o.replicates > 0 {
		kinds = append(kinds, o.replicates)
	}
	for _, replicates := range kinds {
		what := "point statistics, 1 permutation"
		if replicates > 0 {
			what = fmt.Sprintf("%d bootstraps and permutations", replicates)
		}
		var small cost
		sizes := []int{smallNetworks, o.networks}
		if o.networks <= smallNetworks {
			sizes = sizes[1:]
		}
		for _, networks := range sizes {
			of := o
			of.networks, of.replicates = networks, replicates
			c, err := of.inProcess()
			if err != nil {
				return fmt.Errorf("%s, %d networks: %w", what, networks, err)
			}
			if networks <= smallNetworks {
				small = c
				fmt.Fprintf(w, "%s\t%d\t%d\t%.2f\t\t%.0f MiB\t\n", what, c.networks, c.configurations, c.seconds, c.mib)
				continue
			}
			fmt.Fprintf(w, "%s\t%d\t%d\t%.2f\tx%.1f\t%.0f MiB\tx%.1f\n", what, c.networks, c.configurations, c.seconds, c.seconds/small.seconds, c.mib, c.mib/small.mib)
		}
	}
	return nil
}

// cost is what building a board took.
type cost struct {
	networks, configurations int
	seconds                  float64
	mib                      float64 // peak of resident memory; 0 where the system does not say
}

func (o options) inProcess() (cost, error) {
	program, err := os.Executable()
	if err != nil {
		return cost{}, err
	}
	cmd := exec.Command(program, "-one-board", "-networks", strconv.Itoa(o.networks), "-measures", strconv.Itoa(o.measures),
		"-replicates", strconv.Itoa(o.replicates), "-jobs", strconv.Itoa(o.jobs), "-examples", strconv.Itoa(o.examples), "-repeats", o.repeats)
	cmd.Stderr = os.Stderr
	b, err := cmd.Output()
	if err != nil {
		return cost{}, err
	}
	var c cost
	_, err = fmt.Fscanln(strings.NewReader(string(b)), &c.networks, &c.configurations, &c.seconds, &c.mib)
	return c, err
}
