package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteLaTeX writes the board as table* environments for a paper, in the style of
// the package booktabs. Rows stand by class, in the board's order, with some space
// between tie groups. A name that LaTeX's usual fonts lack letters of has their
// code points instead.
func (b *Board) WriteLaTeX(w io.Writer) error {
	var out bytes.Buffer
	out.WriteString("% Needs \\usepackage{booktabs}, and UTF-8 input, which is LaTeX's usual one.\n")
	var tables [][]column
	for _, columns := range b.tables() {
		tables = append(tables, b.pack(slices.DeleteFunc(columns, notInPapers), pageWidth, tight)...)
	}
	for i, columns := range tables {
		caption, notes := "The same, continued.", ""
		if i == 0 {
			caption = b.title()
		}
		if i == len(tables)-1 {
			notes = b.latexNotes()
		}
		b.latexTable(&out, columns, caption, notes)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// pageWidth is how many characters of the size \scriptsize fit side by side in
// both columns of a page of LaTeX's article.
const pageWidth = 132

// tight takes out the blanks that line up numbers of one width.
func tight(s string) string { return strings.NewReplacer("[ ", "[", ",  ", ", ").Replace(s) }

// notInPapers are columns that the other forms have: rows stand by class here.
func notInPapers(c column) bool { return slices.Contains([]string{"class", "n", "s/net"}, c.head) }

func (b *Board) latexTable(out *bytes.Buffer, columns []column, caption, notes string) {
	shown := append(b.identity(), columns...)
	align := ""
	for _, c := range shown {
		align += map[bool]string{true: "l", false: "r"}[c.left]
	}
	fmt.Fprintf(out, "\\begin{table*}\n\\centering\n\\caption{%s}\n\\scriptsize\n\\setlength{\\tabcolsep}{2pt}\n\\begin{tabular}{%s}\n\\toprule\n", latex(caption), align)
	heads := make([]string, len(shown))
	for i, c := range shown {
		heads[i] = latex(c.head)
	}
	fmt.Fprintf(out, "%s \\\\\n", strings.Join(heads, " & "))
	for _, class := range []string{Train, Transductive, Control} {
		b.latexRows(out, shown, class)
	}
	fmt.Fprintf(out, "\\bottomrule\n\\end{tabular}\n%s\\end{table*}\n", notes)
}

func (b *Board) latexRows(out *bytes.Buffer, columns []column, class string) {
	var last *Row
	for i := range b.Rows {
		r := &b.Rows[i]
		if r.Class != class {
			continue
		}
		switch {
		case last == nil:
			fmt.Fprintf(out, "\\midrule\n\\multicolumn{%d}{l}{\\emph{%s}} \\\\\n", len(columns), class)
		case len(b.Compat) == 0 && r.TieGroup != nil && last.TieGroup != nil && *r.TieGroup != *last.TieGroup:
			out.WriteString("\\addlinespace\n")
		}
		last = r
		cells := make([]string, len(columns))
		for k, c := range columns {
			cells[k] = latex(tight(c.text(r)))
		}
		fmt.Fprintf(out, "%s \\\\\n", strings.Join(cells, " & "))
	}
}

// latexNotes are the remarks and the legend, below the last table.
func (b *Board) latexNotes() string {
	var out bytes.Buffer
	out.WriteString("\n\\smallskip\n\\begin{minipage}{\\textwidth}\n\\footnotesize\n")
	for _, r := range b.remarks() {
		fmt.Fprintf(&out, "%s: %s\n\n", latex(r.head), latex(r.text))
	}
	fmt.Fprintf(&out, "%s\n\\end{minipage}\n", latex(b.legend()))
	return out.String()
}

// latexSymbols are what LaTeX reads as markup or its usual fonts lack.
var latexSymbols = map[rune]string{
	'\\': `\textbackslash{}`, '{': `\{`, '}': `\}`, '$': `\$`, '&': `\&`, '#': `\#`, '%': `\%`, '_': `\_`,
	'~': `$\sim$`, '^': `\textasciicircum{}`, '<': `$<$`, '>': `$>$`, '|': `$|$`, '"': `''`, '`': `\textasciigrave{}`, '\'': `'`,
	'—': `---`, '²': `$^2$`, '³': `$^3$`, '·': `$\cdot$`, '×': `$\times$`, '±': `$\pm$`, '≥': `$\geq$`, '≤': `$\leq$`, '∞': `$\infty$`, '−': `$-$`, '√': `$\surd$`,
	'α': `$\alpha$`, 'β': `$\beta$`, 'γ': `$\gamma$`, 'δ': `$\delta$`, 'ε': `$\varepsilon$`, 'ζ': `$\zeta$`, 'η': `$\eta$`, 'θ': `$\theta$`,
	'κ': `$\kappa$`, 'λ': `$\lambda$`, 'μ': `$\mu$`, 'µ': `$\mu$`, 'ν': `$\nu$`, 'ξ': `$\xi$`, 'π': `$\pi$`, 'ρ': `$\rho$`, 'σ': `$\sigma$`,
	'τ': `$\tau$`, 'φ': `$\varphi$`, 'χ': `$\chi$`, 'ψ': `$\psi$`, 'ω': `$\omega$`,
	'Γ': `$\Gamma$`, 'Δ': `$\Delta$`, 'Θ': `$\Theta$`, 'Λ': `$\Lambda$`, 'Σ': `$\Sigma$`, 'Φ': `$\Phi$`, 'Ψ': `$\Psi$`, 'Ω': `$\Omega$`,
}

// accented are the letters beyond ASCII that LaTeX's usual fonts set.
const accented = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ"

// latex escapes text for a paragraph or a cell; a minus before a digit is set as one.
func latex(s string) string {
	var out strings.Builder
	runes := []rune(oneLine(s))
	for i, c := range runes {
		symbol, ok := latexSymbols[c]
		switch {
		case ok:
			out.WriteString(symbol)
		case c == '-' && negative(runes, i):
			out.WriteString("$-$")
		case c < 0x80 || strings.ContainsRune(accented, c):
			out.WriteRune(c)
		default:
			fmt.Fprintf(&out, "[U+%04X]", c)
		}
	}
	return out.String()
}

// negative tells a minus from the hyphen of a name or of an interval of ranks.
func negative(text []rune, i int) bool {
	digit := func(k int) bool { return k < len(text) && text[k] >= '0' && text[k] <= '9' }
	return digit(i+1) && (i == 0 || strings.ContainsRune(" [(*", text[i-1]))
}
