package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter/renderer"
)

// WriteMarkdown writes the board as Markdown with tables as GitHub reads them.
func (b *Board) WriteMarkdown(w io.Writer) error {
	var out bytes.Buffer
	fmt.Fprintf(&out, "## %s\n\n", markdown(b.title()))
	for _, columns := range b.tables() {
		if err := b.table(&out, columns, renderer.NewMarkdown(), markdown); err != nil {
			return fmt.Errorf("writing the leaderboard: %w", err)
		}
		out.WriteByte('\n')
	}
	for _, r := range b.remarks() {
		fmt.Fprintf(&out, "- %s: %s\n", markdown(r.head), markdown(r.text))
	}
	fmt.Fprintf(&out, "\n%s\n", markdown(b.legend()))
	_, err := w.Write(trimLines(out.Bytes()))
	return err
}

// markdown escapes what would end a cell or start markup in one.
func markdown(s string) string {
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;").Replace(oneLine(s))
}
