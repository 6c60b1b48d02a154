package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbench/genbench/harness/report"
	"github.com/spf13/cobra"
)

func compareCommand(env environment) *cobra.Command {
	f := &flags{env: env}
	var by string
	c := &cobra.Command{
		Use: "compare A B", Short: "Say which measures moved between two leaderboards", Args: cobra.ExactArgs(2),
		Long: "compare sets two leaderboards side by side: JSON files that score, run or report wrote, or stores. It\n" +
			"says which measures moved beyond the interval of the difference, and in what else the boards differ.",
		Example: "  genbench compare genbench-store/quick genbench-store/wide\n  genbench compare before.json after.json --by tau",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if by != "" && !slices.Contains(report.CompareBy(), by) {
				return usagef("--by %q: known are %s", by, strings.Join(report.CompareBy(), ", "))
			}
			var boards [2]*report.Board
			for i, path := range args {
				var err error
				if boards[i], err = boardAt(path); err != nil {
					return err
				}
			}
			compared, err := report.Compare(boards[0], boards[1], args[0], args[1], by)
			if err != nil {
				return err
			}
			return f.printWritten(compared)
		},
	}
	f.addTable(c)
	c.Flags().StringVar(&by, "by", "", "compare "+strings.Join(report.CompareBy(), ", ")+" (default: psi, tau where a board has no axes)")
	return c
}

// boardAt reads the leaderboard of a file or of a store.
func boardAt(path string) (*report.Board, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		b, err := readBoard(filepath.Join(path, "report", "leaderboard.json"))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s holds no leaderboard; `genbench score` makes one", path)
		}
		return b, err
	}
	return readBoard(path)
}
