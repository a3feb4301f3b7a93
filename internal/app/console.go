package app

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/go-kit/log"
	"golang.org/x/sys/unix"
	"golang.org/x/text/width"

	"github.com/intranet-exporter/intranet_exporter/collector"
)

// columns is how wide text is written where nobody tells.
const columns = 100

// A Console is what the commands for people work with. None of them touches the state of a running server.
type Console struct {
	Types       map[string]collector.New
	In          io.Reader
	Out, Err    io.Writer
	Width       int  // of Out
	Interactive bool // somebody sits there: In and Err are a terminal
	Logger      log.Logger
}

// NewConsole returns the console of this process.
func NewConsole(types map[string]collector.New, logger log.Logger) Console {
	c := Console{Types: types, In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Width: columns, Logger: logger}
	if n := terminal(os.Stdout); n > 0 {
		c.Width = n
	}
	c.Interactive = terminal(os.Stdin) > 0 && terminal(os.Stderr) > 0
	return c
}

// terminal returns how many columns a terminal has, and 0 for what is none.
func terminal(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	if size.Col == 0 { // serial lines do not know
		return columns
	}
	return int(size.Col)
}

// A UsageError is a command that can't be carried out as it was given.
type UsageError string

func (e UsageError) Error() string { return string(e) }

// print writes to Out; who closed it does not want to know more.
func (c Console) print(format string, args ...any) { _, _ = fmt.Fprintf(c.Out, format, args...) }

// table writes rows, of which the first is the head, under each other. Cells are wrapped so that it is not
// wider than Width. A line break in a cell is one in the table, and rows with such cells are set apart. What
// people wrote is cleaned before.
func (c Console) table(rows ...[]string) {
	const gap, least = 2, 8
	widths := make([]int, len(rows[0]))
	total := gap * (len(widths) - 1)
	for i := range widths {
		for _, row := range rows {
			for _, line := range strings.Split(row[i], "\n") {
				widths[i] = max(widths[i], length(line))
			}
		}
		total += widths[i]
	}
	for ; total > c.Width; total-- { // at the cost of the widest
		widest := slices.Index(widths, slices.Max(widths))
		if widths[widest] <= least {
			break
		}
		widths[widest]--
	}
	for r, row := range rows {
		cells := make([][]string, len(row))
		height := 0
		for i, cell := range row {
			for _, line := range strings.Split(cell, "\n") {
				cells[i] = append(cells[i], wrap(line, widths[i])...)
			}
			height = max(height, len(cells[i]))
		}
		for n := range height {
			var line strings.Builder
			for i := range cells {
				text := ""
				if n < len(cells[i]) {
					text = cells[i][n]
				}
				line.WriteString(text + strings.Repeat(" ", widths[i]-length(text)+gap))
			}
			c.print("%s\n", strings.TrimRight(line.String(), " "))
		}
		if r < len(rows)-1 && strings.Contains(strings.Join(row, ""), "\n") {
			c.print("\n")
		}
	}
}

// wrap cuts a text into lines of at most n columns, between words where that is possible.
func wrap(text string, n int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Split(text, " ") {
		switch {
		case line == "":
			line = word
		case length(line)+1+length(word) <= n:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
		for length(line) > n {
			head := cut(line, n)
			lines, line = append(lines, head), line[len(head):]
		}
	}
	return append(lines, line)
}

// cut returns the beginning of a text, as much as has room in n columns.
func cut(s string, n int) string {
	for i, r := range s {
		if n -= cells(r); n < 0 {
			return s[:i]
		}
	}
	return s
}

func length(s string) int {
	n := 0
	for _, r := range s {
		n += cells(r)
	}
	return n
}

// cells returns how many columns a letter takes on a terminal: two for those of East Asia, none for accents.
func cells(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	if kind := width.LookupRune(r).Kind(); kind == width.EastAsianWide || kind == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// clean makes a text that people wrote fit for one cell of a terminal: no line breaks, escape sequences, or signs
// that change the direction of what follows.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		case unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp):
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), " ")
}
