package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A table has one row for each figure.
type table struct{ rows []row }

type row struct{ what, target, figure, against string }

// add adds a figure that stands for itself.
func (t *table) add(what, target string, figure fmt.Stringer) {
	t.rows = append(t.rows, row{what: what, target: target, figure: figure.String()})
}

// compare adds a figure and how many times the other one it is.
func (t *table) compare(what, target string, figure, with sample, name string) {
	t.rows = append(t.rows, row{what, target, figure.String(), fmt.Sprintf("%s × %s, %s", figure.over(with), name, with)})
}

// print writes the table as it stands in docs/performance.md.
func (t *table) print(w io.Writer) error {
	fmt.Fprintf(w, "%s, %s, %d CPUs\n\n", runtime.Version(), runtime.GOARCH, runtime.NumCPU())
	tab := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprint(tab, "| what\t| target\t| median (best)\t| against |\n|---\t|---\t|---\t|---|\n")
	for _, r := range t.rows {
		fmt.Fprintf(tab, "| %s\t| %s\t| %s\t| %s |\n", r.what, r.target, r.figure, r.against)
	}
	return tab.Flush()
}

// A sample is one quantity, measured once in each round.
type sample struct {
	values []float64
	write  func(float64) string
}

func (s *sample) add(v float64) { s.values = append(s.values, v) }

func (s sample) String() string {
	best, median := s.write(slices.Min(s.values)), s.write(middle(s.values))
	if best == median {
		return median
	}
	return fmt.Sprintf("%s (%s)", median, best)
}

// over is the ratio to another sample, which was measured in the same rounds: what slows the machine down slows both.
func (s sample) over(o sample) string {
	ratios := sample{write: func(v float64) string { return fmt.Sprintf("%.2g", v) }}
	for i, v := range s.values {
		ratios.add(v / o.values[i])
	}
	return ratios.String()
}

func middle(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

func seconds(v float64) string {
	return time.Duration(v * float64(time.Second)).Round(10 * time.Microsecond).String()
}
func megabytes(v float64) string { return fmt.Sprintf("%.0f MB", v/1e6) }
func bytesEach(v float64) string { return fmt.Sprintf("%.1f bytes", v) }

// A number stands in the table as it is.
type number int

func (n number) String() string { return grouped(int(n)) }

// grouped writes a number as people read it: 1,000,000.
func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// say tells what is going on while the table is not there yet.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, strings.TrimSuffix(format, "\n")+"\n", args...)
}
